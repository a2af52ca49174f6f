// SPDX-License-Identifier: Apache-2.0
// The descriptor table of the one process.
#include "kernel/vfs/vfs.h"

#define FD_FIRST_SIZE 256u
#define FD_WORD       64u

static struct {
    struct file **file;
    uint64_t *cloexec;
    uint32_t size;  // slots
    uint32_t low;   // no free slot below
    uint64_t limit; // RLIMIT_NOFILE
} table = {.limit = 1024};

void fd_set_limit(uint64_t limit)
{
    table.limit = MIN(limit, (uint64_t)FD_MAX);
}

uint64_t fd_limit(void)
{
    return table.limit;
}

static long grow(uint32_t needed)
{
    uint32_t size = MAX(table.size, FD_FIRST_SIZE);
    while (size < needed)
        size *= 2;
    if (size == table.size)
        return 0;
    struct file **file = krealloc(table.file, size * sizeof *file);
    if (!file)
        return -ENOMEM;
    table.file = file;
    uint64_t *cloexec = krealloc(table.cloexec, size / FD_WORD * sizeof *cloexec);
    if (!cloexec)
        return -ENOMEM;
    table.cloexec = cloexec;
    table.size = size;
    return 0;
}

bool fd_cloexec(long fd)
{
    return fd_get(fd) && table.cloexec[fd / FD_WORD] >> (fd % FD_WORD) & 1;
}

void fd_set_cloexec(long fd, bool on)
{
    if (!fd_get(fd))
        return;
    uint64_t bit = 1ull << (fd % FD_WORD);
    table.cloexec[fd / FD_WORD] &= ~bit;
    if (on)
        table.cloexec[fd / FD_WORD] |= bit;
}

static long place(struct file *f, uint32_t fd, bool cloexec)
{
    if (fd >= table.limit) {
        file_unref(f);
        return -EMFILE;
    }
    long err = fd >= table.size ? grow(fd + 1) : 0;
    if (err < 0) {
        file_unref(f);
        return err;
    }
    struct file *old = table.file[fd];
    table.file[fd] = f;
    fd_set_cloexec(fd, cloexec);
    file_unref(old);
    return fd;
}

long fd_install(struct file *f, int minimum, bool cloexec)
{
    uint32_t fd = MAX((uint32_t)minimum, table.low);
    while (fd < table.size && table.file[fd])
        fd++;
    long ret = place(f, fd, cloexec);
    if (ret >= 0 && (uint32_t)minimum <= table.low)
        table.low = fd + 1;
    return ret;
}

long fd_install_at(struct file *f, int fd, bool cloexec)
{
    if (fd < 0 || (uint64_t)fd >= table.limit) {
        file_unref(f);
        return -EBADF;
    }
    return place(f, (uint32_t)fd, cloexec);
}

struct file *fd_get(long fd)
{
    return fd >= 0 && (uint64_t)fd < table.size ? table.file[fd] : NULL;
}

long fd_close(long fd)
{
    struct file *f = fd_get(fd);
    if (!f)
        return -EBADF;
    fd_set_cloexec(fd, false);
    table.file[fd] = NULL;
    table.low = MIN(table.low, (uint32_t)fd);
    file_unref(f);
    return 0;
}

void fd_close_on_exec(void)
{
    for (int fd = fd_next(0); fd >= 0; fd = fd_next(fd + 1))
        if (fd_cloexec(fd))
            (void)fd_close(fd);
}

int fd_next(int from)
{
    for (uint32_t fd = from < 0 ? 0 : (uint32_t)from; fd < table.size; fd++)
        if (table.file[fd])
            return (int)fd;
    return -1;
}
