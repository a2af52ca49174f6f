// SPDX-License-Identifier: Apache-2.0
#include "host/calls/calls.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

_Static_assert(sizeof(struct stat) == HOSTCALL_FILE_STAT_STAT_MAX, "struct stat of x86-64");

long hostcall_do_file_open(struct host_thread *t, const void *path, size_t path_size,
                           uint32_t flags, uint32_t mode)
{
    (void)t;
    struct calls_path p;
    long ret = calls_path_get(path, path_size, &p);
    if (ret < 0)
        return ret;
    int always = O_CLOEXEC | O_NOCTTY | O_NONBLOCK; // a FIFO or a device must not make us wait
    return calls_answer(open(p.text, (int)flags | always, (mode_t)mode));
}

long hostcall_do_file_close(struct host_thread *t, uint32_t fd)
{
    (void)t;
    return calls_answer(close((int)fd));
}

long hostcall_do_file_read(struct host_thread *t, uint32_t fd, void *data, size_t data_capacity)
{
    (void)t;
    return calls_answer(read((int)fd, data, data_capacity));
}

long hostcall_do_file_write(struct host_thread *t, uint32_t fd, const void *data, size_t data_size)
{
    (void)t;
    return calls_answer(write((int)fd, data, data_size));
}

long hostcall_do_file_pread(struct host_thread *t, uint32_t fd, uint64_t offset, void *data,
                            size_t data_capacity)
{
    (void)t;
    return calls_answer(pread((int)fd, data, data_capacity, (off_t)offset));
}

long hostcall_do_file_pwrite(struct host_thread *t, uint32_t fd, uint64_t offset, const void *data,
                             size_t data_size)
{
    (void)t;
    return calls_answer(pwrite((int)fd, data, data_size, (off_t)offset));
}

long hostcall_do_file_sync(struct host_thread *t, uint32_t fd)
{
    (void)t;
    return calls_answer(fdatasync((int)fd));
}

long hostcall_do_file_truncate(struct host_thread *t, uint32_t fd, uint64_t size)
{
    (void)t;
    return calls_answer(ftruncate((int)fd, (off_t)size));
}

long hostcall_do_file_stat(struct host_thread *t, uint32_t fd, void *stat, size_t stat_capacity)
{
    (void)t;
    struct stat st;
    if (fstat((int)fd, &st) < 0)
        return -errno;
    memcpy(stat, &st, stat_capacity);
    return 0;
}

long hostcall_do_file_lock(struct host_thread *t, uint32_t fd, uint32_t operation)
{
    (void)t;
    return calls_answer(flock((int)fd, (int)operation | LOCK_NB));
}
