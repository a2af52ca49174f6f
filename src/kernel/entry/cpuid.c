// SPDX-License-Identifier: Apache-2.0
// The CPU that programs see: one fixed answer for each CPUID leaf, the same on every machine, so that what a
// program does cannot depend on the host's word. It is what every CPU with EDMM has (Ice Lake and later),
// cut down to XFRM (x87, SSE, AVX): no AVX-512, no AMX, no TSX, no PKU. Intel SDM vol. 2A, "CPUID".
#include "kernel/entry/entry.h"

#include "abi/hostcall/hostcall.h"

struct answer {
    uint32_t leaf, subleaf; // subleaf ~0: any
    uint32_t eax, ebx, ecx, edx;
};

#define ANY ~0u

static const struct answer answers[] = {
    {0x0, ANY, 0x16, 0x756e6547, 0x6c65746e, 0x49656e69}, // GenuineIntel
    // Family 6, model 0x6a. ecx: SSE3 PCLMUL SSSE3 FMA CX16 SSE4.1 SSE4.2 MOVBE POPCNT AES XSAVE OSXSAVE
    // AVX F16C RDRAND. edx: FPU TSC CX8 CMOV CLFSH MMX FXSR SSE SSE2.
    {0x1, ANY, 0x000606a6, 0x00100800, 0x7ed83203, 0x7888111},
    {0x2, ANY, 0x00feff01, 0x000000f0, 0, 0},
    {0x4, 0, 0x04004121, 0x02c0003f, 0x0000003f, 0}, // 48 KiB L1 data
    {0x4, 1, 0x04004122, 0x01c0003f, 0x0000003f, 0}, // 32 KiB L1 code
    {0x4, 2, 0x04004143, 0x04c0003f, 0x000003ff, 0}, // 1.25 MiB L2
    {0x4, 3, 0x04004163, 0x03c0003f, 0x00007fff, 4}, // 32 MiB L3
    // FSGSBASE BMI1 AVX2 BMI2 ERMS RDSEED ADX CLFLUSHOPT CLWB; FSRM. (SHA below.)
    {0x7, 0, 0, 0x18c0329, 0, 0x10},
    {0xd, 0, 7, 832, 832, 0},
    {0xd, 1, 0x3, 832, 0, 0}, // XSAVEOPT, XSAVEC
    {0xd, 2, 256, 576, 0, 0}, // AVX state
    {0x80000000, ANY, 0x80000008, 0, 0, 0},
    {0x80000001, ANY, 0, 0, 0x00000121,
     0x2c100800}, // LAHF LZCNT PREFETCHW; SYSCALL NX 1G RDTSCP LM
    {0x80000002, ANY, 0x696f6c43, 0x72657473, 0x726f7620, 0x6c617574}, // brand string
    {0x80000003, ANY, 0x55504320, 0, 0, 0},
    {0x80000006, ANY, 0, 0, 0x04007040, 0},
    {0x80000007, ANY, 0, 0, 0, 0x100}, // invariant TSC
    {0x80000008, ANY, 0x3028, 0, 0, 0},
};

void cpuid_answer(uint32_t leaf, uint32_t subleaf, uint32_t ret[4])
{
    memset(ret, 0, 16);
    for (unsigned i = 0; i < ARRAY_COUNT(answers); i++) {
        const struct answer *a = &answers[i];
        if (a->leaf == leaf && (a->subleaf == ANY || a->subleaf == subleaf)) {
            ret[0] = a->eax;
            ret[1] = a->ebx;
            ret[2] = a->ecx;
            ret[3] = a->edx;
            break;
        }
    }
    // The emulated platform also runs on CPUs without SHA; the host says so, and a lie can only crash.
    if (leaf == 7 && subleaf == 0 && (boot_cpu_features & BOOT_CPU_SHANI))
        ret[1] |= 1u << 29;
}
