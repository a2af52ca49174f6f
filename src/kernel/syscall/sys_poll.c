// SPDX-License-Identifier: Apache-2.0
// poll, select and epoll: their arguments. The waiting: kernel/poll.
//
// - The program's records are copied in once and results copied out once.
// - Files are referenced for the time of poll and select; epoll_wait refers to the epoll file only.
#include <linux/time.h>

#include "kernel/poll/poll.h"
#include "kernel/syscall/syscall.h"
#include "kernel/task/signal.h"

#define SECOND      1000000000ull
#define SELECT_SETS 3
#define EVENTS_MAX  (0x7fffffff / (int)sizeof(struct epoll_event))
#define POLLIN_SET  (POLL_READ | POLLRDBAND | POLLHUP | POLLERR)
#define POLLOUT_SET (POLL_WRITE | POLLWRBAND | POLLERR)
#define WORDS(bits) (((bits) + 63) / 64)

static uint64_t deadline_after(uint64_t ns)
{
    uint64_t deadline;
    if (ns == 0)
        return 0;
    return add_overflows(clock_ns(CLOCK_MONOTONIC), ns, &deadline) ? NEVER : deadline;
}

static uint64_t deadline_ms(int ms)
{
    return ms < 0 ? NEVER : deadline_after((uint64_t)ms * 1000000);
}

// A struct timespec (unit 1) or timeval (unit 1000) in user memory; NULL: NEVER.
static long deadline_user(uint64_t user, uint64_t unit, uint64_t *ret)
{
    int64_t t[2];
    uint64_t ns = 0;
    *ret = NEVER;
    if (!user)
        return 0;
    long r = copy_from_user(t, user, sizeof(t));
    if (r < 0)
        return r;
    if (t[0] < 0 || t[1] < 0 || (unit == 1 && (uint64_t)t[1] >= SECOND))
        return -EINVAL;
    if (mul_overflows((uint64_t)t[0], SECOND, &ns) || add_overflows(ns, (uint64_t)t[1] * unit, &ns))
        return 0;
    *ret = deadline_after(ns);
    return 0;
}

// Linux writes the time that is left, and ignores it when it cannot.
static void deadline_write_back(uint64_t user, uint64_t unit, uint64_t deadline)
{
    if (!user || deadline == NEVER)
        return;
    uint64_t now = deadline ? clock_ns(CLOCK_MONOTONIC) : 0;
    uint64_t left = deadline > now ? deadline - now : 0;
    int64_t t[2] = {(int64_t)(left / SECOND), (int64_t)(left % SECOND / unit)};
    (void)copy_to_user(user, t, sizeof(t));
}

struct mask_swap {
    bool active;
    sigset_t old;
};

static long mask_begin(struct mask_swap *swap, uint64_t user_mask, uint64_t size)
{
    sigset_t mask;
    swap->active = false;
    if (!user_mask)
        return 0;
    if (size != sizeof(mask))
        return -EINVAL;
    long r = copy_from_user(&mask, user_mask, sizeof(mask));
    if (r < 0)
        return r;
    task_sigmask_swap(&mask, &swap->old);
    swap->active = true;
    return 0;
}

static long mask_end(const struct mask_swap *swap, long result)
{
    if (swap->active && result == -EINTR)
        task_sigmask_restore_later(swap->old); // after the handler that interrupted the call
    else if (swap->active)
        task_sigmask_swap(&swap->old, NULL);
    return result;
}

static void items_release(struct poll_item *items, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        file_unref(items[i].file);
}

static struct file *file_by_fd(int fd)
{
    struct file *f = fd_get(fd);
    return f ? file_ref(f) : NULL;
}

