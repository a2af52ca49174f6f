// SPDX-License-Identifier: Apache-2.0
// Tasks (the program's threads) and how they wait. One process an enclave.
//
// - A wait queue wakes tasks that sleep on it; waitq_wake() is the only thing an event source does.
// - task_block() is the only place where a task stops running: it drops the kernel lock, waits in the
//   host's poll() and takes the lock again. The caller then looks again at what it waited for: a wake-up
//   is only a hint, since the host may always return early.
#ifndef KERNEL_TASK_H
#define KERNEL_TASK_H

#include <asm/signal.h>

#include "abi/hostcall/hostcall.h"
#include "kernel/lib/lib.h"

struct task;

struct waitq {
    struct list waiters;
};

struct wait_entry {
    struct list node;
    struct task *task;
};

static inline void waitq_init(struct waitq *q)
{
    list_init(&q->waiters);
}

// The current task waits on q from now on, until wait_remove(); it may wait on many at once. To lose no
// wake-up: add first, then look whether there is a reason to block.
void wait_add(struct wait_entry *entry, struct waitq *q);
void wait_remove(struct wait_entry *entry);

// Wakes up to `count` tasks that wait on q (all: ~0u).
void waitq_wake(struct waitq *q, unsigned count);

#define NEVER (~0ull)

// Sleeps until somebody wakes the task by a queue, one of the host descriptors is ready, the deadline
// (CLOCK_MONOTONIC ns, NEVER for none) passes or a signal comes. `fds` may be NULL when count is 0;
// revents are filled in. 0: woken or ready; -ETIMEDOUT; -EINTR: a signal is pending (system calls return
// -ERESTARTSYS or -EINTR as Linux does).
long task_block(struct host_pollfd *fds, unsigned count, uint64_t deadline_ns);

// The common case: wait on one queue.
long waitq_sleep(struct waitq *q, uint64_t deadline_ns);

bool task_signal_pending(void);
// Sends a signal to the process, as kill(getpid(), signal) does (for SIGPIPE and such use task_raise).
void process_signal(int signal);
void task_raise(int signal); // to the current task

// Host's clocks: CLOCK_REALTIME, CLOCK_MONOTONIC, …; monotonic never goes back.
uint64_t clock_ns(int clock);

int task_tid(void);
int process_pid(void);

#define ERESTARTSYS 512 // as in Linux: internal; becomes EINTR or a restart

#endif
