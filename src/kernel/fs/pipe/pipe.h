// SPDX-License-Identifier: Apache-2.0
// Files that live in the enclave and carry events: pipes, eventfd, timerfd.
#ifndef KERNEL_FS_PIPE_PIPE_H
#define KERNEL_FS_PIPE_PIPE_H

#include <linux/timerfd.h>

#include "kernel/vfs/file.h"

#define PIPE_CAPACITY     65536u
#define PIPE_CAPACITY_MAX 1048576u

// flags: O_NONBLOCK or 0, for both ends. One reference each.
long pipe_create(int flags, struct file **ret_read, struct file **ret_write);
bool file_is_pipe(const struct file *f);
// F_GETPIPE_SZ and F_SETPIPE_SZ; -EBADF for other files.
long pipe_fcntl(struct file *f, unsigned command, uint64_t argument);

// flags: EFD_SEMAPHORE (1), O_NONBLOCK.
long eventfd_create(uint32_t initial, int flags, struct file **ret);

long timerfd_create_file(int clock, int flags, struct file **ret);
bool file_is_timerfd(const struct file *f);
long timerfd_set(struct file *f, int flags, const struct __kernel_itimerspec *value,
                 struct __kernel_itimerspec *ret_old);
void timerfd_get(struct file *f, struct __kernel_itimerspec *ret);
// When the timer fires next, on CLOCK_MONOTONIC; NEVER when it is off or f is no timerfd. In the past when it
// fired and was not read.
uint64_t timerfd_deadline(const struct file *f);

#endif
