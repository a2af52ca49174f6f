// SPDX-License-Identifier: Apache-2.0
// The C library's functions, for a program linked with --wrap (names in wrap.txt): each goes to the
// handler of
// the system call of the kernel under test.
#include "shim.h"

#include <stdarg.h>

#define HANDLER(name)   long sys_##name(const uint64_t *a)
#define CALL(name, ...) shim_syscall(sys_##name, (const uint64_t[6]){__VA_ARGS__})
#define U(x)            ((uint64_t)(x))

#define WRAP1(type, name, sys, T1)     \
    HANDLER(sys);                      \
    type __wrap_##name(T1 x1);         \
    type __wrap_##name(T1 x1)          \
    {                                  \
        return (type)CALL(sys, U(x1)); \
    }
#define WRAP2(type, name, sys, T1, T2)        \
    HANDLER(sys);                             \
    type __wrap_##name(T1 x1, T2 x2);         \
    type __wrap_##name(T1 x1, T2 x2)          \
    {                                         \
        return (type)CALL(sys, U(x1), U(x2)); \
    }
#define WRAP3(type, name, sys, T1, T2, T3)           \
    HANDLER(sys);                                    \
    type __wrap_##name(T1 x1, T2 x2, T3 x3);         \
    type __wrap_##name(T1 x1, T2 x2, T3 x3)          \
    {                                                \
        return (type)CALL(sys, U(x1), U(x2), U(x3)); \
    }
#define WRAP4(type, name, sys, T1, T2, T3, T4)              \
    HANDLER(sys);                                           \
    type __wrap_##name(T1 x1, T2 x2, T3 x3, T4 x4);         \
    type __wrap_##name(T1 x1, T2 x2, T3 x3, T4 x4)          \
    {                                                       \
        return (type)CALL(sys, U(x1), U(x2), U(x3), U(x4)); \
    }
#define WRAP5(type, name, sys, T1, T2, T3, T4, T5)                 \
    HANDLER(sys);                                                  \
    type __wrap_##name(T1 x1, T2 x2, T3 x3, T4 x4, T5 x5);         \
    type __wrap_##name(T1 x1, T2 x2, T3 x3, T4 x4, T5 x5)          \
    {                                                              \
        return (type)CALL(sys, U(x1), U(x2), U(x3), U(x4), U(x5)); \
    }
#define WRAP6(type, name, sys, T1, T2, T3, T4, T5, T6)                    \
    HANDLER(sys);                                                         \
    type __wrap_##name(T1 x1, T2 x2, T3 x3, T4 x4, T5 x5, T6 x6);         \
    type __wrap_##name(T1 x1, T2 x2, T3 x3, T4 x4, T5 x5, T6 x6)          \
    {                                                                     \
        return (type)CALL(sys, U(x1), U(x2), U(x3), U(x4), U(x5), U(x6)); \
    }

typedef void *P;
WRAP3(int, socket, socket, int, int, int)
WRAP4(int, socketpair, socketpair, int, int, int, P)
WRAP3(int, bind, bind, int, P, unsigned)
WRAP3(int, connect, connect, int, P, unsigned)
WRAP2(int, listen, listen, int, int)
WRAP3(int, accept, accept, int, P, P)
WRAP4(int, accept4, accept4, int, P, P, int)
WRAP3(int, getsockname, getsockname, int, P, P)
WRAP3(int, getpeername, getpeername, int, P, P)
WRAP2(int, shutdown, shutdown, int, int)
WRAP5(int, setsockopt, setsockopt, int, int, int, P, unsigned)
WRAP5(int, getsockopt, getsockopt, int, int, int, P, P)
WRAP6(long, sendto, sendto, int, P, size_t, int, P, unsigned)
WRAP6(long, recvfrom, recvfrom, int, P, size_t, int, P, P)
WRAP4(long, send, sendto, int, P, size_t, int)
WRAP4(long, recv, recvfrom, int, P, size_t, int)
WRAP3(long, sendmsg, sendmsg, int, P, int)
WRAP3(long, recvmsg, recvmsg, int, P, int)
WRAP4(int, sendmmsg, sendmmsg, int, P, unsigned, int)
WRAP5(int, recvmmsg, recvmmsg, int, P, unsigned, int, P)
WRAP1(int, pipe, pipe, P)
WRAP2(int, pipe2, pipe2, P, int)
WRAP2(int, eventfd, eventfd2, unsigned, int)
WRAP2(int, timerfd_create, timerfd_create, int, int)
WRAP4(int, timerfd_settime, timerfd_settime, int, int, P, P)
WRAP2(int, timerfd_gettime, timerfd_gettime, int, P)
WRAP3(int, poll, poll, P, unsigned long, int)
WRAP5(int, select, select, int, P, P, P, P)
WRAP1(int, epoll_create1, epoll_create1, int)
WRAP4(int, epoll_ctl, epoll_ctl, int, int, int, P)
WRAP4(int, epoll_wait, epoll_wait, int, P, int, int)
WRAP3(long, read, shim_read, int, P, size_t)
WRAP3(long, write, shim_write, int, P, size_t)
WRAP1(int, close, shim_close, int)
WRAP1(int, dup, shim_dup, int)

HANDLER(shim_ioctl);
int __wrap_ioctl(int fd, unsigned long request, void *argument);
int __wrap_ioctl(int fd, unsigned long request, void *argument)
{
    return (int)CALL(shim_ioctl, U(fd), request, U(argument));
}

HANDLER(shim_fcntl);
int __wrap_fcntl(int fd, int command, unsigned long argument);
int __wrap_fcntl(int fd, int command, unsigned long argument)
{
    return (int)CALL(shim_fcntl, U(fd), U(command), argument);
}
