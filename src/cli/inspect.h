// SPDX-License-Identifier: Apache-2.0
// What `cloister inspect` says of an image, as one JSON object; the text form prints the same
// object.
#ifndef CLI_INSPECT_H
#define CLI_INSPECT_H

#include "image/image.h"

#include <jansson.h>

// `files`: also the list of all files, with digests.
struct result inspect_image(const struct image *i, const char *path, bool files, json_t **ret);
void inspect_print(const json_t *object);

#endif
