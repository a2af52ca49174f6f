// SPDX-License-Identifier: Apache-2.0
// SHA-256: the portable rounds and the streaming around them. See sha256.h.
#include "crypto/sha256.h"

#include "crypto/sha256_k.h"

bool sha256_use_shani;

void sha256_select(bool have_shani)
{
    sha256_use_shani = have_shani;
}

static uint32_t rotr(uint32_t x, unsigned n)
{
    return x >> n | x << (32 - n);
}

static void portable_block(uint32_t state[8], const uint8_t *data)
{
    uint32_t w[64];
    for (unsigned i = 0; i < 16; i++)
        w[i] = load_be32(data + 4 * i);
    for (unsigned i = 16; i < 64; i++) {
        uint32_t s0 = rotr(w[i - 15], 7) ^ rotr(w[i - 15], 18) ^ w[i - 15] >> 3;
        uint32_t s1 = rotr(w[i - 2], 17) ^ rotr(w[i - 2], 19) ^ w[i - 2] >> 10;
        w[i] = w[i - 16] + s0 + w[i - 7] + s1;
    }
    uint32_t v[8];
    __builtin_memcpy(v, state, sizeof v);
    for (unsigned i = 0; i < 64; i++) {
        uint32_t s1 = rotr(v[4], 6) ^ rotr(v[4], 11) ^ rotr(v[4], 25);
        uint32_t t1 = v[7] + s1 + ((v[4] & v[5]) ^ (~v[4] & v[6])) + sha256_k[i] + w[i];
        uint32_t s0 = rotr(v[0], 2) ^ rotr(v[0], 13) ^ rotr(v[0], 22);
        uint32_t t2 = s0 + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
        for (unsigned j = 7; j > 0; j--)
            v[j] = v[j - 1];
        v[4] += t1;
        v[0] = t1 + t2;
    }
    for (unsigned i = 0; i < 8; i++)
        state[i] += v[i];
}

static void hash_blocks(uint32_t state[8], const uint8_t *data, size_t blocks)
{
    if (sha256_use_shani) {
        sha256_shani_blocks(state, data, blocks);
        return;
    }
    for (size_t i = 0; i < blocks; i++)
        portable_block(state, data + i * SHA256_BLOCK_SIZE);
}

static void store_state(const uint32_t state[8], uint8_t ret[SHA256_SIZE])
{
    for (unsigned i = 0; i < 8; i++)
        store_be32(ret + 4 * i, state[i]);
}

static const uint32_t initial_state[8] = {
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
};

void sha256_init(struct sha256_ctx *c)
{
    __builtin_memset(c, 0, sizeof *c);
    __builtin_memcpy(c->state, initial_state, sizeof initial_state);
}

void sha256_update(struct sha256_ctx *c, const void *p, size_t size)
{
    if (size == 0)
        return; // p may be NULL
    const uint8_t *data = p;
    size_t held = c->size % SHA256_BLOCK_SIZE;
    c->size += size;
    if (held) {
        size_t n = MIN(size, SHA256_BLOCK_SIZE - held);
        __builtin_memcpy(c->block + held, data, n);
        data += n;
        size -= n;
        if (held + n < SHA256_BLOCK_SIZE)
            return;
        hash_blocks(c->state, c->block, 1);
    }
    size_t blocks = size / SHA256_BLOCK_SIZE;
    if (blocks)
        hash_blocks(c->state, data, blocks);
    if (size % SHA256_BLOCK_SIZE)
        __builtin_memcpy(c->block, data + blocks * SHA256_BLOCK_SIZE, size % SHA256_BLOCK_SIZE);
}

void sha256_final(struct sha256_ctx *c, uint8_t ret[SHA256_SIZE])
{
    uint8_t pad[2 * SHA256_BLOCK_SIZE] = {0x80};
    size_t held = c->size % SHA256_BLOCK_SIZE;
    size_t size = (held < 56 ? 56 : 120) - held;
    store_be64(pad + size, c->size * 8);
    sha256_update(c, pad, size + 8);
    store_state(c->state, ret);
    wipe(c, sizeof *c);
}

void sha256(struct span s, uint8_t ret[SHA256_SIZE])
{
    struct sha256_ctx c;
    sha256_init(&c);
    sha256_update(&c, s.data, s.size);
    sha256_final(&c, ret);
}

void sha256_4k_pair(const void *a, const void *b, uint8_t ret_a[SHA256_SIZE],
                    uint8_t ret_b[SHA256_SIZE])
{
    sha256_4k_pair_ahead(a, b, (const void *const[4]){NULL}, ret_a, ret_b);
}

// A few cache lines of what comes next, spread over the time that hashing takes.
static void ask_for(const void *const next[4], size_t at, size_t size)
{
    for (size_t k = at; k < at + size; k += 64) {
        for (unsigned i = 0; i < 2 && next[i]; i++)
            __builtin_prefetch((const uint8_t *)next[i] + k, 0, 3);
        for (unsigned i = 2; i < 4 && next[i]; i++)
            __builtin_prefetch((const uint8_t *)next[i] + k, 1, 3);
    }
}

void sha256_4k_pair_ahead(const void *a, const void *b, const void *const next[4],
                          uint8_t ret_a[SHA256_SIZE], uint8_t ret_b[SHA256_SIZE])
{
    if (!sha256_use_shani) {
        sha256(SPAN(a, 4096), ret_a);
        sha256(SPAN(b, 4096), ret_b);
        return;
    }
    // The padding of any message of 4096 bytes: 0x80, zeros, the length in bits.
    static const uint8_t padding[SHA256_BLOCK_SIZE] = {[0] = 0x80, [62] = 4096 * 8 >> 8};
    uint32_t state_a[8], state_b[8];
    __builtin_memcpy(state_a, initial_state, sizeof state_a);
    __builtin_memcpy(state_b, initial_state, sizeof state_b);
    const size_t piece = 512;
    for (size_t at = 0; at < 4096; at += piece) {
        ask_for(next, at, piece);
        sha256_shani_blocks_pair(state_a, (const uint8_t *)a + at, state_b, (const uint8_t *)b + at,
                                 piece / SHA256_BLOCK_SIZE);
    }
    sha256_shani_blocks_pair(state_a, padding, state_b, padding, 1);
    store_state(state_a, ret_a);
    store_state(state_b, ret_b);
}
