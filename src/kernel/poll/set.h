// SPDX-License-Identifier: Apache-2.0
// One round of waiting, shared by poll and epoll (kernel/poll only): begin, add every file, wait, end.
//
// - set_add() puts the task on the file's queue, so a change after it is not lost.
// - set_wait() takes the task off all queues and writes the host's answers to where set_add() was told,
//   but for epoll items that went away meanwhile.
#ifndef KERNEL_POLL_SET_H
#define KERNEL_POLL_SET_H

#include "kernel/poll/poll.h"

#define SET_SMALL 8

// A file's membership in one epoll set. Lives while it is in the set or pinned by a waiter.
struct epoll_item {
    struct list in_epoll; // struct epoll.items
    struct list in_hash;  // all items, by file
    struct file *epoll;   // NULL once removed
    struct file *file;    // weak
    int fd;
    unsigned pins;
    uint32_t events;   // as the program gave them, EPOLLET and such included
    uint32_t disarmed; // edge-triggered bits that were reported
    uint32_t host_revents;
    uint64_t data;
};

struct set_source {
    uint32_t *ret;
    struct epoll_item *item; // pinned; NULL for poll_files
};

struct poll_set {
    struct wait_entry *waits;
    struct host_pollfd *fds;
    struct set_source *sources;
    unsigned capacity;
    unsigned wait_count, host_count;
    uint64_t deadline; // of the timers in the set
    struct wait_entry small_waits[SET_SMALL];
    struct host_pollfd small_fds[SET_SMALL];
    struct set_source small_sources[SET_SMALL];
};

void set_init(struct poll_set *s);
void set_free(struct poll_set *s);
// Forgets the last round and makes room for `files` files, nested ones included.
long set_begin(struct poll_set *s, unsigned files);
void set_add(struct poll_set *s, struct file *f, uint32_t events, uint32_t *ret,
             struct epoll_item *item);
// block: until something happens or the deadline; otherwise just looks. As task_block().
long set_wait(struct poll_set *s, bool block, uint64_t deadline);

int file_host_fd(struct file *f);

// epoll.c
unsigned epoll_file_count(struct file *ep, unsigned depth); // of all files beneath it
void epoll_add_items(struct poll_set *s, struct file *ep);
void epoll_item_unpin(struct epoll_item *item);
uint32_t epoll_kernel_ready(struct file *ep);

#endif
