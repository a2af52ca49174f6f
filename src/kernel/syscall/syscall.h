// SPDX-License-Identifier: Apache-2.0
// System calls: SYSCALL(name) defines the handler; table.def says which numbers have one.
#ifndef KERNEL_SYSCALL_H
#define KERNEL_SYSCALL_H

#include "kernel/lib/lib.h"

typedef long (*syscall_handler)(
    const uint64_t *a); // a[0]…a[5]: the arguments as they stood in registers

#define SYSCALL(name)                   \
    long sys_##name(const uint64_t *a); \
    long sys_##name(const uint64_t *a)

#endif
