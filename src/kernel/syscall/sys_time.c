// SPDX-License-Identifier: Apache-2.0
// System calls on time.
#include "kernel/mm/mm.h"
#include "kernel/syscall/syscall.h"
#include "kernel/task/clock.h"
#include "kernel/task/task_private.h"

static bool clock_known(uint64_t clock)
{
    return clock <= CLOCK_TAI;
}

SYSCALL(clock_gettime)
{
    if (!clock_known(a[0]))
        return -EINVAL;
    return timespec_to_user(a[1], clock_ns((int)a[0]));
}

SYSCALL(clock_getres)
{
    if (!clock_known(a[0]))
        return -EINVAL;
    uint64_t resolution =
        a[0] == CLOCK_REALTIME_COARSE || a[0] == CLOCK_MONOTONIC_COARSE ? 4000000 : 1;
    return a[1] ? timespec_to_user(a[1], resolution) : 0;
}

SYSCALL(clock_settime)
{
    (void)a;
    return -EPERM;
}

SYSCALL(gettimeofday)
{
    uint64_t now = clock_ns(CLOCK_REALTIME);
    int64_t tv[2] = {(int64_t)(now / NS_PER_S), (int64_t)(now % NS_PER_S / 1000)};
    uint32_t zone[2] = {0, 0};
    if (a[0] && copy_to_user(a[0], tv, sizeof tv) < 0)
        return -EFAULT;
    return a[1] ? copy_to_user(a[1], zone, sizeof zone) : 0;
}

SYSCALL(time)
{
    int64_t now = (int64_t)(clock_ns(CLOCK_REALTIME) / NS_PER_S);
    if (a[0] && copy_to_user(a[0], &now, sizeof now) < 0)
        return -EFAULT;
    return now;
}

static long sleep_until(uint64_t deadline, uint64_t user_left)
{
    long r = 0;
    while (r == 0)
        r = task_block(NULL, 0, deadline);
    if (r == -ETIMEDOUT)
        return 0;
    if (r == -EINTR && user_left) {
        uint64_t now = clock_ns(CLOCK_MONOTONIC);
        (void)timespec_to_user(user_left, deadline > now ? deadline - now : 0);
    }
    return r;
}

SYSCALL(nanosleep)
{
    uint64_t ns;
    long r = timespec_from_user(a[0], &ns);
    return r < 0 ? r : sleep_until(deadline_after(ns), a[1]);
}

SYSCALL(clock_nanosleep)
{
    uint64_t ns;
    long r = timespec_from_user(a[2], &ns);
    if (r < 0)
        return r;
    if (!clock_known(a[0]) || a[0] == CLOCK_THREAD_CPUTIME_ID)
        return -EINVAL;
    if (!(a[1] & TIMER_ABSTIME))
        return sleep_until(deadline_after(ns), a[3]);
    return sleep_until(a[0] == CLOCK_REALTIME ? deadline_from_realtime(ns) : ns, 0);
}

SYSCALL(times)
{
    uint64_t ticks = clock_ns(CLOCK_PROCESS_CPUTIME_ID) / 10000000;
    uint64_t tms[4] = {ticks, 0, 0, 0};
    if (a[0] && copy_to_user(a[0], tms, sizeof tms) < 0)
        return -EFAULT;
    return (long)(clock_ns(CLOCK_MONOTONIC) / 10000000);
}

SYSCALL(getrusage)
{
    if ((int)a[0] < -1 || (int)a[0] > 1)
        return -EINVAL;
    int64_t usage[18] = {0};
    if ((int)a[0] != -1) { // RUSAGE_CHILDREN: there are none
        uint64_t cpu =
            clock_ns((int)a[0] == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_PROCESS_CPUTIME_ID);
        usage[0] = (int64_t)(cpu / NS_PER_S);
        usage[1] = (int64_t)(cpu % NS_PER_S / 1000);
        usage[4] = (int64_t)(epc_peak() / 1024);
    }
    return copy_to_user(a[1], usage, sizeof usage);
}

static long itimer_to_user(uint64_t user, uint64_t value, uint64_t interval)
{
    int64_t it[4] = {(int64_t)(interval / NS_PER_S), (int64_t)(interval % NS_PER_S / 1000),
                     (int64_t)(value / NS_PER_S), (int64_t)(value % NS_PER_S / 1000)};
    return copy_to_user(user, it, sizeof it);
}

SYSCALL(setitimer)
{
    if (a[0] > 2)
        return -EINVAL;
    if (a[0] != 0)
        return -ENOSYS; // ITIMER_VIRTUAL and _PROF
    uint64_t interval = 0, value = 0, old_interval, old;
    if (a[1] &&
        (timeval_from_user(a[1], &interval) < 0 || timeval_from_user(a[1] + 16, &value) < 0))
        return -EINVAL;
    old = alarm_set(value, interval, &old_interval);
    return a[2] ? itimer_to_user(a[2], old, old_interval) : 0;
}

SYSCALL(getitimer)
{
    if (a[0] > 2)
        return -EINVAL;
    uint64_t interval = 0, value = a[0] == 0 ? alarm_get(&interval) : 0;
    return itimer_to_user(a[1], value, interval);
}

SYSCALL(alarm)
{
    uint64_t interval, left = alarm_set((a[0] & 0xffffffff) * NS_PER_S, 0, &interval);
    return (long)((left + NS_PER_S - 1) / NS_PER_S);
}
