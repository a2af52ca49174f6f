// SPDX-License-Identifier: Apache-2.0
#include "kernel/fs/tmp/tmp.h"

#include <linux/magic.h>
#include <linux/time.h>

#include "kernel/fs/erofs/erofs.h"
#include "kernel/vfs/vfs.h"

#define BUCKETS_FIRST 8u

static const struct node_ops tmp_ops;

struct tmp_fs *tmp_fs_of(const struct node *n)
{
    return n->fs->priv;
}

struct tmp_node *tmp_node_of(struct node *n)
{
    return container_of(n, struct tmp_node, node);
}

static uint64_t now(void)
{
    return clock_ns(CLOCK_REALTIME);
}

// The clock costs an exit: a write only notes that it happened, and the time is taken at close or stat.
void tmp_now(struct tmp_node *n)
{
    if (n->touched)
        n->mtime = n->ctime = now();
    n->touched = false;
}

struct tmp_node *tmp_node_new(struct tmp_fs *fs, uint32_t mode, uint64_t ino)
{
    struct tmp_node *n = kzalloc(sizeof *n);
    if (!n)
        return NULL;
    bool is_dir = (mode & S_IFMT) == S_IFDIR;
    n->node = (struct node){&tmp_ops, &fs->fs, 1, mode, ino};
    n->nlink = is_dir ? 2 : 0;
    n->next_cookie = 2;
    list_init(&n->entries);
    list_add_tail(&fs->nodes, &n->all);
    return n;
}

void tmp_entries_free(struct tmp_node *n)
{
    list_for_each_safe(e, &n->entries, struct tmp_entry, node)
    {
        list_remove(&e->node);
        node_unref(&e->child->node);
        kfree(e);
    }
}

static void release(struct node *node)
{
    struct tmp_node *n = tmp_node_of(node);
    tmp_entries_free(n);
    tmp_discard(n, 0, true);
    list_remove(&n->all);
    node_unref(n->lower);
    kfree(n->target);
    kfree(n->chunk);
    kfree(n->bucket);
    kfree(n);
}

// --- directories -------------------------------------------------------------------------------------

static uint32_t hash(struct name name)
{
    uint64_t h = 0xcbf29ce484222325ull;
    for (size_t i = 0; i < name.size; i++)
        h = (h ^ (uint8_t)name.text[i]) * 0x100000001b3ull;
    return (uint32_t)(h ^ h >> 32);
}

static struct name entry_name(const struct tmp_entry *e)
{
    return (struct name){e->name, e->name_size};
}

static struct tmp_entry *entry_find(struct tmp_node *dir, struct name name)
{
    if (!dir->bucket_count)
        return NULL;
    struct tmp_entry *e = dir->bucket[hash(name) & (dir->bucket_count - 1)];
    while (e && (e->name_size != name.size || memcmp(e->name, name.text, name.size) != 0))
        e = e->hash_next;
    return e;
}

static long rehash(struct tmp_node *dir)
{
    if (dir->entry_count < dir->bucket_count)
        return 0;
    uint32_t count = MAX(dir->bucket_count * 2, BUCKETS_FIRST);
    struct tmp_entry **bucket = kzalloc(count * sizeof *bucket);
    if (!bucket)
        return -ENOSPC;
    list_for_each(e, &dir->entries, struct tmp_entry, node)
    {
        struct tmp_entry **at = &bucket[hash(entry_name(e)) & (count - 1)];
        e->hash_next = *at;
        *at = e;
    }
    kfree(dir->bucket);
    dir->bucket = bucket;
    dir->bucket_count = count;
    return 0;
}

long tmp_entry_add(struct tmp_node *dir, struct name name, struct tmp_node *child)
{
    struct tmp_entry *e = kzalloc(sizeof *e + name.size);
    if (!e || rehash(dir) < 0) {
        kfree(e);
        return -ENOSPC;
    }
    e->child = child;
    node_ref(&child->node);
    e->cookie = dir->next_cookie++;
    e->name_size = name.size;
    memcpy(e->name, name.text, name.size);
    struct tmp_entry **at = &dir->bucket[hash(name) & (dir->bucket_count - 1)];
    e->hash_next = *at;
    *at = e;
    list_add_tail(&dir->entries, &e->node);
    dir->entry_count++;
    dir->size += 20; // as Linux's tmpfs counts
    if (NODE_IS(&child->node, S_IFDIR))
        dir->nlink++;
    else
        child->nlink++;
    return 0;
}

