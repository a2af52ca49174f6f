// SPDX-License-Identifier: Apache-2.0
// Why two images have two fingerprints: everything that differs, as one JSON object
// (docs/formats/diff.md).
#ifndef IMAGE_DIFF_H
#define IMAGE_DIFF_H

#include "image/image.h"

#include <jansson.h>

// Nothing is verified. *ret_same: no member of *ret lists a difference. Either image may be a file system
// alone.
struct result image_diff(const struct image *a, const struct image *b, json_t **ret,
                         bool *ret_same);

#endif
