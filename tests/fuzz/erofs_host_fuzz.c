// SPDX-License-Identifier: Apache-2.0
// Reaches: erofs_open, erofs_inode, erofs_lookup, erofs_read, erofs_walk, erofs_block_owner
// (image/erofs.c).
#include <stdlib.h>

#include "image/erofs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct erofs fs;
    struct erofs_inode inode;
    uint8_t *content;
    char path[4096];
    if (!is_ok(erofs_open(SPAN(data, size), &fs)))
        return 0;
    if (is_ok(erofs_lookup(&fs, "/.cloister/process", &inode)) &&
        is_ok(erofs_read(&fs, &inode, 1 << 20, &content)))
        free(content);
    (void)erofs_block_owner(&fs, 1, path);
    return 0;
}
