// SPDX-License-Identifier: Apache-2.0
// SHA-256 with the SHA extensions (SDM volume 2, SHA256RNDS2, SHA256MSG1, SHA256MSG2). In a tree
// compiled for general registers this file alone gets -msse4.1 -msha; its caller saves vector state.
#include "crypto/sha256.h"

#include <immintrin.h>

#include "crypto/sha256_k.h"

#define SHANI __attribute__((target("sha,sse4.1,ssse3")))

struct lane {
    __m128i abef, cdgh, m[4];
};

// SHA256RNDS2 wants the state as ABEF and CDGH.
SHANI static inline __attribute__((always_inline)) void lane_load(struct lane *l,
                                                                  const uint32_t state[8])
{
    __m128i dcba = _mm_loadu_si128((const __m128i *)state);
    __m128i hgfe = _mm_loadu_si128((const __m128i *)(state + 4));
    __m128i cdab = _mm_shuffle_epi32(dcba, 0xb1);
    __m128i efgh = _mm_shuffle_epi32(hgfe, 0x1b);
    l->abef = _mm_alignr_epi8(cdab, efgh, 8);
    l->cdgh = _mm_blend_epi16(efgh, cdab, 0xf0);
}

SHANI static inline __attribute__((always_inline)) void lane_store(const struct lane *l,
                                                                   uint32_t state[8])
{
    __m128i feba = _mm_shuffle_epi32(l->abef, 0x1b);
    __m128i dchg = _mm_shuffle_epi32(l->cdgh, 0xb1);
    _mm_storeu_si128((__m128i *)state, _mm_blend_epi16(feba, dchg, 0xf0));
    _mm_storeu_si128((__m128i *)(state + 4), _mm_alignr_epi8(dchg, feba, 8));
}

SHANI static inline __attribute__((always_inline)) void lane_message(struct lane *l,
                                                                     const uint8_t *data)
{
    const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    for (int i = 0; i < 4; i++)
        l->m[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)data + i), swap);
}

// Rounds 4*i to 4*i+3, and the part of the message schedule that runs beside them.
SHANI static inline __attribute__((always_inline)) void lane_rounds(struct lane *l, int i)
{
    __m128i now = l->m[i & 3];
    __m128i wk = _mm_add_epi32(now, _mm_load_si128((const __m128i *)sha256_k + i));
    l->cdgh = _mm_sha256rnds2_epu32(l->cdgh, l->abef, wk);
    if (i >= 3 && i < 15) {
        __m128i t = _mm_alignr_epi8(now, l->m[(i - 1) & 3], 4);
        t = _mm_add_epi32(l->m[(i + 1) & 3], t);
        l->m[(i + 1) & 3] = _mm_sha256msg2_epu32(t, now);
    }
    l->abef = _mm_sha256rnds2_epu32(l->abef, l->cdgh, _mm_shuffle_epi32(wk, 0x0e));
    if (i >= 1 && i < 13)
        l->m[(i - 1) & 3] = _mm_sha256msg1_epu32(l->m[(i - 1) & 3], now);
}

SHANI void sha256_shani_blocks(uint32_t state[8], const uint8_t *data, size_t blocks)
{
    struct lane l;
    lane_load(&l, state);
    for (; blocks; blocks--, data += SHA256_BLOCK_SIZE) {
        __m128i abef = l.abef, cdgh = l.cdgh;
        lane_message(&l, data);
#pragma GCC unroll 16
        for (int i = 0; i < 16; i++)
            lane_rounds(&l, i);
        l.abef = _mm_add_epi32(l.abef, abef);
        l.cdgh = _mm_add_epi32(l.cdgh, cdgh);
    }
    lane_store(&l, state);
}

SHANI void sha256_shani_blocks_pair(uint32_t state_a[8], const uint8_t *a, uint32_t state_b[8],
                                    const uint8_t *b, size_t blocks)
{
    struct lane la, lb;
    lane_load(&la, state_a);
    lane_load(&lb, state_b);
    for (; blocks; blocks--, a += SHA256_BLOCK_SIZE, b += SHA256_BLOCK_SIZE) {
        __m128i abef_a = la.abef, cdgh_a = la.cdgh, abef_b = lb.abef, cdgh_b = lb.cdgh;
        lane_message(&la, a);
        lane_message(&lb, b);
#pragma GCC unroll 16
        for (int i = 0; i < 16; i++) {
            lane_rounds(&la, i);
            lane_rounds(&lb, i);
        }
        la.abef = _mm_add_epi32(la.abef, abef_a);
        la.cdgh = _mm_add_epi32(la.cdgh, cdgh_a);
        lb.abef = _mm_add_epi32(lb.abef, abef_b);
        lb.cdgh = _mm_add_epi32(lb.cdgh, cdgh_b);
    }
    lane_store(&la, state_a);
    lane_store(&lb, state_b);
}
