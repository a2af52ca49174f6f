// SPDX-License-Identifier: Apache-2.0
// The files under `/.cloister` of an opened image, read and decoded on the host.
#ifndef IMAGE_DESCRIPTION_H
#define IMAGE_DESCRIPTION_H

#include "image/image.h"
#include "shield/process.h"
#include "shield/regions.h"
#include "shield/sites.h"

struct description {
    struct process process;
    struct regions regions;
    struct span sites; // checked
    uint8_t *memory[3];
};

// `ret` is ended by description_done().
struct result description_read(const struct image *i, struct description *ret);
void description_done(struct description *d);

// As the manifest names them; "" for none, and for a number that has no name.
const char *description_kind(enum region_kind kind);
const char *description_key(enum region_key key);

#endif
