// SPDX-License-Identifier: Apache-2.0
// The tree of /proc: a table of entries, and the open descriptors under fd/ and fdinfo/.
#include "kernel/fs/proc/proc.h"

#include <linux/magic.h>

#define TEXT_MAX   (16u << 20)
#define TEXT_FIRST 1024u
#define INO_FD     (1ull << 32) // + descriptor

struct proc_node {
    struct node node;
    const struct proc_entry *entry; // of a descriptor: of the directory it is in
    int fd;                         // -1: none
};

static struct fs proc_fs;
static const struct node_ops proc_ops, link_ops, descriptor_ops, existing_ops;
static const struct proc_entry root_entry = {"", NULL, NULL};
static const char fd_path[] = "@/fd";

static struct proc_node *proc_of(struct node *n)
{
    return container_of(n, struct proc_node, node);
}

// --- texts -------------------------------------------------------------------------------------------

void proc_put_bytes(struct proc_text *t, const void *p, size_t size)
{
    if (t->failed || size > TEXT_MAX - t->size) {
        t->failed = true;
        return;
    }
    if (t->size + size > t->capacity) {
        size_t capacity = MAX(t->capacity, (size_t)TEXT_FIRST);
        while (capacity < t->size + size)
            capacity *= 2;
        char *data = krealloc(t->data, capacity);
        if (!data) {
            t->failed = true;
            return;
        }
        t->data = data;
        t->capacity = capacity;
    }
    if (size)
        memcpy(t->data + t->size, p, size);
    t->size += size;
}

void proc_put(struct proc_text *t, const char *format, ...)
{
    char line[512];
    va_list args;
    va_start(args, format);
    int size = kvformat(line, sizeof line, format, args);
    va_end(args);
    proc_put_bytes(t, line, MIN((size_t)size, sizeof line - 1));
}

static long text_read(struct file *f, void *buffer, size_t size, uint64_t pos)
{
    struct proc_text *t = f->priv;
    if (pos >= t->size)
        return 0;
    size = MIN(size, t->size - pos);
    long err = copy_user(buffer, t->data + pos, size);
    return err < 0 ? err : (long)size;
}

static long text_write(struct file *f, const void *buffer, size_t size, uint64_t pos)
{
    (void)f, (void)buffer, (void)pos;
    return (long)size; // comm, oom_score_adj and such: nothing follows from them
}

static long text_size(struct file *f, uint64_t *ret)
{
    *ret = ((struct proc_text *)f->priv)->size;
    return 0;
}

static void text_release(struct file *f)
{
    struct proc_text *t = f->priv;
    kfree(t->data);
    kfree(t);
}

static const struct file_ops text_ops = {.name = "proc",
                                         .read = text_read,
                                         .write = text_write,
                                         .size = text_size,
                                         .release = text_release};

static long open(struct node *n, struct file *f)
{
    if (NODE_IS(n, S_IFDIR))
        return 0;
    struct proc_text *t = kzalloc(sizeof *t);
    if (!t)
        return -ENOMEM;
    proc_of(n)->entry->text(t);
    if (t->failed) {
        kfree(t->data);
        kfree(t);
        return -ENOMEM;
    }
    f->priv = t;
    return 0;
}

// --- names -------------------------------------------------------------------------------------------

static long number_of(struct name name)
{
    long value = 0;
    if (name.size == 0 || name.size > 9 || (name.size > 1 && name.text[0] == '0'))
        return -1;
    for (size_t i = 0; i < name.size; i++) {
        if (name.text[i] < '0' || name.text[i] > '9')
            return -1;
        value = value * 10 + name.text[i] - '0';
    }
    return value;
}

// The last part of an entry's path when it lies directly in `dir`; NULL otherwise.
static const char *child_of(const struct proc_entry *dir, const struct proc_entry *e)
{
    size_t size = strlen(dir->path);
    const char *rest = e->path;
    if (size) {
        if (strncmp(e->path, dir->path, size) != 0 || e->path[size] != '/')
            return NULL;
        rest += size + 1;
    }
    return strchr(rest, '/') ? NULL : rest;
}

static long node_make(const struct proc_entry *e, int fd, struct node **ret)
{
    struct proc_node *n = kzalloc(sizeof *n);
    if (!n)
        return -ENOMEM;
    n->node = (struct node){&proc_ops, &proc_fs, 1, S_IFDIR | 0555, 1};
    n->entry = e;
    n->fd = fd;
    if (e != &root_entry)
        n->node.ino = 2 + (uint64_t)(e - proc_entries);
    if (fd >= 0) {
        n->node.ino = INO_FD + (uint64_t)fd;
        n->node.mode = S_IFLNK | 0700;
        n->node.ops = &descriptor_ops;
    } else if (e->text) {
        n->node.mode = S_IFREG | 0444;
    } else if (e->link) {
        n->node.mode = S_IFLNK | 0777;
        n->node.ops = &link_ops;
    }
    *ret = &n->node;
    return 0;
}

static bool is_fd_directory(const struct proc_node *n)
{
    return strcmp(n->entry->path, fd_path) == 0;
}

