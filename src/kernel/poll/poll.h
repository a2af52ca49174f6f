// SPDX-License-Identifier: Apache-2.0
// Readiness: waiting for many files at once (poll, select) and epoll.
//
// - What is ready is the file's in-kernel state (ops->poll) together with what the host says of its
//   descriptor (ops->host_fd). A file that has neither is always readable and writable.
// - Whoever changes the in-kernel readiness of a file calls poll_event(); whoever read from or wrote to a
//   host-backed file calls poll_rearm() with the bits that may be reported anew.
// - The host's answer is a hint. The operation that follows finds out.
// - Up to POLL_HOST_MAX host descriptors, a wait is one host call however many are idle. Beyond that the set
//   is looked at in pieces every POLL_SLICE_NS.
//
// Edge-triggered epoll items. An event that was reported stays silent until it is armed again: by
// poll_event() or poll_rearm() for that bit, by EPOLL_CTL_MOD, or, for files without a host descriptor,
// as soon
// as a look finds it not ready. A socket on the host arms POLLIN when a read made progress or met EAGAIN,
// POLLOUT when a write was short or met EAGAIN, POLLERR and POLLHUP with either, everything when it
// connects. So a program that leaves data
// unread may hear of it once more than on Linux, and is not told of data that arrives after an event that it
// did not answer with a read. A file with a host descriptor and no ops->poll (a terminal) stays
// level-triggered.
#ifndef KERNEL_POLL_POLL_H
#define KERNEL_POLL_POLL_H

#include <linux/eventpoll.h>

#include "kernel/vfs/file.h"

#define POLL_ALWAYS    (POLLERR | POLLHUP) // reported whether asked for or not
#define POLL_READ      (POLLIN | POLLRDNORM)
#define POLL_WRITE     (POLLOUT | POLLWRNORM)
#define POLL_ITEMS_MAX 65536u
#define POLL_HOST_MAX  1024u // of one host call
#define POLL_SLICE_NS  10000000ull

struct poll_item {
    struct file *file; // the caller holds a reference; NULL: skipped, revents stay
    uint32_t events;
    uint32_t revents;
    uint32_t host_revents; // poll_files' own
};

// Number of items with revents, 0 when the deadline passed (0: do not wait), -EINTR, -ENOMEM.
long poll_files(struct poll_item *items, unsigned count, uint64_t deadline);

// The file's in-kernel state changed so that `bits` may hold now.
void poll_event(struct file *f, uint32_t bits);
// An operation on the file may have made `bits` news again.
void poll_rearm(struct file *f, uint32_t bits);

// In-kernel readiness only.
uint32_t poll_kernel(struct file *f);

long epoll_create_file(struct file **ret);
bool file_is_epoll(const struct file *f);
long epoll_control(struct file *ep, int op, int fd, struct file *target,
                   const struct epoll_event *event);
// Writes at most `max` events to user memory (range-checked); number, 0 at the deadline, -EINTR, -EFAULT.
long epoll_wait_events(struct file *ep, uint64_t user_events, unsigned max, uint64_t deadline);
// The last reference to f is going away: drops it from every epoll set and wakes whoever waits on it.
// file_unref() calls this before ops->release.
void epoll_forget(struct file *f);

#endif