static long poll_user(uint64_t user_fds, unsigned count, uint64_t deadline)
{
    size_t size = count * sizeof(struct pollfd);
    if (count > POLL_ITEMS_MAX)
        return -EINVAL;
    struct poll_item *items = kzalloc(count * (sizeof(*items) + sizeof(struct pollfd)) + 1);
    if (!items)
        return -ENOMEM;
    struct pollfd *fds = (struct pollfd *)(items + count);
    long r = count ? copy_from_user(fds, user_fds, size) : 0;
    if (r < 0) {
        kfree(items);
        return r;
    }
    for (unsigned i = 0; i < count; i++) {
        items[i].file = fds[i].fd >= 0 ? file_by_fd(fds[i].fd) : NULL;
        items[i].events = (uint16_t)fds[i].events;
        items[i].revents = fds[i].fd >= 0 && !items[i].file ? POLLNVAL : 0;
    }
    r = poll_files(items, count, deadline);
    for (unsigned i = 0; i < count; i++)
        fds[i].revents = (short)items[i].revents;
    items_release(items, count);
    if (r >= 0 && count) {
        long copied = copy_to_user(user_fds, fds, size);
        r = copied < 0 ? copied : r;
    }
    kfree(items);
    return r;
}

SYSCALL(poll)
{
    return poll_user(a[0], (unsigned)a[1], deadline_ms((int)a[2]));
}

SYSCALL(ppoll)
{
    struct mask_swap swap;
    uint64_t deadline;
    long r = deadline_user(a[2], 1, &deadline);
    if (r == 0)
        r = mask_begin(&swap, a[3], a[4]);
    if (r < 0)
        return r;
    r = mask_end(&swap, poll_user(a[0], (unsigned)a[1], deadline));
    deadline_write_back(a[2], 1, deadline);
    return r;
}

static bool set_has(const uint64_t *set, unsigned fd)
{
    return set[fd / 64] >> (fd % 64) & 1;
}

static const uint32_t select_events[SELECT_SETS] = {POLLIN_SET, POLLOUT_SET, POLLPRI};

// From bit sets to items, one per descriptor. Items in use or -EBADF.
static long select_items(uint64_t *const sets[SELECT_SETS], unsigned nfds, struct poll_item *items,
                         int *fds)
{
    unsigned count = 0;
    for (unsigned fd = 0; fd < nfds; fd++) {
        uint32_t events = 0;
        for (int i = 0; i < SELECT_SETS; i++)
            events |= set_has(sets[i], fd) ? select_events[i] : 0;
        if (!events)
            continue;
        struct file *f = file_by_fd((int)fd);
        if (!f) {
            items_release(items, count);
            return -EBADF;
        }
        items[count] = (struct poll_item){.file = f, .events = events};
        fds[count++] = (int)fd;
    }
    return count;
}

static long select_results(uint64_t *const sets[SELECT_SETS], const struct poll_item *items,
                           const int *fds, unsigned count)
{
    long total = 0;
    for (int i = 0; i < SELECT_SETS; i++) {
        for (unsigned k = 0; k < count; k++) {
            uint64_t bit = 1ull << (fds[k] % 64);
            uint64_t *word = &sets[i][fds[k] / 64];
            if (*word & bit && items[k].revents & select_events[i])
                total++;
            else
                *word &= ~bit;
        }
    }
    return total;
}

static long select_run(uint64_t *const sets[SELECT_SETS], unsigned nfds, uint64_t deadline)
{
    struct poll_item *items = kzalloc(nfds * (sizeof(*items) + sizeof(int)) + 1);
    if (!items)
        return -ENOMEM;
    int *fds = (int *)(items + nfds);
    long r = select_items(sets, nfds, items, fds);
    if (r >= 0) {
        unsigned count = (unsigned)r;
        r = poll_files(items, count, deadline);
        if (r >= 0)
            r = select_results(sets, items, fds, count);
        items_release(items, count);
    }
    kfree(items);
    return r;
}

