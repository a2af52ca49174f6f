// SPDX-License-Identifier: Apache-2.0
// SHA-256 (FIPS 180-4). Freestanding; the context is plain data and may be copied at any point.
//
// The SHA extensions of the CPU are used when sha256_select(true) has been called: once, at start,
// before any thread hashes. Whoever calls it knows the CPU (hosted: CPUID; in an enclave, where CPUID
// does not execute: what the start-up code was given). The answer changes the speed alone.
#ifndef CRYPTO_SHA256_H
#define CRYPTO_SHA256_H

#include "base/bytes.h"

#define SHA256_SIZE       32u
#define SHA256_BLOCK_SIZE 64u

struct sha256_ctx {
    uint32_t state[8];
    uint64_t size; // bytes hashed so far
    uint8_t block[SHA256_BLOCK_SIZE];
};

// The process's one choice of code; read-only but for sha256_select().
extern bool sha256_use_shani;
void sha256_select(bool have_shani);

void sha256_init(struct sha256_ctx *c);
void sha256_update(struct sha256_ctx *c, const void *p, size_t size);
void sha256_final(struct sha256_ctx *c, uint8_t ret[SHA256_SIZE]);

void sha256(struct span s, uint8_t ret[SHA256_SIZE]);

// The hashes of two independent blocks of 4096 bytes, faster than one after the other.
void sha256_4k_pair(const void *a, const void *b, uint8_t ret_a[SHA256_SIZE],
                    uint8_t ret_b[SHA256_SIZE]);

// The same, while the caches are asked for 4096 bytes at next[0] and next[1], to read, and at next[2] and next[3], to
// write: what is copied and hashed after this. NULL: nothing.
void sha256_4k_pair_ahead(const void *a, const void *b, const void *const next[4],
                          uint8_t ret_a[SHA256_SIZE], uint8_t ret_b[SHA256_SIZE]);

// sha256_shani.c: callable only where the CPU has SHA, SSSE3 and SSE4.1. They use vector registers.
void sha256_shani_blocks(uint32_t state[8], const uint8_t *data, size_t blocks);
void sha256_shani_blocks_pair(uint32_t state_a[8], const uint8_t *a, uint32_t state_b[8],
                              const uint8_t *b, size_t blocks);

#endif
