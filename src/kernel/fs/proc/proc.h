// SPDX-License-Identifier: Apache-2.0
// /proc: what programs look up about themselves and the system. Nothing in it comes from the host.
#ifndef KERNEL_PROC_H
#define KERNEL_PROC_H

#include "kernel/vfs/vfs.h"

// A text that grows; after a failure it stays as it is and `failed` is set.
struct proc_text {
    char *data;
    size_t size, capacity;
    bool failed;
};
__attribute__((format(printf, 2, 3))) void proc_put(struct proc_text *t, const char *format, ...);
void proc_put_bytes(struct proc_text *t, const void *p, size_t size);

// A file (text), a directory (neither) or a link (link). "@" in a path stands for the process id.
struct proc_entry {
    const char *path;
    void (*text)(struct proc_text *t);
    long (*link)(char *ret, size_t capacity);
};
extern const struct proc_entry proc_entries[];
extern const size_t proc_entry_count;

#endif
