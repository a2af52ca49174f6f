// SPDX-License-Identifier: Apache-2.0
// The first half of a build: the staging directory, filled and complete with `/.cloister`, and what
// else the manifest says about the enclave.
#ifndef IMAGE_ASSEMBLE_H
#define IMAGE_ASSEMBLE_H

#include "image/manifest.h"
#include "image/note.h"
#include "image/staging.h"

// Packages (with the lock file beside the manifest), root, files, mount points, /etc basics.
struct result assemble_files(const struct manifest *m, const char *directory, bool update_lock,
                             struct staging *s, struct image_note *note);

// /.cloister/process, regions and sites; FSPF_KEY as given or derived.
struct result assemble_description(const struct manifest *m, struct staging *s,
                                   struct image_note *note, uint8_t ret_fspf_key[32]);

#endif
