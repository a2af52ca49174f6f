// SPDX-License-Identifier: Apache-2.0
// System calls on threads, the process and its identity.
#include <asm/prctl.h>
#include <linux/prctl.h>
#include <linux/resource.h>
#include <linux/sched.h>

#include "kernel/loader/exec.h"
#include "kernel/mm/mm.h"
#include "kernel/syscall/syscall.h"
#include "kernel/task/task_private.h"
#include "kernel/vfs/vfs.h"

SYSCALL(clone)
{
    return task_clone(current()->frame, a[0] & ~0xffull, a[1], a[2], a[3], a[4]);
}

SYSCALL(clone3)
{
    struct clone_args c;
    memset(&c, 0, sizeof c);
    if (a[1] < CLONE_ARGS_SIZE_VER0)
        return -EINVAL;
    if (copy_from_user(&c, a[0], MIN(a[1], sizeof c)) < 0)
        return -EFAULT;
    if (c.set_tid_size || c.cgroup)
        return -EINVAL;
    return task_clone(current()->frame, c.flags, c.stack + c.stack_size, c.parent_tid, c.child_tid,
                      c.tls);
}

SYSCALL(exit)
{
    if (task_count() == 1)
        process_exit((int)a[0] & 0xff);
    task_exit();
}

SYSCALL(exit_group)
{
    process_exit((int)a[0] & 0xff);
}

SYSCALL(execve)
{
    return exec_from_user(current()->frame, a[0], a[1], a[2]);
}

SYSCALL(set_tid_address)
{
    current()->clear_child_tid = a[0];
    return task_tid();
}

SYSCALL(set_robust_list)
{
    if (a[1] != 24)
        return -EINVAL;
    current()->robust_list = a[0];
    current()->robust_list_size = a[1];
    return 0;
}

SYSCALL(get_robust_list)
{
    struct task *t = a[0] ? task_by_tid((int)a[0]) : current();
    if (!t)
        return -ESRCH;
    if (copy_to_user(a[1], &t->robust_list, 8) < 0 ||
        copy_to_user(a[2], &t->robust_list_size, 8) < 0)
        return -EFAULT;
    return 0;
}

SYSCALL(arch_prctl)
{
    uint64_t value;
    switch ((int)a[0]) {
    case ARCH_SET_FS:
        if (a[1] >= ENCLAVE_SIZE)
            return -EPERM;
        __asm__ volatile("wrfsbase %0" : : "r"(a[1]));
        return 0;
    case ARCH_GET_FS:
        __asm__ volatile("rdfsbase %0" : "=r"(value));
        return copy_to_user(a[1], &value, sizeof value);
    case ARCH_SET_GS:
        return -EPERM; // GS is the kernel's
    case ARCH_GET_GS:
        value = 0;
        return copy_to_user(a[1], &value, sizeof value);
    case ARCH_GET_CPUID:
        return 1;
    default:
        return -EINVAL;
    }
}

SYSCALL(prctl)
{
    struct task *t = current();
    switch ((int)a[0]) {
    case PR_SET_NAME: {
        char name[16];
        long r = copy_user_string(name, a[1], sizeof name);
        if (r == -ENAMETOOLONG)
            name[15] = '\0';
        else if (r < 0)
            return r;
        memcpy(t->name, name, sizeof name);
        return 0;
    }
    case PR_GET_NAME:
        return copy_to_user(a[1], t->name, sizeof t->name);
    case PR_GET_DUMPABLE:
    case PR_GET_KEEPCAPS:
    case PR_GET_PDEATHSIG:
    case PR_GET_NO_NEW_PRIVS:
    case PR_SET_DUMPABLE:
    case PR_SET_KEEPCAPS:
    case PR_SET_PDEATHSIG:
    case PR_SET_NO_NEW_PRIVS:
    case PR_SET_TIMERSLACK:
    case PR_SET_CHILD_SUBREAPER:
        return 0;
    case PR_CAPBSET_READ:
        return a[1] <= 40 ? 0 : -EINVAL;
    default:
        return -EINVAL;
    }
}

