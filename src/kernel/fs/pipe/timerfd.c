// SPDX-License-Identifier: Apache-2.0
// timerfd: expirations are worked out when somebody looks; a sleeper and poll use timerfd_deadline().
//
// - All times are kept on CLOCK_MONOTONIC: a step of CLOCK_REALTIME does not move an absolute timer
//   (TFD_TIMER_CANCEL_ON_SET is accepted and never cancels).
#include <linux/stat.h>
#include <linux/time.h>

#include "kernel/fs/pipe/pipe.h"
#include "kernel/poll/poll.h"

#define SECOND 1000000000ull

struct timerfd {
    int clock;
    uint64_t expiry; // on CLOCK_MONOTONIC; 0: off
    uint64_t interval;
};

uint64_t timerfd_deadline(const struct file *f)
{
    const struct timerfd *t = f->priv;
    return file_is_timerfd(f) && t->expiry ? t->expiry : NEVER;
}

static uint64_t timerfd_elapsed(const struct timerfd *t, uint64_t now)
{
    if (!t->expiry || now < t->expiry)
        return 0;
    return t->interval ? 1 + (now - t->expiry) / t->interval : 1;
}

static long timerfd_read(struct file *f, void *buffer, size_t size, uint64_t pos)
{
    (void)pos;
    struct timerfd *t = f->priv;
    uint64_t count;
    if (size < sizeof(count))
        return -EINVAL;
    while ((count = timerfd_elapsed(t, clock_ns(CLOCK_MONOTONIC))) == 0) {
        if (f->flags & O_NONBLOCK)
            return -EAGAIN;
        if (waitq_sleep(&f->waitq, timerfd_deadline(f)) == -EINTR)
            return -ERESTARTSYS;
    }
    t->expiry = t->interval ? t->expiry + count * t->interval : 0;
    poll_rearm(f, POLL_READ);
    long r = copy_user(buffer, &count, sizeof(count));
    return r < 0 ? r : (long)sizeof(count);
}

static uint32_t timerfd_poll(struct file *f)
{
    const struct timerfd *t = f->priv;
    return t->expiry && clock_ns(CLOCK_MONOTONIC) >= t->expiry ? POLLIN : 0;
}

static long timerfd_stat(struct file *f, struct stat *ret)
{
    (void)f;
    *ret = (struct stat){.st_mode = 0600, .st_nlink = 1, .st_blksize = 4096};
    return 0;
}

static void timerfd_release(struct file *f)
{
    kfree(f->priv);
}

static const struct file_ops timerfd_ops = {
    .name = "timerfd",
    .read = timerfd_read,
    .stat = timerfd_stat,
    .poll = timerfd_poll,
    .release = timerfd_release,
};

bool file_is_timerfd(const struct file *f)
{
    return f->ops == &timerfd_ops;
}

long timerfd_create_file(int clock, int flags, struct file **ret)
{
    if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC && clock != CLOCK_BOOTTIME)
        return -EINVAL;
    struct timerfd *t = kzalloc(sizeof(*t));
    if (!t)
        return -ENOMEM;
    t->clock = clock;
    struct file *f = file_new(&timerfd_ops, O_RDWR | (flags & O_NONBLOCK), t);
    if (!f) {
        kfree(t);
        return -ENOMEM;
    }
    *ret = f;
    return 0;
}

// Saturates: a time that 64 bits of nanoseconds cannot hold is as good as never.
static long duration_ns(const struct __kernel_timespec *ts, uint64_t *ret)
{
    if (ts->tv_sec < 0 || (uint64_t)ts->tv_nsec >= SECOND)
        return -EINVAL;
    if (mul_overflows((uint64_t)ts->tv_sec, SECOND, ret) ||
        add_overflows(*ret, (uint64_t)ts->tv_nsec, ret) || *ret > NEVER / 4)
        *ret = NEVER / 4;
    return 0;
}

void timerfd_get(struct file *f, struct __kernel_itimerspec *ret)
{
    const struct timerfd *t = f->priv;
    uint64_t now = clock_ns(CLOCK_MONOTONIC), left = 0;
    if (t->expiry > now)
        left = t->expiry - now;
    else if (t->expiry && t->interval)
        left = t->interval - (now - t->expiry) % t->interval;
    *ret = (struct __kernel_itimerspec){
        .it_interval = {(long long)(t->interval / SECOND), (long long)(t->interval % SECOND)},
        .it_value = {(long long)(left / SECOND), (long long)(left % SECOND)},
    };
}

long timerfd_set(struct file *f, int flags, const struct __kernel_itimerspec *value,
                 struct __kernel_itimerspec *ret_old)
{
    struct timerfd *t = f->priv;
    uint64_t first, interval;
    if (flags & ~(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET) ||
        duration_ns(&value->it_value, &first) || duration_ns(&value->it_interval, &interval))
        return -EINVAL;
    timerfd_get(f, ret_old);
    uint64_t now = clock_ns(CLOCK_MONOTONIC);
    t->interval = interval;
    t->expiry = 0;
    if (first && flags & TFD_TIMER_ABSTIME && t->clock == CLOCK_REALTIME) {
        uint64_t real = clock_ns(CLOCK_REALTIME);
        t->expiry = first > real ? now + (first - real) : now;
    } else if (first) {
        t->expiry = flags & TFD_TIMER_ABSTIME ? first : now + first;
    }
    poll_event(f, POLL_READ);
    return 0;
}
