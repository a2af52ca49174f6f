// SPDX-License-Identifier: Apache-2.0
// The kernel around sockets, pipes and poll, for tests in an ordinary process: memory, the descriptor table,
// tasks that are threads. The kernel lock is a mutex; task_block() drops it.
#include "shim.h"

#include <linux/time.h>

#include "kernel/fs/pipe/pipe.h"
#include "kernel/net/unix.h"
#include "kernel/poll/poll.h"
#include "kernel/syscall/syscall.h"

extern void *calloc(size_t n, size_t size);
extern void *realloc(void *p, size_t size);
extern void free(void *p);
extern _Noreturn void abort(void);
extern int vsnprintf(char *s, size_t n, const char *format, va_list args);
extern int puts(const char *s);

void *kzalloc(size_t size)
{
    return calloc(1, size);
}

void kfree(void *p)
{
    free(p);
}

void *kpages_alloc(size_t count)
{
    return calloc(count, 4096);
}

void kpages_free(void *p, size_t count)
{
    (void)count;
    free(p);
}

int kformat(char *buffer, size_t capacity, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int r = vsnprintf(buffer, capacity, format, args);
    va_end(args);
    return r;
}

void panic(const char *format, ...)
{
    puts(format);
    abort();
}

bool user_range_ok(uint64_t address, uint64_t size)
{
    return address >= 4096 && address + size >= address;
}

long copy_user(void *dst, const void *src, size_t n)
{
    if ((n && (uintptr_t)dst < 4096) || (n && (uintptr_t)src < 4096))
        return -EFAULT;
    memmove(dst, src, n);
    return 0;
}

long copy_from_user(void *dst, uint64_t user_src, size_t n)
{
    return n == 0 || user_range_ok(user_src, n) ? copy_user(dst, (const void *)user_src, n)
                                                : -EFAULT;
}

long copy_to_user(uint64_t user_dst, const void *src, size_t n)
{
    return n == 0 || user_range_ok(user_dst, n) ? copy_user((void *)user_dst, src, n) : -EFAULT;
}

// --- files and descriptors ---
#define FDS 4096
static struct file *table[FDS];

struct file *file_new(const struct file_ops *ops, int flags, void *priv)
{
    struct file *f = kzalloc(sizeof *f);
    f->ops = ops;
    f->flags = flags;
    f->priv = priv;
    f->refs = 1;
    waitq_init(&f->waitq);
    return f;
}

struct file *file_ref(struct file *f)
{
    f->refs++;
    return f;
}

void file_unref(struct file *f)
{
    if (!f || --f->refs)
        return;
    epoll_forget(f);
    f->ops->release(f);
    kfree(f);
}

long fd_install(struct file *f, int minimum, bool cloexec)
{
    (void)cloexec;
    for (int fd = minimum; fd < FDS; fd++) {
        if (!table[fd]) {
            table[fd] = f;
            return fd;
        }
    }
    file_unref(f);
    return -EMFILE;
}

struct file *fd_get(long fd)
{
    return fd >= 0 && fd < FDS ? table[fd] : NULL;
}

long fd_close(long fd)
{
    struct file *f = fd_get(fd);
    if (!f)
        return -EBADF;
    table[fd] = NULL;
    file_unref(f);
    return 0;
}

// The parts of kernel/vfs and sys_file that the tests reach.
SYSCALL(shim_read)
{
    struct file *f = fd_get((int)a[0]);
    if (!f || !f->ops->read)
        return -EBADF;
    file_ref(f);
    long r = f->ops->read(f, (void *)a[1], a[2], 0);
    file_unref(f);
    return r;
}

SYSCALL(shim_write)
{
    struct file *f = fd_get((int)a[0]);
    if (!f || !f->ops->write)
        return -EBADF;
    file_ref(f);
    long r = f->ops->write(f, (const void *)a[1], a[2], 0);
    file_unref(f);
    return r;
}

SYSCALL(shim_close)
{
    return fd_close((int)a[0]);
}

