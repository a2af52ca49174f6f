// SPDX-License-Identifier: Apache-2.0
#include "kernel/vfs/file.h"

#include <asm/ioctls.h>

#include "kernel/poll/poll.h"
#include "kernel/vfs/vfs.h"

struct file *file_new(const struct file_ops *ops, int flags, void *priv)
{
    struct file *f = kzalloc(sizeof *f);
    if (!f)
        return NULL;
    f->ops = ops;
    f->refs = 1;
    f->flags = flags;
    f->priv = priv;
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
    if (!f || --f->refs > 0)
        return;
    epoll_forget(f);
    lock_forget(f);
    if (f->ops->release)
        f->ops->release(f);
    node_unref(f->node);
    dentry_unref(f->dentry);
    kfree(f);
}

long node_stat(struct node *n, struct stat *ret)
{
    memset(ret, 0, sizeof *ret);
    ret->st_dev = n->fs->device;
    ret->st_ino = n->ino;
    ret->st_mode = n->mode;
    ret->st_nlink = 1;
    ret->st_blksize = 4096;
    return n->ops->stat ? n->ops->stat(n, ret) : 0;
}

long vfs_file_stat(struct file *f, struct stat *ret)
{
    if (f->ops->stat) {
        memset(ret, 0, sizeof *ret);
        return f->ops->stat(f, ret);
    }
    if (f->node)
        return node_stat(f->node, ret);
    return -EBADF;
}

long vfs_path(struct file *f, char *ret, size_t capacity)
{
    if (f->dentry)
        return dentry_path(f->dentry, ret, capacity);
    bool numbered = strcmp(f->ops->name, "pipe") == 0 || strcmp(f->ops->name, "socket") == 0;
    struct stat st = {0};
    if (numbered)
        (void)vfs_file_stat(f, &st);
    int size = numbered ? kformat(ret, capacity, "%s:[%lu]", f->ops->name, st.st_ino)
                        : kformat(ret, capacity, "anon_inode:[%s]", f->ops->name);
    return (size_t)size < capacity ? size : -ENAMETOOLONG;
}

// --- directories -------------------------------------------------------------------------------------

struct dirent64 {
    uint64_t ino;
    uint64_t next;
    uint16_t size;
    uint8_t type;
    char name[NAME_SIZE_MAX + 6];
} __attribute__((packed));
#define DIRENT_HEAD offsetof(struct dirent64, name)

struct user_sink {
    struct dir_sink sink;
    struct file *file;
    uint8_t *buffer;
    size_t size, used;
    long error;
    bool over_mounts;
};

static bool emit_dirent(struct dir_sink *sink, struct name name, uint64_t ino, unsigned mode,
                        uint64_t next)
{
    struct user_sink *s = container_of(sink, struct user_sink, sink);
    struct dirent64 d = {.ino = ino, .next = next, .type = (uint8_t)((mode & S_IFMT) >> 12)};
    if (name.size > NAME_SIZE_MAX)
        return true;
    size_t size = align_up(DIRENT_HEAD + name.size + 1, 8);
    if (size > s->size - s->used) {
        s->error = -EINVAL;
        return false;
    }
    d.size = (uint16_t)size;
    memcpy(d.name, name.text, name.size);
    long err = copy_user(s->buffer + s->used, &d, size);
    if (err < 0) {
        s->error = err;
        return false;
    }
    s->used += size;
    s->file->pos = next;
    return true;
}

#define MOUNT_POSITION (1ull << 62)

// The name in the directory that mount `index` makes, when no earlier mount makes it.
static struct dentry *mount_name(struct dentry *directory, unsigned index)
{
    struct dentry *d = vfs_mount_name(vfs_mount(index), directory);
    for (unsigned i = 0; d && i < index; i++)
        if (vfs_mount_name(vfs_mount(i), directory) == d)
            return NULL;
    return d;
}

static bool leads_to_mount(struct dentry *directory, struct name name)
{
    for (unsigned i = 0; directory && vfs_mount(i); i++) {
        const struct dentry *d = vfs_mount_name(vfs_mount(i), directory);
        if (d && name_is(name, d->name))
            return true;
    }
    return false;
}

// What the file system itself has; names that lead to mounts come afterwards, and always.
static bool emit_own(struct dir_sink *sink, struct name name, uint64_t ino, unsigned mode,
                     uint64_t next)
{
    struct user_sink *s = container_of(sink, struct user_sink, sink);
    if (s->over_mounts && leads_to_mount(s->file->dentry, name))
        return true;
    return emit_dirent(sink, name, ino, mode, next);
}

static void emit_mounts(struct file *f, struct dir_sink *sink)
{
    for (unsigned i = 0; f->dentry && vfs_mount(i); i++) {
        if (f->pos > MOUNT_POSITION + i)
            continue;
        struct dentry *d = mount_name(f->dentry, i);
        if (!d)
            continue;
        struct node *n = d->mounted ? d->mounted->node : d->node;
        if (!emit_dirent(sink, (struct name){d->name, d->name_size}, n->ino, n->mode,
                         MOUNT_POSITION + i + 1))
            return;
    }
}

static bool has_mounts(struct dentry *directory)
{
    for (unsigned i = 0; directory && vfs_mount(i); i++)
        if (vfs_mount_name(vfs_mount(i), directory))
            return true;
    return false;
}

static long directory_read_entries(struct file *f, void *buffer, size_t size)
{
    struct user_sink s = {{emit_own}, f, buffer, size, 0, 0, has_mounts(f->dentry)};
    struct node *up = f->dentry ? dentry_parent(f->dentry)->node : f->node;
    bool more = true;
    if (f->pos == 0)
        more = emit_dirent(&s.sink, name_of("."), f->node->ino, S_IFDIR, 1);
    if (more && f->pos == 1)
        more = emit_dirent(&s.sink, name_of(".."), up->ino, S_IFDIR, 2);
    if (more && f->pos < MOUNT_POSITION) {
        long err = f->node->ops->readdir(f->node, f->pos, &s.sink);
        if (err < 0 && s.used == 0 && !s.over_mounts)
            return err;
    }
    if (!s.error)
        emit_mounts(f, &s.sink);
    return s.used > 0 ? (long)s.used : s.error;
}

static long is_directory_read(struct file *f, void *buffer, size_t size, uint64_t pos)
{
    (void)f, (void)buffer, (void)size, (void)pos;
    return -EISDIR;
}

static long directory_sync(struct file *f)
{
    return vfs_sync_fs(f->node->fs);
}

const struct file_ops directory_ops = {
    .name = "directory",
    .read = is_directory_read,
    .readdir = directory_read_entries,
    .sync = directory_sync,
};

const struct file_ops path_ops = {.name = "path"};

long file_is_path_only(const struct file *f)
{
    return f->ops == &path_ops;
}
