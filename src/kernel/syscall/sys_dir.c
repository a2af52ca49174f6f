// SPDX-License-Identifier: Apache-2.0
// Names: making, removing, renaming, linking, listing; the current directory.
#include "kernel/syscall/syscall.h"

#include <linux/fs.h>

#include "kernel/vfs/vfs.h"

static long path_in(char path[PATH_SIZE_MAX], uint64_t user)
{
    return copy_user_string(path, user, PATH_SIZE_MAX);
}

static struct name child_name(const struct path_last *last)
{
    return (struct name){last->child->name, last->child->name_size};
}

// Where something new is to be made: a path whose last part says that it is there is EEXIST.
static long find_new(int dirfd, uint64_t user_path, struct path_last *ret)
{
    char path[PATH_SIZE_MAX];
    long err = path_in(path, user_path);
    if (err < 0)
        return err;
    err = path_find_last(dirfd, path, ret);
    return err == -EBUSY || err == -EINVAL || err == -ENOTEMPTY ? -EEXIST : err;
}

static long make_at(int dirfd, uint64_t user_path, uint32_t mode, const char *target)
{
    struct path_last last;
    long err = find_new(dirfd, user_path, &last);
    if (err < 0)
        return err;
    bool is_dir = (mode & S_IFMT) == S_IFDIR;
    if (last.slash && !is_dir && !last.child->node)
        err = -ENOENT;
    else
        err = vfs_make(&last, mode, target);
    path_last_done(&last);
    return err;
}

SYSCALL(mkdir)
{
    return make_at(AT_FDCWD, a[0], S_IFDIR | ((uint32_t)a[1] & 01777), NULL);
}

SYSCALL(mkdirat)
{
    return make_at((int)a[0], a[1], S_IFDIR | ((uint32_t)a[2] & 01777), NULL);
}

static long mknod_at(int dirfd, uint64_t user_path, uint32_t mode)
{
    if ((mode & S_IFMT) == 0)
        mode |= S_IFREG;
    if ((mode & S_IFMT) != S_IFREG && (mode & S_IFMT) != S_IFSOCK)
        return -EPERM; // no devices; a FIFO would need a peer process
    return make_at(dirfd, user_path, mode, NULL);
}

SYSCALL(mknod)
{
    return mknod_at(AT_FDCWD, a[0], (uint32_t)a[1]);
}

SYSCALL(mknodat)
{
    return mknod_at((int)a[0], a[1], (uint32_t)a[2]);
}

static long symlink_at(uint64_t user_target, int dirfd, uint64_t user_path)
{
    char target[PATH_SIZE_MAX];
    long err = path_in(target, user_target);
    if (err <= 0)
        return err < 0 ? err : -ENOENT;
    return make_at(dirfd, user_path, S_IFLNK | 0777, target);
}

SYSCALL(symlink)
{
    return symlink_at(a[0], AT_FDCWD, a[1]);
}

SYSCALL(symlinkat)
{
    return symlink_at(a[0], (int)a[1], a[2]);
}

// --- removing ----------------------------------------------------------------------------------------

static long may_remove(const struct path_last *last, bool directory)
{
    struct node *n = last->child->node;
    if (!n)
        return -ENOENT;
    long err = path_may_change(last);
    if (err < 0)
        return err;
    if (last->slash && !NODE_IS(n, S_IFDIR))
        return -ENOTDIR;
    if (directory != NODE_IS(n, S_IFDIR))
        return directory ? -ENOTDIR : -EISDIR;
    if (vfs_holds_mount(last->child))
        return -EBUSY;
    return last->dir->node->ops->unlink ? 0 : -EPERM;
}

static long remove_at(int dirfd, uint64_t user_path, bool directory)
{
    char path[PATH_SIZE_MAX];
    struct path_last last;
    long err = path_in(path, user_path);
    if (err < 0)
        return err;
    err = path_find_last(dirfd, path, &last);
    if (!directory && (err == -EBUSY || err == -EINVAL || err == -ENOTEMPTY))
        return -EISDIR;
    if (err < 0)
        return err;
    err = may_remove(&last, directory);
    struct node *dir = last.dir->node, *n = last.child->node;
    if (err == 0)
        err = dir->ops->unlink(dir, child_name(&last), n);
    if (err == 0)
        dentry_drop(last.child);
    path_last_done(&last);
    return err;
}

SYSCALL(unlink)
{
    return remove_at(AT_FDCWD, a[0], false);
}

