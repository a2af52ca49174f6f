// SPDX-License-Identifier: Apache-2.0
// What protects the files of an image, and what its host sees nevertheless: members of `cloister inspect`'s
// object.
#ifndef CLI_PROTECTION_H
#define CLI_PROTECTION_H

#include "image/description.h"

#include <jansson.h>

// Sets "protection" (a list: path, kind, how, files, bytes), "host_sees" (sentences) and, when asked, "files".
struct result protection_put(const struct image *i, const struct description *d, bool files,
                             json_t *object);

#endif
