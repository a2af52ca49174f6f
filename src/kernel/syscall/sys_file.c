// SPDX-License-Identifier: Apache-2.0
// Descriptors and what is read and written through them.
#include "kernel/syscall/syscall.h"

#include <asm/ioctls.h>
#include <linux/close_range.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/memfd.h>
#include <linux/uio.h>

#include "kernel/mm/mm.h"
#include "kernel/vfs/vfs.h"

#define RW_SIZE_MAX  0x7ffff000ul // as Linux
#define IOV_MAX      1024u
#define BOUNCE_PAGES 16u
#define PATH_BUFFER  char path[PATH_SIZE_MAX]

static long path_in(char path[PATH_SIZE_MAX], uint64_t user)
{
    return copy_user_string(path, user, PATH_SIZE_MAX);
}

// --- opening and closing -----------------------------------------------------------------------------

static long open_at(int dirfd, uint64_t user_path, int flags, unsigned mode)
{
    PATH_BUFFER;
    long err = path_in(path, user_path);
    if (err < 0)
        return err;
    struct file *f;
    err = vfs_open(dirfd, path, flags, mode, &f);
    if (err < 0)
        return err;
    if (!(flags & O_PATH))
        f->flags |= O_LARGEFILE;
    return fd_install(f, 0, flags & O_CLOEXEC);
}

SYSCALL(open)
{
    return open_at(AT_FDCWD, a[0], (int)a[1], (unsigned)a[2]);
}

SYSCALL(openat)
{
    return open_at((int)a[0], a[1], (int)a[2], (unsigned)a[3]);
}

SYSCALL(creat)
{
    return open_at(AT_FDCWD, a[0], O_CREAT | O_WRONLY | O_TRUNC, (unsigned)a[1]);
}

SYSCALL(close)
{
    return fd_close((int)a[0]);
}

SYSCALL(close_range)
{
    unsigned first = (unsigned)a[0], last = (unsigned)a[1], flags = (unsigned)a[2];
    if (first > last || flags & ~(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC))
        return -EINVAL;
    if (first > FD_MAX)
        return 0;
    for (int fd = fd_next((int)first); fd >= 0 && (unsigned)fd <= last; fd = fd_next(fd + 1)) {
        if (flags & CLOSE_RANGE_CLOEXEC)
            fd_set_cloexec(fd, true);
        else
            (void)fd_close(fd);
    }
    return 0;
}

SYSCALL(memfd_create)
{
    char name[250];
    long err = copy_user_string(name, a[0], sizeof name);
    if (err < 0)
        return err == -ENAMETOOLONG ? -EINVAL : err;
    if (a[1] & ~(uint64_t)(MFD_CLOEXEC | MFD_ALLOW_SEALING))
        return -EINVAL;
    char shown[280];
    kformat(shown, sizeof shown, "memfd:%s (deleted)", name);
    struct node *n;
    err = tmp_memfd(name, &n);
    if (err < 0)
        return err;
    struct file *f = vfs_open_node(n, shown, O_RDWR | O_LARGEFILE);
    return f ? fd_install(f, 0, a[1] & MFD_CLOEXEC) : -ENOMEM;
}

// --- reading and writing -----------------------------------------------------------------------------

static bool is_seekable(const struct file *f)
{
    return f->node &&
           (NODE_IS(f->node, S_IFREG) || NODE_IS(f->node, S_IFDIR) || NODE_IS(f->node, S_IFCHR));
}

static bool may(const struct file *f, bool write)
{
    int mode = f->flags & O_ACCMODE;
    return !(f->flags & O_PATH) && mode != (write ? O_RDONLY : O_WRONLY);
}

static long write_file(struct file *f, const void *buffer, size_t size, uint64_t *pos)
{
    if (!f->ops->write)
        return -EINVAL;
    bool regular = f->node && NODE_IS(f->node, S_IFREG);
    if (regular && (f->flags & O_APPEND) && f->ops->size) {
        long err = f->ops->size(f, pos);
        if (err < 0)
            return err;
    }
    long n = f->ops->write(f, buffer, size, *pos);
    if (n <= 0)
        return n;
    if (regular) {
        mm_shared_after_write(f, *pos, (uint64_t)n);
        *pos += (uint64_t)n;
    }
    if (regular && (f->flags & O_DSYNC) && f->ops->sync) {
        long err = f->ops->sync(f);
        if (err < 0)
            return err;
    }
    return n;
}

