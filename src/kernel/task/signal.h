// SPDX-License-Identifier: Apache-2.0
// Signals, for the files that share them: actions, the frame on the program's stack.
#ifndef KERNEL_SIGNAL_H
#define KERNEL_SIGNAL_H

#include "kernel/task/task_private.h"

struct ksigaction *signal_action(int signal);
sigset signal_pending_set(const struct task *t);

// Builds the handler's frame on the program's stack and points `frame` at the handler. `saved` is the mask
// that sigreturn restores. -EFAULT when the stack is not writable.
long signal_frame_push(struct trap_frame *frame, int signal, const struct ksigaction *action,
                       const siginfo_t *info, sigset saved);

// For ppoll and friends (kernel/poll): swap the mask now; and if a signal ended the wait, have the old mask
// restored when the handler returns.
void task_sigmask_swap(const uint64_t *new_mask, uint64_t *ret_old);
void task_sigmask_restore_later(uint64_t old);

// How many instructions were served by way of #UD.
void trapped_counts(uint64_t *ret_syscalls, uint64_t *ret_cpuids);

// syscall/dispatch.c: runs the call that the frame describes; its answer is in frame->rax.
void syscall_run(struct trap_frame *frame);

#endif
