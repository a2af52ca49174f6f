// SPDX-License-Identifier: Apache-2.0
// System calls that tell about the machine: constant answers, none of them the host's.
#include <linux/random.h>
#include <linux/resource.h>
#include <linux/sysinfo.h>
#include <linux/utsname.h>

#include "kernel/mm/mm.h"
#include "kernel/syscall/limits.h"
#include "kernel/syscall/syscall.h"
#include "kernel/task/clock.h"
#include "kernel/task/task_private.h"
#include "kernel/vfs/vfs.h"

SYSCALL(uname)
{
    struct new_utsname u = {"Linux", "cloister", "6.1.0", "#1 SMP Cloister", "x86_64", "(none)"};
    return copy_to_user(a[0], &u, sizeof u);
}

SYSCALL(sysinfo)
{
    struct sysinfo s;
    memset(&s, 0, sizeof s);
    s.uptime = (long)(clock_ns(CLOCK_MONOTONIC) / NS_PER_S);
    s.totalram = ((const struct enclave_params *)PARAMS_BASE)->heap_max;
    s.freeram = s.totalram - MIN(s.totalram, epc_used());
    s.procs = (uint16_t)task_count();
    s.mem_unit = 1;
    return copy_to_user(a[0], &s, sizeof s);
}

SYSCALL(getrandom)
{
    if (a[2] & ~(uint64_t)(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE))
        return -EINVAL;
    uint8_t buffer[256];
    uint64_t size = MIN(a[1], (uint64_t)0x1ffffff), done = 0;
    while (done < size) {
        size_t part = MIN(size - done, sizeof buffer);
        krandom(buffer, part);
        if (copy_to_user(a[0] + done, buffer, part) < 0)
            break;
        done += part;
    }
    wipe(buffer, sizeof buffer);
    return done || size == 0 ? (long)done : -EFAULT;
}

static struct rlimit64 limits[RLIM_NLIMITS] = {
#define UNLIMITED    \
    {                \
        ~0ull, ~0ull \
    }
    [RLIMIT_CPU] = UNLIMITED,
    [RLIMIT_FSIZE] = UNLIMITED,
    [RLIMIT_DATA] = UNLIMITED,
    [RLIMIT_STACK] = {8 << 20, ~0ull},
    [RLIMIT_CORE] = {0, 0},
    [RLIMIT_RSS] = UNLIMITED,
    [RLIMIT_NPROC] = {256, 256},
    [RLIMIT_NOFILE] = {1024, 65536},
    [RLIMIT_MEMLOCK] = UNLIMITED,
    [RLIMIT_AS] = UNLIMITED,
    [RLIMIT_LOCKS] = UNLIMITED,
    [RLIMIT_SIGPENDING] = {64, 64},
    [RLIMIT_MSGQUEUE] = {819200, 819200},
    [RLIMIT_NICE] = {0, 0},
    [RLIMIT_RTPRIO] = {0, 0},
    [RLIMIT_RTTIME] = UNLIMITED,
};

void rlimit_set_stack(uint64_t size)
{
    limits[RLIMIT_STACK].rlim_cur = size;
}

static long limit(uint64_t resource, uint64_t user_new, uint64_t user_old)
{
    if (resource >= RLIM_NLIMITS)
        return -EINVAL;
    struct rlimit64 new, old = limits[resource];
    if (user_new) {
        if (copy_from_user(&new, user_new, sizeof new) < 0)
            return -EFAULT;
        if (new.rlim_cur > new.rlim_max)
            return -EINVAL;
        if (new.rlim_max > old.rlim_max)
            return -EPERM;
        limits[resource] = new;
        if (resource == RLIMIT_NOFILE)
            fd_set_limit(new.rlim_cur);
    }
    return user_old ? copy_to_user(user_old, &old, sizeof old) : 0;
}

SYSCALL(prlimit64)
{
    if (a[0] && (int)a[0] != process_pid())
        return -ESRCH;
    return limit(a[1], a[2], a[3]);
}

SYSCALL(getrlimit)
{
    return limit(a[0], 0, a[1]);
}

SYSCALL(setrlimit)
{
    return limit(a[0], a[1], 0);
}