static long read_file(struct file *f, void *buffer, size_t size, uint64_t *pos)
{
    if (!f->ops->read)
        return -EINVAL;
    mm_shared_before_read(f, *pos, size);
    long n = f->ops->read(f, buffer, size, *pos);
    if (n > 0 && f->node && NODE_IS(f->node, S_IFREG))
        *pos += (uint64_t)n;
    return n;
}

// `pos` NULL: the file's own position.
static long transfer(long fd, uint64_t buffer, uint64_t size, bool write, const uint64_t *pos)
{
    struct file *f = fd_get((int)fd);
    if (!f || !may(f, write))
        return -EBADF;
    if (pos && !is_seekable(f))
        return -ESPIPE;
    if (pos && (int64_t)*pos < 0)
        return -EINVAL;
    size = MIN(size, RW_SIZE_MAX);
    if (!user_range_ok(buffer, size))
        return -EFAULT;
    uint64_t at = pos ? *pos : f->pos;
    file_ref(f);
    void *p = (void *)(uintptr_t)buffer;
    long n = write ? write_file(f, p, size, &at) : read_file(f, p, size, &at);
    if (!pos && n > 0 && is_seekable(f))
        f->pos = at;
    file_unref(f);
    return n;
}

SYSCALL(read)
{
    return transfer((long)a[0], a[1], a[2], false, NULL);
}

SYSCALL(write)
{
    return transfer((long)a[0], a[1], a[2], true, NULL);
}

SYSCALL(pread64)
{
    return transfer((long)a[0], a[1], a[2], false, &a[3]);
}

SYSCALL(pwrite64)
{
    return transfer((long)a[0], a[1], a[2], true, &a[3]);
}

static long message_vector(struct file *f, uint64_t user_iov, uint64_t count, bool write)
{
    struct iovec *iov = kzalloc(MAX(count, 1ul) * sizeof *iov);
    long n = iov ? copy_from_user(iov, user_iov, count * sizeof *iov) : -ENOMEM;
    for (uint64_t i = 0; n == 0 && i < count; i++)
        if (!user_range_ok((uint64_t)iov[i].iov_base, iov[i].iov_len))
            n = -EFAULT;
    file_ref(f);
    if (n == 0)
        n = write ? f->ops->write_vector(f, iov, (unsigned)count)
                  : f->ops->read_vector(f, iov, (unsigned)count);
    file_unref(f);
    kfree(iov);
    return n;
}

static long transfer_vector(long fd, uint64_t user_iov, uint64_t count, bool write,
                            const uint64_t *pos)
{
    if (count > IOV_MAX)
        return -EINVAL;
    struct file *f = fd_get((int)fd);
    if (!f || !may(f, write))
        return -EBADF;
    if (!pos && (write ? (void *)f->ops->write_vector : (void *)f->ops->read_vector))
        return message_vector(f, user_iov, count, write);
    uint64_t at = pos ? *pos : 0, done = 0;
    for (uint64_t i = 0; i < count; i++) {
        struct iovec v;
        long err = copy_from_user(&v, user_iov + i * sizeof v, sizeof v);
        if (err == 0 && (int64_t)v.iov_len < 0)
            err = -EINVAL;
        if (err == 0 && v.iov_len == 0)
            continue;
        long n = err < 0 ? err
                         : transfer(fd, (uint64_t)v.iov_base, MIN(v.iov_len, RW_SIZE_MAX - done),
                                    write, pos ? &at : NULL);
        if (n < 0)
            return done ? (long)done : n;
        done += (uint64_t)n;
        at += (uint64_t)n;
        if ((uint64_t)n < v.iov_len)
            break;
        // What a stream holds is given at once; a second read might wait for more.
        if (!write && !is_seekable(f))
            break;
    }
    return (long)done;
}

SYSCALL(readv)
{
    return transfer_vector((long)a[0], a[1], a[2], false, NULL);
}

SYSCALL(writev)
{
    return transfer_vector((long)a[0], a[1], a[2], true, NULL);
}

SYSCALL(preadv)
{
    return transfer_vector((long)a[0], a[1], a[2], false, &a[3]);
}

SYSCALL(pwritev)
{
    return transfer_vector((long)a[0], a[1], a[2], true, &a[3]);
}

#define RWF_KNOWN (RWF_HIPRI | RWF_DSYNC | RWF_SYNC)

static long transfer_v2(const uint64_t *a, bool write)
{
    if (a[5] & ~(uint64_t)RWF_KNOWN)
        return -EOPNOTSUPP;
    long n = transfer_vector((long)a[0], a[1], a[2], write, a[3] == ~0ull ? NULL : &a[3]);
    struct file *f = fd_get((int)a[0]);
    if (write && n > 0 && (a[5] & (RWF_DSYNC | RWF_SYNC)) && f && f->ops->sync) {
        long err = f->ops->sync(f);
        if (err < 0)
            return err;
    }
    return n;
}

