// SPDX-License-Identifier: Apache-2.0
// Randomness comes from RDRAND alone (ARCHITECTURE: rule 10): the host has no say in it.
#include "kernel/lib/lib.h"

static uint64_t rdrand(void)
{
    for (int attempt = 0; attempt < 100; attempt++) { // Intel's guidance is 10
        uint64_t value;
        bool ok;
        __asm__ volatile("rdrand %0" : "=r"(value), "=@ccc"(ok));
        // A broken RDRAND is known to answer all ones (AMD family 15h/16h after resume).
        if (ok && value != ~0ull)
            return value;
    }
    panic("RDRAND gives no random numbers");
}

void krandom(void *p, size_t n)
{
    uint8_t *out = p;
    while (n) {
        uint64_t value = rdrand();
        size_t part = MIN(n, sizeof value);
        memcpy(out, &value, part);
        out += part;
        n -= part;
    }
}
