// SPDX-License-Identifier: Apache-2.0
// From a draft to a file-system protection file: a split image of a file system alone (docs/formats/fspf.md).
#ifndef IMAGE_FSPF_ENCRYPT_H
#define IMAGE_FSPF_ENCRYPT_H

#include <stdint.h>

#include "image/fspf_draft.h"

struct fspf_options {
    const char *file; // the draft, replaced by the result in one step
    const char *root; // the container's root as seen from here; NULL: "/"
    const char *
        entrypoint; // program and arguments, split at spaces; NULL: none, the ledger's text says it
    const char *content_key; // file with the key of encrypted regions, 64 hex digits; NULL: none
    int output_fd;           // a file that is being written and must not be protected; -1: none
};

struct fspf_result {
    uint8_t key[32], tag[32];
};

// FSPF_KEY follows from regions and entrypoint: the same files give the same key and tag everywhere.
struct result fspf_encrypt(const struct fspf_options *options, struct image_note *note,
                           struct fspf_result *ret);

// The draft in a file: ERR_INVALID when it is none, ERR_EXISTS when it is encrypted already.
struct result fspf_load(const char *file, struct image_note *note, struct draft *ret);
struct result fspf_save(const char *file, const struct draft *d, struct image_note *note);

#endif