static void entry_remove(struct tmp_node *dir, struct tmp_entry *e)
{
    struct tmp_entry **at = &dir->bucket[hash(entry_name(e)) & (dir->bucket_count - 1)];
    while (*at != e)
        at = &(*at)->hash_next;
    *at = e->hash_next;
    list_remove(&e->node);
    dir->entry_count--;
    dir->size -= 20;
    if (NODE_IS(&e->child->node, S_IFDIR))
        dir->nlink--;
    else
        e->child->nlink--;
    e->child->ctime = now();
    node_unref(&e->child->node);
    kfree(e);
}

static void changed(struct tmp_node *dir)
{
    dir->mtime = dir->ctime = now();
    tmp_fs_of(&dir->node)->dirty = true;
}

// --- what lies below ----------------------------------------------------------------------------------

static long take_attributes(struct tmp_node *n, struct node *lower)
{
    struct stat st;
    long err = node_stat(lower, &st);
    if (err < 0)
        return err;
    n->uid = st.st_uid;
    n->gid = st.st_gid;
    n->rdev = st.st_rdev;
    n->mtime = n->atime = n->ctime = st.st_mtime * 1000000000ull + st.st_mtime_nsec;
    if (NODE_IS(lower, S_IFREG))
        n->size = (uint64_t)st.st_size;
    if (!NODE_IS(lower, S_IFLNK))
        return 0;
    n->target = kzalloc((size_t)st.st_size + 1);
    n->size = (uint64_t)st.st_size;
    return n->target ? lower->ops->readlink(lower, n->target, (size_t)st.st_size) : -ENOMEM;
}

struct lower_sink {
    struct dir_sink sink;
    struct tmp_node *dir;
    struct node *lower;
    long err;
};

static bool take_entry(struct dir_sink *sink, struct name name, uint64_t ino, unsigned mode,
                       uint64_t next)
{
    (void)ino, (void)mode, (void)next;
    struct lower_sink *s = container_of(sink, struct lower_sink, sink);
    struct tmp_fs *fs = tmp_fs_of(&s->dir->node);
    struct node *lower;
    s->err = s->lower->ops->lookup(s->lower, name, &lower);
    if (s->err < 0)
        return false;
    struct tmp_node *n = tmp_node_new(fs, lower->mode, fs->next_ino++);
    s->err = n ? take_attributes(n, lower) : -ENOMEM;
    if (s->err >= 0)
        s->err = tmp_entry_add(s->dir, name, n);
    if (n && s->err >= 0 && !n->target)
        n->lower = node_ref(lower);
    node_unref(lower);
    if (n)
        node_unref(&n->node);
    return s->err >= 0;
}

// A directory takes over the image's entries before it is used for the first time.
static long populate(struct tmp_node *dir)
{
    if (!dir->lower)
        return 0;
    struct lower_sink s = {{take_entry}, dir, dir->lower, 0};
    long err = dir->lower->ops->readdir(dir->lower, 2, &s.sink);
    if (err == 0 && s.err < 0)
        err = s.err;
    if (err < 0) {
        list_for_each_safe(e, &dir->entries, struct tmp_entry, node) entry_remove(dir, e);
        return err;
    }
    node_unref(dir->lower);
    dir->lower = NULL;
    return 0;
}

// --- operations --------------------------------------------------------------------------------------

static long lookup(struct node *dir, struct name name, struct node **ret)
{
    struct tmp_node *d = tmp_node_of(dir);
    if (!NODE_IS(dir, S_IFDIR))
        return -ENOTDIR;
    long err = populate(d);
    if (err < 0)
        return err;
    struct tmp_entry *e = entry_find(d, name);
    if (!e)
        return -ENOENT;
    *ret = node_ref(&e->child->node);
    return 0;
}

static long readdir(struct node *dir, uint64_t pos, struct dir_sink *sink)
{
    struct tmp_node *d = tmp_node_of(dir);
    long err = populate(d);
    if (err < 0)
        return err;
    list_for_each(e, &d->entries, struct tmp_entry, node)
    {
        if (e->cookie < pos)
            continue;
        if (!sink->emit(sink, entry_name(e), e->child->node.ino, e->child->node.mode,
                        e->cookie + 1))
            break;
    }
    return 0;
}

static void set_times(struct stat *ret, const struct tmp_node *n)
{
    ret->st_atime = n->atime / 1000000000u;
    ret->st_atime_nsec = n->atime % 1000000000u;
    ret->st_mtime = n->mtime / 1000000000u;
    ret->st_mtime_nsec = n->mtime % 1000000000u;
    ret->st_ctime = n->ctime / 1000000000u;
    ret->st_ctime_nsec = n->ctime % 1000000000u;
}

