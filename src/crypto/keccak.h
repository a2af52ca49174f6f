// SPDX-License-Identifier: Apache-2.0
// Keccak-256 as Ethereum uses it (Keccak submission, rate 1088, padding 0x01; not FIPS 202's
// SHA3-256). Copyable context, no allocation.
#ifndef CRYPTO_KECCAK_H
#define CRYPTO_KECCAK_H

#include "base/bytes.h"

// 32 bytes: a hash, an identifier, a tag or a salt.
struct hash32 {
    uint8_t bytes[32];
};

struct keccak {
    uint64_t lanes[25];
    size_t at; // bytes absorbed into the current block
};

void keccak_init(struct keccak *k);
void keccak_update(struct keccak *k, struct span data);
struct hash32 keccak_final(struct keccak *k);
struct hash32 keccak256(struct span data);

static inline bool hash32_equal(const struct hash32 *a, const struct hash32 *b)
{
    return __builtin_memcmp(a, b, sizeof *a) == 0;
}

#endif
