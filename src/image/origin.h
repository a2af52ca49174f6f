// SPDX-License-Identifier: Apache-2.0
// Where an image comes from: what sbom_write() and provenance_write() tell of. Fields that are NULL, empty or
// zero are left out. Both texts depend on these fields and the named files alone, not on time, host or user
// (SOURCE_DATE_EPOCH gives the time that they state).
#ifndef IMAGE_ORIGIN_H
#define IMAGE_ORIGIN_H

#include "image/manifest.h"
#include "image/note.h"
#include "image/tree.h"

struct image_origin {
    const char *name;        // of the image; required
    const char *fingerprint; // FSPF_KEY|FSPF_TAG|MRENCLAVE; required
    const char
        *directory; // that was built: its manifest and lock file are read when they are there
    const struct manifest *manifest; // `root` and `files` are listed, relative to `directory`
    const char *dockerfile;          // path, relative to `directory` unless absolute
    const char *source;              // reference of the source image, as given
    const char *source_digest;       // of its manifest: "sha256:" and 64 hex digits
    struct span dpkg_status;         // the source image's /var/lib/dpkg/status
    const uint8_t *kernel_hash;      // SHA-256 of kernel.elf and init
    const uint8_t *init_hash;
};

// sbom_write() and provenance_write() into NAME.spdx.json and NAME.provenance.json beside the image, whose path is
// NAME.cloister. `t` is the image's tree: its dpkg_status is used.
struct result origin_write_beside(const struct image_origin *o, struct tree *t, const char *image,
                                  struct image_note *note);

#endif
