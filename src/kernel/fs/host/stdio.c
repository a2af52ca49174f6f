// SPDX-License-Identifier: Apache-2.0
// The host's standard input, output and error as streams. What comes from them is untrusted.
#include <asm/ioctls.h>
#include <asm/termbits.h>
#include <linux/fcntl.h>
#include <linux/poll.h>
#include <asm/termios.h>

#include "kernel/fs/host/host.h"
#include "kernel/hostcall/stubs.h"
#include "kernel/poll/poll.h"
#include "kernel/task/task.h"

#define SMALL 4096u

static uint32_t fd_of(const struct file *f)
{
    return (uint32_t)(uintptr_t)f->priv;
}

static long wait_ready(struct file *f, uint16_t events)
{
    struct host_pollfd p = {fd_of(f), events, 0};
    long err = task_block(&p, 1, f->flags & O_NONBLOCK ? 0 : NEVER);
    if (err == -EINTR)
        return -ERESTARTSYS;
    return err == -ETIMEDOUT ? (f->flags & O_NONBLOCK ? -EAGAIN : 0) : err;
}

static long stdio_read(struct file *f, void *buffer, size_t size, uint64_t pos)
{
    (void)pos;
    uint8_t small[SMALL];
    size_t capacity = MIN(size, (size_t)HOST_PIECE);
    uint8_t *bounce = capacity <= SMALL ? small : kpages_alloc(HOST_PIECE / 4096);
    if (!bounce)
        return -ENOMEM;
    long n;
    do { // the host's descriptor may block: ask first
        n = wait_ready(f, POLLIN);
        if (n == 0)
            n = host_file_read(fd_of(f), bounce, capacity);
    } while (n == -EAGAIN && !(f->flags & O_NONBLOCK));
    if (n > 0) {
        long err = copy_user(buffer, bounce, (size_t)n);
        n = err < 0 ? err : n;
    }
    poll_rearm(f, POLL_READ);
    if (bounce != small)
        kpages_free(bounce, HOST_PIECE / 4096);
    return n;
}

static long write_piece(struct file *f, const void *data, size_t size)
{
    long n = host_file_write(fd_of(f), data, size);
    while (n == -EAGAIN && !(f->flags & O_NONBLOCK)) {
        n = wait_ready(f, POLLOUT);
        if (n == 0)
            n = host_file_write(fd_of(f), data, size);
    }
    if (n == -EPIPE)
        task_raise(SIGPIPE);
    return n;
}

static long stdio_write(struct file *f, const void *buffer, size_t size, uint64_t pos)
{
    (void)pos;
    uint8_t small[SMALL];
    uint8_t *bounce = size <= SMALL ? small : kpages_alloc(HOST_PIECE / 4096);
    if (!bounce)
        return -ENOMEM;
    size_t done = 0;
    long n = 0;
    while (done < size) {
        size_t part = MIN(size - done, bounce == small ? (size_t)SMALL : (size_t)HOST_PIECE);
        n = copy_user(bounce, (const uint8_t *)buffer + done, part);
        if (n == 0)
            n = write_piece(f, bounce, part);
        if (n <= 0)
            break;
        done += (size_t)n;
        if ((f->flags & O_NONBLOCK) && (size_t)n < part)
            break;
    }
    poll_rearm(f, POLL_WRITE);
    if (bounce != small)
        kpages_free(bounce, HOST_PIECE / 4096);
    return done ? (long)done : n;
}

static long stdio_stat(struct file *f, struct stat *ret)
{
    struct stat st;
    long err = host_file_stat(fd_of(f), &st, sizeof st);
    if (err < 0)
        return err;
    host_stat_clean(&st);
    st.st_uid = vfs_uid();
    st.st_gid = vfs_gid();
    *ret = st;
    return 0;
}

static bool is_terminal(uint32_t fd)
{
    uint8_t data[64];
    return host_tty_get(fd, TCGETS, data, sizeof data) >= (long)sizeof(struct termios);
}

static long stdio_ioctl(struct file *f, unsigned request, uint64_t argument)
{
    uint8_t data[64] = {0};
    size_t size = request == TIOCGWINSZ ? sizeof(struct winsize) : sizeof(struct termios);
    int group = process_pid();
    long n;
    switch (request) {
    case TCGETS:
    case TIOCGWINSZ:
        n = host_tty_get(fd_of(f), request, data, sizeof data);
        if (n < 0)
            return n == -EINVAL || n == -EBADF ? -ENOTTY : n;
        return (size_t)n < size ? -EIO : copy_to_user(argument, data, size);
    case TCSETS:
    case TCSETSW:
    case TCSETSF:
    case TIOCSPGRP:
    case TIOCSWINSZ:
        return is_terminal(fd_of(f)) ? 0 : -ENOTTY; // the terminal stays as the host has it
    case TIOCGPGRP:
    case TIOCGSID:
        return is_terminal(fd_of(f)) ? copy_to_user(argument, &group, sizeof group) : -ENOTTY;
    default:
        return -ENOTTY;
    }
}

static int stdio_host_fd(struct file *f)
{
    return (int)fd_of(f);
}

static const struct file_ops stdio_ops = {
    .name = "stdio",
    .read = stdio_read,
    .write = stdio_write,
    .stat = stdio_stat,
    .ioctl = stdio_ioctl,
    .host_fd = stdio_host_fd,
};

struct file *host_stdio(int fd)
{
    return file_new(&stdio_ops, (fd == 0 ? O_RDONLY : O_WRONLY) | O_LARGEFILE,
                    (void *)(uintptr_t)fd);
}

struct file *host_terminal(void)
{
    for (uint32_t fd = 0; fd < 3; fd++)
        if (is_terminal(fd))
            return file_new(&stdio_ops, O_RDWR, (void *)(uintptr_t)fd);
    return NULL;
}
