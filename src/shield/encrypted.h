// SPDX-License-Identifier: Apache-2.0
// An encrypted region of an image (docs/formats/encrypted-region.md): a file system sealed block by block under
// a content key that the image does not hold. Freestanding; no allocation; no state.
//
// - A reader takes the header from where it is verified (the outer image's hash tree): it says which sealed
//   text this is. Tags and data may come from anywhere: what does not belong does not open.
// - Vector registers: as crypto/gcm.h says.
#ifndef SHIELD_ENCRYPTED_H
#define SHIELD_ENCRYPTED_H

#include "base/bytes.h"
#include "base/result.h"
#include "crypto/gcm.h"

#define ENCRYPTED_BLOCK      4096u
#define ENCRYPTED_TAGS       (ENCRYPTED_BLOCK / GCM_TAG_SIZE) // of one block of tags
#define ENCRYPTED_KEY_SIZE   32u
#define ENCRYPTED_UNIT       16u // the file's blocks are a multiple of this: 64 KiB
#define ENCRYPTED_BLOCKS_MAX (1ull << 28)

// Block 0 is the header; then tag_blocks; then data_blocks.
struct encrypted_geometry {
    uint64_t blocks, tag_blocks, data_blocks;
};
struct result encrypted_geometry_init(uint64_t blocks, struct encrypted_geometry *ret);
// Blocks of the sealed file for a file system of so many blocks; 0: too large.
uint64_t encrypted_blocks(uint64_t image_blocks);

struct encrypted_region {
    struct encrypted_geometry geometry;
    uint64_t image_blocks; // of the file system inside; the data blocks behind it are zero
    struct gcm_key key;    // wipe() the struct when done
};

// ERR_INTEGRITY: another key, another path, or not the header of a region of this size.
struct result encrypted_region_open(const uint8_t key[ENCRYPTED_KEY_SIZE], struct span path,
                                    const uint8_t header[ENCRYPTED_BLOCK], uint64_t blocks,
                                    struct encrypted_region *ret);
// Data block `index`, in place or not; on failure `ret` is zero.
bool encrypted_block_open(const struct encrypted_region *r, uint64_t index, const uint8_t *sealed,
                          const uint8_t tag[GCM_TAG_SIZE], uint8_t *ret);

// `image` is whole blocks; `ret` holds encrypted_blocks(image.size / ENCRYPTED_BLOCK) blocks. Deterministic, and no
// two texts are sealed under one nonce and key.
struct result encrypted_region_seal(const uint8_t key[ENCRYPTED_KEY_SIZE], struct span path,
                                    struct span image, uint8_t *ret);

#endif
