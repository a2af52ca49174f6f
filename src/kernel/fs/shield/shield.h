// SPDX-License-Identifier: Apache-2.0
// The file shield: blocks of the protected image, out of untrusted memory, verified.
//
// - A block is copied once into the enclave, and the copy is hashed and compared up the hash tree.
// - A mismatch ends the enclave: the host changed the image.
#ifndef KERNEL_SHIELD_H
#define KERNEL_SHIELD_H

#include "kernel/fs/shield/source.h"
#include "shield/verity.h"

struct shield {
    struct block_source source;
    struct host_ptr image;
    uint64_t hash_offset;
    struct verity_geometry geometry;
    uint8_t root[VERITY_HASH_SIZE];
};

struct shield_image {
    struct host_ptr image;
    uint64_t image_size;
    uint64_t data_blocks;
    uint64_t hash_offset;
    const uint8_t *root;
};

long shield_init(struct shield *s, const struct shield_image *i, struct block_cache *cache);

#endif
