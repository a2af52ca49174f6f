// SPDX-License-Identifier: Apache-2.0
// CPUID answers are the same however often one asks, and agree with XGETBV and with what libc found out.
#include <cpuid.h>
#include <immintrin.h>
#include <stdint.h>
#include <stdio.h>

#define OSXSAVE (1u << 27)

static void volatile_bits(unsigned leaf, unsigned *b)
{
    if (leaf == 1)
        *b &= 0x00ffffff; // the initial APIC id
}

int main(void)
{
    unsigned a, b, c, d, max = __get_cpuid_max(0, NULL);
    printf("leaves %d, vendor %d\n", max >= 7, __get_cpuid(0, &a, &b, &c, &d) && b != 0);
    int differs = 0;
    for (unsigned leaf = 0; leaf <= 7; leaf++) {
        unsigned f[4], g[4];
        __cpuid_count(leaf, 0, f[0], f[1], f[2], f[3]);
        for (int i = 0; i < 20; i++) {
            __cpuid_count(leaf, 0, g[0], g[1], g[2], g[3]);
            volatile_bits(leaf, &f[1]);
            volatile_bits(leaf, &g[1]);
            differs += f[0] != g[0] || f[1] != g[1] || f[2] != g[2] || f[3] != g[3];
        }
    }
    printf("changed answers %d\n", differs);
    __cpuid(1, a, b, c, d);
    printf("SSE2 %u, SSE4.2 %u, OSXSAVE %u, AVX %u\n", d >> 26 & 1, c >> 20 & 1, c >> 27 & 1,
           c >> 28 & 1);
    printf("builtin agrees %d\n", !!__builtin_cpu_supports("avx") == (int)(c >> 28 & 1));
    if (c & OSXSAVE) {
        uint32_t low, high;
        __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
        printf("xcr0 has x87, SSE, AVX: %u\n", low & 7);
        __cpuid_count(13, 0, a, b, c, d);
        printf("leaf 13 knows them: %u, size at least %d\n", a & 7, b >= 832);
    }
    uint64_t first = __rdtsc(), second = __rdtsc();
    printf("time stamp goes forward %d\n", second >= first);
    return 0;
}
