// SPDX-License-Identifier: Apache-2.0
// Clocks. Time comes from the host and is not believed further than this: clocks that count up never go
// back, and those that tell the date never below the time of the start.
#include "kernel/task/clock.h"

#include "kernel/hostcall/stubs.h"
#include "kernel/task/task_private.h"

static uint64_t first_realtime;
static struct {
    uint64_t deadline; // CLOCK_MONOTONIC, 0: off
    uint64_t interval;
} alarm_timer;

// Between two words of the host the time stamp counter carries the clock on, so that most calls cost no
// exit. Its rate comes from two samples of the host's clock, as far apart as the process's life allows.
#define CALIBRATE_TICKS (1ull << 24) // some milliseconds
#define NEARLY_DUE_NS   (NS_PER_S / 100)
#define RESYNC_NS       (NS_PER_S / 2)
#define RATE_MIN        100000ull // ticks of a millisecond: 100 MHz
#define RATE_MAX        20000000ull

struct sample {
    uint64_t ticks, monotonic, realtime;
};
static struct sample first, last;
static uint64_t ticks_per_ms; // 0: not known yet
static uint64_t last_monotonic;

static uint64_t host_clock(int clock)
{
    uint64_t time[2];
    if (host_clock_get((uint32_t)clock, time, sizeof time) < 0 || time[1] >= NS_PER_S ||
        time[0] > 1ull << 33)
        return 0;
    return time[0] * NS_PER_S + time[1];
}

static uint64_t rdtsc(void)
{
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

static void take_sample(void)
{
    struct sample s = {.ticks = rdtsc()};
    s.monotonic = MAX(host_clock(CLOCK_MONOTONIC), last.monotonic);
    s.realtime = host_clock(CLOCK_REALTIME);
    if (!first.ticks)
        first = s;
    last = s;
    uint64_t ticks = s.ticks - first.ticks, us = (s.monotonic - first.monotonic) / 1000;
    ticks_per_ms = ticks > CALIBRATE_TICKS && ticks < 1ull << 53 && us ? ticks * 1000 / us : 0;
    if (ticks_per_ms && (ticks_per_ms < RATE_MIN || ticks_per_ms > RATE_MAX)) {
        ticks_per_ms = 0; // one of the two was a lie: it must not stop the clock for ever
        first = s;
    }
}

// What has passed since the last sample, or NEVER when the host must be asked.
static uint64_t since_sample(void)
{
    uint64_t ticks = rdtsc() - last.ticks;
    if (!ticks_per_ms || ticks / ticks_per_ms > RESYNC_NS / 1000000)
        return NEVER;
    return ticks * 1000000 / ticks_per_ms;
}

// The clocks that programs seldom ask for.
static uint64_t other_clock(int clock)
{
    static uint64_t highest[CLOCK_TAI + 1];
    uint64_t ns = host_clock(clock);
    switch (clock) {
    case CLOCK_REALTIME_COARSE:
    case CLOCK_REALTIME_ALARM:
    case CLOCK_TAI:
        return MAX(ns, first_realtime);
    case CLOCK_THREAD_CPUTIME_ID: // each thread has its own
        return ns;
    default:
        return highest[clock] = MAX(ns, highest[clock]);
    }
}

uint64_t clock_ns(int clock)
{
    if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC)
        return other_clock(clock);
    uint64_t passed = since_sample();
    if (passed == NEVER) {
        take_sample();
        passed = 0;
    }
    if (clock == CLOCK_MONOTONIC)
        return last_monotonic = MAX(last.monotonic + passed, last_monotonic);
    if (!first_realtime)
        first_realtime = last.realtime;
    return MAX(last.realtime + passed, first_realtime);
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
    if (now < alarm_timer.deadline) {
        // The host's timer goes off once, and its clock may be ahead of ours.
        if (alarm_timer.deadline - now < NEARLY_DUE_NS)
            (void)host_timer_set(alarm_timer.deadline);
        return;
    }
    alarm_timer.deadline = alarm_timer.interval ? now + alarm_timer.interval : 0;
    if (alarm_timer.deadline)
        (void)host_timer_set(alarm_timer.deadline);
    process_signal(SIGALRM);
}
