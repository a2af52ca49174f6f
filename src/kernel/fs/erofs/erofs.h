// SPDX-License-Identifier: Apache-2.0
// The image's file systems, read-only, over a source of blocks. The image is verified, yet nothing in it is
// believed: every number is checked before it leads anywhere (-EUCLEAN).
#ifndef KERNEL_EROFS_H
#define KERNEL_EROFS_H

#include "kernel/fs/shield/shield.h"
#include "kernel/vfs/file.h"
#include "kernel/vfs/node.h"

struct erofs;

// The source stays the caller's, and stays.
long erofs_mount(struct block_source *source, struct fs **ret);
void erofs_unmount(struct fs *fs); // tests; no node is in use any more

// Where a file of the image lies, whole blocks: behind its source, and in the host's memory, unchecked.
struct erofs_extent {
    struct block_source *source;
    uint64_t first, blocks;
    struct host_ptr host;
};
long erofs_extent(const char *path, struct erofs_extent *ret);
struct block_cache *erofs_cache(void); // the image's

// region.c: region `index` of the table, in the file /.cloister/encrypted/INDEX of the image. It is locked, and stays
// so when it does not open (-EKEYREJECTED).
long erofs_region_new(unsigned index, struct fs **ret);
bool erofs_region_is(const struct fs *fs); // locked
long erofs_region_open(struct fs *fs, const char *path, const uint8_t key[32], struct fs **ret);

// Bytes of a regular file or link into kernel memory; the number read.
long erofs_read(struct node *n, uint64_t offset, void *ret, size_t size);
bool erofs_is(const struct node *n);
uint64_t erofs_size(const struct node *n);

#endif
