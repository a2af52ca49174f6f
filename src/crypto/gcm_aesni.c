// SPDX-License-Identifier: Apache-2.0
// AES-256 by AES-NI, eight blocks at a time, and GHASH by PCLMULQDQ: eight products, one reduction. After
// "Intel Carry-Less Multiplication Instruction and its Usage for Computing the GCM Mode" (Gueron, Kounavis).
#include <tmmintrin.h>
#include <smmintrin.h>
#include <wmmintrin.h>

#include "crypto/gcm_k.h"

#define WAYS 8

static __m128i load(const void *p)
{
    return _mm_loadu_si128(p);
}

static void store(void *p, __m128i v)
{
    _mm_storeu_si128(p, v);
}

static __m128i swap_bytes(__m128i v)
{
    return _mm_shuffle_epi8(v, _mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
}

// --- AES ---------------------------------------------------------------------------------------------

static __m128i fold(__m128i key)
{
    key = _mm_xor_si128(key, _mm_slli_si128(key, 4));
    return _mm_xor_si128(key, _mm_slli_si128(key, 8));
}

static __m128i next_even(__m128i key, __m128i assist)
{
    return _mm_xor_si128(fold(key), _mm_shuffle_epi32(assist, 0xff));
}

static __m128i next_odd(__m128i key, __m128i even)
{
    __m128i assist = _mm_aeskeygenassist_si128(even, 0);
    return _mm_xor_si128(fold(key), _mm_shuffle_epi32(assist, 0xaa));
}

#define EXPAND(i, constant)                                               \
    do {                                                                  \
        even = next_even(even, _mm_aeskeygenassist_si128(odd, constant)); \
        store(k->round[i], even);                                         \
        odd = next_odd(odd, even);                                        \
        if ((i) + 1 < 15)                                                 \
            store(k->round[(i) + 1 < 15 ? (i) + 1 : 14], odd);            \
    } while (0)

static void key_schedule(struct gcm_key *k, const uint8_t key[GCM_KEY_SIZE])
{
    __m128i even = load(key), odd = load(key + 16);
    store(k->round[0], even);
    store(k->round[1], odd);
    EXPAND(2, 0x01);
    EXPAND(4, 0x02);
    EXPAND(6, 0x04);
    EXPAND(8, 0x08);
    EXPAND(10, 0x10);
    EXPAND(12, 0x20);
    EXPAND(14, 0x40);
}

static __m128i encrypt(const struct gcm_key *k, __m128i b)
{
    b = _mm_xor_si128(b, load(k->round[0]));
    for (int i = 1; i < 14; i++)
        b = _mm_aesenc_si128(b, load(k->round[i]));
    return _mm_aesenclast_si128(b, load(k->round[14]));
}

static void encrypt_ways(const struct gcm_key *k, __m128i b[WAYS])
{
    __m128i key = load(k->round[0]);
    for (int j = 0; j < WAYS; j++)
        b[j] = _mm_xor_si128(b[j], key);
    for (int i = 1; i < 14; i++) {
        key = load(k->round[i]);
#pragma GCC unroll 8
        for (int j = 0; j < WAYS; j++)
            b[j] = _mm_aesenc_si128(b[j], key);
    }
    key = load(k->round[14]);
    for (int j = 0; j < WAYS; j++)
        b[j] = _mm_aesenclast_si128(b[j], key);
}

static void aesni_ctr(const struct gcm_key *k, const uint8_t counter[16], const uint8_t *in,
                      uint8_t *out, size_t size)
{
    const __m128i one = _mm_set_epi32(0, 0, 0, 1);
    __m128i c = swap_bytes(load(counter)); // the 32-bit counter is lane 0 now
    while (size >= WAYS * 16) {
        __m128i b[WAYS];
        for (int j = 0; j < WAYS; j++) {
            b[j] = swap_bytes(c);
            c = _mm_add_epi32(c, one);
        }
        encrypt_ways(k, b);
        for (int j = 0; j < WAYS; j++)
            store(out + 16 * j, _mm_xor_si128(b[j], load(in + 16 * j)));
        in += WAYS * 16;
        out += WAYS * 16;
        size -= WAYS * 16;
    }
    while (size) {
        uint8_t stream[16];
        size_t n = MIN(size, (size_t)16);
        store(stream, encrypt(k, swap_bytes(c)));
        for (size_t i = 0; i < n; i++)
            out[i] = in[i] ^ stream[i];
        c = _mm_add_epi32(c, one);
        in += n;
        out += n;
        size -= n;
    }
}

// --- GHASH -------------------------------------------------------------------------------------------

struct product {
    __m128i low, middle, high;
};

static void multiply_add(struct product *p, __m128i a, __m128i b)
{
    p->low = _mm_xor_si128(p->low, _mm_clmulepi64_si128(a, b, 0x00));
    p->high = _mm_xor_si128(p->high, _mm_clmulepi64_si128(a, b, 0x11));
    p->middle = _mm_xor_si128(p->middle, _mm_xor_si128(_mm_clmulepi64_si128(a, b, 0x01),
                                                       _mm_clmulepi64_si128(a, b, 0x10)));
}

// The 256-bit product, doubled because the operands are bit-reflected, modulo the field's polynomial.
static inline __m128i reduce(const struct product *p)
{
    __m128i low = _mm_xor_si128(p->low, _mm_slli_si128(p->middle, 8));
    __m128i high = _mm_xor_si128(p->high, _mm_srli_si128(p->middle, 8));
    __m128i carry_low = _mm_srli_epi32(low, 31), carry_high = _mm_srli_epi32(high, 31);
    low = _mm_or_si128(_mm_slli_epi32(low, 1), _mm_slli_si128(carry_low, 4));
    high = _mm_or_si128(_mm_slli_epi32(high, 1), _mm_slli_si128(carry_high, 4));
    high = _mm_or_si128(high, _mm_srli_si128(carry_low, 12));

    __m128i a = _mm_xor_si128(_mm_xor_si128(_mm_slli_epi32(low, 31), _mm_slli_epi32(low, 30)),
                              _mm_slli_epi32(low, 25));
    __m128i spill = _mm_srli_si128(a, 4);
    low = _mm_xor_si128(low, _mm_slli_si128(a, 12));
    __m128i b = _mm_xor_si128(_mm_xor_si128(_mm_srli_epi32(low, 1), _mm_srli_epi32(low, 2)),
                              _mm_xor_si128(_mm_srli_epi32(low, 7), spill));
    return _mm_xor_si128(high, _mm_xor_si128(low, b));
}

static __m128i multiply(__m128i a, __m128i b)
{
    struct product p = {_mm_setzero_si128(), _mm_setzero_si128(), _mm_setzero_si128()};
    multiply_add(&p, a, b);
    return reduce(&p);
}

static void aesni_key(struct gcm_key *k, const uint8_t key[GCM_KEY_SIZE])
{
    key_schedule(k, key);
    __m128i h = swap_bytes(encrypt(k, _mm_setzero_si128())), power = h;
    for (int i = 0; i < WAYS; i++) {
        store(k->power[i], power);
        power = multiply(power, h);
    }
}

static void aesni_ghash(const struct gcm_key *k, uint8_t state[16], const uint8_t *data,
                        size_t size)
{
    __m128i s = swap_bytes(load(state));
    for (; size >= WAYS * 16; data += WAYS * 16, size -= WAYS * 16) {
        struct product p = {_mm_setzero_si128(), _mm_setzero_si128(), _mm_setzero_si128()};
        for (int j = 0; j < WAYS; j++) {
            __m128i x = swap_bytes(load(data + 16 * j));
            if (j == 0)
                x = _mm_xor_si128(x, s);
            multiply_add(&p, x, load(k->power[WAYS - 1 - j]));
        }
        s = reduce(&p);
    }
    while (size) {
        uint8_t block[16] = {0};
        size_t n = MIN(size, (size_t)16);
        __builtin_memcpy(block, data, n);
        s = multiply(_mm_xor_si128(s, swap_bytes(load(block))), load(k->power[0]));
        data += n;
        size -= n;
    }
    store(state, swap_bytes(s));
}

const struct gcm_kernel gcm_aesni = {aesni_key, aesni_ctr, aesni_ghash};
