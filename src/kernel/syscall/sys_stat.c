// SPDX-License-Identifier: Apache-2.0
// What is known of files: stat and its kin, access, modes, owners, times, extended attributes.
#include "kernel/syscall/syscall.h"

#include <asm/statfs.h>
#include <linux/stat.h>
#include <linux/time.h>
#include <linux/time_types.h>

#include "kernel/vfs/vfs.h"

#define NS 1000000000ull

static long path_in(char path[PATH_SIZE_MAX], uint64_t user)
{
    return copy_user_string(path, user, PATH_SIZE_MAX);
}

// A file by descriptor (empty path) or path. Exactly one of the two is set; both are references.
struct target {
    struct file *file;
    struct dentry *dentry;
};

static long target_of_fd(int fd, struct target *ret)
{
    struct file *f = fd_get(fd);
    if (!f)
        return -EBADF;
    *ret = (struct target){file_ref(f), NULL};
    return 0;
}

static long target_find(int dirfd, uint64_t user_path, int at_flags, struct target *ret)
{
    char path[PATH_SIZE_MAX];
    if (!user_path && (at_flags & AT_EMPTY_PATH))
        return target_of_fd(dirfd, ret);
    long err = path_in(path, user_path);
    if (err < 0)
        return err;
    if (!*path && (at_flags & AT_EMPTY_PATH) && dirfd != AT_FDCWD)
        return target_of_fd(dirfd, ret);
    unsigned how = (at_flags & AT_SYMLINK_NOFOLLOW ? 0 : PATH_FOLLOW) |
                   (at_flags & AT_EMPTY_PATH ? PATH_EMPTY : 0);
    *ret = (struct target){NULL, NULL};
    return path_find(dirfd, path, how, &ret->dentry);
}

static void target_done(struct target *t)
{
    file_unref(t->file);
    dentry_unref(t->dentry);
}

static struct node *target_node(const struct target *t)
{
    return t->dentry ? t->dentry->node : t->file->node;
}

static long target_stat(const struct target *t, struct stat *ret)
{
    return t->dentry ? node_stat(t->dentry->node, ret) : vfs_file_stat(t->file, ret);
}

// --- stat --------------------------------------------------------------------------------------------

static long stat_at(int dirfd, uint64_t user_path, int flags, uint64_t user_stat)
{
    struct target t;
    struct stat st;
    long err = target_find(dirfd, user_path, flags, &t);
    if (err < 0)
        return err;
    err = target_stat(&t, &st);
    target_done(&t);
    return err < 0 ? err : copy_to_user(user_stat, &st, sizeof st);
}

SYSCALL(stat)
{
    return stat_at(AT_FDCWD, a[0], 0, a[1]);
}

SYSCALL(lstat)
{
    return stat_at(AT_FDCWD, a[0], AT_SYMLINK_NOFOLLOW, a[1]);
}

SYSCALL(fstat)
{
    struct file *f = fd_get((int)a[0]);
    struct stat st;
    if (!f)
        return -EBADF;
    long err = vfs_file_stat(f, &st);
    return err < 0 ? err : copy_to_user(a[1], &st, sizeof st);
}

#define STAT_FLAGS (AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH)

SYSCALL(newfstatat)
{
    if ((int)a[3] & ~STAT_FLAGS)
        return -EINVAL;
    return stat_at((int)a[0], a[1], (int)a[3], a[2]);
}

static struct statx_timestamp stamp(unsigned long s, unsigned long ns)
{
    return (struct statx_timestamp){.tv_sec = (int64_t)s, .tv_nsec = (uint32_t)ns};
}

static uint32_t device_major(uint64_t d)
{
    return (uint32_t)(d >> 8 & 0xfff);
}

static uint32_t device_minor(uint64_t d)
{
    return (uint32_t)((d & 0xff) | (d >> 12 & 0xfff00));
}

