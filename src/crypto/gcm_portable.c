// SPDX-License-Identifier: Apache-2.0
// AES-256 (FIPS 197) and GHASH without tables: no memory access and no branch depends on a secret. The S-box
// is computed, on eight bytes of a 64-bit word at once.
#include "crypto/gcm_k.h"

#define BYTES(x) ((x)*0x0101010101010101ull)

// Multiplies the bytes of `a` by x in GF(2^8), AES's polynomial.
static uint64_t xtime(uint64_t a)
{
    uint64_t high = a >> 7 & BYTES(1ull);
    return (a & BYTES(0x7full)) << 1 ^ high * 0x1b;
}

static uint64_t multiply(uint64_t a, uint64_t b)
{
    uint64_t r = 0;
    for (int i = 0; i < 8; i++) {
        r ^= a & (b >> i & BYTES(1ull)) * 0xff;
        a = xtime(a);
    }
    return r;
}

static uint64_t rotate_bytes(uint64_t a, int n) // each byte left by n bits
{
    uint64_t low = BYTES(0xffull >> n);
    return (a & low) << n | (a >> (8 - n) & ~(BYTES(0xffull & (0xffull << n))));
}

static uint64_t sub_bytes(uint64_t a)
{
    uint64_t a2 = multiply(a, a), a3 = multiply(a2, a);
    uint64_t a6 = multiply(a3, a3), a12 = multiply(a6, a6), a15 = multiply(a12, a3);
    uint64_t a30 = multiply(a15, a15), a60 = multiply(a30, a30), a120 = multiply(a60, a60);
    uint64_t a240 = multiply(a120, a120), a252 = multiply(a240, a12);
    uint64_t v = multiply(a252, a2); // a^254, the inverse
    return v ^ rotate_bytes(v, 1) ^ rotate_bytes(v, 2) ^ rotate_bytes(v, 3) ^ rotate_bytes(v, 4) ^
           BYTES(0x63ull);
}

static void sub_block(uint8_t b[16])
{
    store_le64(b, sub_bytes(load_le64(b)));
    store_le64(b + 8, sub_bytes(load_le64(b + 8)));
}

static void shift_rows(uint8_t b[16])
{
    uint8_t t[16];
    __builtin_memcpy(t, b, 16);
    for (int i = 0; i < 16; i++)
        b[i] = t[(i + 4 * (i % 4)) % 16];
}

static uint64_t rotate_columns(uint64_t a, int bytes) // each 32-bit column
{
    uint64_t mask = ((1ull << (32 - 8 * bytes)) - 1) * 0x0000000100000001ull;
    return (a >> (8 * bytes) & mask) | ((a & ~(mask << (8 * bytes))) << (32 - 8 * bytes));
}

static uint64_t mix_columns(uint64_t a)
{
    uint64_t next = rotate_columns(a, 1);
    return xtime(a ^ next) ^ next ^ rotate_columns(a, 2) ^ rotate_columns(a, 3);
}

static void add_key(uint8_t b[16], const uint8_t k[16])
{
    for (int i = 0; i < 16; i++)
        b[i] ^= k[i];
}

static void encrypt(const struct gcm_key *k, const uint8_t in[16], uint8_t ret[16])
{
    uint8_t b[16];
    __builtin_memcpy(b, in, 16);
    add_key(b, k->round[0]);
    for (int round = 1; round < 15; round++) {
        sub_block(b);
        shift_rows(b);
        if (round < 14) {
            store_le64(b, mix_columns(load_le64(b)));
            store_le64(b + 8, mix_columns(load_le64(b + 8)));
        }
        add_key(b, k->round[round]);
    }
    __builtin_memcpy(ret, b, 16);
    wipe(b, sizeof b);
}

static void key_schedule(struct gcm_key *k, const uint8_t key[GCM_KEY_SIZE])
{
    uint8_t *w = k->round[0];
    uint8_t constant = 1;
    __builtin_memcpy(w, key, GCM_KEY_SIZE);
    for (int i = 8; i < 60; i++) {
        uint8_t t[16] = {0};
        __builtin_memcpy(t, w + 4 * (i - 1), 4);
        if (i % 8 == 0) {
            uint8_t first = t[0];
            t[0] = t[1], t[1] = t[2], t[2] = t[3], t[3] = first;
        }
        if (i % 4 == 0)
            store_le64(t, sub_bytes(load_le64(t)));
        if (i % 8 == 0) {
            t[0] ^= constant;
            constant = (uint8_t)(constant << 1);
        }
        for (int j = 0; j < 4; j++)
            w[4 * i + j] = w[4 * (i - 8) + j] ^ t[j];
    }
}

static void portable_key(struct gcm_key *k, const uint8_t key[GCM_KEY_SIZE])
{
    static const uint8_t zero[16];
    key_schedule(k, key);
    encrypt(k, zero, k->power[0]);
}

static void portable_ctr(const struct gcm_key *k, const uint8_t counter[16], const uint8_t *in,
                         uint8_t *out, size_t size)
{
    uint8_t c[16], stream[16];
    __builtin_memcpy(c, counter, 16);
    for (size_t at = 0; at < size; at += 16) {
        encrypt(k, c, stream);
        for (size_t i = 0; i < 16 && at + i < size; i++)
            out[at + i] = in[at + i] ^ stream[i];
        store_be32(c + 12, load_be32(c + 12) + 1);
    }
    wipe(stream, sizeof stream);
}

// SP 800-38D section 6.3, algorithm 1.
static void times_h(const struct gcm_key *k, uint8_t state[16])
{
    uint64_t x[2] = {load_be64(state), load_be64(state + 8)}, z[2] = {0, 0};
    uint64_t v[2] = {load_be64(k->power[0]), load_be64(k->power[0] + 8)};
    for (int i = 0; i < 128; i++) {
        uint64_t take = -(x[i / 64] >> (63 - i % 64) & 1);
        z[0] ^= v[0] & take;
        z[1] ^= v[1] & take;
        uint64_t carry = -(v[1] & 1);
        v[1] = v[1] >> 1 | v[0] << 63;
        v[0] = v[0] >> 1 ^ (carry & 0xe100000000000000ull);
    }
    store_be64(state, z[0]);
    store_be64(state + 8, z[1]);
}

static void portable_ghash(const struct gcm_key *k, uint8_t state[16], const uint8_t *data,
                           size_t size)
{
    for (size_t at = 0; at < size; at += 16) {
        for (size_t i = 0; i < 16 && at + i < size; i++)
            state[i] ^= data[at + i];
        times_h(k, state);
    }
}

const struct gcm_kernel gcm_portable = {portable_key, portable_ctr, portable_ghash};
