// SPDX-License-Identifier: Apache-2.0
// Open files ("open file descriptions") and the table of descriptors.
//
// - struct file is what open(), socket(), pipe(), … make; reference-counted; `ops` says what it is.
// - Buffers in ops may be user memory that the caller has range-checked: touch them with copy_user() only.
// - Operations may block (task_block) unless O_NONBLOCK is set in flags.
#ifndef KERNEL_FILE_H
#define KERNEL_FILE_H

#include <asm/stat.h>
#include <linux/fcntl.h>
#include <linux/poll.h>

#include "kernel/lib/lib.h"
#include "kernel/task/task.h"

struct dentry;
struct file;
struct iovec;
struct node;

struct file_ops {
    const char *name; // "erofs", "pipe", "socket"…; for /proc/self/fd and logs
    // `pos` is where to read or write; streams ignore it. Bytes done, or a negative errno.
    long (*read)(struct file *f, void *buffer, size_t size, uint64_t pos);
    long (*write)(struct file *f, const void *buffer, size_t size, uint64_t pos);
    // All buffers in one message (sockets); missing: one after the other by read and write. The vector is
    // kernel memory, its buffers are range-checked.
    long (*read_vector)(struct file *f, const struct iovec *iov, unsigned count);
    long (*write_vector)(struct file *f, const struct iovec *iov, unsigned count);
    long (*fcntl)(struct file *f, unsigned command, uint64_t argument); // commands of its own
    long (*stat)(struct file *f, struct stat *ret);
    long (*ioctl)(struct file *f, unsigned request, uint64_t argument);
    long (*truncate)(struct file *f, uint64_t size);
    long (*sync)(struct file *f);
    // Fills linux_dirent64 records from f->pos on, and moves it; bytes written, 0 at the end.
    long (*readdir)(struct file *f, void *buffer, size_t size);
    // Events (POLLIN…) that hold now, without blocking. Missing: always readable and writable.
    uint32_t (*poll)(struct file *f);
    // The host descriptor whose readiness also counts, or -1. Missing: none.
    int (*host_fd)(struct file *f);
    // Size for SEEK_END and mmap; missing: not seekable.
    long (*size)(struct file *f, uint64_t *ret);
    void (*release)(struct file *f); // the last reference is gone; frees what priv holds
};

struct file {
    const struct file_ops *ops;
    uint32_t refs;
    int flags; // O_ACCMODE, O_APPEND, O_NONBLOCK, O_DIRECTORY, O_PATH…
    uint64_t pos;
    void *priv;
    struct waitq waitq;    // woken when readiness may have changed
    struct node *node;     // of files that a path names; else NULL
    struct dentry *dentry; // the name under which it was opened
};

struct file *file_new(const struct file_ops *ops, int flags,
                      void *priv); // one reference; NULL: no memory
struct file *file_ref(struct file *f);
void file_unref(struct file *f); // takes NULL

// The descriptor table. fd_get borrows (no reference): valid until the task blocks; use file_ref across that.
long fd_install(struct file *f, int minimum,
                bool cloexec);                            // takes over the reference; fd or -EMFILE
long fd_install_at(struct file *f, int fd, bool cloexec); // dup2/dup3: closes what was there
struct file *fd_get(long fd);                             // NULL: EBADF
long fd_close(long fd);
bool fd_cloexec(long fd);
void fd_set_cloexec(long fd, bool on);
void fd_close_on_exec(void);
int fd_next(int from); // lowest open descriptor >= from, or -1; for /proc/self/fd and close_range

// Paths (kernel/vfs/path.c). dirfd as in openat(2); the path is kernel memory.
long vfs_open(int dirfd, const char *path, int flags, unsigned mode, struct file **ret);
// The absolute, normal path under which f was opened, "pipe:[n]" and such for others. Length or -errno.
long vfs_path(struct file *f, char *ret, size_t capacity);

#endif
