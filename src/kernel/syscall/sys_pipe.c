// SPDX-License-Identifier: Apache-2.0
// pipe, eventfd, timerfd.
#include "kernel/fs/pipe/pipe.h"
#include "kernel/syscall/syscall.h"

#define EFD_FLAGS (1 | O_NONBLOCK | O_CLOEXEC) // 1: EFD_SEMAPHORE

static long install(struct file *f, uint64_t flags)
{
    return fd_install(f, 0, flags & O_CLOEXEC);
}

static long pipe_pair(uint64_t user_fds, uint64_t flags)
{
    struct file *reader, *writer;
    int fds[2];
    if (flags & ~(uint64_t)(O_NONBLOCK | O_CLOEXEC))
        return -EINVAL;
    if (!user_range_ok(user_fds, sizeof(fds)))
        return -EFAULT;
    long r = pipe_create((int)flags & O_NONBLOCK, &reader, &writer);
    if (r < 0)
        return r;
    fds[0] = (int)(r = install(reader, flags));
    if (r < 0) {
        file_unref(writer);
        return r;
    }
    fds[1] = (int)(r = install(writer, flags));
    if (r >= 0)
        r = copy_to_user(user_fds, fds, sizeof(fds));
    if (r < 0) {
        fd_close(fds[0]);
        if (fds[1] >= 0)
            fd_close(fds[1]);
    }
    return MIN(r, 0);
}

SYSCALL(pipe)
{
    return pipe_pair(a[0], 0);
}

SYSCALL(pipe2)
{
    return pipe_pair(a[0], (uint32_t)a[1]);
}

SYSCALL(eventfd2)
{
    struct file *f;
    uint32_t flags = (uint32_t)a[1];
    if (flags & ~(uint32_t)EFD_FLAGS)
        return -EINVAL;
    long r = eventfd_create((uint32_t)a[0], (int)flags, &f);
    return r < 0 ? r : install(f, flags);
}

SYSCALL(eventfd)
{
    uint64_t args[6] = {a[0], 0};
    return sys_eventfd2(args);
}

SYSCALL(timerfd_create)
{
    struct file *f;
    uint32_t flags = (uint32_t)a[1];
    if (flags & ~(uint32_t)(TFD_NONBLOCK | TFD_CLOEXEC))
        return -EINVAL;
    long r = timerfd_create_file((int)a[0], (int)flags, &f);
    return r < 0 ? r : install(f, flags);
}

static struct file *timerfd_of(uint64_t fd, long *ret_error)
{
    struct file *f = fd_get((int)fd);
    *ret_error = f ? -EINVAL : -EBADF;
    return f && file_is_timerfd(f) ? f : NULL;
}

SYSCALL(timerfd_settime)
{
    struct __kernel_itimerspec value, old;
    long r = copy_from_user(&value, a[2], sizeof(value));
    if (r < 0)
        return r;
    struct file *f = timerfd_of(a[0], &r);
    if (!f)
        return r;
    r = timerfd_set(f, (int)a[1], &value, &old);
    return r == 0 && a[3] ? copy_to_user(a[3], &old, sizeof(old)) : r;
}

SYSCALL(timerfd_gettime)
{
    struct __kernel_itimerspec value;
    long r;
    struct file *f = timerfd_of(a[0], &r);
    if (!f)
        return r;
    timerfd_get(f, &value);
    return copy_to_user(a[1], &value, sizeof(value));
}