static long select_user(int nfds, const uint64_t *user_sets, uint64_t deadline)
{
    if (nfds < 0)
        return -EINVAL;
    unsigned count = MIN((unsigned)nfds, POLL_ITEMS_MAX);
    size_t words = WORDS(count), size = words * 8;
    uint64_t *sets[SELECT_SETS];
    uint64_t *memory = kzalloc(SELECT_SETS * size + 1);
    if (!memory)
        return -ENOMEM;
    long r = 0;
    for (int i = 0; i < SELECT_SETS; i++) {
        sets[i] = memory + (size_t)i * words;
        if (user_sets[i] && r == 0)
            r = copy_from_user(sets[i], user_sets[i], size);
    }
    if (r == 0)
        r = select_run(sets, count, deadline);
    for (int i = 0; i < SELECT_SETS && r >= 0; i++) {
        long copied = user_sets[i] ? copy_to_user(user_sets[i], sets[i], size) : 0;
        r = copied < 0 ? copied : r;
    }
    kfree(memory);
    return r;
}

SYSCALL(select)
{
    uint64_t deadline;
    long r = deadline_user(a[4], 1000, &deadline);
    if (r < 0)
        return r;
    r = select_user((int)a[0], a + 1, deadline);
    deadline_write_back(a[4], 1000, deadline);
    return r;
}

SYSCALL(pselect6)
{
    struct mask_swap swap;
    uint64_t deadline, mask[2] = {0, 0}; // address and size
    long r = a[5] ? copy_from_user(mask, a[5], sizeof(mask)) : 0;
    if (r == 0)
        r = deadline_user(a[4], 1, &deadline);
    if (r == 0)
        r = mask_begin(&swap, mask[0], mask[1]);
    if (r < 0)
        return r;
    r = mask_end(&swap, select_user((int)a[0], a + 1, deadline));
    deadline_write_back(a[4], 1, deadline);
    return r;
}

static long epoll_create_flags(uint32_t flags)
{
    struct file *f;
    if (flags & ~(uint32_t)O_CLOEXEC)
        return -EINVAL;
    long r = epoll_create_file(&f);
    if (r < 0)
        return r;
    return fd_install(f, 0, flags != 0);
}

SYSCALL(epoll_create)
{
    return (int)a[0] <= 0 ? -EINVAL : epoll_create_flags(0);
}

SYSCALL(epoll_create1)
{
    return epoll_create_flags((uint32_t)a[0]);
}

SYSCALL(epoll_ctl)
{
    struct epoll_event event = {0};
    int op = (int)a[1], fd = (int)a[2];
    if (op != EPOLL_CTL_DEL) {
        long r = copy_from_user(&event, a[3], sizeof(event));
        if (r < 0)
            return r;
    }
    struct file *ep = fd_get((int)a[0]), *target = fd_get(fd);
    return ep && target ? epoll_control(ep, op, fd, target, &event) : -EBADF;
}

static long epoll_wait_user(const uint64_t *a, uint64_t deadline)
{
    int max = (int)a[2];
    struct file *ep = fd_get((int)a[0]);
    if (max <= 0 || max > EVENTS_MAX)
        return -EINVAL;
    if (!user_range_ok(a[1], (uint64_t)max * sizeof(struct epoll_event)))
        return -EFAULT;
    if (!ep)
        return -EBADF;
    if (!file_is_epoll(ep))
        return -EINVAL;
    file_ref(ep);
    long r = epoll_wait_events(ep, a[1], (unsigned)max, deadline);
    file_unref(ep);
    return r;
}

SYSCALL(epoll_wait)
{
    return epoll_wait_user(a, deadline_ms((int)a[3]));
}

SYSCALL(epoll_pwait)
{
    struct mask_swap swap;
    long r = mask_begin(&swap, a[4], a[5]);
    return r < 0 ? r : mask_end(&swap, epoll_wait_user(a, deadline_ms((int)a[3])));
}

SYSCALL(epoll_pwait2)
{
    struct mask_swap swap;
    uint64_t deadline;
    long r = deadline_user(a[3], 1, &deadline);
    if (r == 0)
        r = mask_begin(&swap, a[4], a[5]);
    return r < 0 ? r : mask_end(&swap, epoll_wait_user(a, deadline));
}
