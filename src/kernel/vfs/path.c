// SPDX-License-Identifier: Apache-2.0
// Path resolution and opening (path_resolution(7), open(2)).
#include "kernel/vfs/vfs.h"

static struct {
    struct dentry *cwd;
    uint32_t uid, gid, umask;
} process = {.umask = 022};

void vfs_set_identity(uint32_t uid, uint32_t gid)
{
    process.uid = uid;
    process.gid = gid;
}

uint32_t vfs_uid(void)
{
    return process.uid;
}

uint32_t vfs_gid(void)
{
    return process.gid;
}

uint32_t vfs_umask(uint32_t mask)
{
    uint32_t old = process.umask;
    process.umask = mask & 0777;
    return old;
}

long node_may(struct node *n, unsigned mask)
{
    if (process.uid == 0) {
        bool runs = NODE_IS(n, S_IFDIR) || (n->mode & 0111);
        return !(mask & MAY_EXEC) || runs ? 0 : -EACCES;
    }
    struct stat st;
    long err = node_stat(n, &st);
    if (err < 0)
        return err;
    unsigned shift = st.st_uid == process.uid ? 6 : st.st_gid == process.gid ? 3 : 0;
    return (st.st_mode >> shift & mask) == mask ? 0 : -EACCES;
}

// A resolution under way. `rest` is what is still to walk; `owned` its memory once links were followed.
struct walk {
    struct dentry *at;
    const char *rest;
    char *owned;
    unsigned links;
    const struct fs *cage; // a link of the host's was followed: the rest stays in its file system
    struct name last;      // of the parent mode
    bool slash;
};

static void walk_done(struct walk *w)
{
    kfree(w->owned);
    w->owned = NULL;
    dentry_unref(w->at);
    w->at = NULL;
}

static void walk_to(struct walk *w, struct dentry *d) // takes the reference
{
    dentry_unref(w->at);
    w->at = d;
}

static long walk_start(struct walk *w, int dirfd, const char *path)
{
    *w = (struct walk){.rest = path};
    if (!*path)
        return -ENOENT;
    struct dentry *from = process.cwd;
    if (*path == '/') {
        from = vfs_root();
    } else if (dirfd != AT_FDCWD) {
        struct file *f = fd_get(dirfd);
        if (!f)
            return -EBADF;
        from = f->dentry;
    }
    if (!from || !NODE_IS(from->node, S_IFDIR))
        return -ENOTDIR;
    w->at = dentry_ref(from);
    return 0;
}

// Goes on at the link's target, with `after` behind it.
static long walk_link(struct walk *w, struct dentry *link, const char *after)
{
    if (++w->links > LINKS_MAX)
        return -ELOOP;
    struct node *n = link->node;
    if (n->ops->follow) {
        struct dentry *to;
        long err = n->ops->follow(n, &to);
        if (err < 0)
            return err;
        walk_to(w, to);
        w->rest = after;
        return 0;
    }
    size_t after_size = strlen(after);
    char *text = kzalloc(PATH_SIZE_MAX + 1 + after_size + 1);
    if (!text)
        return -ENOMEM;
    long size = n->ops->readlink ? n->ops->readlink(n, text, PATH_SIZE_MAX) : -EINVAL;
    if (size <= 0) {
        kfree(text);
        return size < 0 ? size : -ENOENT;
    }
    text[size] = 0;
    if (n->fs->flags & FS_UNTRUSTED)
        w->cage = n->fs;
    // An absolute link of the host's means the host's root: ours, when the host's directory is our root.
    if (w->cage && *text == '/' && vfs_root()->node->fs != w->cage) {
        kfree(text);
        return -EACCES;
    }
    if (after_size || w->slash) {
        text[size] = '/';
        memcpy(text + size + 1, after, after_size + 1);
    }
    kfree(w->owned);
    w->owned = text;
    w->rest = text;
    if (*text == '/')
        walk_to(w, dentry_ref(vfs_root()));
    return 0;
}

static struct dentry *through_mounts(struct dentry *d) // moves the reference
{
    while (d->mounted) {
        struct dentry *root = dentry_ref(d->mounted);
        dentry_unref(d);
        d = root;
    }
    return d;
}

