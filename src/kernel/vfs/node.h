// SPDX-License-Identifier: Apache-2.0
// What a file system gives to the VFS, and the tree of names in front of it. For kernel/vfs and kernel/fs.
//
// - A node is an inode: one per file, reference-counted, embedded first in the file system's own struct.
// - A dentry is a name in a directory. It holds its parent and its node. File systems whose names change
//   by our own calls alone (FS_STABLE) have them cached, absent names too; others are asked every time.
// - A mount covers a dentry with the root of another file system. Mounts are made at boot only.
#ifndef KERNEL_NODE_H
#define KERNEL_NODE_H

#include <asm/stat.h>
#include <linux/stat.h>

#include "kernel/lib/lib.h"

#ifndef S_IFMT
#define S_IFMT   00170000
#define S_IFSOCK 0140000
#define S_IFLNK  0120000
#define S_IFREG  0100000
#define S_IFBLK  0060000
#define S_IFDIR  0040000
#define S_IFCHR  0020000
#define S_IFIFO  0010000
#define S_ISUID  0004000
#define S_ISGID  0002000
#define S_ISVTX  0001000
#endif
#define NODE_IS(node, type) (((node)->mode & S_IFMT) == (type))

#define NAME_SIZE_MAX       255u
#define PATH_SIZE_MAX       4096u // with the NUL
#define LINKS_MAX           40u   // symbolic links in one resolution

struct dentry;
struct file;
struct file_ops;
struct node;

struct name {
    const char *text; // not NUL-terminated
    size_t size;
};

// Which of the fields set_attr changes.
#define ATTR_MODE  (1u << 0)
#define ATTR_UID   (1u << 1)
#define ATTR_GID   (1u << 2)
#define ATTR_SIZE  (1u << 3)
#define ATTR_ATIME (1u << 4)
#define ATTR_MTIME (1u << 5)

struct node_attr {
    unsigned set;
    uint32_t mode, uid, gid;
    uint64_t size;
    uint64_t atime_ns, mtime_ns;
};

// One directory entry; false: no room, stop and let this entry come again.
struct dir_sink {
    bool (*emit)(struct dir_sink *sink, struct name name, uint64_t ino, unsigned mode,
                 uint64_t next);
};

// Missing operations: ENOTDIR for lookup, EINVAL for readlink, EROFS or EPERM for changes.
struct node_ops {
    const struct file_ops *file; // for open files; NULL: cannot be opened (ENXIO)
    long (*lookup)(struct node *dir, struct name name, struct node **ret);
    // Fills everything but st_dev and st_blksize, which are preset.
    long (*stat)(struct node *n, struct stat *ret);
    long (*readlink)(struct node *n, char *ret, size_t capacity); // length, cut to capacity
    // A link that leads to a place, not to a path (/proc/self/fd/3).
    long (*follow)(struct node *n, struct dentry **ret);
    // Positions below 2 are "." and "..", which the VFS gives.
    long (*readdir)(struct node *dir, uint64_t pos, struct dir_sink *sink);
    long (*open)(struct node *n,
                 struct file *f); // after f is filled in; may change f->ops, f->priv
    // Opens by giving a file that exists already (/proc/self/fd of a pipe).
    struct file *(*open_existing)(struct node *n);
    // mode says the type, too; target: of a symbolic link, else NULL. O_TMPFILE: name.size is 0.
    long (*create)(struct node *dir, struct name name, uint32_t mode, const char *target,
                   struct node **ret);
    long (*link)(struct node *dir, struct name name, struct node *n);
    long (*unlink)(struct node *dir, struct name name,
                   struct node *n); // rmdir when n is a directory
    // `replaced` is what stands at the new name, of the right kind, or NULL.
    long (*rename)(struct node *dir, struct name name, struct node *n, struct node *new_dir,
                   struct name new_name, struct node *replaced);
    long (*exchange)(struct node *dir, struct name name, struct node *n, struct node *other_dir,
                     struct name other_name, struct node *other);
    long (*set_attr)(struct node *n, const struct node_attr *attr);
    long (*zero)(struct node *n, uint64_t start, uint64_t end); // fallocate: reads as zero
    void (*release)(struct node *n);
};

#define FS_STABLE    (1u << 0)
#define FS_READ_ONLY (1u << 1)
// An encrypted region that nobody opened yet: EACCES; with FS_READ_ONLY, a part of the image: ENOKEY.
#define FS_LOCKED (1u << 2)
// The host's own: its links do not lead out of it, and nothing in it is executed.
#define FS_UNTRUSTED (1u << 3)

struct fs {
    const char *type;
    uint64_t device; // st_dev
    uint32_t magic;  // statfs f_type
    unsigned flags;
    struct node *root;
    long (*sync)(struct fs *fs);
    void (*usage)(struct fs *fs, uint64_t *ret_blocks, uint64_t *ret_free); // of 4096 bytes
    void *priv;
};

struct node {
    const struct node_ops *ops;
    struct fs *fs;
    uint32_t refs;
    uint32_t mode; // st_mode
    uint64_t ino;
};

static inline struct node *node_ref(struct node *n)
{
    n->refs++;
    return n;
}

static inline void node_unref(struct node *n)
{
    if (n && --n->refs == 0)
        n->ops->release(n);
}

long node_stat(struct node *n, struct stat *ret);

struct dentry {
    struct dentry *parent; // NULL: root of a file system, or without a place in the tree
    struct node *node;     // NULL: the name is known to be absent
    uint32_t refs;
    uint32_t hash;
    bool hashed;
    struct dentry *hash_next;
    struct list lru;        // while refs == 0
    struct dentry *mounted; // root of what is mounted here
    struct dentry *covered; // of a mount's root: where it is mounted
    size_t name_size;
    char *name; // NUL-terminated
    char name_room[];
};

// dentry.c
struct dentry *dentry_new(struct dentry *parent, struct name name,
                          struct node *node); // takes node's ref
static inline struct dentry *dentry_ref(struct dentry *d);
void dentry_unref(struct dentry *d); // takes NULL
// The child of that name, from the cache or the file system; may be absent (node NULL).
long dentry_child(struct dentry *dir, struct name name, struct dentry **ret);
void dentry_set_node(struct dentry *d,
                     struct node *node); // an absent name came to be; takes node's ref
// The name went: the cache forgets it; who holds the dentry keeps the node.
void dentry_drop(struct dentry *d);
// The file was renamed: d takes the place of `target`, a name in the new directory.
long dentry_move(struct dentry *d, struct dentry *target);
void dentry_pin(struct dentry *d); // found by name from now on, whatever its file system says
bool dentry_is_below(struct dentry *d, struct dentry *ancestor); // or the same
struct dentry *
dentry_parent(struct dentry *d); // across mounts; the root is its own parent. Borrowed.
long dentry_path(struct dentry *d, char *ret, size_t capacity); // length or -ENAMETOOLONG
void dentry_shrink(void); // drops all unused names (memory is short)

void dentry_lru_take(struct dentry *d);
static inline struct dentry *dentry_ref(struct dentry *d)
{
    if (d->refs++ == 0)
        dentry_lru_take(d);
    return d;
}

static inline bool name_is(struct name name, const char *text)
{
    return strlen(text) == name.size && memcmp(name.text, text, name.size) == 0;
}

static inline struct name name_of(const char *text)
{
    return (struct name){text, strlen(text)};
}

#endif
