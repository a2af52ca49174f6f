// SPDX-License-Identifier: Apache-2.0
// epoll: sets of weak references to files. Semantics of edge-triggered items: see poll.h.
//
// Items are found by file in a hash table, so that a file's events and its end reach every set it is in.
#include "kernel/poll/set.h"

#include <linux/time.h>

#define EPOLL_DEPTH_MAX 5
#define EPOLL_PRIVATE   (EPOLLET | EPOLLONESHOT | EPOLLEXCLUSIVE | EPOLLWAKEUP)
#define HASH_SIZE       1024u

struct epoll {
    struct list items;
    unsigned count;
};

static struct list item_hash[HASH_SIZE];

static struct list *hash_bucket(const struct file *f)
{
    struct list *head = &item_hash[((uintptr_t)f >> 5) % HASH_SIZE];
    if (!head->next)
        list_init(head);
    return head;
}

static struct epoll *epoll_of(const struct file *f)
{
    return f->priv;
}

// What of the item's events may be reported now.
static uint32_t item_wanted(const struct epoll_item *item)
{
    uint32_t wanted = item->events & ~EPOLL_PRIVATE;
    if (item->events & EPOLLONESHOT && !wanted)
        return 0; // fired; EPOLL_CTL_MOD arms it again
    wanted |= POLL_ALWAYS;
    return item->events & EPOLLET ? wanted & ~item->disarmed : wanted;
}

static bool item_edge(const struct epoll_item *item)
{
    return item->events & EPOLLET && (item->file->ops->poll || !item->file->ops->host_fd);
}

static uint32_t item_ready(struct epoll_item *item)
{
    uint32_t now = poll_kernel(item->file);
    if (item->disarmed && file_host_fd(item->file) < 0)
        item->disarmed &= now;
    return (now | item->host_revents) & item_wanted(item);
}

void epoll_item_unpin(struct epoll_item *item)
{
    if (--item->pins == 0 && !item->epoll)
        kfree(item);
}

static void item_remove(struct epoll_item *item)
{
    epoll_of(item->epoll)->count--;
    list_remove(&item->in_epoll);
    list_remove(&item->in_hash);
    item->epoll = NULL;
    item->file = NULL;
    item->pins++;
    epoll_item_unpin(item);
}

void poll_rearm(struct file *f, uint32_t bits)
{
    list_for_each(item, hash_bucket(f), struct epoll_item, in_hash)
    {
        if (item->file != f || !(item->disarmed & bits))
            continue;
        item->disarmed &= ~bits;
        // A task that waits already does not watch the bit yet.
        waitq_wake(&item->epoll->waitq, ~0u);
        poll_rearm(item->epoll, POLL_READ);
    }
}

void poll_event(struct file *f, uint32_t bits)
{
    poll_rearm(f, bits);
    waitq_wake(&f->waitq, ~0u);
}

void epoll_forget(struct file *f)
{
    list_for_each_safe(item, hash_bucket(f), struct epoll_item, in_hash)
    {
        if (item->file == f)
            item_remove(item);
    }
    waitq_wake(&f->waitq, ~0u);
    while (!list_empty(&f->waitq.waiters))
        list_remove(f->waitq.waiters.next);
}

uint32_t epoll_kernel_ready(struct file *ep)
{
    list_for_each(item, &epoll_of(ep)->items, struct epoll_item, in_epoll)
    {
        if (item_ready(item))
            return POLL_READ;
    }
    return 0;
}

static void epoll_release(struct file *ep)
{
    list_for_each_safe(item, &epoll_of(ep)->items, struct epoll_item, in_epoll) item_remove(item);
    kfree(ep->priv);
}

static long epoll_stat(struct file *ep, struct stat *ret)
{
    (void)ep;
    *ret = (struct stat){.st_mode = 0600, .st_nlink = 1, .st_blksize = 4096};
    return 0;
}

static const struct file_ops epoll_ops = {
    .name = "eventpoll",
    .poll = epoll_kernel_ready,
    .stat = epoll_stat,
    .release = epoll_release,
};

bool file_is_epoll(const struct file *f)
{
    return f->ops == &epoll_ops;
}

long epoll_create_file(struct file **ret)
{
    struct epoll *ep = kzalloc(sizeof(*ep));
    if (!ep)
        return -ENOMEM;
    list_init(&ep->items);
    struct file *f = file_new(&epoll_ops, O_RDWR, ep);
    if (!f) {
        kfree(ep);
        return -ENOMEM;
    }
    *ret = f;
    return 0;
}

unsigned epoll_file_count(struct file *f, unsigned depth)
{
    if (!file_is_epoll(f) || depth > EPOLL_DEPTH_MAX)
        return 0;
    unsigned count = epoll_of(f)->count;
    list_for_each(item, &epoll_of(f)->items, struct epoll_item, in_epoll)
    {
        if (file_is_epoll(item->file))
            count += epoll_file_count(item->file, depth + 1);
    }
    return count;
}

void epoll_add_items(struct poll_set *s, struct file *ep)
{
    list_for_each(item, &epoll_of(ep)->items, struct epoll_item, in_epoll)
    {
        item->host_revents = 0;
        uint32_t wanted = item_wanted(item);
        if (wanted)
            set_add(s, item->file, wanted, &item->host_revents, item);
    }
}

