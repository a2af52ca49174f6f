// SPDX-License-Identifier: Apache-2.0
// System calls on signals.
#include "kernel/mm/mm.h"
#include "kernel/syscall/syscall.h"
#include "kernel/task/clock.h"
#include "kernel/task/signal.h"

#define UNBLOCKABLE (SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP))

SYSCALL(rt_sigaction)
{
    int signal = (int)a[0];
    if (signal < 1 || signal > SIGNAL_COUNT || a[3] != sizeof(sigset))
        return -EINVAL;
    struct ksigaction *action = signal_action(signal), old = *action, new;
    if (a[1]) {
        if (signal == SIGKILL || signal == SIGSTOP)
            return -EINVAL;
        if (copy_from_user(&new, a[1], sizeof new) < 0)
            return -EFAULT;
    }
    if (a[2] && copy_to_user(a[2], &old, sizeof old) < 0)
        return -EFAULT;
    if (a[1]) {
        new.mask &= ~UNBLOCKABLE;
        *action = new;
    }
    return 0;
}

SYSCALL(rt_sigprocmask)
{
    struct task *t = current();
    sigset old = t->blocked, set;
    if (a[3] != sizeof(sigset))
        return -EINVAL;
    if (a[1]) {
        if (copy_from_user(&set, a[1], sizeof set) < 0)
            return -EFAULT;
        if (a[0] == SIG_BLOCK)
            set = old | set;
        else if (a[0] == SIG_UNBLOCK)
            set = old & ~set;
        else if (a[0] != SIG_SETMASK)
            return -EINVAL;
        t->blocked = set & ~UNBLOCKABLE;
    }
    return a[2] ? copy_to_user(a[2], &old, sizeof old) : 0;
}

SYSCALL(rt_sigpending)
{
    sigset set = signal_pending_set(current()) & current()->blocked;
    return a[1] > sizeof set ? -EINVAL : copy_to_user(a[0], &set, a[1]);
}

SYSCALL(rt_sigreturn)
{
    (void)a;
    struct trap_frame *frame = current()->frame;
    if (signal_return(frame) < 0)
        signal_force(current(), SIGSEGV, SI_KERNEL, 0);
    frame->orig_rax = ~0ull;
    return 0;
}

static long wait_for_signal(void)
{
    long r = 0;
    while (r == 0)
        r = task_block(NULL, 0, NEVER);
    return -EINTR;
}

SYSCALL(rt_sigsuspend)
{
    sigset set, old;
    if (a[1] != sizeof set)
        return -EINVAL;
    if (copy_from_user(&set, a[0], sizeof set) < 0)
        return -EFAULT;
    task_sigmask_swap(&set, &old);
    long r = wait_for_signal();
    task_sigmask_restore_later(old);
    return r;
}

SYSCALL(pause)
{
    (void)a;
    return wait_for_signal();
}

SYSCALL(rt_sigtimedwait)
{
    struct task *t = current();
    sigset set;
    uint64_t deadline = NEVER, ns;
    if (a[3] != sizeof set)
        return -EINVAL;
    if (copy_from_user(&set, a[0], sizeof set) < 0)
        return -EFAULT;
    if (a[2]) {
        long r = timespec_from_user(a[2], &ns);
        if (r < 0)
            return r;
        deadline = deadline_after(ns);
    }
    siginfo_t info;
    sigset old = t->blocked;
    int signal = signal_take(t, set, &info);
    for (long r = 0; !signal && r == 0;) {
        t->blocked = old & ~set; // so that the wait ends for them
        r = task_block(NULL, 0, deadline);
        t->blocked = old;
        signal = signal_take(t, set, &info);
        if (!signal && r < 0)
            return r == -ETIMEDOUT ? -EAGAIN : -EINTR;
    }
    if (a[1] && copy_to_user(a[1], &info, sizeof info) < 0)
        return -EFAULT;
    return signal;
}

SYSCALL(sigaltstack)
{
    struct task *t = current();
    struct {
        uint64_t base;
        uint32_t flags, pad;
        uint64_t size;
    } old = {t->altstack_base, t->altstack_size ? 0 : SS_DISABLE, 0, t->altstack_size}, new;
    uint64_t rsp = t->frame->rsp;
    bool on =
        t->altstack_size && rsp > t->altstack_base && rsp - t->altstack_base <= t->altstack_size;
    if (on)
        old.flags = SS_ONSTACK;
    if (a[0]) {
        if (copy_from_user(&new, a[0], sizeof new) < 0)
            return -EFAULT;
        if (on)
            return -EPERM;
        if (new.flags & ~(uint32_t)(SS_DISABLE | SS_AUTODISARM | SS_ONSTACK))
            return -EINVAL;
        if (!(new.flags &SS_DISABLE) && new.size < 2048)
            return -ENOMEM;
    }
    if (a[1] && copy_to_user(a[1], &old, sizeof old) < 0)
        return -EFAULT;
    if (a[0]) {
        t->altstack_base = new.base;
        t->altstack_size = new.flags &SS_DISABLE ? 0 : new.size;
    }
    return 0;
}

SYSCALL(kill)
{
    int pid = (int)a[0];
    if (pid != process_pid() && pid != 0 && pid != -1 && pid != -process_pid())
        return -ESRCH;
    return signal_send(NULL, (int)a[1], NULL);
}

static long send_to_thread(int tid, int signal)
{
    struct task *t = task_by_tid(tid);
    if (tid <= 0)
        return -EINVAL;
    if (!t)
        return -ESRCH;
    siginfo_t info;
    memset(&info, 0, sizeof info);
    info.si_signo = signal;
    info.si_code = SI_TKILL;
    info._sifields._kill._pid = process_pid();
    return signal_send(t, signal, &info);
}

SYSCALL(tkill)
{
    return send_to_thread((int)a[0], (int)a[1]);
}

SYSCALL(tgkill)
{
    return (int)a[0] == process_pid() ? send_to_thread((int)a[1], (int)a[2]) : -ESRCH;
}

SYSCALL(rt_sigqueueinfo)
{
    siginfo_t info;
    if ((int)a[0] != process_pid())
        return -ESRCH;
    if (copy_from_user(&info, a[2], sizeof info) < 0)
        return -EFAULT;
    info.si_signo = (int)a[1];
    return signal_send(NULL, (int)a[1], &info);
}

SYSCALL(rt_tgsigqueueinfo)
{
    siginfo_t info;
    struct task *t = task_by_tid((int)a[1]);
    if ((int)a[0] != process_pid() || !t)
        return -ESRCH;
    if (copy_from_user(&info, a[3], sizeof info) < 0)
        return -EFAULT;
    info.si_signo = (int)a[2];
    return signal_send(t, (int)a[2], &info);
}
