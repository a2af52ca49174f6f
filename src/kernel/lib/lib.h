// SPDX-License-Identifier: Apache-2.0
// The kernel's small C library: memory and string functions (gcc calls some of them by name), formatting,
// logging, panic. Kernel code returns Linux's negative errno in a `long`; errno and system-call constants
// come from Linux's own headers (<asm/errno.h>, <linux/…>).
//
// One lock, the kernel lock, is held by whoever runs kernel code; it is dropped while a thread waits in the
// host (task_block) and nowhere else. So data structures need no locks of their own, but must be consistent
// whenever the code may block, and whenever it copies to or from user memory (a fault may run mm and fs).
#ifndef KERNEL_LIB_H
#define KERNEL_LIB_H

#include <asm/errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/list.h"

void *memcpy(void *dst, const void *src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
void *memchr(const void *p, int c, size_t n);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);
char *strrchr(const char *s, int c);

// %s %c %d %i %u %x %p with l, ll, z, width and zero padding. Always NUL-terminated; returns the length it
// would have had.
int kvformat(char *buffer, size_t capacity, const char *format, va_list args);
__attribute__((format(printf, 3, 4))) int kformat(char *buffer, size_t capacity, const char *format,
                                                  ...);

// A line for the host's stderr. Never a secret.
__attribute__((format(printf, 1, 2))) void klog(const char *format, ...);

// The enclave ends here.
__attribute__((format(printf, 1, 2))) _Noreturn void panic(const char *format, ...);

#define ASSERT(cond)                                       \
    do {                                                   \
        if (!(cond))                                       \
            panic("%s:%d: %s", __FILE__, __LINE__, #cond); \
    } while (0)

// Memory for kernel objects, from the enclave's dynamic memory; zeroed. NULL when the heap is full.
void *kzalloc(size_t size);
void *krealloc(void *p, size_t size); // new bytes are zero
void kfree(void *p);                  // wipes; takes NULL
char *kstrdup(const char *s);
// Whole pages, zeroed, page-aligned.
void *kpages_alloc(size_t count);
void kpages_free(void *p, size_t count);

// Copies that may touch the program's memory: a page that is not there yet is brought in, and a bad address
// gives -EFAULT (what was copied before stays). Either side may also be kernel memory.
long copy_user(void *dst, const void *src, size_t n);
// True when [address, address+size) lies in the program's part of ELRANGE. System calls check their
// arguments with it before they hand buffers on.
bool user_range_ok(uint64_t address, uint64_t size);
// copy_user with that check on the user side.
long copy_from_user(void *dst, uint64_t user_src, size_t n);
long copy_to_user(uint64_t user_dst, const void *src, size_t n);
// Copies a NUL-terminated string; returns its length, -EFAULT, or -ENAMETOOLONG when it does not fit.
long copy_user_string(char *dst, uint64_t user_src, size_t capacity);

// Random bytes from RDRAND; panics when the CPU has none to give.
void krandom(void *p, size_t n);

#endif
