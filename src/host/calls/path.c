// SPDX-License-Identifier: Apache-2.0
#include "host/calls/calls.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

long hostcall_do_path_stat(struct host_thread *t, const void *path, size_t path_size,
                           uint32_t follow, void *stat_out, size_t stat_capacity)
{
    (void)t;
    struct calls_path p;
    struct stat st;
    long ret = calls_path_get(path, path_size, &p);
    if (ret < 0)
        return ret;
    if ((follow ? stat(p.text, &st) : lstat(p.text, &st)) < 0)
        return -errno;
    memcpy(stat_out, &st, stat_capacity);
    return 0;
}

long hostcall_do_path_readlink(struct host_thread *t, const void *path, size_t path_size,
                               void *target, size_t target_capacity)
{
    (void)t;
    struct calls_path p;
    long ret = calls_path_get(path, path_size, &p);
    return ret < 0 ? ret : calls_answer(readlink(p.text, target, target_capacity));
}

long hostcall_do_path_mkdir(struct host_thread *t, const void *path, size_t path_size,
                            uint32_t mode)
{
    (void)t;
    struct calls_path p;
    long ret = calls_path_get(path, path_size, &p);
    return ret < 0 ? ret : calls_answer(mkdir(p.text, (mode_t)mode));
}

long hostcall_do_path_remove(struct host_thread *t, const void *path, size_t path_size,
                             uint32_t directory)
{
    (void)t;
    struct calls_path p;
    long ret = calls_path_get(path, path_size, &p);
    if (ret < 0)
        return ret;
    return calls_answer(directory ? rmdir(p.text) : unlink(p.text));
}

long hostcall_do_path_rename(struct host_thread *t, const void *from, size_t from_size,
                             const void *to, size_t to_size)
{
    (void)t;
    struct calls_path a, b;
    long ret = calls_path_get(from, from_size, &a);
    if (ret == 0)
        ret = calls_path_get(to, to_size, &b);
    return ret < 0 ? ret : calls_answer(rename(a.text, b.text));
}

// Linux's record is never smaller than ours for the same name: 20 + n against 16 + n, rounded up
// to 8.
long hostcall_do_dir_read(struct host_thread *t, uint32_t fd, void *entries,
                          size_t entries_capacity)
{
    (void)t;
    _Alignas(8) char native[HOSTCALL_DIR_READ_ENTRIES_MAX];
    size_t capacity = entries_capacity < sizeof(native) ? entries_capacity : sizeof(native);
    long got = syscall(SYS_getdents64, (int)fd, native, capacity);
    if (got < 0)
        return -errno;
    size_t used = 0;
    for (long at = 0; at < got;) {
        const struct dirent64 *d = (const struct dirent64 *)(native + at);
        size_t name_size = strlen(d->d_name);
        struct host_dirent e = {d->d_ino, d->d_type, (uint32_t)name_size};
        memcpy((char *)entries + used, &e, sizeof(e));
        memset((char *)entries + used + sizeof(e), 0, (name_size + 7) & ~(size_t)7);
        memcpy((char *)entries + used + sizeof(e), d->d_name, name_size);
        used += sizeof(e) + ((name_size + 7) & ~(size_t)7);
        at += d->d_reclen;
    }
    return (long)used;
}