SYSCALL(shim_ioctl)
{
    struct file *f = fd_get((int)a[0]);
    return !f ? -EBADF : f->ops->ioctl ? f->ops->ioctl(f, (unsigned)a[1], a[2]) : -ENOTTY;
}

SYSCALL(shim_fcntl)
{
    struct file *f = fd_get((int)a[0]);
    if (!f)
        return -EBADF;
    if (a[1] == F_GETPIPE_SZ || a[1] == F_SETPIPE_SZ)
        return pipe_fcntl(f, (unsigned)a[1], a[2]);
    if (a[1] == F_SETFL)
        f->flags = (f->flags & ~O_NONBLOCK) | ((int)a[2] & O_NONBLOCK);
    return a[1] == F_GETFL ? f->flags : 0;
}

SYSCALL(shim_dup)
{
    struct file *f = fd_get((int)a[0]);
    return f ? fd_install(file_ref(f), 0, false) : -EBADF;
}

// --- tasks ---
struct task {
    int wakeup;
    bool woken;
};
static __thread struct task task;
int shim_sigpipes;
unsigned shim_host_polls;

void wait_add(struct wait_entry *entry, struct waitq *q)
{
    entry->task = &task;
    list_add_tail(&q->waiters, &entry->node);
}

void wait_remove(struct wait_entry *entry)
{
    list_remove(&entry->node);
}

void waitq_wake(struct waitq *q, unsigned count)
{
    list_for_each(entry, &q->waiters, struct wait_entry, node)
    {
        if (count-- == 0)
            break;
        entry->task->woken = true;
        if (entry->task->wakeup)
            shim_wakeup(entry->task->wakeup);
    }
}

long task_block(struct host_pollfd *fds, unsigned count, uint64_t deadline)
{
    if (!task.wakeup)
        task.wakeup = shim_wakeup_new();
    shim_host_polls++;
    long r = 1;
    if (!task.woken)
        r = shim_wait(task.wakeup, fds, count, deadline);
    bool woken = task.woken;
    task.woken = false;
    if (r < 0)
        return r;
    return r > 0 || woken ? 0 : clock_ns(CLOCK_MONOTONIC) >= deadline ? -ETIMEDOUT : 0;
}

long waitq_sleep(struct waitq *q, uint64_t deadline)
{
    struct wait_entry entry;
    wait_add(&entry, q);
    long r = task_block(NULL, 0, deadline);
    wait_remove(&entry);
    return r;
}

void task_raise(int signal)
{
    shim_sigpipes += signal == SIGPIPE;
}

// As in kernel/task/signal.h, which defines another struct task.
void task_sigmask_swap(const uint64_t *new_mask, uint64_t *ret_old);
void task_sigmask_restore_later(uint64_t old);

void task_sigmask_swap(const uint64_t *new_mask, uint64_t *ret_old)
{
    (void)new_mask;
    if (ret_old)
        *ret_old = 0;
}

void task_sigmask_restore_later(uint64_t old)
{
    (void)old;
}

long shim_syscall(long (*handler)(const uint64_t *a), const uint64_t *a)
{
    shim_lock();
    long r = handler(a);
    shim_unlock();
    return shim_result(r);
}

// --- path names of AF_UNIX: nodes by name, never removed ---
struct node {
    char path[128];
};
static struct node *nodes[64];

long unix_path_find(const char *path, struct node **ret)
{
    for (size_t i = 0; i < ARRAY_COUNT(nodes) && nodes[i]; i++) {
        *ret = nodes[i];
        if (strcmp(nodes[i]->path, path) == 0)
            return 0;
    }
    return -ENOENT;
}

long unix_path_make(const char *path, struct node **ret)
{
    size_t i = 0;
    if (unix_path_find(path, ret) == 0)
        return -EADDRINUSE;
    while (nodes[i])
        i++;
    nodes[i] = kzalloc(sizeof **nodes);
    memcpy(nodes[i]->path, path, strlen(path));
    *ret = nodes[i];
    return 0;
}

void unix_node_unref(struct node *n)
{
    (void)n;
}

void unix_credentials(struct linux_ucred *ret)
{
    *ret = (struct linux_ucred){1, 0, 0};
}
