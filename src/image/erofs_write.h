// SPDX-License-Identifier: Apache-2.0
// Writes the EROFS file system of an image from a tree (Linux Documentation/filesystems/erofs.rst,
// fs/erofs/erofs_fs.h): uncompressed, no extended attributes, times zero, UUID zero. Deterministic.
//
// Blocks: metadata; the data of `stored` files; the data of all others. Each file's data begins at a block
// and is in one piece; the rest of its last block is zero.
#ifndef IMAGE_EROFS_WRITE_H
#define IMAGE_EROFS_WRITE_H

#include "image/note.h"
#include "image/tree.h"

struct erofs_plan {
    uint64_t blocks;        // of the whole file system
    uint64_t stored_blocks; // metadata and stored files
    uint64_t metadata_blocks;
};

// Gives every inode its nid and first block (tree_inode.nid, .block).
struct result erofs_plan(struct tree *t, struct erofs_plan *ret);

// After erofs_plan(), with the tree unchanged. `ret` is memory or a mapped file of
// plan->blocks * 4096 zero bytes; contents are
// read from where the tree says they are. ERR_STALE when a file no longer has its size.
struct result erofs_write(struct tree *t, const struct erofs_plan *plan, struct image_note *note,
                          uint8_t *ret);

#endif
