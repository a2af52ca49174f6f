// SPDX-License-Identifier: Apache-2.0
// Sockets. All of them are non-blocking: the kernel waits in poll.
#include "host/calls/calls.h"

#include <sys/ioctl.h>
#include <sys/socket.h>

long hostcall_do_sock_open(struct host_thread *t, uint32_t family, uint32_t type, uint32_t protocol)
{
    (void)t;
    int native = (int)(type & 0xf) | SOCK_NONBLOCK | SOCK_CLOEXEC;
    return calls_answer(socket((int)family, native, (int)protocol));
}

long hostcall_do_sock_bind(struct host_thread *t, uint32_t fd, const void *address,
                           size_t address_size)
{
    (void)t;
    return calls_answer(bind((int)fd, address, (socklen_t)address_size));
}

long hostcall_do_sock_listen(struct host_thread *t, uint32_t fd, uint32_t backlog)
{
    (void)t;
    return calls_answer(listen((int)fd, (int)backlog));
}

// The size that the kernel is told never exceeds what was written.
static void size_limit(socklen_t size, size_t capacity, size_t *ret_size)
{
    *ret_size = size < capacity ? size : capacity;
}

long hostcall_do_sock_accept(struct host_thread *t, uint32_t fd, void *address,
                             size_t address_capacity, size_t *ret_address_size)
{
    (void)t;
    socklen_t size = (socklen_t)address_capacity;
    int got = accept4((int)fd, address, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (got < 0)
        return -errno;
    size_limit(size, address_capacity, ret_address_size);
    return got;
}

long hostcall_do_sock_connect(struct host_thread *t, uint32_t fd, const void *address,
                              size_t address_size)
{
    (void)t;
    return calls_answer(connect((int)fd, address, (socklen_t)address_size));
}

long hostcall_do_sock_send(struct host_thread *t, uint32_t fd, uint32_t flags, const void *data,
                           size_t data_size, const void *address, size_t address_size)
{
    (void)t;
    return calls_answer(sendto((int)fd, data, data_size, (int)flags | MSG_NOSIGNAL | MSG_DONTWAIT,
                               address_size ? address : NULL, (socklen_t)address_size));
}

long hostcall_do_sock_recv(struct host_thread *t, uint32_t fd, uint32_t flags, void *data,
                           size_t data_capacity, void *address, size_t address_capacity,
                           size_t *ret_address_size)
{
    (void)t;
    socklen_t size = (socklen_t)address_capacity;
    ssize_t got = recvfrom((int)fd, data, data_capacity, (int)flags | MSG_DONTWAIT, address, &size);
    if (got < 0)
        return -errno;
    size_limit(size, address_capacity, ret_address_size);
    return (size_t)got < data_capacity ? got : (long)data_capacity; // MSG_TRUNC says more
}

long hostcall_do_sock_shutdown(struct host_thread *t, uint32_t fd, uint32_t how)
{
    (void)t;
    return calls_answer(shutdown((int)fd, (int)how));
}

long hostcall_do_sock_name(struct host_thread *t, uint32_t fd, uint32_t peer, void *address,
                           size_t address_capacity, size_t *ret_address_size)
{
    (void)t;
    socklen_t size = (socklen_t)address_capacity;
    int ret = peer ? getpeername((int)fd, address, &size) : getsockname((int)fd, address, &size);
    if (ret < 0)
        return -errno;
    size_limit(size, address_capacity, ret_address_size);
    return 0;
}

long hostcall_do_sock_setopt(struct host_thread *t, uint32_t fd, uint32_t level, uint32_t name,
                             const void *value, size_t value_size)
{
    (void)t;
    return calls_answer(setsockopt((int)fd, (int)level, (int)name, value, (socklen_t)value_size));
}

long hostcall_do_sock_getopt(struct host_thread *t, uint32_t fd, uint32_t level, uint32_t name,
                             void *value, size_t value_capacity)
{
    (void)t;
    socklen_t size = (socklen_t)value_capacity;
    if (getsockopt((int)fd, (int)level, (int)name, value, &size) < 0)
        return -errno;
    return size < value_capacity ? (long)size : (long)value_capacity;
}

long hostcall_do_sock_pending(struct host_thread *t, uint32_t fd)
{
    (void)t;
    int pending = 0;
    if (ioctl((int)fd, FIONREAD, &pending) < 0)
        return -errno;
    return pending;
}