static long step(struct dentry *at, struct name name, struct dentry **ret)
{
    struct dentry *d;
    long err = dentry_child(at, name, &d);
    if (err < 0)
        return err;
    d = through_mounts(d);
    if (d->node && (d->node->fs->flags & FS_LOCKED)) {
        long err_locked = d->node->fs->flags & FS_READ_ONLY ? -ENOKEY : -EACCES;
        dentry_unref(d);
        return err_locked;
    }
    *ret = d;
    return 0;
}

// A host must not lead the program from a name in its region to a protected file.
static long check_cage(const struct walk *w)
{
    return w->cage && w->at->node->fs != w->cage ? -EACCES : 0;
}

static bool is_dots(struct name name)
{
    return name_is(name, ".") || name_is(name, "..");
}

// To the end of the path; with `parent`, up to the last name, which stays in w->last (size 0: there is
// none, the path is the root).
static long walk_run(struct walk *w, unsigned flags, bool parent)
{
    w->last = (struct name){NULL, 0};
    for (;;) {
        while (*w->rest == '/')
            w->rest++;
        const char *text = w->rest;
        if (!*text)
            break;
        size_t size = 0;
        while (text[size] && text[size] != '/')
            size++;
        if (size > NAME_SIZE_MAX)
            return -ENAMETOOLONG;
        const char *after = text + size;
        w->slash = *after == '/';
        while (*after == '/')
            after++;
        struct name name = {text, size};
        bool last = !*after;
        w->slash = w->slash && last;
        if (!NODE_IS(w->at->node, S_IFDIR))
            return -ENOTDIR;
        long err = node_may(w->at->node, MAY_EXEC);
        if (err < 0)
            return err;
        w->rest = after;
        if (last && parent) {
            w->last = name;
            return 0;
        }
        if (is_dots(name)) {
            if (size == 2)
                walk_to(w, dentry_ref(dentry_parent(w->at)));
            err = check_cage(w);
            if (err < 0)
                return err;
            continue;
        }
        struct dentry *child;
        err = step(w->at, name, &child);
        if (err < 0)
            return err;
        if (!child->node) {
            dentry_unref(child);
            return -ENOENT;
        }
        bool follow = !last || (flags & PATH_FOLLOW) || w->slash;
        if (NODE_IS(child->node, S_IFLNK) && follow) {
            err = walk_link(w, child, after);
            dentry_unref(child);
            if (err < 0)
                return err;
            continue;
        }
        walk_to(w, child);
        err = check_cage(w);
        if (err < 0)
            return err;
    }
    return w->slash && !NODE_IS(w->at->node, S_IFDIR) ? -ENOTDIR : 0;
}

long path_find(int dirfd, const char *path, unsigned flags, struct dentry **ret)
{
    struct walk w;
    if (!*path && (flags & PATH_EMPTY)) {
        struct file *f = dirfd == AT_FDCWD ? NULL : fd_get(dirfd);
        if (dirfd != AT_FDCWD && !f)
            return -EBADF;
        if (f && !f->dentry)
            return -ENOTDIR;
        *ret = dentry_ref(f ? f->dentry : process.cwd);
        return 0;
    }
    long err = walk_start(&w, dirfd, path);
    if (err == 0)
        err = walk_run(&w, flags, false);
    if (err == 0)
        *ret = dentry_ref(w.at);
    walk_done(&w);
    return err;
}

long path_find_last(int dirfd, const char *path, struct path_last *ret)
{
    struct walk w;
    long err = walk_start(&w, dirfd, path);
    if (err == 0)
        err = walk_run(&w, 0, true);
    if (err == 0 && w.last.size == 0)
        err = -EBUSY; // the root
    if (err == 0 && is_dots(w.last))
        err = w.last.size == 1 ? -EINVAL : -ENOTEMPTY;
    struct dentry *child = NULL;
    if (err == 0)
        err = step(w.at, w.last, &child);
    if (err == 0)
        *ret = (struct path_last){dentry_ref(w.at), child, w.slash};
    walk_done(&w);
    return err;
}

void path_last_done(struct path_last *last)
{
    dentry_unref(last->child);
    dentry_unref(last->dir);
}

long path_may_change(const struct path_last *last)
{
    struct node *dir = last->dir->node;
    if (last->child->node && !last->child->parent)
        return -EBUSY; // a mount's root
    if (dir->fs->flags & FS_READ_ONLY)
        return -EROFS;
    long err = node_may(dir, MAY_WRITE | MAY_EXEC);
    struct stat st, dir_st;
    bool sticky = err == 0 && process.uid != 0 && (dir->mode & S_ISVTX) && last->child->node;
    if (!sticky)
        return err;
    if (node_stat(last->child->node, &st) < 0 || node_stat(dir, &dir_st) < 0)
        return -EIO;
    return st.st_uid == process.uid || dir_st.st_uid == process.uid ? 0 : -EPERM;
}

