// SPDX-License-Identifier: Apache-2.0
// Blocks of an encrypted region of the image (shield/encrypted.h), decrypted, as a source of blocks.
//
// - The header comes verified, so the host cannot bring an older region under the same key. Tags and data are
//   read from the host's memory as they are: a block that is not this region's, in its place, does not open.
// - A block that does not open ends the enclave: the host changed the image.
#ifndef KERNEL_SEALED_H
#define KERNEL_SEALED_H

#include "kernel/fs/shield/source.h"
#include "shield/encrypted.h"

struct sealed {
    struct block_source source;
    struct host_ptr host; // of the sealed file's block 0
    struct encrypted_region region;
};

// -EKEYREJECTED: the header does not open.
long sealed_init(struct sealed *s, struct block_cache *cache, struct host_ptr host, uint64_t blocks,
                 const uint8_t header[SOURCE_BLOCK], struct span path,
                 const uint8_t key[ENCRYPTED_KEY_SIZE]);

#endif
