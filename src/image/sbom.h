// SPDX-License-Identifier: Apache-2.0
// The bill of materials of an image: SPDX 2.3 as JSON (docs/formats/origin.md). Debian packages of the lock
// file (with the hashes of their .debs) or of the source image's dpkg; the files that the manifest adds; the
// source image.
#ifndef IMAGE_SBOM_H
#define IMAGE_SBOM_H

#include "image/origin.h"

// NUL-terminated text with a final newline, freed by the caller.
struct result sbom_write(const struct image_origin *o, struct image_note *note, char **ret);

// The time of SOURCE_DATE_EPOCH as RFC 3339; false when it is not set (or is no number).
bool sbom_time(char ret[32]);

#endif
