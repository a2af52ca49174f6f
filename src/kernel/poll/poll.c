// SPDX-License-Identifier: Apache-2.0
// A round of waiting for many files, and poll_files() on top of it. See poll.h and set.h.
#include "kernel/poll/poll.h"

#include "kernel/fs/pipe/pipe.h"
#include "kernel/hostcall/stubs.h"
#include "kernel/poll/set.h"

int file_host_fd(struct file *f)
{
    return f->ops->host_fd ? f->ops->host_fd(f) : -1;
}

uint32_t poll_kernel(struct file *f)
{
    if (f->ops->poll)
        return f->ops->poll(f);
    return f->ops->host_fd ? 0 : POLL_READ | POLL_WRITE;
}

void set_init(struct poll_set *s)
{
    s->waits = s->small_waits;
    s->fds = s->small_fds;
    s->sources = s->small_sources;
    s->capacity = SET_SMALL;
    s->wait_count = s->host_count = 0;
    s->deadline = NEVER;
}

void set_free(struct poll_set *s)
{
    if (s->waits != s->small_waits)
        kfree(s->waits);
    set_init(s);
}

long set_begin(struct poll_set *s, unsigned files)
{
    ASSERT(s->wait_count == 0);
    s->host_count = 0;
    s->deadline = NEVER;
    if (files <= s->capacity)
        return 0;
    unsigned capacity = files + files / 4;
    char *p = kzalloc(capacity * (sizeof(*s->waits) + sizeof(*s->fds) + sizeof(*s->sources)));
    if (!p)
        return -ENOMEM;
    set_free(s);
    s->waits = (struct wait_entry *)p;
    s->sources = (struct set_source *)(s->waits + capacity);
    s->fds = (struct host_pollfd *)(s->sources + capacity);
    s->capacity = capacity;
    return 0;
}

void set_add(struct poll_set *s, struct file *f, uint32_t events, uint32_t *ret,
             struct epoll_item *item)
{
    ASSERT(s->wait_count < s->capacity);
    wait_add(&s->waits[s->wait_count++], &f->waitq);
    *ret = 0;
    if (events & POLL_READ)
        s->deadline = MIN(s->deadline, timerfd_deadline(f));
    if (file_is_epoll(f) && events & POLL_READ)
        epoll_add_items(s, f);
    int fd = file_host_fd(f);
    // The host always reports POLLERR and POLLHUP: an item for which one of them is old news stays out, or
    // every wait would end at once.
    if (fd < 0 || (item && (events & POLL_ALWAYS) != POLL_ALWAYS))
        return;
    s->fds[s->host_count] = (struct host_pollfd){(uint32_t)fd, (uint16_t)events, 0};
    s->sources[s->host_count++] = (struct set_source){ret, item};
    if (item)
        item->pins++;
}

// Asks the host without waiting. 1: something is ready.
static long set_look(struct poll_set *s)
{
    struct host_pollfd small[SET_SMALL];
    long found = 0;
    struct host_pollfd *ready = small;
    if (s->host_count > SET_SMALL) {
        ready = kzalloc(MIN(s->host_count, POLL_HOST_MAX) * sizeof(*ready));
        if (!ready)
            return -ENOMEM;
    }
    for (unsigned at = 0; at < s->host_count; at += POLL_HOST_MAX) {
        unsigned count = MIN(s->host_count - at, POLL_HOST_MAX);
        long r = host_poll(0, s->fds + at, count * sizeof(*ready), ready, count * sizeof(*ready));
        for (unsigned i = 0; i < count && r >= 0; i++) {
            s->fds[at + i].revents = ready[i].revents;
            found |= ready[i].revents != 0;
        }
    }
    if (ready != small)
        kfree(ready);
    return found;
}

static long set_block(struct poll_set *s, uint64_t deadline)
{
    deadline = MIN(deadline, s->deadline);
    if (s->host_count <= POLL_HOST_MAX)
        return task_block(s->host_count ? s->fds : NULL, s->host_count, deadline);
    long found = set_look(s);
    if (found)
        return MIN(found, 0);
    return task_block(s->fds, POLL_HOST_MAX,
                      MIN(deadline, clock_ns(CLOCK_MONOTONIC) + POLL_SLICE_NS));
}

long set_wait(struct poll_set *s, bool block, uint64_t deadline)
{
    for (unsigned i = 0; i < s->host_count; i++)
        s->fds[i].revents = 0;
    long r = block ? set_block(s, deadline) : MIN(set_look(s), 0);
    for (unsigned i = 0; i < s->wait_count; i++)
        wait_remove(&s->waits[i]);
    s->wait_count = 0;
    for (unsigned i = 0; i < s->host_count; i++) {
        struct set_source *source = &s->sources[i];
        uint32_t revents = s->fds[i].revents & (s->fds[i].events | POLL_ALWAYS | POLLNVAL);
        if (revents & POLLNVAL) // the host has lost the descriptor
            revents = POLLERR | POLLHUP;
        if (!source->item || source->item->epoll)
            *source->ret = revents;
        if (source->item)
            epoll_item_unpin(source->item);
    }
    return r;
}

static unsigned items_evaluate(struct poll_item *items, unsigned count)
{
    unsigned ready = 0;
    for (unsigned i = 0; i < count; i++) {
        if (items[i].file)
            items[i].revents = (poll_kernel(items[i].file) | items[i].host_revents) &
                               (items[i].events | POLL_ALWAYS);
        ready += items[i].revents != 0;
    }
    return ready;
}

static unsigned items_file_count(const struct poll_item *items, unsigned count)
{
    unsigned files = 0;
    for (unsigned i = 0; i < count; i++) {
        if (items[i].file)
            files += 1 + epoll_file_count(items[i].file, 0);
    }
    return files;
}

long poll_files(struct poll_item *items, unsigned count, uint64_t deadline)
{
    struct poll_set set;
    bool expired = deadline == 0;
    long r;
    set_init(&set);
    for (;;) {
        r = set_begin(&set, items_file_count(items, count));
        if (r < 0)
            break;
        for (unsigned i = 0; i < count; i++) {
            if (items[i].file)
                set_add(&set, items[i].file, items[i].events, &items[i].host_revents, NULL);
        }
        bool ready = items_evaluate(items, count) > 0;
        long waited = set_wait(&set, !ready && !expired, deadline);
        r = items_evaluate(items, count);
        if (r > 0)
            break;
        if (waited == -EINTR || waited == -ENOMEM) {
            r = waited;
            break;
        }
        if (expired)
            break;
        // One more look after the deadline, without waiting.
        expired = waited == -ETIMEDOUT && clock_ns(CLOCK_MONOTONIC) >= deadline;
    }
    set_free(&set);
    return r;
}
