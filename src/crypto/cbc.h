// SPDX-License-Identifier: Apache-2.0
// AES-256-CBC with PKCS#7 padding: the format of iExec datasets and results, IV(16) ‖ ciphertext.
//
// - The cipher has no integrity of its own: check the ciphertext's SHA-256 on the same bytes, before
//   decryption. Never report padding errors to a peer.
// - Streaming for programs that handle files; cbc_seal / cbc_open for data in memory.
#ifndef CRYPTO_CBC_H
#define CRYPTO_CBC_H

#include "base/bytes.h"
#include "base/result.h"

#define CBC_KEY_SIZE   32
#define CBC_IV_SIZE    16
#define CBC_BLOCK_SIZE 16

struct cbc;

enum cbc_direction { CBC_ENCRYPT, CBC_DECRYPT };

struct result cbc_begin(enum cbc_direction direction, const uint8_t key[CBC_KEY_SIZE],
                        const uint8_t iv[CBC_IV_SIZE], struct cbc **ret);
// `ret` has room for data.size + CBC_BLOCK_SIZE bytes.
struct result cbc_update(struct cbc *c, struct span data, uint8_t *ret, size_t *ret_size);
// The last bytes; ERR_INTEGRITY when the padding is wrong.
struct result cbc_end(struct cbc *c, uint8_t ret[CBC_BLOCK_SIZE], size_t *ret_size);
void cbc_free(struct cbc *c);

// Size of IV ‖ ciphertext for a plaintext of `size` bytes.
static inline size_t cbc_sealed_size(size_t size)
{
    return CBC_IV_SIZE + (size / CBC_BLOCK_SIZE + 1) * CBC_BLOCK_SIZE;
}

// Writes IV ‖ ciphertext, cbc_sealed_size(plain.size) bytes, under a fresh random IV.
struct result cbc_seal(const uint8_t key[CBC_KEY_SIZE], struct span plain, uint8_t *ret);
// `ret` has room for sealed.size bytes; on failure it is wiped.
struct result cbc_open(const uint8_t key[CBC_KEY_SIZE], struct span sealed, uint8_t *ret,
                       size_t *ret_size);

#endif
