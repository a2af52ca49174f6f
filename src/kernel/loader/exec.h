// SPDX-License-Identifier: Apache-2.0
// Starting a program: execve(2), and the first one at boot.
#ifndef KERNEL_EXEC_H
#define KERNEL_EXEC_H

#include "kernel/entry/percpu.h"
#include "kernel/lib/lib.h"

// Argument or environment strings in kernel memory, NUL-terminated one after another.
struct string_list {
    char *bytes;
    size_t size;
    uint32_t count;
};
#define STRING_LIST_MAX (2u << 20) // Linux's default ARG_MAX

long string_list_add(struct string_list *list, const char *s, size_t length);
void string_list_done(struct string_list *list);

// Replaces the program. On success `frame` is the new program's first state; an error after the old one is
// gone ends the process.
long exec_file(struct trap_frame *frame, const char *path, const struct string_list *arguments,
               const struct string_list *environment);
// The same for init, whose bytes lie in pages of kpages_alloc(): they are taken over, and freed when init's
// last mapping is gone.
long exec_memory(struct trap_frame *frame, const void *elf, size_t size,
                 const struct string_list *arguments, const struct string_list *environment);
long exec_from_user(struct trap_frame *frame, uint64_t path, uint64_t argv, uint64_t envp);

// What runs now, for /proc/self: kept until the next execve.
struct exec_info {
    char path[4096]; // of the file, links resolved
    char name[16];   // TASK_COMM_LEN: the last part of what was asked for
    struct string_list arguments, environment;
    uint64_t auxv[40];
    size_t auxv_size;
};
const struct exec_info *exec_current(void);

#endif