#define CONSTANT(name, value) \
    SYSCALL(name)             \
    {                         \
        (void)a;              \
        return (value);       \
    }

CONSTANT(gettid, task_tid())
CONSTANT(getpid, process_pid())
CONSTANT(getppid, 0)
CONSTANT(getpgrp, process_pid())
CONSTANT(getpgid, process_pid())
CONSTANT(getsid, process_pid())
CONSTANT(setsid, -EPERM)
CONSTANT(setpgid, 0)
CONSTANT(getuid, vfs_uid())
CONSTANT(geteuid, vfs_uid())
CONSTANT(getgid, vfs_gid())
CONSTANT(getegid, vfs_gid())
CONSTANT(rseq, -ENOSYS) // glibc does without
CONSTANT(wait4, -ECHILD)
CONSTANT(waitid, -ECHILD)
CONSTANT(sched_yield, 0)
CONSTANT(getpriority, 20)
CONSTANT(setpriority, 0)
CONSTANT(sched_getscheduler, 0)
CONSTANT(sched_setscheduler, 0)
CONSTANT(sched_setparam, 0)
CONSTANT(sched_get_priority_max, a[0] == 1 || a[0] == 2 ? 99 : 0)
CONSTANT(sched_get_priority_min, a[0] == 1 || a[0] == 2 ? 1 : 0)
CONSTANT(sched_setaffinity, 0)
CONSTANT(setgroups, 0)
CONSTANT(personality, 0)
CONSTANT(capset, 0)

// One user: root of its enclave or whom the manifest names; changing to oneself is all there is.
#define IDENTITY(name, count, own)                                \
    SYSCALL(name)                                                 \
    {                                                             \
        for (unsigned i = 0; i < (count); i++)                    \
            if ((uint32_t)a[i] != (own) && (uint32_t)a[i] != ~0u) \
                return -EPERM;                                    \
        return 0;                                                 \
    }
IDENTITY(setuid, 1, vfs_uid())
IDENTITY(setgid, 1, vfs_gid())
IDENTITY(setreuid, 2, vfs_uid())
IDENTITY(setregid, 2, vfs_gid())
IDENTITY(setresuid, 3, vfs_uid())
IDENTITY(setresgid, 3, vfs_gid())

static long three_ids(const uint64_t *a, uint32_t id)
{
    for (int i = 0; i < 3; i++)
        if (copy_to_user(a[i], &id, sizeof id) < 0)
            return -EFAULT;
    return 0;
}

SYSCALL(getresuid)
{
    return three_ids(a, vfs_uid());
}

SYSCALL(getresgid)
{
    return three_ids(a, vfs_gid());
}

SYSCALL(getgroups)
{
    (void)a;
    return 0;
}

SYSCALL(capget)
{
    uint32_t header[2], none[6] = {0};
    if (copy_from_user(header, a[0], sizeof header) < 0)
        return -EFAULT;
    size_t size = header[0] == 0x19980330 ? 12 : 24; // _LINUX_CAPABILITY_VERSION_1: one record
    return a[1] ? copy_to_user(a[1], none, size) : 0;
}

SYSCALL(sched_getaffinity)
{
    uint64_t mask = 0;
    unsigned cpus = MIN(task_slots(), 2u);
    mask = (1ull << cpus) - 1;
    if (a[1] < sizeof mask)
        return -EINVAL;
    return copy_to_user(a[2], &mask, sizeof mask) < 0 ? -EFAULT : (long)sizeof mask;
}

SYSCALL(sched_getparam)
{
    uint32_t priority = 0;
    return copy_to_user(a[1], &priority, sizeof priority);
}

SYSCALL(getcpu)
{
    uint32_t zero = 0;
    if ((a[0] && copy_to_user(a[0], &zero, 4) < 0) || (a[1] && copy_to_user(a[1], &zero, 4) < 0))
        return -EFAULT;
    return 0;
}

// Threads here see each other's stores as x86 orders them; a kernel entry of each is an exit away.
SYSCALL(membarrier)
{
    if (a[0] == 0)
        return 0; // MEMBARRIER_CMD_QUERY: none is there
    return -EINVAL;
}
