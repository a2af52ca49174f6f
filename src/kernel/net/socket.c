// SPDX-License-Identifier: Apache-2.0
// What all sockets have in common: the file, program buffers, timeouts, options that the kernel keeps.
#include <asm/ioctls.h>
#include <asm/socket.h>
#include <linux/in.h>
#include <linux/stat.h>
#include <linux/time.h>

#include "kernel/net/net.h"

#define SECOND 1000000000ull

// Calls copy for each piece of the program's buffers.
static long user_io_each(const struct user_io *io, uint8_t *kernel, size_t n, bool to_user)
{
    const struct iovec *v = io->iov;
    size_t offset = io->offset;
    ASSERT(n <= io->left);
    for (; n > 0; v++, offset = 0) {
        size_t size = MIN(n, v->iov_len - offset);
        uint8_t *user = (uint8_t *)v->iov_base + offset;
        long r = to_user ? copy_user(user, kernel, size) : copy_user(kernel, user, size);
        if (r < 0)
            return r;
        kernel += size;
        n -= size;
    }
    return 0;
}

long user_io_get(const struct user_io *io, void *dst, size_t n)
{
    return user_io_each(io, dst, n, false);
}

long user_io_put(const struct user_io *io, const void *src, size_t n)
{
    return user_io_each(io, (uint8_t *)(uintptr_t)src, n, true);
}

void user_io_advance(struct user_io *io, size_t n)
{
    io->left -= n;
    while (io->count > 0 && n >= io->iov->iov_len - io->offset) {
        n -= io->iov->iov_len - io->offset;
        io->offset = 0;
        io->iov++;
        io->count--;
    }
    io->offset += n;
}

void rights_free(struct rights *r)
{
    for (unsigned i = 0; r && i < r->count; i++)
        file_unref(r->files[i]);
    kfree(r);
}

uint8_t *socket_bounce(void)
{
    static uint8_t *bounce;
    if (!bounce)
        bounce = kpages_alloc(BOUNCE_SIZE / 4096);
    return bounce;
}

bool socket_nonblocking(const struct file *f, unsigned flags)
{
    return f->flags & O_NONBLOCK || flags & MSG_DONTWAIT;
}

uint64_t socket_deadline(uint64_t timeout)
{
    return timeout ? clock_ns(CLOCK_MONOTONIC) + timeout : NEVER;
}

long socket_wait_result(long blocked, uint64_t deadline)
{
    if (blocked == -EINTR) // as Linux's sock_intr_errno()
        return deadline == NEVER ? -ERESTARTSYS : -EINTR;
    return blocked == -ETIMEDOUT ? -EAGAIN : MIN(blocked, 0);
}

struct socket *socket_of(const struct file *f)
{
    return f->priv;
}

static struct user_io user_io_on(const struct iovec *iov, unsigned count)
{
    struct user_io io = {.iov = iov, .count = count};
    for (unsigned i = 0; i < count; i++)
        io.left += iov[i].iov_len;
    return io;
}

long socket_read_vector(struct file *f, const struct iovec *iov, unsigned count)
{
    struct message m = {.io = user_io_on(iov, count)};
    long r = socket_of(f)->ops->receive(f, &m, 0);
    rights_free(m.rights);
    return r;
}

long socket_write_vector(struct file *f, const struct iovec *iov, unsigned count)
{
    struct message m = {.io = user_io_on(iov, count)};
    return socket_of(f)->ops->send(f, &m, 0);
}

static long socket_read(struct file *f, void *buffer, size_t size, uint64_t pos)
{
    (void)pos;
    struct iovec iov = {buffer, size};
    return size ? socket_read_vector(f, &iov, 1) : 0;
}

static long socket_write(struct file *f, const void *buffer, size_t size, uint64_t pos)
{
    (void)pos;
    struct iovec iov = {(void *)(uintptr_t)buffer, size};
    return socket_write_vector(f, &iov, 1);
}

static long socket_stat(struct file *f, struct stat *ret)
{
    *ret = (struct stat){
        .st_mode = S_IFSOCK | 0777,
        .st_nlink = 1,
        .st_blksize = 4096,
        .st_ino = socket_of(f)->inode,
    };
    return 0;
}

static long socket_ioctl(struct file *f, unsigned request, uint64_t argument)
{
    int value;
    long r;
    switch (request) {
    case FIONREAD:
        r = socket_of(f)->listening ? -EINVAL : socket_of(f)->ops->pending(f);
        if (r < 0)
            return r;
        value = (int)r;
        return copy_to_user(argument, &value, sizeof(value));
    case FIONBIO:
        r = copy_from_user(&value, argument, sizeof(value));
        if (r == 0)
            f->flags = value ? f->flags | O_NONBLOCK : f->flags & ~O_NONBLOCK;
        return r;
    default:
        return -ENOTTY;
    }
}