SYSCALL(statx)
{
    int flags = (int)a[2];
    if ((flags & ~(STAT_FLAGS | AT_STATX_SYNC_TYPE)) || (a[3] & STATX__RESERVED))
        return -EINVAL;
    struct target t;
    struct stat st;
    long err = target_find((int)a[0], a[1], flags & STAT_FLAGS, &t);
    if (err < 0)
        return err;
    err = target_stat(&t, &st);
    bool mount_root = t.dentry && !t.dentry->parent;
    target_done(&t);
    if (err < 0)
        return err;
    struct statx x = {
        .stx_mask = STATX_BASIC_STATS,
        .stx_blksize = (uint32_t)st.st_blksize,
        .stx_nlink = (uint32_t)st.st_nlink,
        .stx_uid = st.st_uid,
        .stx_gid = st.st_gid,
        .stx_mode = (uint16_t)st.st_mode,
        .stx_ino = st.st_ino,
        .stx_size = (uint64_t)st.st_size,
        .stx_blocks = (uint64_t)st.st_blocks,
        .stx_attributes = mount_root ? STATX_ATTR_MOUNT_ROOT : 0,
        .stx_attributes_mask = STATX_ATTR_MOUNT_ROOT,
        .stx_atime = stamp(st.st_atime, st.st_atime_nsec),
        .stx_mtime = stamp(st.st_mtime, st.st_mtime_nsec),
        .stx_ctime = stamp(st.st_ctime, st.st_ctime_nsec),
        .stx_rdev_major = device_major(st.st_rdev),
        .stx_rdev_minor = device_minor(st.st_rdev),
        .stx_dev_major = device_major(st.st_dev),
        .stx_dev_minor = device_minor(st.st_dev),
    };
    return copy_to_user(a[4], &x, sizeof x);
}

#define ST_RDONLY   1
#define ST_RELATIME 4096
#define ST_VALID    32

static long statfs_of(struct node *n, uint64_t user)
{
    uint64_t blocks = 0, free = 0;
    if (!n)
        return -ENOSYS;
    struct fs *fs = n->fs;
    if (fs->usage)
        fs->usage(fs, &blocks, &free);
    struct statfs s = {.f_type = fs->magic,
                       .f_bsize = 4096,
                       .f_frsize = 4096,
                       .f_blocks = (long)blocks,
                       .f_bfree = (long)free,
                       .f_bavail = (long)free,
                       .f_namelen = NAME_SIZE_MAX,
                       .f_flags =
                           ST_VALID | ST_RELATIME | (fs->flags & FS_READ_ONLY ? ST_RDONLY : 0)};
    return copy_to_user(user, &s, sizeof s);
}

SYSCALL(statfs)
{
    struct target t;
    long err = target_find(AT_FDCWD, a[0], 0, &t);
    if (err < 0)
        return err;
    err = statfs_of(target_node(&t), a[1]);
    target_done(&t);
    return err;
}

SYSCALL(fstatfs)
{
    struct file *f = fd_get((int)a[0]);
    return f ? statfs_of(f->node, a[1]) : -EBADF;
}

// --- access and links --------------------------------------------------------------------------------

