// SPDX-License-Identifier: Apache-2.0
// The parts of AES-256-GCM that exist once per kind of CPU. Only gcm.c calls them.
#ifndef CRYPTO_GCM_K_H
#define CRYPTO_GCM_K_H

#include "crypto/gcm.h"

struct gcm_kernel {
    void (*key)(struct gcm_key *k, const uint8_t key[GCM_KEY_SIZE]);
    // XORs the key stream of counter, counter + 1 … (its last 32 bits, big-endian, wrap) into `out`.
    void (*ctr)(const struct gcm_key *k, const uint8_t counter[16], const uint8_t *in, uint8_t *out,
                size_t size);
    // Takes `size` bytes, padded with zeros to whole blocks, into the hash.
    void (*ghash)(const struct gcm_key *k, uint8_t state[16], const uint8_t *data, size_t size);
};

extern const struct gcm_kernel gcm_portable;
extern const struct gcm_kernel gcm_aesni;

#endif