static long stat(struct node *node, struct stat *ret)
{
    struct tmp_node *n = tmp_node_of(node);
    long err = NODE_IS(node, S_IFDIR) ? populate(n) : 0;
    if (err < 0)
        return err;
    tmp_now(n);
    ret->st_nlink = n->nlink;
    ret->st_uid = n->uid;
    ret->st_gid = n->gid;
    ret->st_rdev = n->rdev;
    ret->st_size = (long)n->size;
    ret->st_blocks = (long)(n->page_count * (TMP_PAGE / 512));
    if (n->lower && NODE_IS(node, S_IFREG))
        ret->st_blocks = (long)(align_up(n->size, TMP_PAGE) / 512);
    set_times(ret, n);
    return 0;
}

static long readlink(struct node *node, char *ret, size_t capacity)
{
    struct tmp_node *n = tmp_node_of(node);
    if (!n->target)
        return -EINVAL;
    size_t size = MIN((size_t)n->size, capacity);
    memcpy(ret, n->target, size);
    return (long)size;
}

static long create(struct node *dir, struct name name, uint32_t mode, const char *target,
                   struct node **ret)
{
    struct tmp_node *d = tmp_node_of(dir);
    struct tmp_fs *fs = tmp_fs_of(dir);
    long err = populate(d);
    if (err < 0)
        return err;
    if (name.size && d->nlink == 0)
        return -ENOENT; // the directory was removed
    bool setgid = d->node.mode & S_ISGID;
    if (setgid && (mode & S_IFMT) == S_IFDIR)
        mode |= S_ISGID;
    struct tmp_node *n = tmp_node_new(fs, mode, fs->next_ino++);
    if (!n)
        return -ENOSPC;
    n->uid = vfs_uid();
    n->gid = setgid ? d->gid : vfs_gid();
    n->atime = n->mtime = n->ctime = now();
    if (target) {
        n->target = kstrdup(target);
        n->size = strlen(target);
        err = n->target ? 0 : -ENOSPC;
    }
    if (err == 0 && name.size)
        err = tmp_entry_add(d, name, n);
    if (err < 0) {
        node_unref(&n->node);
        return err;
    }
    if (name.size)
        changed(d);
    *ret = &n->node;
    return 0;
}

static long link(struct node *dir, struct name name, struct node *node)
{
    struct tmp_node *d = tmp_node_of(dir);
    long err = populate(d);
    if (err == 0)
        err = tmp_entry_add(d, name, tmp_node_of(node));
    if (err < 0)
        return err;
    changed(d);
    tmp_node_of(node)->ctime = d->ctime;
    return 0;
}

static long unlink(struct node *dir, struct name name, struct node *node)
{
    struct tmp_node *d = tmp_node_of(dir), *n = tmp_node_of(node);
    struct tmp_entry *e = entry_find(d, name);
    if (!e)
        return -ENOENT;
    if (NODE_IS(node, S_IFDIR)) {
        long err = populate(n);
        if (err < 0)
            return err;
        if (n->entry_count)
            return -ENOTEMPTY;
        n->nlink = 0;
    }
    entry_remove(d, e);
    changed(d);
    return 0;
}

static long rename(struct node *dir, struct name name, struct node *node, struct node *new_dir,
                   struct name new_name, struct node *replaced)
{
    struct tmp_node *to = tmp_node_of(new_dir);
    long err = populate(to);
    if (err < 0)
        return err;
    struct tmp_entry *old = entry_find(to, new_name);
    if (replaced && NODE_IS(replaced, S_IFDIR)) {
        err = populate(tmp_node_of(replaced));
        if (err < 0)
            return err;
        if (tmp_node_of(replaced)->entry_count)
            return -ENOTEMPTY;
    }
    struct tmp_entry *from = entry_find(tmp_node_of(dir), name);
    if (!from)
        return -ENOENT;
    if (old) { // the two entries swap their nodes, then the old name goes with the replaced one
        from->child = old->child;
        old->child = tmp_node_of(node);
        if (NODE_IS(replaced, S_IFDIR))
            from->child->nlink = 0; // both are directories: `to` keeps its count, `dir` loses one
        entry_remove(tmp_node_of(dir), from);
    } else {
        err = tmp_entry_add(to, new_name, tmp_node_of(node));
        if (err < 0)
            return err;
        entry_remove(tmp_node_of(dir), from);
    }
    changed(tmp_node_of(dir));
    changed(to);
    return 0;
}

