// SPDX-License-Identifier: Apache-2.0
// eventfd: a 64-bit counter that reads take and writes add to.
#include <linux/stat.h>

#include "kernel/fs/pipe/pipe.h"
#include "kernel/poll/poll.h"

#define EFD_SEMAPHORE 1
#define COUNT_MAX     (~0ull - 1)

struct eventfd {
    uint64_t count;
    bool semaphore;
};

static long eventfd_sleep(struct file *f)
{
    if (f->flags & O_NONBLOCK)
        return -EAGAIN;
    return waitq_sleep(&f->waitq, NEVER) == -EINTR ? -ERESTARTSYS : 0;
}

static long eventfd_read(struct file *f, void *buffer, size_t size, uint64_t pos)
{
    (void)pos;
    struct eventfd *e = f->priv;
    if (size < sizeof(e->count))
        return -EINVAL;
    while (e->count == 0) {
        long r = eventfd_sleep(f);
        if (r < 0)
            return r;
    }
    uint64_t value = e->semaphore ? 1 : e->count;
    e->count -= value;
    poll_event(f, POLL_WRITE);
    long r = copy_user(buffer, &value, sizeof(value));
    return r < 0 ? r : (long)sizeof(value);
}

static long eventfd_write(struct file *f, const void *buffer, size_t size, uint64_t pos)
{
    (void)pos;
    struct eventfd *e = f->priv;
    uint64_t value;
    if (size < sizeof(value))
        return -EINVAL;
    long r = copy_user(&value, buffer, sizeof(value));
    if (r < 0)
        return r;
    if (value == ~0ull)
        return -EINVAL;
    while (value > COUNT_MAX - e->count) {
        r = eventfd_sleep(f);
        if (r < 0)
            return r;
    }
    e->count += value;
    poll_event(f, POLL_READ);
    return sizeof(value);
}

static uint32_t eventfd_poll(struct file *f)
{
    const struct eventfd *e = f->priv;
    return (e->count ? POLLIN : 0) | (e->count < COUNT_MAX ? POLLOUT : 0);
}

static long eventfd_stat(struct file *f, struct stat *ret)
{
    (void)f;
    *ret = (struct stat){.st_mode = 0600, .st_nlink = 1, .st_blksize = 4096};
    return 0;
}

static void eventfd_release(struct file *f)
{
    kfree(f->priv);
}

static const struct file_ops eventfd_ops = {
    .name = "eventfd",
    .read = eventfd_read,
    .write = eventfd_write,
    .stat = eventfd_stat,
    .poll = eventfd_poll,
    .release = eventfd_release,
};

long eventfd_create(uint32_t initial, int flags, struct file **ret)
{
    struct eventfd *e = kzalloc(sizeof(*e));
    if (!e)
        return -ENOMEM;
    e->count = initial;
    e->semaphore = flags & EFD_SEMAPHORE;
    struct file *f = file_new(&eventfd_ops, O_RDWR | (flags & O_NONBLOCK), e);
    if (!f) {
        kfree(e);
        return -ENOMEM;
    }
    *ret = f;
    return 0;
}