SYSCALL(rmdir)
{
    return remove_at(AT_FDCWD, a[0], true);
}

SYSCALL(unlinkat)
{
    if ((int)a[2] & ~AT_REMOVEDIR)
        return -EINVAL;
    return remove_at((int)a[0], a[1], a[2] & AT_REMOVEDIR);
}

// --- linking and renaming ----------------------------------------------------------------------------

static long link_to(struct dentry *from, const struct path_last *to)
{
    struct node *dir = to->dir->node;
    if (to->child->node)
        return -EEXIST;
    if (to->slash)
        return -ENOENT;
    if (from->node->fs != dir->fs)
        return -EXDEV;
    long err = path_may_change(to);
    if (err < 0)
        return err;
    if (NODE_IS(from->node, S_IFDIR) || !dir->ops->link)
        return -EPERM;
    err = dir->ops->link(dir, child_name(to), from->node);
    if (err == 0)
        dentry_set_node(to->child, node_ref(from->node));
    return err;
}

static long link_at(int from_fd, uint64_t user_from, int to_fd, uint64_t user_to, int flags)
{
    if (flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    char path[PATH_SIZE_MAX];
    struct dentry *from;
    struct path_last to;
    long err = path_in(path, user_from);
    if (err < 0)
        return err;
    unsigned how =
        (flags & AT_SYMLINK_FOLLOW ? PATH_FOLLOW : 0) | (flags & AT_EMPTY_PATH ? PATH_EMPTY : 0);
    err = path_find(from_fd, path, how, &from);
    if (err < 0)
        return err;
    err = find_new(to_fd, user_to, &to);
    if (err == 0) {
        err = link_to(from, &to);
        path_last_done(&to);
    }
    dentry_unref(from);
    return err;
}

SYSCALL(link)
{
    return link_at(AT_FDCWD, a[0], AT_FDCWD, a[1], 0);
}

SYSCALL(linkat)
{
    return link_at((int)a[0], a[1], (int)a[2], a[3], (int)a[4]);
}

static long may_rename(const struct path_last *from, const struct path_last *to, unsigned flags)
{
    struct node *n = from->child->node, *old = to->child->node;
    if (from->dir->node->fs != to->dir->node->fs)
        return -EXDEV;
    if (!n)
        return -ENOENT;
    long err = path_may_change(from);
    if (err == 0)
        err = path_may_change(to);
    if (err < 0)
        return err;
    if ((from->slash || (to->slash && !old)) && !NODE_IS(n, S_IFDIR))
        return -ENOTDIR;
    if (flags & RENAME_NOREPLACE && old)
        return -EEXIST;
    if (flags & RENAME_EXCHANGE && !old)
        return -ENOENT;
    if (dentry_is_below(to->dir, from->child))
        return -EINVAL;
    if (old && dentry_is_below(from->dir, to->child))
        return flags & RENAME_EXCHANGE ? -EINVAL : -ENOTEMPTY;
    if (old && !(flags & RENAME_EXCHANGE)) {
        if (NODE_IS(old, S_IFDIR) && !NODE_IS(n, S_IFDIR))
            return -EISDIR;
        if (!NODE_IS(old, S_IFDIR) && NODE_IS(n, S_IFDIR))
            return -ENOTDIR;
    }
    // Names of file systems that are not ours alone are forgotten, and the mounts below with them.
    if (!(n->fs->flags & FS_STABLE) &&
        (vfs_holds_mount(from->child) || (old && vfs_holds_mount(to->child))))
        return -EBUSY;
    return from->dir->node->ops->rename ? 0 : -EPERM;
}

static long exchange(const struct path_last *from, const struct path_last *to)
{
    struct node *dir = from->dir->node;
    if (!dir->ops->exchange)
        return -EINVAL;
    long err = dir->ops->exchange(dir, child_name(from), from->child->node, to->dir->node,
                                  child_name(to), to->child->node);
    if (err == 0) { // the names are looked up again
        dentry_drop(from->child);
        dentry_drop(to->child);
    }
    return err;
}

static long rename_found(const struct path_last *from, const struct path_last *to, unsigned flags)
{
    long err = may_rename(from, to, flags);
    if (err < 0)
        return err;
    struct node *n = from->child->node, *old = to->child->node;
    if (old == n)
        return 0;
    if (flags & RENAME_EXCHANGE)
        return exchange(from, to);
    struct node *dir = from->dir->node;
    err = dir->ops->rename(dir, child_name(from), n, to->dir->node, child_name(to), old);
    return err < 0 ? err : dentry_move(from->child, to->child);
}

static long rename_at(int from_fd, uint64_t user_from, int to_fd, uint64_t user_to, unsigned flags)
{
    if (flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE) ||
        flags == (RENAME_NOREPLACE | RENAME_EXCHANGE))
        return -EINVAL;
    char path[PATH_SIZE_MAX];
    struct path_last from, to;
    long err = path_in(path, user_from);
    if (err >= 0)
        err = path_find_last(from_fd, path, &from);
    if (err < 0)
        return err == -EINVAL || err == -ENOTEMPTY ? -EBUSY : err;
    err = path_in(path, user_to);
    if (err >= 0)
        err = path_find_last(to_fd, path, &to);
    if (err >= 0) {
        err = rename_found(&from, &to, flags);
        path_last_done(&to);
    } else if (err == -EINVAL || err == -ENOTEMPTY) {
        err = -EBUSY;
    }
    path_last_done(&from);
    return err;
}