SYSCALL(preadv2)
{
    return transfer_v2(a, false);
}

SYSCALL(pwritev2)
{
    return transfer_v2(a, true);
}

static long seek_to(struct file *f, int64_t offset, int whence, uint64_t size)
{
    int64_t base = 0;
    switch (whence) {
    case SEEK_SET:
        break;
    case SEEK_CUR:
        base = (int64_t)f->pos;
        break;
    case SEEK_END:
        base = (int64_t)size;
        break;
    case SEEK_DATA:
    case SEEK_HOLE:
        if (offset < 0 || (uint64_t)offset >= size)
            return -ENXIO;
        return whence == SEEK_DATA ? offset : (long)size;
    default:
        return -EINVAL;
    }
    int64_t to;
    return add_overflows(base, offset, &to) || to < 0 ? -EINVAL : to;
}

SYSCALL(lseek)
{
    struct file *f = fd_get((int)a[0]);
    if (!f || (f->flags & O_PATH))
        return -EBADF;
    if (!is_seekable(f))
        return -ESPIPE;
    if (NODE_IS(f->node, S_IFCHR))
        return 0;
    uint64_t size = 0;
    if (f->ops->size) {
        long err = f->ops->size(f, &size);
        if (err < 0)
            return err;
    }
    long to = seek_to(f, (int64_t)a[1], (int)a[2], size);
    if (to >= 0)
        f->pos = (uint64_t)to;
    return to;
}

// Moves bytes between files through the kernel. *in_pos and *out_pos move along.
static long copy_between(struct file *in, uint64_t *in_pos, struct file *out, uint64_t *out_pos,
                         uint64_t size)
{
    uint8_t *bounce = kpages_alloc(BOUNCE_PAGES);
    if (!bounce)
        return -ENOMEM;
    uint64_t done = 0;
    long n = 0;
    file_ref(in);
    file_ref(out);
    while (done < size) {
        uint64_t before = *in_pos;
        n = read_file(in, bounce, MIN(size - done, BOUNCE_PAGES * 4096ul), in_pos);
        if (n <= 0)
            break;
        long written = 0;
        while (written < n) {
            long w = write_file(out, bounce + written, (size_t)(n - written), out_pos);
            if (w <= 0) {
                *in_pos = before + (uint64_t)written;
                n = w;
                break;
            }
            written += w;
        }
        done += (uint64_t)written;
        if (n <= 0)
            break;
    }
    file_unref(in);
    file_unref(out);
    kpages_free(bounce, BOUNCE_PAGES);
    return done ? (long)done : n;
}

static long offset_in(struct file *f, uint64_t user, uint64_t *ret)
{
    *ret = f->pos;
    if (!user)
        return 0;
    if (!is_seekable(f))
        return -ESPIPE;
    long err = copy_from_user(ret, user, sizeof *ret);
    return err == 0 && (int64_t)*ret < 0 ? -EINVAL : err;
}

static long offset_out(struct file *f, uint64_t user, uint64_t pos)
{
    if (user)
        return copy_to_user(user, &pos, sizeof pos);
    if (is_seekable(f))
        f->pos = pos;
    return 0;
}

SYSCALL(sendfile)
{
    struct file *out = fd_get((int)a[0]), *in = fd_get((int)a[1]);
    if (!in || !out || !may(in, false) || !may(out, true))
        return -EBADF;
    if (!in->node || !NODE_IS(in->node, S_IFREG) || (out->flags & O_APPEND))
        return -EINVAL;
    uint64_t pos, out_pos = out->pos;
    long err = offset_in(in, a[2], &pos);
    if (err < 0)
        return err;
    long n = copy_between(in, &pos, out, &out_pos, MIN(a[3], RW_SIZE_MAX));
    if (n < 0)
        return n;
    err = offset_out(in, a[2], pos);
    if (err == 0)
        err = offset_out(out, 0, out_pos);
    return err < 0 ? err : n;
}

