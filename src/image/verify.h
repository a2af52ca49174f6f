// SPDX-License-Identifier: Apache-2.0
// `cloister fspf verify`: checks every byte of an image, as docs/formats/image.md says what covers
// it. It proves that the file agrees with itself; whether it is the right file says its
// fingerprint.
#ifndef IMAGE_VERIFY_H
#define IMAGE_VERIFY_H

#include "image/image.h"

#define VERIFY_DAMAGES_MAX 16u

struct verify_damage {
    const char *part; // static: the part's name in the format
    const char *why;  // static
    uint64_t block;   // of the file
    char path[4096];  // of the damaged file in the file system; empty: not known or not a file's
};

struct verify_report {
    uint32_t count; // all that was found; the first VERIFY_DAMAGES_MAX are kept
    struct verify_damage damage[VERIFY_DAMAGES_MAX];
};

// Fails only when it cannot check; a damaged image is RESULT_OK with a count.
struct result verify_image(const struct image *i, struct verify_report *ret);

#endif
