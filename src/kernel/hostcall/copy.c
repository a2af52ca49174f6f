// SPDX-License-Identifier: Apache-2.0
#include "kernel/hostcall/hostcall.h"

#define WORD sizeof(uint64_t)

static volatile uint64_t *unwrap(struct host_ptr p)
{
    if (p.address % WORD != 0)
        __builtin_trap();
    return (volatile uint64_t *)p.address;
}

uint64_t host_load(struct host_ptr src)
{
    return *unwrap(src);
}

void host_store(struct host_ptr dst, uint64_t value)
{
    *unwrap(dst) = value;
}

static void copy_words(volatile void *dst, const volatile void *src, size_t count)
{
    __asm__ volatile("rep movsq" : "+D"(dst), "+S"(src), "+c"(count) : : "memory");
}

void host_copy_in(void *dst, struct host_ptr src, size_t n)
{
    size_t whole = n / WORD * WORD;
    copy_words(dst, unwrap(src), n / WORD);
    if (whole == n)
        return;
    uint64_t tail = host_load(host_ptr_add(src, whole));
    for (size_t i = whole; i < n; i++)
        ((uint8_t *)dst)[i] = (uint8_t)(tail >> (8 * (i - whole)));
}

void host_copy_out(struct host_ptr dst, const void *src, size_t n)
{
    size_t whole = n / WORD * WORD;
    copy_words(unwrap(dst), src, n / WORD);
    if (whole == n)
        return;
    uint64_t tail = 0;
    for (size_t i = whole; i < n; i++)
        tail |= (uint64_t)((const uint8_t *)src)[i] << (8 * (i - whole));
    host_store(host_ptr_add(dst, whole), tail);
}
