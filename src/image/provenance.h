// SPDX-License-Identifier: Apache-2.0
// How an image was made (docs/formats/origin.md): an in-toto statement with SLSA's provenance predicate, as
// JSON, not signed. The fingerprint's parts name its subject; digests name what it was made of: manifest, lock
// file, Dockerfile, source image, kernel and init.
#ifndef IMAGE_PROVENANCE_H
#define IMAGE_PROVENANCE_H

#include "image/origin.h"

// NUL-terminated text with a final newline, freed by the caller.
struct result provenance_write(const struct image_origin *o, struct image_note *note, char **ret);

#endif