long vfs_make(const struct path_last *last, uint32_t mode, const char *target)
{
    long err = path_may_change(last);
    if (last->child->node)
        return -EEXIST;
    if (err < 0)
        return err;
    if (!last->dir->node->ops->create)
        return -EPERM;
    if ((mode & S_IFMT) != S_IFLNK)
        mode &= ~process.umask;
    struct node *n;
    struct name name = {last->child->name, last->child->name_size};
    err = last->dir->node->ops->create(last->dir->node, name, mode, target, &n);
    if (err < 0)
        return err;
    dentry_set_node(last->child, n);
    return 0;
}

long vfs_set_attr(struct node *n, const struct node_attr *attr)
{
    if (n->fs->flags & FS_READ_ONLY)
        return -EROFS;
    return n->ops->set_attr ? n->ops->set_attr(n, attr) : -EPERM;
}

long vfs_truncate(struct node *n, uint64_t size)
{
    if (NODE_IS(n, S_IFDIR))
        return -EISDIR;
    if (!NODE_IS(n, S_IFREG))
        return -EINVAL;
    return vfs_set_attr(n, &(struct node_attr){.set = ATTR_SIZE, .size = size});
}

// --- open --------------------------------------------------------------------------------------------

static unsigned access_mask(int flags)
{
    static const uint8_t mask[] = {MAY_READ, MAY_WRITE, MAY_READ | MAY_WRITE, MAY_READ | MAY_WRITE};
    return mask[flags & O_ACCMODE] | (flags & O_TRUNC ? MAY_WRITE : 0);
}

static long may_open(struct node *n, int flags, bool created)
{
    unsigned mask = access_mask(flags);
    if (NODE_IS(n, S_IFLNK))
        return -ELOOP;
    if ((flags & O_DIRECTORY) && !NODE_IS(n, S_IFDIR))
        return -ENOTDIR;
    if (NODE_IS(n, S_IFDIR) && ((mask & MAY_WRITE) || (flags & O_CREAT)))
        return -EISDIR;
    long err = created ? 0 : node_may(n, mask);
    if (err < 0)
        return err;
    bool data = NODE_IS(n, S_IFREG) || NODE_IS(n, S_IFDIR);
    return data && (mask & MAY_WRITE) && (n->fs->flags & FS_READ_ONLY) ? -EROFS : 0;
}

#define FLAGS_KEPT (~(O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_CLOEXEC))

static long open_checked(struct dentry *d, int flags, struct file **ret)
{
    struct node *n = d->node;
    const struct file_ops *ops = NODE_IS(n, S_IFDIR) ? &directory_ops : n->ops->file;
    if (flags & O_PATH) {
        ops = &path_ops;
        flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW;
    } else if (n->ops->open_existing) {
        struct file *existing = n->ops->open_existing(n);
        *ret = existing;
        return existing ? 0 : -ENXIO;
    }
    if (!ops)
        return -ENXIO;
    struct file *f = file_new(ops, flags & FLAGS_KEPT, NULL);
    if (!f)
        return -ENOMEM;
    f->node = node_ref(n);
    f->dentry = dentry_ref(d);
    long err = 0;
    if (!(flags & O_PATH) && n->ops->open)
        err = n->ops->open(n, f);
    if (err < 0) {
        f->ops = &path_ops; // nothing to release
        file_unref(f);
        return err;
    }
    *ret = f;
    return 0;
}

static long open_found(struct dentry *d, int flags, bool created, struct file **ret)
{
    if (!(flags & O_PATH)) {
        long err = may_open(d->node, flags, created);
        if (err == 0 && (flags & O_TRUNC) && !created && NODE_IS(d->node, S_IFREG))
            err = vfs_truncate(d->node, 0);
        if (err < 0)
            return err;
    } else if ((flags & O_DIRECTORY) && !NODE_IS(d->node, S_IFDIR)) {
        return -ENOTDIR;
    }
    return open_checked(d, flags, ret);
}

