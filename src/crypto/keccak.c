// SPDX-License-Identifier: Apache-2.0
// Keccak-f[1600] and the sponge of crypto/keccak.h (The Keccak reference 3.0, 1.2 and 2.1).
#include "crypto/keccak.h"

#define RATE 136

static const uint64_t round_constants[24] = {
    0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000,
    0x000000000000808b, 0x0000000080000001, 0x8000000080008081, 0x8000000000008009,
    0x000000000000008a, 0x0000000000000088, 0x0000000080008009, 0x000000008000000a,
    0x000000008000808b, 0x800000000000008b, 0x8000000000008089, 0x8000000000008003,
    0x8000000000008002, 0x8000000000000080, 0x000000000000800a, 0x800000008000000a,
    0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008,
};

static uint64_t rotate(uint64_t v, unsigned n)
{
    return n ? v << n | v >> (64 - n) : v;
}

static void permute(uint64_t a[25])
{
    for (unsigned round = 0; round < 24; round++) {
        uint64_t c[5], b[25];
        // theta
        for (unsigned x = 0; x < 5; x++)
            c[x] = a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20];
        for (unsigned x = 0; x < 5; x++)
            for (unsigned y = 0; y < 5; y++)
                a[x + 5 * y] ^= c[(x + 4) % 5] ^ rotate(c[(x + 1) % 5], 1);
        // rho and pi: walk the lanes from (1,0); the offset of step t is the t-th triangular number
        b[0] = a[0];
        for (unsigned t = 0, x = 1, y = 0; t < 24; t++) {
            unsigned next_y = (2 * x + 3 * y) % 5;
            b[y + 5 * next_y] = rotate(a[x + 5 * y], (t + 1) * (t + 2) / 2 % 64);
            x = y;
            y = next_y;
        }
        // chi
        for (unsigned y = 0; y < 25; y += 5)
            for (unsigned x = 0; x < 5; x++)
                a[x + y] = b[x + y] ^ (~b[(x + 1) % 5 + y] & b[(x + 2) % 5 + y]);
        a[0] ^= round_constants[round];
    }
}

static void absorb(struct keccak *k, uint8_t byte)
{
    k->lanes[k->at / 8] ^= (uint64_t)byte << 8 * (k->at % 8);
    if (++k->at == RATE) {
        permute(k->lanes);
        k->at = 0;
    }
}

void keccak_init(struct keccak *k)
{
    *k = (struct keccak){0};
}

void keccak_update(struct keccak *k, struct span data)
{
    for (size_t i = 0; i < data.size; i++)
        absorb(k, data.data[i]);
}

struct hash32 keccak_final(struct keccak *k)
{
    k->lanes[k->at / 8] ^= (uint64_t)0x01 << 8 * (k->at % 8);
    k->lanes[RATE / 8 - 1] ^= 0x8000000000000000;
    permute(k->lanes);
    struct hash32 hash;
    for (unsigned i = 0; i < 4; i++)
        store_le64(hash.bytes + 8 * i, k->lanes[i]);
    wipe(k, sizeof *k);
    return hash;
}

struct hash32 keccak256(struct span data)
{
    struct keccak k;
    keccak_init(&k);
    keccak_update(&k, data);
    return keccak_final(&k);
}