static long exchange(struct node *dir, struct name name, struct node *n, struct node *other_dir,
                     struct name other_name, struct node *other)
{
    struct tmp_entry *a = entry_find(tmp_node_of(dir), name);
    struct tmp_entry *b = entry_find(tmp_node_of(other_dir), other_name);
    if (!a || !b)
        return -ENOENT;
    int a_dir = NODE_IS(n, S_IFDIR), b_dir = NODE_IS(other, S_IFDIR);
    a->child = tmp_node_of(other);
    b->child = tmp_node_of(n);
    tmp_node_of(dir)->nlink += (uint32_t)(b_dir - a_dir);
    tmp_node_of(other_dir)->nlink += (uint32_t)(a_dir - b_dir);
    changed(tmp_node_of(dir));
    changed(tmp_node_of(other_dir));
    return 0;
}

static long set_attr(struct node *node, const struct node_attr *a)
{
    struct tmp_node *n = tmp_node_of(node);
    long err = NODE_IS(node, S_IFDIR) ? populate(n) : 0;
    if (err == 0 && (a->set & ATTR_SIZE))
        err = tmp_truncate(n, a->size);
    if (err < 0)
        return err;
    tmp_now(n);
    n->ctime = now();
    if (a->set & ATTR_SIZE)
        n->mtime = n->ctime;
    if (a->set & ATTR_MODE)
        node->mode = (node->mode & S_IFMT) | (a->mode & 07777);
    if (a->set & ATTR_UID)
        n->uid = a->uid;
    if (a->set & ATTR_GID)
        n->gid = a->gid;
    if (a->set & ATTR_ATIME)
        n->atime = a->atime_ns;
    if (a->set & ATTR_MTIME)
        n->mtime = a->mtime_ns;
    tmp_fs_of(node)->dirty = true;
    return 0;
}

static long zero(struct node *node, uint64_t start, uint64_t end)
{
    struct tmp_node *n = tmp_node_of(node);
    long err = n->lower ? tmp_truncate(n, n->size) : 0;
    n->touched = true;
    return err < 0 ? err : tmp_zero(n, start, end);
}

static long open(struct node *node, struct file *f)
{
    (void)f;
    bool data = NODE_IS(node, S_IFREG) || NODE_IS(node, S_IFDIR);
    return data ? 0 : -ENXIO;
}

static const struct node_ops tmp_ops = {
    .file = &tmp_file_ops,
    .lookup = lookup,
    .stat = stat,
    .readlink = readlink,
    .readdir = readdir,
    .open = open,
    .create = create,
    .link = link,
    .unlink = unlink,
    .rename = rename,
    .exchange = exchange,
    .set_attr = set_attr,
    .zero = zero,
    .release = release,
};

// --- file systems ------------------------------------------------------------------------------------

static void usage(struct fs *fs, uint64_t *ret_blocks, uint64_t *ret_free)
{
    struct tmp_fs *t = fs->priv;
    *ret_blocks = t->page_limit ? t->page_limit : t->pages * 2 + (1u << 18);
    *ret_free = *ret_blocks - MIN(t->pages, *ret_blocks);
}

void tmp_fs_init(struct tmp_fs *t, const char *type)
{
    t->fs = (struct fs){.type = type,
                        .device = vfs_next_device(),
                        .magic = TMPFS_MAGIC,
                        .flags = FS_STABLE,
                        .usage = usage,
                        .priv = t};
    list_init(&t->nodes);
    t->next_ino = 1;
}

struct fs *fs_tmp_new(struct node *lower, uint32_t mode, uint64_t limit_bytes)
{
    struct tmp_fs *t = kzalloc(sizeof *t);
    if (!t) {
        node_unref(lower);
        return NULL;
    }
    tmp_fs_init(t, "tmpfs");
    t->page_limit = limit_bytes / TMP_PAGE;
    uint32_t root_mode = lower ? lower->mode : S_IFDIR | mode;
    struct tmp_node *root = tmp_node_new(t, root_mode, t->next_ino++);
    long err = root ? 0 : -ENOMEM;
    if (root && lower)
        err = take_attributes(root, lower);
    else if (root)
        root->mtime = root->atime = root->ctime = now();
    if (err < 0) {
        node_unref(lower);
        kfree(t);
        return NULL;
    }
    if (!NODE_IS(&root->node, S_IFDIR))
        root->nlink = 1;
    root->lower = lower;
    t->fs.root = &root->node;
    return &t->fs;
}

long tmp_memfd(const char *name, struct node **ret)
{
    static struct fs *fs;
    (void)name;
    if (!fs)
        fs = fs_tmp_new(NULL, 0700, 0);
    if (!fs)
        return -ENOMEM;
    return fs->root->ops->create(fs->root, (struct name){"", 0}, S_IFREG | 0777, NULL, ret);
}