static long lookup(struct node *dir, struct name name, struct node **ret)
{
    struct proc_node *d = proc_of(dir);
    if (!NODE_IS(dir, S_IFDIR))
        return -ENOTDIR;
    long number = number_of(name);
    if (is_fd_directory(d))
        return number >= 0 && fd_get(number) ? node_make(d->entry, (int)number, ret) : -ENOENT;
    for (size_t i = 0; i < proc_entry_count; i++) {
        const char *child = child_of(d->entry, &proc_entries[i]);
        if (child && (strcmp(child, "@") == 0 ? number == process_pid() : name_is(name, child)))
            return node_make(&proc_entries[i], -1, ret);
    }
    return -ENOENT;
}

static long readdir_fds(uint64_t pos, struct dir_sink *sink)
{
    for (int fd = fd_next((int)(pos - 2)); fd >= 0; fd = fd_next(fd + 1)) {
        char text[16];
        kformat(text, sizeof text, "%d", fd);
        if (!sink->emit(sink, name_of(text), INO_FD + (uint64_t)fd, S_IFLNK, (uint64_t)fd + 3))
            break;
    }
    return 0;
}

static long readdir(struct node *dir, uint64_t pos, struct dir_sink *sink)
{
    struct proc_node *d = proc_of(dir);
    if (is_fd_directory(d))
        return readdir_fds(pos, sink);
    for (uint64_t i = pos - 2; i < proc_entry_count; i++) {
        const struct proc_entry *e = &proc_entries[i];
        const char *child = child_of(d->entry, e);
        char text[16];
        if (!child)
            continue;
        kformat(text, sizeof text, "%d", process_pid());
        if (strcmp(child, "@") == 0)
            child = text;
        if (!sink->emit(sink, name_of(child), 2 + i,
                        e->text   ? S_IFREG
                        : e->link ? S_IFLNK
                                  : S_IFDIR,
                        i + 3))
            break;
    }
    return 0;
}

static long stat(struct node *n, struct stat *ret)
{
    ret->st_nlink = NODE_IS(n, S_IFDIR) ? 2 : 1;
    ret->st_size = NODE_IS(n, S_IFLNK) && proc_of(n)->fd >= 0 ? 64 : 0;
    ret->st_blksize = 1024;
    ret->st_uid = vfs_uid();
    ret->st_gid = vfs_gid();
    ret->st_mtime = ret->st_atime = ret->st_ctime = 1;
    return 0;
}

static long readlink(struct node *n, char *ret, size_t capacity)
{
    char text[PATH_SIZE_MAX];
    long size = proc_of(n)->entry->link(text, sizeof text);
    if (size < 0)
        return size;
    size = MIN(size, (long)capacity);
    memcpy(ret, text, (size_t)size);
    return size;
}

static long descriptor_readlink(struct node *n, char *ret, size_t capacity)
{
    char text[PATH_SIZE_MAX];
    struct file *f = fd_get(proc_of(n)->fd);
    long size = f ? vfs_path(f, text, sizeof text) : -ENOENT;
    if (size < 0)
        return size;
    size = MIN(size, (long)capacity);
    memcpy(ret, text, (size_t)size);
    return size;
}

static void release(struct node *n)
{
    kfree(proc_of(n));
}

// --- descriptors: links to files that may have no path -------------------------------------------------

static long existing_stat(struct node *n, struct stat *ret)
{
    struct file *f = fd_get(proc_of(n)->fd);
    return f ? vfs_file_stat(f, ret) : -ENOENT;
}

static struct file *existing_open(struct node *n)
{
    struct file *f = fd_get(proc_of(n)->fd);
    return f ? file_ref(f) : NULL;
}

static long follow(struct node *n, struct dentry **ret)
{
    struct file *f = fd_get(proc_of(n)->fd);
    if (!f)
        return -ENOENT;
    if (f->dentry) {
        *ret = dentry_ref(f->dentry);
        return 0;
    }
    struct node *existing;
    struct stat st;
    long err = vfs_file_stat(f, &st);
    if (err == 0)
        err = node_make(&root_entry, proc_of(n)->fd, &existing);
    if (err < 0)
        return err;
    existing->ops = &existing_ops;
    existing->mode = st.st_mode;
    char text[64];
    if (vfs_path(f, text, sizeof text) < 0)
        text[0] = 0;
    *ret = dentry_new(NULL, name_of(text), existing);
    return *ret ? 0 : -ENOMEM;
}

static const struct node_ops proc_ops = {.file = &text_ops,
                                         .lookup = lookup,
                                         .stat = stat,
                                         .readdir = readdir,
                                         .open = open,
                                         .release = release};
static const struct node_ops link_ops = {.stat = stat, .readlink = readlink, .release = release};
static const struct node_ops descriptor_ops = {
    .stat = stat, .readlink = descriptor_readlink, .follow = follow, .release = release};
static const struct node_ops existing_ops = {
    .stat = existing_stat, .open_existing = existing_open, .release = release};

struct fs *fs_proc_new(void)
{
    proc_fs = (struct fs){.type = "proc", .device = vfs_next_device(), .magic = PROC_SUPER_MAGIC};
    return node_make(&root_entry, -1, &proc_fs.root) < 0 ? NULL : &proc_fs;
}
