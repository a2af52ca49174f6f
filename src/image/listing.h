// SPDX-License-Identifier: Apache-2.0
// The files of an opened image, sorted by path as bytes, for commands that tell of them.
#ifndef IMAGE_LISTING_H
#define IMAGE_LISTING_H

#include "image/erofs.h"
#include "image/image.h"

#include <jansson.h>

struct listing_entry {
    char *path;
    struct erofs_inode inode;
};

struct listing {
    struct erofs fs;
    struct listing_entry *entry;
    size_t count;
};

// `ret` is ended by listing_done(), before the image is closed.
struct result listing_read(const struct image *i, struct listing *ret);
void listing_done(struct listing *l);

// The content of a regular file or a link's target: in place, or copied to *ret_memory, which the caller frees
// (NULL: in place).
struct result listing_content(const struct listing *l, const struct listing_entry *e,
                              uint8_t **ret_memory, struct span *ret);
// {type, mode, uid, gid} and, where the type has it, {size, sha256} or {target}.
struct result listing_json(const struct listing *l, const struct listing_entry *e, json_t **ret);

// Text from anybody: as JSON, also when it is not UTF-8.
json_t *listing_text(struct span s);

#endif