SYSCALL(copy_file_range)
{
    struct file *in = fd_get((int)a[0]), *out = fd_get((int)a[2]);
    if (!in || !out || !may(in, false) || !may(out, true) || (out->flags & O_APPEND))
        return -EBADF;
    if (!in->node || !out->node || a[5])
        return -EINVAL;
    if (NODE_IS(in->node, S_IFDIR) || NODE_IS(out->node, S_IFDIR))
        return -EISDIR;
    if (!NODE_IS(in->node, S_IFREG) || !NODE_IS(out->node, S_IFREG))
        return -EINVAL;
    uint64_t in_pos, out_pos, size = MIN(a[4], RW_SIZE_MAX);
    long err = offset_in(in, a[1], &in_pos);
    if (err == 0)
        err = offset_in(out, a[3], &out_pos);
    if (err < 0)
        return err;
    if (in->node == out->node && in_pos < out_pos + size && out_pos < in_pos + size)
        return -EINVAL;
    long n = copy_between(in, &in_pos, out, &out_pos, size);
    if (n < 0)
        return n;
    err = offset_out(in, a[1], in_pos);
    if (err == 0)
        err = offset_out(out, a[3], out_pos);
    return err < 0 ? err : n;
}

// --- descriptors -------------------------------------------------------------------------------------

SYSCALL(dup)
{
    struct file *f = fd_get((int)a[0]);
    return f ? fd_install(file_ref(f), 0, false) : -EBADF;
}

SYSCALL(dup2)
{
    struct file *f = fd_get((int)a[0]);
    if (!f)
        return -EBADF;
    return a[0] == a[1] ? (int)a[1] : fd_install_at(file_ref(f), (int)a[1], false);
}

SYSCALL(dup3)
{
    struct file *f = fd_get((int)a[0]);
    if (((int)a[2] & ~O_CLOEXEC) || (int)a[0] == (int)a[1])
        return -EINVAL;
    return f ? fd_install_at(file_ref(f), (int)a[1], a[2] & O_CLOEXEC) : -EBADF;
}

#define FLAGS_SETTABLE (O_APPEND | O_NONBLOCK | O_DIRECT | O_NOATIME | FASYNC)

SYSCALL(fcntl)
{
    int fd = (int)a[0], command = (int)a[1];
    struct file *f = fd_get(fd);
    if (!f)
        return -EBADF;
    bool on_path = command == F_DUPFD || command == F_DUPFD_CLOEXEC || command == F_GETFD ||
                   command == F_SETFD || command == F_GETFL;
    if ((f->flags & O_PATH) && !on_path)
        return -EBADF;
    switch (command) {
    case F_DUPFD:
    case F_DUPFD_CLOEXEC:
        if ((int)a[2] < 0 || a[2] >= fd_limit())
            return -EINVAL;
        return fd_install(file_ref(f), (int)a[2], command == F_DUPFD_CLOEXEC);
    case F_GETFD:
        return fd_cloexec(fd) ? FD_CLOEXEC : 0;
    case F_SETFD:
        fd_set_cloexec(fd, a[2] & FD_CLOEXEC);
        return 0;
    case F_GETFL:
        return f->flags;
    case F_SETFL:
        f->flags = (f->flags & ~FLAGS_SETTABLE) | ((int)a[2] & FLAGS_SETTABLE);
        return 0;
    case F_GETLK:
    case F_SETLK:
    case F_SETLKW:
    case F_OFD_GETLK:
    case F_OFD_SETLK:
    case F_OFD_SETLKW:
        return lock_ofd(f, command, a[2]);
    case F_GETOWN:
    case F_SETOWN:
    case F_GETSIG:
    case F_SETSIG:
        return 0;
    case F_GET_SEALS:
        return f->node && !f->dentry->parent ? F_SEAL_SEAL : -EINVAL;
    case F_SETPIPE_SZ:
    case F_GETPIPE_SZ:
        return f->ops->fcntl ? f->ops->fcntl(f, command, a[2]) : -EBADF;
    default:
        return -EINVAL;
    }
}

SYSCALL(flock)
{
    struct file *f = fd_get((int)a[0]);
    return f && !(f->flags & O_PATH) ? lock_flock(f, (int)a[1]) : -EBADF;
}

static long ioctl_any(struct file *f, int fd, unsigned request, uint64_t argument)
{
    int value = 0;
    uint64_t size = 0;
    long err;
    switch (request) {
    case FIOCLEX:
    case FIONCLEX:
        fd_set_cloexec(fd, request == FIOCLEX);
        return 0;
    case FIONBIO:
        err = copy_from_user(&value, argument, sizeof value);
        if (err == 0)
            f->flags = value ? f->flags | O_NONBLOCK : f->flags & ~O_NONBLOCK;
        return err;
    case FIONREAD:
        if (!f->node || !NODE_IS(f->node, S_IFREG) || !f->ops->size)
            return -ENOTTY;
        err = f->ops->size(f, &size);
        value = size > f->pos ? (int)MIN(size - f->pos, (uint64_t)INT32_MAX) : 0;
        return err < 0 ? err : copy_to_user(argument, &value, sizeof value);
    default:
        return -ENOTTY;
    }
}

