// SPDX-License-Identifier: Apache-2.0
// dm-verity, format 1, with the constants of docs/formats/image.md: blocks of 4096 bytes, SHA-256,
// no salt (Linux Documentation/admin-guide/device-mapper/verity.rst). Freestanding; no allocation;
// no state.
//
// Levels: 0 is the data; level k holds the hashes of level k-1, 128 to a block; the last level is
// one block, whose hash is the root. On disk the tree stands top level first, after one block with
// the superblock.
//
// - A reader copies a block into memory that nobody else writes, and calls verity_check() on the
//   copy.
// - A root does not bind the number of data blocks: the caller compares `data_blocks` with what the
//   verified file system says before it believes anything.
#ifndef SHIELD_VERITY_H
#define SHIELD_VERITY_H

#include "base/bytes.h"
#include "base/result.h"

#define VERITY_BLOCK_SIZE       4096u
#define VERITY_HASH_SIZE        32u
#define VERITY_HASHES_PER_BLOCK (VERITY_BLOCK_SIZE / VERITY_HASH_SIZE)
#define VERITY_LEVELS_MAX       4u
#define VERITY_DATA_BLOCKS_MIN  2u
#define VERITY_DATA_BLOCKS_MAX  (1ull << 28) // 128^4: what four levels can hold

struct verity_geometry {
    uint64_t data_blocks;
    uint64_t tree_blocks; // without the superblock's
    uint32_t levels;
    uint64_t first[VERITY_LEVELS_MAX + 1]; // index in the tree of the first block of level 1…levels
    uint64_t count[VERITY_LEVELS_MAX + 1]; // blocks of each level; count[0] = data_blocks
};

struct result verity_geometry_init(uint64_t data_blocks, struct verity_geometry *ret);

// Index in the tree of block `index` of `level` (1…levels).
uint64_t verity_tree_block(const struct verity_geometry *g, uint32_t level, uint64_t index);

// What checks blocks. `get` gives the verified content of a hash block, from a cache or by reading
// tree block `tree_block` into private memory and calling verity_check() on it; that recursion is
// at most VERITY_LEVELS_MAX deep. The bytes must stay valid until verity_check() returns.
struct verity_tree {
    struct verity_geometry geometry;
    uint8_t root[VERITY_HASH_SIZE];
    struct result (*get)(void *context, uint32_t level, uint64_t index, uint64_t tree_block,
                         const uint8_t **ret);
    void *context;
};

// ERR_INTEGRITY unless `block` is block `index` of `level` under the tree's root.
struct result verity_check(const struct verity_tree *t, uint32_t level, uint64_t index,
                           const uint8_t block[VERITY_BLOCK_SIZE]);

// Building, in steps so that a caller may share the work among threads. `below` holds the blocks of
// level `level - 1`; writes blocks [first, first + count) of `level` into `tree`.
void verity_build_level(const struct verity_geometry *g, uint32_t level, const uint8_t *below,
                        uint64_t first, uint64_t count, uint8_t *tree);

// The whole tree and the root, on one thread; `tree` holds tree_blocks blocks.
void verity_build(const struct verity_geometry *g, const uint8_t *data, uint8_t *tree,
                  uint8_t ret_root[VERITY_HASH_SIZE]);

// The same when level 1 is built already.
void verity_build_upper(const struct verity_geometry *g, uint8_t *tree,
                        uint8_t ret_root[VERITY_HASH_SIZE]);

// The one valid content of the superblock's block (cryptsetup's on-disk format, version 1).
void verity_superblock(const struct verity_geometry *g, const uint8_t root[VERITY_HASH_SIZE],
                       uint8_t ret[VERITY_BLOCK_SIZE]);

#endif