static long access_at(int dirfd, uint64_t user_path, unsigned mode, int flags)
{
    if (mode & ~7u || flags & ~(0x200 /* AT_EACCESS */ | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    struct target t;
    long err = target_find(dirfd, user_path, flags, &t);
    if (err < 0)
        return err;
    struct node *n = target_node(&t);
    if (n) {
        bool data = NODE_IS(n, S_IFREG) || NODE_IS(n, S_IFDIR) || NODE_IS(n, S_IFLNK);
        err = node_may(n, mode);
        if (err == 0 && (mode & MAY_WRITE) && data && (n->fs->flags & FS_READ_ONLY))
            err = -EROFS;
    }
    target_done(&t);
    return err;
}

SYSCALL(access)
{
    return access_at(AT_FDCWD, a[0], (unsigned)a[1], 0);
}

SYSCALL(faccessat)
{
    return access_at((int)a[0], a[1], (unsigned)a[2], 0);
}

SYSCALL(faccessat2)
{
    return access_at((int)a[0], a[1], (unsigned)a[2], (int)a[3]);
}

static long readlink_at(int dirfd, uint64_t user_path, uint64_t user_buffer, int size)
{
    char text[PATH_SIZE_MAX];
    struct target t;
    if (size <= 0)
        return -EINVAL;
    long err = target_find(dirfd, user_path, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH, &t);
    if (err < 0)
        return err;
    struct node *n = target_node(&t);
    long n_read = -EINVAL;
    if (n && NODE_IS(n, S_IFLNK) && n->ops->readlink)
        n_read = n->ops->readlink(n, text, MIN((size_t)size, sizeof text));
    target_done(&t);
    if (n_read > 0)
        err = copy_to_user(user_buffer, text, (size_t)n_read);
    return err < 0 ? err : n_read;
}

SYSCALL(readlink)
{
    return readlink_at(AT_FDCWD, a[0], a[1], (int)a[2]);
}

SYSCALL(readlinkat)
{
    return readlink_at((int)a[0], a[1], a[2], (int)a[3]);
}

// --- changing attributes -----------------------------------------------------------------------------

static long may_own(struct node *n)
{
    struct stat st;
    long err = vfs_uid() == 0 ? 0 : node_stat(n, &st);
    if (err < 0 || vfs_uid() == 0)
        return err;
    return st.st_uid == vfs_uid() ? 0 : -EPERM;
}

static long change(struct target *t, const struct node_attr *attr)
{
    struct node *n = target_node(t);
    long err = -EROFS;
    if (!n)
        err = 0; // a pipe or socket: nobody can tell
    else if (!(n->fs->flags & FS_READ_ONLY))
        err = may_own(n);
    if (n && err == 0)
        err = vfs_set_attr(n, attr);
    target_done(t);
    return err;
}

static long change_at(int dirfd, uint64_t user_path, int flags, const struct node_attr *attr)
{
    struct target t;
    long err = target_find(dirfd, user_path, flags, &t);
    return err < 0 ? err : change(&t, attr);
}

static long change_fd(uint64_t fd, const struct node_attr *attr)
{
    struct target t;
    struct file *f = fd_get((int)fd);
    if (f && (f->flags & O_PATH))
        return -EBADF;
    long err = target_of_fd((int)fd, &t);
    return err < 0 ? err : change(&t, attr);
}

static struct node_attr mode_attr(uint64_t mode)
{
    return (struct node_attr){.set = ATTR_MODE, .mode = (uint32_t)mode & 07777};
}

SYSCALL(chmod)
{
    struct node_attr attr = mode_attr(a[1]);
    return change_at(AT_FDCWD, a[0], 0, &attr);
}

SYSCALL(fchmod)
{
    struct node_attr attr = mode_attr(a[1]);
    return change_fd(a[0], &attr);
}

SYSCALL(fchmodat)
{
    struct node_attr attr = mode_attr(a[2]);
    return change_at((int)a[0], a[1], 0, &attr);
}

static struct node_attr owner_attr(uint64_t uid, uint64_t gid)
{
    struct node_attr attr = {.uid = (uint32_t)uid, .gid = (uint32_t)gid};
    attr.set = (attr.uid == ~0u ? 0 : ATTR_UID) | (attr.gid == ~0u ? 0 : ATTR_GID);
    return attr;
}

SYSCALL(chown)
{
    struct node_attr attr = owner_attr(a[1], a[2]);
    return change_at(AT_FDCWD, a[0], 0, &attr);
}

SYSCALL(lchown)
{
    struct node_attr attr = owner_attr(a[1], a[2]);
    return change_at(AT_FDCWD, a[0], AT_SYMLINK_NOFOLLOW, &attr);
}

SYSCALL(fchown)
{
    struct node_attr attr = owner_attr(a[1], a[2]);
    return change_fd(a[0], &attr);
}

SYSCALL(fchownat)
{
    struct node_attr attr = owner_attr(a[2], a[3]);
    if ((int)a[4] & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    return change_at((int)a[0], a[1], (int)a[4], &attr);
}

#define UTIME_NOW  0x3fffffffll
#define UTIME_OMIT 0x3ffffffell

static long times_from(uint64_t user, uint64_t unit_ns, struct node_attr *ret)
{
    uint64_t now = clock_ns(CLOCK_REALTIME);
    *ret = (struct node_attr){.set = ATTR_ATIME | ATTR_MTIME, .atime_ns = now, .mtime_ns = now};
    if (!user)
        return 0;
    struct __kernel_timespec ts[2];
    long err = copy_from_user(ts, user, sizeof ts);
    if (err < 0)
        return err;
    uint64_t *out[2] = {&ret->atime_ns, &ret->mtime_ns};
    static const unsigned bit[2] = {ATTR_ATIME, ATTR_MTIME};
    for (int i = 0; i < 2; i++) {
        bool special = unit_ns == 1 && (ts[i].tv_nsec == UTIME_NOW || ts[i].tv_nsec == UTIME_OMIT);
        if (special && ts[i].tv_nsec == UTIME_OMIT)
            ret->set &= ~bit[i];
        if (special)
            continue;
        if (ts[i].tv_nsec < 0 || (uint64_t)ts[i].tv_nsec >= NS / unit_ns)
            return -EINVAL;
        uint64_t seconds = ts[i].tv_sec < 0 ? 0 : MIN((uint64_t)ts[i].tv_sec, 1ull << 34);
        *out[i] = seconds * NS + (uint64_t)ts[i].tv_nsec * unit_ns;
    }
    return 0;
}

SYSCALL(utimensat)
{
    struct node_attr attr;
    if ((int)a[3] & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    long err = times_from(a[2], 1, &attr);
    if (err < 0 || attr.set == 0)
        return err;
    return a[1] ? change_at((int)a[0], a[1], (int)a[3], &attr) : change_fd(a[0], &attr);
}

static long utimes_at(int dirfd, uint64_t user_path, uint64_t user_times)
{
    struct node_attr attr;
    long err = times_from(user_times, 1000, &attr);
    return err < 0 ? err : change_at(dirfd, user_path, 0, &attr);
}

SYSCALL(utimes)
{
    return utimes_at(AT_FDCWD, a[0], a[1]);
}

SYSCALL(futimesat)
{
    return utimes_at((int)a[0], a[1], a[2]);
}

SYSCALL(utime)
{
    struct node_attr attr;
    uint64_t times[2];
    long err = times_from(0, 1, &attr);
    if (err == 0 && a[1])
        err = copy_from_user(times, a[1], sizeof times);
    if (err < 0)
        return err;
    if (a[1]) {
        attr.atime_ns = MIN(times[0], 1ull << 34) * NS;
        attr.mtime_ns = MIN(times[1], 1ull << 34) * NS;
    }
    return change_at(AT_FDCWD, a[0], 0, &attr);
}

// --- extended attributes: there are none -------------------------------------------------------------

enum xattr_call { XATTR_GET, XATTR_SET, XATTR_LIST, XATTR_REMOVE };

static long xattr_answer(struct target *t, enum xattr_call call)
{
    struct node *n = target_node(t);
    bool read_only = n && (n->fs->flags & FS_READ_ONLY);
    target_done(t);
    switch (call) {
    case XATTR_GET:
        return -ENODATA;
    case XATTR_SET:
        return read_only ? -EROFS : -EOPNOTSUPP;
    case XATTR_LIST:
        return 0;
    default:
        return read_only ? -EROFS : -ENODATA;
    }
}

static long xattr_path(uint64_t user_path, int flags, enum xattr_call call)
{
    struct target t;
    long err = target_find(AT_FDCWD, user_path, flags, &t);
    return err < 0 ? err : xattr_answer(&t, call);
}

static long xattr_fd(uint64_t fd, enum xattr_call call)
{
    struct target t;
    long err = target_of_fd((int)fd, &t);
    return err < 0 ? err : xattr_answer(&t, call);
}

#define XATTR_CALLS(name, call)                             \
    SYSCALL(name##xattr)                                    \
    {                                                       \
        return xattr_path(a[0], 0, call);                   \
    }                                                       \
    SYSCALL(l##name##xattr)                                 \
    {                                                       \
        return xattr_path(a[0], AT_SYMLINK_NOFOLLOW, call); \
    }                                                       \
    SYSCALL(f##name##xattr)                                 \
    {                                                       \
        return xattr_fd(a[0], call);                        \
    }
XATTR_CALLS(get, XATTR_GET)
XATTR_CALLS(set, XATTR_SET)
XATTR_CALLS(list, XATTR_LIST)
XATTR_CALLS(remove, XATTR_REMOVE)