long vfs_open_dentry(struct dentry *d, int flags, struct file **ret)
{
    return open_found(d, flags, false, ret);
}

// The last name of a path that O_CREAT may make. 1: w moved along a link, look again.
static long open_last(struct walk *w, int flags, unsigned mode, struct file **ret)
{
    if (w->last.size == 0 || is_dots(w->last) || w->slash)
        return -EISDIR;
    struct path_last last = {w->at, NULL, false};
    long err = step(w->at, w->last, &last.child);
    if (err < 0)
        return err;
    struct node *n = last.child->node;
    if (n && (flags & O_EXCL)) {
        err = -EEXIST;
    } else if (n && NODE_IS(n, S_IFLNK) && !(flags & O_NOFOLLOW)) {
        bool place = n->ops->follow != NULL;
        err = walk_link(w, last.child, "");
        if (err == 0 && place)
            err = open_found(w->at, flags, false, ret);
        else if (err == 0)
            err = 1;
    } else if (n) {
        err = open_found(last.child, flags, false, ret);
    } else {
        err = vfs_make(&last, S_IFREG | (mode & 07777), NULL);
        if (err == 0)
            err = open_found(last.child, flags, true, ret);
    }
    dentry_unref(last.child);
    return err;
}

static long open_create(int dirfd, const char *path, int flags, unsigned mode, struct file **ret)
{
    struct walk w;
    long err = walk_start(&w, dirfd, path);
    if (err == 0) {
        do {
            err = walk_run(&w, 0, true);
            if (err == 0)
                err = open_last(&w, flags, mode, ret);
        } while (err == 1);
    }
    walk_done(&w);
    return err;
}

struct file *vfs_open_node(struct node *n, const char *name, int flags)
{
    struct dentry *d = dentry_new(NULL, name_of(name), n);
    struct file *f = NULL;
    if (d && open_checked(d, flags, &f) < 0)
        f = NULL;
    dentry_unref(d);
    return f;
}

static long open_unnamed(struct dentry *d, int flags, unsigned mode, struct file **ret)
{
    struct node *dir = d->node;
    if (!NODE_IS(dir, S_IFDIR))
        return -ENOTDIR;
    if (!(flags & (O_WRONLY | O_RDWR)))
        return -EINVAL;
    if (dir->fs->flags & FS_READ_ONLY)
        return -EROFS;
    if (!dir->ops->create || !(dir->fs->flags & FS_STABLE))
        return -EOPNOTSUPP;
    long err = node_may(dir, MAY_WRITE | MAY_EXEC);
    struct node *n;
    uint32_t type_mode = S_IFREG | (mode & 07777 & ~process.umask);
    if (err == 0)
        err = dir->ops->create(dir, (struct name){"", 0}, type_mode, NULL, &n);
    if (err < 0)
        return err;
    *ret = vfs_open_node(n, "#unnamed (deleted)", flags & ~(O_TMPFILE | O_DIRECTORY));
    return *ret ? 0 : -ENOMEM;
}

long vfs_open(int dirfd, const char *path, int flags, unsigned mode, struct file **ret)
{
    if ((flags & O_CREAT) && !(flags & O_PATH)) {
        if (flags & O_DIRECTORY)
            return -EINVAL;
        return open_create(dirfd, path, flags, mode, ret);
    }
    struct dentry *d;
    long err = path_find(dirfd, path, flags & O_NOFOLLOW ? 0 : PATH_FOLLOW, &d);
    if (err < 0)
        return err;
    if ((flags & O_TMPFILE) == O_TMPFILE && !(flags & O_PATH))
        err = open_unnamed(d, flags, mode, ret);
    else
        err = open_found(d, flags, false, ret);
    dentry_unref(d);
    return err;
}

// --- the current directory ---------------------------------------------------------------------------

long vfs_chdir(struct dentry *d)
{
    if (!NODE_IS(d->node, S_IFDIR))
        return -ENOTDIR;
    long err = node_may(d->node, MAY_EXEC);
    if (err < 0)
        return err;
    struct dentry *old = process.cwd;
    process.cwd = dentry_ref(d);
    dentry_unref(old);
    return 0;
}

long vfs_getcwd(char *ret, size_t capacity)
{
    struct dentry *d = process.cwd;
    bool gone = !d->hashed && d->parent && (d->node->fs->flags & FS_STABLE);
    return gone ? -ENOENT : dentry_path(d, ret, capacity);
}