SYSCALL(rename)
{
    return rename_at(AT_FDCWD, a[0], AT_FDCWD, a[1], 0);
}

SYSCALL(renameat)
{
    return rename_at((int)a[0], a[1], (int)a[2], a[3], 0);
}

SYSCALL(renameat2)
{
    return rename_at((int)a[0], a[1], (int)a[2], a[3], (unsigned)a[4]);
}

// --- listing and the current directory ---------------------------------------------------------------

static struct file *directory(uint64_t fd, long *ret_err)
{
    struct file *f = fd_get((int)fd);
    *ret_err = !f || (f->flags & O_PATH) ? -EBADF : -ENOTDIR;
    return *ret_err == -ENOTDIR && f->ops->readdir ? f : NULL;
}

SYSCALL(getdents64)
{
    long err;
    struct file *f = directory(a[0], &err);
    if (!f)
        return err;
    size_t size = MIN((unsigned)a[2], 1u << 20);
    if (!user_range_ok(a[1], size))
        return -EFAULT;
    return f->ops->readdir(f, (void *)(uintptr_t)a[1], size);
}

// struct linux_dirent: inode, next, size, name, NUL, and the type in the record's last byte. Names are at the
// same cost one byte earlier than in linux_dirent64, so records keep their size.
SYSCALL(getdents)
{
    enum { HEAD = 18, NAME64 = 19 };
    long err;
    struct file *f = directory(a[0], &err);
    if (!f)
        return err;
    size_t size = MIN((unsigned)a[2], 32768u);
    if (!user_range_ok(a[1], size))
        return -EFAULT;
    uint8_t *bounce = kzalloc(size + 1);
    if (!bounce)
        return -ENOMEM;
    long n = f->ops->readdir(f, bounce, size);
    for (long at = 0; at < n;) {
        uint8_t *d = bounce + at;
        size_t record = load_le16(d + 16);
        uint8_t type = d[HEAD];
        memmove(d + HEAD, d + NAME64, record - NAME64);
        d[record - 1] = type;
        at += (long)record;
    }
    if (n > 0) {
        err = copy_to_user(a[1], bounce, (size_t)n);
        n = err < 0 ? err : n;
    }
    kfree(bounce);
    return n;
}

SYSCALL(getcwd)
{
    char path[PATH_SIZE_MAX];
    long size = vfs_getcwd(path, sizeof path);
    if (size < 0)
        return size;
    if ((uint64_t)size + 1 > a[1])
        return -ERANGE;
    long err = copy_to_user(a[0], path, (size_t)size + 1);
    return err < 0 ? err : size + 1;
}

SYSCALL(chdir)
{
    char path[PATH_SIZE_MAX];
    struct dentry *d;
    long err = path_in(path, a[0]);
    if (err >= 0)
        err = path_find(AT_FDCWD, path, PATH_FOLLOW, &d);
    if (err < 0)
        return err;
    err = vfs_chdir(d);
    dentry_unref(d);
    return err;
}

SYSCALL(fchdir)
{
    struct file *f = fd_get((int)a[0]);
    if (!f)
        return -EBADF;
    return f->dentry ? vfs_chdir(f->dentry) : -ENOTDIR;
}

SYSCALL(umask)
{
    return vfs_umask((uint32_t)a[0]);
}
