// SPDX-License-Identifier: Apache-2.0
// Between the two halves of the shim: shim.c sees the kernel's headers, shim_host.c the C library's.
#ifndef TESTS_NET_SHIM_H
#define TESTS_NET_SHIM_H

#include <stddef.h>
#include <stdint.h>

struct host_pollfd;

void shim_lock(void); // the kernel lock
void shim_unlock(void);
int shim_wakeup_new(void);
void shim_wakeup(int fd);
// Waits without the lock. Number ready (the wake-up is not counted), 0, or -EINTR.
long shim_wait(int wakeup, struct host_pollfd *fds, unsigned count, uint64_t deadline);

// A system call on the kernel under test; -1 and errno as the C library does.
long shim_syscall(long (*handler)(const uint64_t *a), const uint64_t *a);

extern int shim_sigpipes;        // raised so far
extern unsigned shim_host_polls; // host_poll() and task_block() calls so far
extern int shim_hostile;         // answers of the host are nonsense: see shim_host.c
long shim_result(long r);

uint64_t
clock_ns(int clock); // of kernel/task/task.h, whose other names the C library's headers contradict
int process_pid(void);

#endif
