// SPDX-License-Identifier: Apache-2.0
// Reading the EROFS part of an image on the host (Linux Documentation/filesystems/erofs.rst,
// fs/erofs/erofs_fs.h): uncompressed inodes, plain or with an inline tail, as erofs_write()
// makes them. For inspection and for naming damaged files; the kernel has a reader of its own.
// Every offset is checked: the bytes may be anybody's.
#ifndef IMAGE_EROFS_H
#define IMAGE_EROFS_H

#include "base/bytes.h"
#include "base/result.h"

struct erofs {
    struct span image;
    uint64_t blocks; // as the superblock says
    uint64_t meta_offset;
    uint64_t root;
};

struct erofs_inode {
    uint64_t nid;
    uint16_t mode;
    uint32_t uid, gid, links;
    uint64_t size;
    uint64_t data;      // offset of the whole blocks
    uint64_t tail;      // offset of the inline tail
    uint64_t tail_size; // 0: none
};

struct result erofs_open(struct span image, struct erofs *ret);
// The number of blocks that the superblock claims, read from the first block of a file system.
struct result erofs_block_count(struct span image, uint64_t *ret);
struct result erofs_inode(const struct erofs *fs, uint64_t nid, struct erofs_inode *ret);
// An absolute path without links on its way.
struct result erofs_lookup(const struct erofs *fs, const char *path, struct erofs_inode *ret);
// The whole content, freed by the caller.
struct result erofs_read(const struct erofs *fs, const struct erofs_inode *inode, size_t max,
                         uint8_t **ret);
// Calls `visit` for every entry with its path; stops when it returns false.
struct result erofs_walk(const struct erofs *fs,
                         bool (*visit)(void *context, const char *path,
                                       const struct erofs_inode *inode),
                         void *context);
// The file that owns a block: its path, or false (metadata, or nothing known).
bool erofs_block_owner(const struct erofs *fs, uint64_t block, char ret[4096]);

#endif