static uint32_t socket_poll(struct file *f)
{
    return socket_of(f)->ops->poll ? socket_of(f)->ops->poll(f) : 0;
}

static int socket_host_fd(struct file *f)
{
    return socket_of(f)->ops->host_fd ? socket_of(f)->ops->host_fd(f) : -1;
}

static void socket_release(struct file *f)
{
    socket_of(f)->ops->release(f);
}

static const struct file_ops socket_file_ops = {
    .read_vector = socket_read_vector,
    .write_vector = socket_write_vector,
    .name = "socket",
    .read = socket_read,
    .write = socket_write,
    .stat = socket_stat,
    .ioctl = socket_ioctl,
    .poll = socket_poll,
    .host_fd = socket_host_fd,
    .release = socket_release,
};

bool file_is_socket(const struct file *f)
{
    return f->ops == &socket_file_ops;
}

struct file *socket_file_new(struct socket *s, int flags)
{
    static uint64_t next_inode = 1;
    s->inode = next_inode++;
    return file_new(&socket_file_ops, O_RDWR | (flags & O_NONBLOCK), s);
}

long socket_create(int family, int type, int protocol, struct file **ret)
{
    struct socket *s;
    long r = -EAFNOSUPPORT;
    int kind = type & SOCK_TYPE_MASK;
    if (family == AF_INET || family == AF_INET6)
        r = inet_create(family, kind, protocol, &s);
    else if (family == AF_UNIX)
        r = unix_create(kind, protocol, &s);
    if (r < 0)
        return r;
    struct file *f = socket_file_new(s, type);
    if (!f) {
        struct file temporary = {.priv = s};
        s->ops->release(&temporary);
        return -ENOMEM;
    }
    if (family == AF_UNIX)
        unix_set_file(s, f);
    *ret = f;
    return 0;
}

long socket_pair(int family, int type, int protocol, struct file *ret[2])
{
    if (family != AF_UNIX)
        return family == AF_INET || family == AF_INET6 ? -EOPNOTSUPP : -EAFNOSUPPORT;
    return unix_pair(type, protocol, ret);
}

struct linux_timeval {
    int64_t sec, usec;
};

static long timeout_decode(struct span value, uint64_t *ret)
{
    struct linux_timeval tv;
    if (value.size < sizeof(tv))
        return -EINVAL;
    memcpy(&tv, value.data, sizeof(tv));
    if (tv.usec < 0 || tv.usec >= 1000000)
        return -EDOM;
    if (tv.sec < 0) {
        *ret = 1; // Linux: times out at once
        return 0;
    }
    uint64_t ns = (uint64_t)MIN(tv.sec, 1000000000) * SECOND + (uint64_t)tv.usec * 1000;
    *ret = ns;
    return 0;
}

long socket_set_option(struct file *f, int level, int name, struct span value)
{
    struct socket *s = socket_of(f);
    if (level == SOL_SOCKET) {
        switch (name) {
        case SO_RCVTIMEO_OLD:
        case SO_RCVTIMEO_NEW:
            return timeout_decode(value, &s->receive_timeout);
        case SO_SNDTIMEO_OLD:
        case SO_SNDTIMEO_NEW:
            return timeout_decode(value, &s->send_timeout);
        case SO_TYPE:
        case SO_DOMAIN:
        case SO_PROTOCOL:
        case SO_ERROR:
        case SO_ACCEPTCONN:
        case SO_PEERCRED:
            return -ENOPROTOOPT;
        }
    }
    return s->ops->set_option(f, level, name, value);
}

static long timeout_encode(uint64_t ns, void *ret)
{
    struct linux_timeval tv = {(int64_t)(ns / SECOND), (int64_t)(ns % SECOND / 1000)};
    memcpy(ret, &tv, sizeof(tv));
    return sizeof(tv);
}

long socket_get_option(struct file *f, int level, int name, void *ret)
{
    const struct socket *s = socket_of(f);
    int value = -1;
    if (level == SOL_SOCKET) {
        switch (name) {
        case SO_RCVTIMEO_OLD:
        case SO_RCVTIMEO_NEW:
            return timeout_encode(s->receive_timeout, ret);
        case SO_SNDTIMEO_OLD:
        case SO_SNDTIMEO_NEW:
            return timeout_encode(s->send_timeout, ret);
        case SO_TYPE:
            value = s->type;
            break;
        case SO_DOMAIN:
            value = s->family;
            break;
        case SO_PROTOCOL:
            value = s->protocol;
            break;
        case SO_ACCEPTCONN:
            value = s->listening;
            break;
        }
    }
    if (value < 0)
        return s->ops->get_option(f, level, name, ret);
    memcpy(ret, &value, sizeof(value));
    return sizeof(value);
}
