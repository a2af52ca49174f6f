// SPDX-License-Identifier: Apache-2.0
// Clocks. Time comes from the host and is not believed further than this: CLOCK_MONOTONIC never goes back,
// and CLOCK_REALTIME never below the time of the start.
#include "kernel/task/clock.h"

#include "kernel/hostcall/stubs.h"
#include "kernel/task/task_private.h"

static uint64_t last_monotonic, first_realtime;
static struct {
    uint64_t deadline; // CLOCK_MONOTONIC, 0: off
    uint64_t interval;
} alarm_timer;

static uint64_t host_clock(int clock)
{
    uint64_t time[2];
    if (host_clock_get((uint32_t)clock, time, sizeof time) < 0 || time[1] >= NS_PER_S ||
        time[0] > 1ull << 33)
        return 0;
    return time[0] * NS_PER_S + time[1];
}

uint64_t clock_ns(int clock)
{
    uint64_t ns = host_clock(clock);
    if (clock == CLOCK_REALTIME) {
        if (!first_realtime)
            first_realtime = ns;
        return MAX(ns, first_realtime);
    }
    if (clock == CLOCK_MONOTONIC) {
        last_monotonic = MAX(ns, last_monotonic);
        return last_monotonic;
    }
    return ns;
}

uint64_t boot_realtime_ns(void)
{
    return first_realtime;
}

long timespec_from_user(uint64_t user, uint64_t *ret_ns)
{
    struct __kernel_timespec ts;
    if (copy_from_user(&ts, user, sizeof ts) < 0)
        return -EFAULT;
    if (ts.tv_sec < 0 || ts.tv_nsec < 0 || ts.tv_nsec >= (long long)NS_PER_S)
        return -EINVAL;
    uint64_t seconds = MIN((uint64_t)ts.tv_sec, (uint64_t)1 << 33);
    *ret_ns = seconds * NS_PER_S + (uint64_t)ts.tv_nsec;
    return 0;
}

long timespec_to_user(uint64_t user, uint64_t ns)
{
    struct __kernel_timespec ts = {(long long)(ns / NS_PER_S), (long long)(ns % NS_PER_S)};
    return copy_to_user(user, &ts, sizeof ts);
}

long timeval_from_user(uint64_t user, uint64_t *ret_ns)
{
    int64_t tv[2];
    if (copy_from_user(tv, user, sizeof tv) < 0)
        return -EFAULT;
    if (tv[0] < 0 || tv[1] < 0 || tv[1] >= 1000000)
        return -EINVAL;
    *ret_ns = MIN((uint64_t)tv[0], (uint64_t)1 << 33) * NS_PER_S + (uint64_t)tv[1] * 1000;
    return 0;
}

uint64_t deadline_after(uint64_t ns)
{
    return clock_ns(CLOCK_MONOTONIC) + ns;
}

uint64_t deadline_from_realtime(uint64_t realtime_ns)
{
    uint64_t now = clock_ns(CLOCK_REALTIME);
    return deadline_after(realtime_ns > now ? realtime_ns - now : 0);
}

// ITIMER_REAL: the host kicks slot 0 when it is due.
uint64_t alarm_set(uint64_t value_ns, uint64_t interval_ns, uint64_t *ret_old_interval)
{
    uint64_t now = clock_ns(CLOCK_MONOTONIC), left = 0;
    if (alarm_timer.deadline)
        left = alarm_timer.deadline > now ? alarm_timer.deadline - now : 1;
    *ret_old_interval = alarm_timer.interval;
    alarm_timer.deadline = value_ns ? now + value_ns : 0;
    alarm_timer.interval = interval_ns;
    (void)host_timer_set(alarm_timer.deadline);
    return left;
}

uint64_t alarm_get(uint64_t *ret_interval)
{
    *ret_interval = alarm_timer.interval;
    if (!alarm_timer.deadline)
        return 0;
    uint64_t now = clock_ns(CLOCK_MONOTONIC);
    return alarm_timer.deadline > now ? alarm_timer.deadline - now : 1;
}

void timers_run(void)
{
    if (!alarm_timer.deadline)
        return;
    uint64_t now = clock_ns(CLOCK_MONOTONIC);
    if (now < alarm_timer.deadline)
        return;
    alarm_timer.deadline = alarm_timer.interval ? now + alarm_timer.interval : 0;
    if (alarm_timer.deadline)
        (void)host_timer_set(alarm_timer.deadline);
    process_signal(SIGALRM);
}
