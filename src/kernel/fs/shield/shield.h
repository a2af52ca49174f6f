// SPDX-License-Identifier: Apache-2.0
// The file shield: blocks of the protected image, out of untrusted memory, verified.
//
// - A block is copied once into the enclave, and the copy is hashed and compared up the hash tree.
// - Verified blocks (of data and of the tree) stay in a cache with a budget; a page that is pinned stays.
// - A mismatch ends the enclave: the host changed the image.
#ifndef KERNEL_SHIELD_H
#define KERNEL_SHIELD_H

#include "kernel/hostcall/hostcall.h"
#include "kernel/lib/lib.h"
#include "shield/verity.h"

#define SHIELD_BLOCK VERITY_BLOCK_SIZE

struct shield_page {
    uint64_t key; // of data: the block; of the tree: SHIELD_TREE | tree block
    uint8_t *data;
    struct shield_page *hash_next;
    uint32_t pins;
    bool used, recent;
};

struct shield {
    struct host_ptr image;
    uint64_t hash_offset;
    struct verity_geometry geometry;
    uint8_t root[VERITY_HASH_SIZE];
    struct shield_page *page;
    struct shield_page **bucket;
    uint32_t page_count, bucket_count, hand, filled;
};

struct shield_image {
    struct host_ptr image;
    uint64_t image_size;
    uint64_t data_blocks;
    uint64_t hash_offset;
    const uint8_t *root;
    uint64_t cache_bytes;
};

long shield_init(struct shield *s, const struct shield_image *i);
void shield_done(struct shield *s);
// Pinned: shield_put() it.
long shield_get(struct shield *s, uint64_t block, struct shield_page **ret);
void shield_put(struct shield_page *p);
// Bytes of the file system into kernel memory.
long shield_read(struct shield *s, uint64_t offset, void *ret, size_t size);
// Whole blocks into kernel memory, page-aligned, past the cache.
long shield_blocks(struct shield *s, uint64_t block, uint8_t *ret, size_t count);

#endif
