// SPDX-License-Identifier: Apache-2.0
// Untrusted memory as the kernel sees it, and the way out of the enclave.
//
// - An address in untrusted memory is a struct host_ptr; only kernel/hostcall/ unwraps it.
// - Copies move whole, aligned 8-byte words in both directions, so that no stale data of the CPU's
//   buffers can cross the edge (INTEL-SA-00615, INTEL-SA-00657); each word of untrusted memory is
//   read exactly once. What was copied in may be anything: check the copy.
// - Whoever makes a host_ptr has checked that all of it lies outside ELRANGE. It is 8-byte aligned.
#ifndef KERNEL_HOSTCALL_HOSTCALL_H
#define KERNEL_HOSTCALL_HOSTCALL_H

#include <stddef.h>
#include <stdint.h>

#include "abi/hostcall/hostcall.h"

struct host_ptr {
    uint64_t address;
};

static inline struct host_ptr host_ptr_add(struct host_ptr p, uint64_t offset)
{
    return (struct host_ptr){p.address + offset};
}

// To ask the caches for what is copied in soon (__builtin_prefetch); never to be read.
static inline const void *host_hint(struct host_ptr p)
{
    return (const void *)p.address;
}

// copy.c. The last word's bytes beyond `n` are read and dropped.
void host_copy_in(void *dst, struct host_ptr src, size_t n);
// The last word is padded with zero: untrusted memory changes up to the next multiple of 8.
void host_copy_out(struct host_ptr dst, const void *src, size_t n);
uint64_t host_load(struct host_ptr src);
void host_store(struct host_ptr dst, uint64_t value);

// hostcall.c and leave.S. The area of the current thread, in untrusted memory, checked when it was
// told.
struct hostcall_area *hostcall_area_current(void);
// Leaves with EXIT_HOSTCALL for the call that stands in the area, and comes back with the area's
// `ret`, read once. It may be any value.
long hostcall_leave(void);
// entry.S. The same for a call that does not return: the thread's stack is given up, and the next
// entry of its TCS is a fresh one.
_Noreturn void hostcall_exit_for_ever(void);

#endif
