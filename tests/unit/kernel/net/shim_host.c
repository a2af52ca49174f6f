// SPDX-License-Identifier: Apache-2.0
// The host under the shim: host calls are the machine's own system calls, by number (the test's own calls of
// the C library's socket functions lead to the kernel under test).
#include "shim.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "abi/hostcall/hostcall.h"
#include "kernel/hostcall/stubs.h"

#define NONBLOCK_CLOEXEC 02004000

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
int shim_hostile;

void shim_lock(void)
{
    pthread_mutex_lock(&lock);
}

void shim_unlock(void)
{
    pthread_mutex_unlock(&lock);
}

long shim_result(long r)
{
    if (r >= 0)
        return r;
    errno = (int)-r;
    return -1;
}

static long raw(long r)
{
    return r < 0 ? -errno : r;
}

int shim_wakeup_new(void)
{
    return (int)syscall(SYS_eventfd2, 0, NONBLOCK_CLOEXEC);
}

void shim_wakeup(int fd)
{
    uint64_t one = 1;
    (void)!syscall(SYS_write, fd, &one, sizeof one);
}

uint64_t clock_ns(int clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static long poll_fds(int wakeup, struct host_pollfd *fds, unsigned count,
                     const struct timespec *timeout)
{
    struct pollfd *p = calloc(count + 1, sizeof *p);
    for (unsigned i = 0; i < count; i++)
        p[i] = (struct pollfd){.fd = (int)fds[i].fd, .events = (short)fds[i].events};
    p[count] = (struct pollfd){.fd = wakeup, .events = POLLIN};
    long r = raw(syscall(SYS_ppoll, p, count + 1, timeout, NULL, 8));
    for (unsigned i = 0; i < count; i++)
        fds[i].revents = (uint16_t)p[i].revents;
    free(p);
    return r;
}

long shim_wait(int wakeup, struct host_pollfd *fds, unsigned count, uint64_t deadline)
{
    uint64_t now = clock_ns(CLOCK_MONOTONIC), left = deadline > now ? deadline - now : 0, token;
    struct timespec t = {(time_t)(left / 1000000000u), (long)(left % 1000000000u)};
    shim_unlock();
    long r = poll_fds(wakeup, fds, count, deadline == ~0ull ? NULL : &t);
    (void)!syscall(SYS_read, wakeup, &token, sizeof token);
    shim_lock();
    return r;
}

long host_poll(uint64_t timeout_ns, const void *fds, size_t fds_size, void *ready,
               size_t ready_capacity)
{
    struct timespec t = {(time_t)(timeout_ns / 1000000000u), (long)(timeout_ns % 1000000000u)};
    shim_host_polls++;
    memcpy(ready, fds, ready_capacity);
    return poll_fds(-1, ready, (unsigned)(fds_size / sizeof(struct host_pollfd)), &t);
}

int process_pid(void)
{
    return 1;
}

long host_file_close(uint32_t fd)
{
    return raw(syscall(SYS_close, fd));
}

long host_sock_open(uint32_t family, uint32_t type, uint32_t protocol)
{
    return raw(syscall(SYS_socket, family, type | NONBLOCK_CLOEXEC, protocol));
}

long host_sock_bind(uint32_t fd, const void *address, size_t address_size)
{
    return raw(syscall(SYS_bind, fd, address, address_size));
}

long host_sock_listen(uint32_t fd, uint32_t backlog)
{
    return raw(syscall(SYS_listen, fd, backlog));
}

static void address_out(void *address, size_t *size, unsigned claimed)
{
    *size = claimed;
    if (shim_hostile && claimed)
        ((uint8_t *)address)[0] ^= 1; // another family
}

long host_sock_accept(uint32_t fd, void *address, size_t address_capacity, size_t *ret_address_size)
{
    unsigned size = (unsigned)address_capacity;
    long r = raw(syscall(SYS_accept4, fd, address, &size, NONBLOCK_CLOEXEC));
    if (r >= 0)
        address_out(address, ret_address_size, size);
    return r;
}

long host_sock_connect(uint32_t fd, const void *address, size_t address_size)
{
    return raw(syscall(SYS_connect, fd, address, address_size));
}

long host_sock_send(uint32_t fd, uint32_t flags, const void *data, size_t data_size,
                    const void *address, size_t address_size)
{
    if (shim_hostile)
        return 0;
    return raw(syscall(SYS_sendto, fd, data, data_size, flags, address_size ? address : NULL,
                       address_size));
}

long host_sock_recv(uint32_t fd, uint32_t flags, void *data, size_t data_capacity, void *address,
                    size_t address_capacity, size_t *ret_address_size)
{
    unsigned size = (unsigned)address_capacity;
    long r = raw(syscall(SYS_recvfrom, fd, data, data_capacity, flags, address, &size));
    if (r >= 0)
        address_out(address, ret_address_size, size);
    return r;
}

long host_sock_shutdown(uint32_t fd, uint32_t how)
{
    return raw(syscall(SYS_shutdown, fd, how));
}

long host_sock_name(uint32_t fd, uint32_t peer, void *address, size_t address_capacity,
                    size_t *ret_address_size)
{
    unsigned size = (unsigned)address_capacity;
    long r = raw(syscall(peer ? SYS_getpeername : SYS_getsockname, fd, address, &size));
    if (r >= 0)
        address_out(address, ret_address_size, size);
    return r;
}

long host_sock_setopt(uint32_t fd, uint32_t level, uint32_t name, const void *value,
                      size_t value_size)
{
    return raw(syscall(SYS_setsockopt, fd, level, name, value, value_size));
}

long host_sock_getopt(uint32_t fd, uint32_t level, uint32_t name, void *value,
                      size_t value_capacity)
{
    unsigned size = (unsigned)value_capacity;
    long r = raw(syscall(SYS_getsockopt, fd, level, name, value, &size));
    if (shim_hostile && value_capacity == 4)
        memset(value, 0x7f, 4);
    return r < 0 ? r : (long)size;
}

long host_sock_pending(uint32_t fd)
{
    int n = 0;
    long r = raw(syscall(SYS_ioctl, fd, FIONREAD, &n));
    return r < 0 ? r : n;
}
