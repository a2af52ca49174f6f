// SPDX-License-Identifier: Apache-2.0
// Python's bytecode, which Debian makes in maintainer scripts: for each python3 in the staging, its
// own interpreter compiles its library, so that programs need not compile at every start.
//
// It runs code from the staging (locked packages and the user's files) as the user who builds, with
// an environment that is fixed. What it writes depends on the staging's files alone.
#ifndef IMAGE_BYTECODE_H
#define IMAGE_BYTECODE_H

#include "image/staging.h"

// Does nothing without a python3. An interpreter that does not run here is told, and is no failure.
struct result bytecode_compile(const struct staging *s, struct image_note *note);

#endif
