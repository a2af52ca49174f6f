// SPDX-License-Identifier: Apache-2.0
// System calls and copies without the C library, whose versions use vector registers.
#ifndef SGX_EMU_RAW_H
#define SGX_EMU_RAW_H

#include <sys/syscall.h>

#include "sgx/emu/emu.h"

static inline long raw_syscall(long number, long a, long b, long c, long d)
{
    long r;
    register long r10 __asm__("r10") = d;
    __asm__ volatile("syscall"
                     : "=a"(r)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10)
                     : "rcx", "r11", "memory");
    return r;
}

// Enclave memory is an address here, not an object that the compiler may reason about.
static inline void raw_copy(uint64_t to, const void *from, size_t size)
{
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(size) : : "memory");
}

static inline void raw_read(void *to, uint64_t from, size_t size)
{
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(size) : : "memory");
}

#endif