// Whether `ep` lies within `target`, or the sets nest too deep.
static bool epoll_reaches(struct file *target, const struct file *ep, unsigned depth)
{
    if (target == ep || depth > EPOLL_DEPTH_MAX)
        return true;
    list_for_each(item, &epoll_of(target)->items, struct epoll_item, in_epoll)
    {
        if (file_is_epoll(item->file) && epoll_reaches(item->file, ep, depth + 1))
            return true;
    }
    return false;
}

static unsigned epoll_height(struct file *ep, unsigned depth)
{
    unsigned height = 0;
    list_for_each(item, hash_bucket(ep), struct epoll_item, in_hash)
    {
        if (item->file == ep && depth < EPOLL_DEPTH_MAX)
            height = MAX(height, 1 + epoll_height(item->epoll, depth + 1));
    }
    return height;
}

static struct epoll_item *item_find(struct file *ep, int fd, const struct file *target)
{
    list_for_each(item, hash_bucket(target), struct epoll_item, in_hash)
    {
        if (item->file == target && item->epoll == ep && item->fd == fd)
            return item;
    }
    return NULL;
}

static long epoll_add(struct file *ep, int fd, struct file *target, const struct epoll_event *event)
{
    if (file_is_epoll(target)) {
        if (event->events & EPOLLEXCLUSIVE)
            return -EINVAL;
        if (epoll_reaches(target, ep, epoll_height(ep, 0)))
            return -ELOOP;
    }
    struct epoll_item *item = kzalloc(sizeof(*item));
    if (!item)
        return -ENOMEM;
    *item = (struct epoll_item){
        .epoll = ep,
        .file = target,
        .fd = fd,
        .events = event->events,
        .data = event->data,
    };
    list_add_tail(&epoll_of(ep)->items, &item->in_epoll);
    list_add_tail(hash_bucket(target), &item->in_hash);
    epoll_of(ep)->count++;
    return 0;
}

long epoll_control(struct file *ep, int op, int fd, struct file *target,
                   const struct epoll_event *event)
{
    if (!target->ops->poll && !target->ops->host_fd)
        return -EPERM; // as Linux for regular files and directories
    if (!file_is_epoll(ep) || ep == target)
        return -EINVAL;
    struct epoll_item *item = item_find(ep, fd, target);
    long r = 0;
    switch (op) {
    case EPOLL_CTL_ADD:
        r = item ? -EEXIST : epoll_add(ep, fd, target, event);
        break;
    case EPOLL_CTL_MOD:
        if (!item)
            return -ENOENT;
        if ((item->events | event->events) & EPOLLEXCLUSIVE)
            return -EINVAL;
        item->events = event->events;
        item->data = event->data;
        item->disarmed = 0;
        break;
    case EPOLL_CTL_DEL:
        if (!item)
            return -ENOENT;
        item_remove(item);
        return 0;
    default:
        return -EINVAL;
    }
    if (r == 0)
        poll_event(ep, POLL_READ); // who waits on the set looks at the new item
    return r;
}

static void item_reported(struct epoll_item *item, uint32_t ready)
{
    if (item->events & EPOLLONESHOT)
        item->events &= EPOLL_PRIVATE;
    else if (item_edge(item))
        item->disarmed |= ready;
}

// Writes what is ready; items move to the end, so that a short buffer starves nobody.
static long epoll_harvest(struct file *ep, uint64_t user_events, unsigned max)
{
    struct epoll *e = epoll_of(ep);
    unsigned look = e->count, found = 0;
    while (look-- > 0 && found < max) {
        struct epoll_item *item = list_first(&e->items, struct epoll_item, in_epoll);
        uint32_t ready = item_ready(item);
        if (ready) {
            struct epoll_event event = {.events = ready, .data = item->data};
            long r = copy_to_user(user_events + found * sizeof(event), &event, sizeof(event));
            if (r < 0)
                return found ? (long)found : r;
            found++;
            item_reported(item, ready);
        }
        list_remove(&item->in_epoll);
        list_add_tail(&e->items, &item->in_epoll);
    }
    return found;
}

long epoll_wait_events(struct file *ep, uint64_t user_events, unsigned max, uint64_t deadline)
{
    struct poll_set set;
    bool expired = deadline == 0;
    long r;
    set_init(&set);
    for (;;) {
        uint32_t unused;
        r = set_begin(&set, 1 + epoll_file_count(ep, 0));
        if (r < 0)
            break;
        set_add(&set, ep, POLL_READ, &unused, NULL);
        bool ready = epoll_kernel_ready(ep) != 0;
        long waited = set_wait(&set, !ready && !expired, deadline);
        r = epoll_harvest(ep, user_events, max);
        if (r != 0)
            break;
        if (waited == -EINTR || waited == -ENOMEM) {
            r = waited;
            break;
        }
        if (expired)
            break;
        expired = waited == -ETIMEDOUT && clock_ns(CLOCK_MONOTONIC) >= deadline;
    }
    set_free(&set);
    return r;
}