SYSCALL(ioctl)
{
    struct file *f = fd_get((int)a[0]);
    if (!f || (f->flags & O_PATH))
        return -EBADF;
    unsigned request = (unsigned)a[1];
    bool common = request == FIOCLEX || request == FIONCLEX || request == FIONBIO;
    file_ref(f);
    long r = -ENOTTY;
    if (f->ops->ioctl && !common)
        r = f->ops->ioctl(f, request, a[2]);
    if (r == -ENOTTY)
        r = ioctl_any(f, (int)a[0], request, a[2]);
    file_unref(f);
    return r;
}

// --- sizes and syncing -------------------------------------------------------------------------------

SYSCALL(ftruncate)
{
    struct file *f = fd_get((int)a[0]);
    if (!f || (f->flags & O_PATH))
        return -EBADF;
    if ((int64_t)a[1] < 0 || !f->ops->truncate || !may(f, true) || !f->node ||
        !NODE_IS(f->node, S_IFREG))
        return -EINVAL;
    return f->ops->truncate(f, a[1]);
}

SYSCALL(truncate)
{
    PATH_BUFFER;
    struct dentry *d;
    long err = path_in(path, a[0]);
    if (err >= 0 && (int64_t)a[1] < 0)
        err = -EINVAL;
    if (err >= 0)
        err = path_find(AT_FDCWD, path, PATH_FOLLOW, &d);
    if (err < 0)
        return err;
    err = NODE_IS(d->node, S_IFREG) ? node_may(d->node, MAY_WRITE) : 0;
    if (err == 0)
        err = vfs_truncate(d->node, a[1]);
    dentry_unref(d);
    return err;
}

SYSCALL(fallocate)
{
    struct file *f = fd_get((int)a[0]);
    uint64_t end, size;
    int mode = (int)a[1];
    if (!f || !may(f, true))
        return -EBADF;
    if ((int64_t)a[2] < 0 || (int64_t)a[3] <= 0)
        return -EINVAL;
    if (!f->node)
        return -ESPIPE;
    if (!NODE_IS(f->node, S_IFREG))
        return NODE_IS(f->node, S_IFDIR) ? -EISDIR : -ENODEV;
    if (add_overflows(a[2], a[3], &end) || (int64_t)end < 0)
        return -EFBIG;
    long err = f->ops->size ? f->ops->size(f, &size) : -EOPNOTSUPP;
    if (err < 0)
        return err;
    bool punch = mode == (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE);
    bool zero = (mode & ~FALLOC_FL_KEEP_SIZE) == FALLOC_FL_ZERO_RANGE;
    if (!punch && !zero && (mode & ~FALLOC_FL_KEEP_SIZE))
        return -EOPNOTSUPP;
    if (punch || zero) {
        if (!f->node->ops->zero)
            return -EOPNOTSUPP;
        err = f->node->ops->zero(f->node, a[2], end);
    }
    if (err == 0 && !(mode & FALLOC_FL_KEEP_SIZE) && end > size)
        err = vfs_truncate(f->node, end);
    return err;
}

static long sync_fd(uint64_t fd)
{
    struct file *f = fd_get((int)fd);
    if (!f || (f->flags & O_PATH))
        return -EBADF;
    if (!f->node)
        return -EINVAL;
    return f->ops->sync ? f->ops->sync(f) : 0;
}

SYSCALL(fsync)
{
    return sync_fd(a[0]);
}

SYSCALL(fdatasync)
{
    return sync_fd(a[0]);
}

SYSCALL(sync_file_range)
{
    return sync_fd(a[0]);
}

SYSCALL(sync)
{
    (void)a;
    vfs_sync_all(false);
    return 0;
}

SYSCALL(syncfs)
{
    struct file *f = fd_get((int)a[0]);
    if (!f)
        return -EBADF;
    return f->node ? vfs_sync_fs(f->node->fs) : 0;
}

SYSCALL(fadvise64)
{
    struct file *f = fd_get((int)a[0]);
    if (!f)
        return -EBADF;
    if (!is_seekable(f))
        return -ESPIPE;
    return (int)a[3] < 0 || (int)a[3] > 5 ? -EINVAL : 0;
}

SYSCALL(readahead)
{
    struct file *f = fd_get((int)a[0]);
    if (!f || !may(f, false))
        return -EBADF;
    return f->node && NODE_IS(f->node, S_IFREG) ? 0 : -EINVAL;
}
