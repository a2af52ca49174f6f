// SPDX-License-Identifier: Apache-2.0
// Pipes: a ring of bytes between two files. Writes of at most PIPE_BUF bytes are atomic.
//
// - The ring's memory comes with the first write.
// - Bytes are copied to or from the program before head and length move, so a fault leaves the pipe as
//   it was.
#include "kernel/fs/pipe/pipe.h"

#include <asm/ioctls.h>
#include <linux/limits.h>
#include <linux/stat.h>

#include "kernel/poll/poll.h"

#define PAGE 4096u

struct pipe {
    uint8_t *ring;
    uint32_t capacity, head, length;
    uint64_t inode;
    struct file *reader, *writer; // weak; NULL once that end is closed
};

static uint32_t pipe_room(const struct pipe *p)
{
    return p->capacity - p->length;
}

// Waits on the file's queue; what the system call returns when it may not or was disturbed.
static long pipe_sleep(struct file *f)
{
    if (f->flags & O_NONBLOCK)
        return -EAGAIN;
    return waitq_sleep(&f->waitq, NEVER) == -EINTR ? -ERESTARTSYS : 0;
}

static long pipe_read(struct file *f, void *buffer, size_t size, uint64_t pos)
{
    (void)pos;
    struct pipe *p = f->priv;
    if (size == 0)
        return 0;
    while (p->length == 0) {
        if (!p->writer)
            return 0;
        long r = pipe_sleep(f);
        if (r < 0)
            return r;
    }
    uint32_t total = (uint32_t)MIN(size, p->length);
    uint32_t first = MIN(total, p->capacity - p->head);
    long r = copy_user(buffer, p->ring + p->head, first);
    if (r == 0)
        r = copy_user((uint8_t *)buffer + first, p->ring, total - first);
    if (r < 0)
        return r;
    p->head = (p->head + total) % p->capacity;
    p->length -= total;
    if (p->length == 0)
        p->head = 0;
    if (p->writer && pipe_room(p) >= PIPE_BUF)
        poll_event(p->writer, POLL_WRITE);
    return total;
}

static long pipe_put(struct pipe *p, const uint8_t *buffer, uint32_t size)
{
    uint32_t tail = (p->head + p->length) % p->capacity;
    uint32_t first = MIN(size, p->capacity - tail);
    long r = copy_user(p->ring + tail, buffer, first);
    if (r == 0)
        r = copy_user(p->ring, buffer + first, size - first);
    if (r < 0)
        return r;
    p->length += size;
    if (p->reader)
        poll_event(p->reader, POLL_READ);
    return 0;
}

static long pipe_write(struct file *f, const void *buffer, size_t size, uint64_t pos)
{
    (void)pos;
    struct pipe *p = f->priv;
    size_t done = 0;
    long r = 0;
    if (size == 0)
        return 0;
    if (!p->ring && !(p->ring = kpages_alloc(p->capacity / PAGE)))
        return -ENOMEM;
    while (done < size && r == 0) {
        if (!p->reader) {
            r = -EPIPE;
            break;
        }
        uint32_t room = pipe_room(p);
        if (room == 0 || (size <= PIPE_BUF && room < size)) {
            r = pipe_sleep(f);
            continue;
        }
        uint32_t n = (uint32_t)MIN(size - done, room);
        r = pipe_put(p, (const uint8_t *)buffer + done, n);
        if (r == 0)
            done += n;
    }
    if (r == -EPIPE)
        task_raise(SIGPIPE);
    else if (r == -EAGAIN)
        poll_rearm(f, POLL_WRITE);
    return done ? (long)done : r;
}

static uint32_t pipe_poll(struct file *f)
{
    const struct pipe *p = f->priv;
    if (f == p->reader)
        return (p->length ? POLL_READ : 0) | (p->writer ? 0 : POLLHUP);
    return (pipe_room(p) >= PIPE_BUF ? POLL_WRITE : 0) | (p->reader ? 0 : POLLERR);
}

static long pipe_stat(struct file *f, struct stat *ret)
{
    const struct pipe *p = f->priv;
    *ret = (struct stat){
        .st_mode = S_IFIFO | 0600, .st_nlink = 1, .st_blksize = PAGE, .st_ino = p->inode};
    return 0;
}

static long pipe_ioctl(struct file *f, unsigned request, uint64_t argument)
{
    const struct pipe *p = f->priv;
    int length = (int)p->length;
    return request == FIONREAD ? copy_to_user(argument, &length, sizeof(length)) : -ENOTTY;
}

static void pipe_release(struct file *f)
{
    struct pipe *p = f->priv;
    if (f == p->reader)
        p->reader = NULL;
    else
        p->writer = NULL;
    struct file *other = p->reader ? p->reader : p->writer;
    if (other) {
        poll_event(other, POLL_READ | POLL_WRITE | POLL_ALWAYS);
        return;
    }
    if (p->ring)
        kpages_free(p->ring, p->capacity / PAGE);
    kfree(p);
}

static const struct file_ops pipe_read_ops = {
    .fcntl = pipe_fcntl,
    .name = "pipe",
    .read = pipe_read,
    .stat = pipe_stat,
    .ioctl = pipe_ioctl,
    .poll = pipe_poll,
    .release = pipe_release,
};
static const struct file_ops pipe_write_ops = {
    .fcntl = pipe_fcntl,
    .name = "pipe",
    .write = pipe_write,
    .stat = pipe_stat,
    .ioctl = pipe_ioctl,
    .poll = pipe_poll,
    .release = pipe_release,
};

bool file_is_pipe(const struct file *f)
{
    return f->ops == &pipe_read_ops || f->ops == &pipe_write_ops;
}

long pipe_create(int flags, struct file **ret_read, struct file **ret_write)
{
    static uint64_t next_inode = 1;
    struct pipe *p = kzalloc(sizeof(*p));
    struct file *reader = p ? file_new(&pipe_read_ops, O_RDONLY | flags, p) : NULL;
    if (!reader) {
        kfree(p);
        return -ENOMEM;
    }
    *p = (struct pipe){.capacity = PIPE_CAPACITY, .inode = next_inode++, .reader = reader};
    p->writer = file_new(&pipe_write_ops, O_WRONLY | flags, p);
    if (!p->writer) {
        file_unref(reader);
        return -ENOMEM;
    }
    *ret_read = reader;
    *ret_write = p->writer;
    return 0;
}

static long pipe_resize(struct pipe *p, uint64_t size)
{
    uint32_t capacity = PAGE;
    if (size > PIPE_CAPACITY_MAX)
        return -EPERM;
    while (capacity < size)
        capacity *= 2;
    if (capacity < p->length)
        return -EBUSY;
    if (p->ring) {
        uint8_t *ring = kpages_alloc(capacity / PAGE);
        if (!ring)
            return -ENOMEM;
        uint32_t first = MIN(p->length, p->capacity - p->head);
        memcpy(ring, p->ring + p->head, first);
        memcpy(ring + first, p->ring, p->length - first);
        kpages_free(p->ring, p->capacity / PAGE);
        p->ring = ring;
    }
    p->head = 0;
    p->capacity = capacity;
    if (p->writer)
        poll_event(p->writer, POLL_WRITE);
    return capacity;
}

long pipe_fcntl(struct file *f, unsigned command, uint64_t argument)
{
    if (!file_is_pipe(f))
        return -EBADF;
    struct pipe *p = f->priv;
    if (command == F_GETPIPE_SZ)
        return p->capacity;
    return command == F_SETPIPE_SZ ? pipe_resize(p, argument) : -EINVAL;
}
