// SPDX-License-Identifier: Apache-2.0
#include "kernel/fs/host/host.h"

#include <linux/magic.h>

#include "base/cursor.h"
#include "kernel/hostcall/stubs.h"

#define HOST_MAGIC   0x65735546u // as FUSE: somebody else answers
#define SNAPSHOT_MAX (8u << 20)

struct host_node {
    struct node node;
    char *path; // on the host
    bool held;  // leads to a mount point
    // The directory as it was when it was last read from the start.
    uint8_t *list;
    size_t list_size;
};

static const struct node_ops host_ops;

static struct host_node *host_of(struct node *n)
{
    return container_of(n, struct host_node, node);
}

void host_stat_clean(struct stat *st)
{
    uint32_t type = st->st_mode & S_IFMT;
    bool known = type == S_IFREG || type == S_IFDIR || type == S_IFLNK || type == S_IFCHR ||
                 type == S_IFIFO || type == S_IFSOCK || type == S_IFBLK;
    st->st_mode = (known ? type : S_IFREG) | (st->st_mode & 07777);
    st->st_nlink = MAX(MIN(st->st_nlink, 65535ul), 1ul);
    if (st->st_size < 0 || st->st_size > 1l << 52)
        st->st_size = 0;
    if (st->st_blocks < 0 || st->st_blocks > 1l << 52)
        st->st_blocks = 0;
    st->st_blksize = 4096;
    st->st_atime_nsec %= 1000000000u;
    st->st_mtime_nsec %= 1000000000u;
    st->st_ctime_nsec %= 1000000000u;
    st->__unused[0] = st->__unused[1] = st->__unused[2] = 0;
}

static long stat_path(const char *path, bool follow, struct stat *ret)
{
    long err = host_path_stat(path, strlen(path), follow, ret, sizeof *ret);
    if (err == 0)
        host_stat_clean(ret);
    return err;
}

static long node_make(struct fs *fs, char *path, struct node **ret) // takes the path's memory
{
    struct stat st;
    long err = path ? stat_path(path, false, &st) : -ENOMEM;
    struct host_node *n = err == 0 ? kzalloc(sizeof *n) : NULL;
    if (!n) {
        kfree(path);
        return err < 0 ? err : -ENOMEM;
    }
    n->node = (struct node){&host_ops, fs, 1, st.st_mode, st.st_ino};
    n->path = path;
    *ret = &n->node;
    return 0;
}

static void release(struct node *n)
{
    kfree(host_of(n)->path);
    kfree(host_of(n)->list);
    kfree(host_of(n));
}

static char *path_join(struct node *dir, struct name name)
{
    const char *base = host_of(dir)->path;
    size_t size = strlen(base);
    if (size + 1 + name.size >= PATH_SIZE_MAX)
        return NULL;
    char *path = kzalloc(size + 1 + name.size + 1);
    if (!path)
        return NULL;
    memcpy(path, base, size);
    path[size] = '/';
    memcpy(path + size + 1, name.text, name.size);
    return path;
}

// --- files -------------------------------------------------------------------------------------------

static uint32_t fd_of(const struct file *f)
{
    return (uint32_t)(uintptr_t)f->priv;
}

static long file_read(struct file *f, void *buffer, size_t size, uint64_t pos)
{
    uint8_t *bounce = kpages_alloc(HOST_PIECE / 4096);
    if (!bounce)
        return -ENOMEM;
    size_t done = 0;
    long n = 0;
    while (done < size) {
        size_t part = MIN(size - done, (size_t)HOST_PIECE);
        n = host_file_pread(fd_of(f), pos + done, bounce, part);
        if (n <= 0)
            break;
        long err = copy_user((uint8_t *)buffer + done, bounce, (size_t)n);
        if (err < 0) {
            n = err;
            break;
        }
        done += (size_t)n;
        if ((size_t)n < part)
            break;
    }
    kpages_free(bounce, HOST_PIECE / 4096);
    return done ? (long)done : n;
}

static long file_write(struct file *f, const void *buffer, size_t size, uint64_t pos)
{
    uint8_t *bounce = kpages_alloc(HOST_PIECE / 4096);
    if (!bounce)
        return -ENOMEM;
    size_t done = 0;
    long n = 0;
    while (done < size) {
        size_t part = MIN(size - done, (size_t)HOST_PIECE);
        n = copy_user(bounce, (const uint8_t *)buffer + done, part);
        if (n == 0)
            n = host_file_pwrite(fd_of(f), pos + done, bounce, part);
        if (n <= 0)
            break;
        done += (size_t)n;
    }
    kpages_free(bounce, HOST_PIECE / 4096);
    return done ? (long)done : n;
}

static long file_stat(struct file *f, struct stat *ret)
{
    long err = host_file_stat(fd_of(f), ret, sizeof *ret);
    if (err < 0)
        return err;
    host_stat_clean(ret);
    ret->st_dev = f->node->fs->device;
    return 0;
}

static long file_size(struct file *f, uint64_t *ret)
{
    struct stat st;
    long err = file_stat(f, &st);
    if (err == 0)
        *ret = (uint64_t)st.st_size;
    return err;
}

static long file_truncate(struct file *f, uint64_t size)
{
    return host_file_truncate(fd_of(f), size);
}

static long file_sync(struct file *f)
{
    return host_file_sync(fd_of(f));
}

static void file_release(struct file *f)
{
    (void)host_file_close(fd_of(f));
}

static const struct file_ops file_ops = {
    .name = "host",
    .read = file_read,
    .write = file_write,
    .stat = file_stat,
    .size = file_size,
    .truncate = file_truncate,
    .sync = file_sync,
    .release = file_release,
};

static long open(struct node *n, struct file *f)
{
    if (NODE_IS(n, S_IFDIR))
        return 0;
    if (!NODE_IS(n, S_IFREG))
        return -ENXIO;
    const char *path = host_of(n)->path;
    uint32_t flags = (uint32_t)(f->flags & O_ACCMODE) | O_NOFOLLOW | O_CLOEXEC;
    long fd = host_file_open(path, strlen(path), flags, 0);
    if (fd < 0)
        return fd;
    f->priv = (void *)(uintptr_t)fd;
    return 0;
}

// --- directories -------------------------------------------------------------------------------------

static long lookup(struct node *dir, struct name name, struct node **ret)
{
    if (!NODE_IS(dir, S_IFDIR))
        return -ENOTDIR;
    return node_make(dir->fs, path_join(dir, name), ret);
}

static long snapshot(struct host_node *n)
{
    kfree(n->list);
    n->list = NULL;
    n->list_size = 0;
    uint8_t *piece = kpages_alloc(HOSTCALL_DIR_READ_ENTRIES_MAX / 4096);
    if (!piece)
        return -ENOMEM;
    long fd = host_file_open(n->path, strlen(n->path), O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
    long got = fd;
    while (fd >= 0 &&
           (got = host_dir_read((uint32_t)fd, piece, HOSTCALL_DIR_READ_ENTRIES_MAX)) > 0) {
        uint8_t *list = n->list_size + (size_t)got > SNAPSHOT_MAX
                            ? NULL
                            : krealloc(n->list, n->list_size + (size_t)got);
        if (!list) {
            got = -ENOMEM;
            break;
        }
        memcpy(list + n->list_size, piece, (size_t)got);
        n->list = list;
        n->list_size += (size_t)got;
    }
    if (fd >= 0)
        (void)host_file_close((uint32_t)fd);
    kpages_free(piece, HOSTCALL_DIR_READ_ENTRIES_MAX / 4096);
    return got < 0 ? got : 0;
}

static bool name_is_sound(struct name name)
{
    return name.size > 0 && name.size <= NAME_SIZE_MAX && !memchr(name.text, 0, name.size) &&
           !memchr(name.text, '/', name.size) && !name_is(name, ".") && !name_is(name, "..");
}

static long readdir(struct node *dir, uint64_t pos, struct dir_sink *sink)
{
    struct host_node *n = host_of(dir);
    long err = pos == 2 ? snapshot(n) : 0;
    if (err < 0)
        return err;
    struct reader r = reader_on(SPAN(n->list, n->list_size));
    while (reader_left(&r)) {
        uint64_t ino = take_le64(&r);
        uint32_t type = take_le32(&r), size = take_le32(&r);
        struct span text = take_span(&r, size);
        (void)take_span(&r, align_up(size, 8) - size);
        if (r.failed)
            return -EIO;
        struct name name = {(const char *)text.data, text.size};
        if (r.at + 2 <= pos || !name_is_sound(name))
            continue;
        if (!sink->emit(sink, name, ino, (type & 15) << 12, r.at + 2))
            break;
    }
    return 0;
}

static long readlink(struct node *n, char *ret, size_t capacity)
{
    const char *path = host_of(n)->path;
    return NODE_IS(n, S_IFLNK)
               ? host_path_readlink(path, strlen(path), ret, MIN(capacity, (size_t)4096))
               : -EINVAL;
}

static long stat(struct node *n, struct stat *ret)
{
    struct stat st;
    long err = stat_path(host_of(n)->path, false, &st);
    if (err < 0 && !host_of(n)->held)
        return err;
    if (host_of(n)->held && (err < 0 || (st.st_mode & S_IFMT) != S_IFDIR))
        return 0; // as preset
    *ret = st;
    ret->st_dev = n->fs->device;
    // A node keeps its type, whatever the host says later.
    ret->st_mode = (n->mode & S_IFMT) | (ret->st_mode & 07777);
    return 0;
}

static long create(struct node *dir, struct name name, uint32_t mode, const char *target,
                   struct node **ret)
{
    bool is_dir = (mode & S_IFMT) == S_IFDIR;
    if (target || (!is_dir && (mode & S_IFMT) != S_IFREG))
        return -EPERM;
    char *path = path_join(dir, name);
    if (!path)
        return -ENOMEM;
    long err;
    if (is_dir) {
        err = host_path_mkdir(path, strlen(path), mode & 07777);
    } else {
        uint32_t flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
        err = host_file_open(path, strlen(path), flags, mode & 07777);
        if (err >= 0)
            err = host_file_close((uint32_t)err);
    }
    if (err < 0) {
        kfree(path);
        return err;
    }
    return node_make(dir->fs, path, ret);
}

static long unlink(struct node *dir, struct name name, struct node *n)
{
    (void)dir, (void)name;
    const char *path = host_of(n)->path;
    return host_path_remove(path, strlen(path), NODE_IS(n, S_IFDIR));
}

static long rename(struct node *dir, struct name name, struct node *n, struct node *new_dir,
                   struct name new_name, struct node *replaced)
{
    (void)dir, (void)name, (void)replaced;
    char *to = path_join(new_dir, new_name);
    if (!to)
        return -ENOMEM;
    const char *from = host_of(n)->path;
    long err = host_path_rename(from, strlen(from), to, strlen(to));
    if (err < 0) {
        kfree(to);
        return err;
    }
    kfree(host_of(n)->path);
    host_of(n)->path = to;
    return 0;
}

// Modes, owners and times of host files stay as the host has them.
static long set_attr(struct node *n, const struct node_attr *attr)
{
    if (!(attr->set & ATTR_SIZE))
        return 0;
    const char *path = host_of(n)->path;
    long fd = host_file_open(path, strlen(path), O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0);
    if (fd < 0)
        return fd;
    long err = host_file_truncate((uint32_t)fd, attr->size);
    (void)host_file_close((uint32_t)fd);
    return err;
}

bool host_hold(struct node *n)
{
    if (!NODE_IS(n, S_IFDIR))
        return false;
    host_of(n)->held = true;
    n->mode = S_IFDIR | 0755;
    return true;
}

static const struct node_ops host_ops = {
    .file = &file_ops,
    .lookup = lookup,
    .stat = stat,
    .readlink = readlink,
    .readdir = readdir,
    .open = open,
    .create = create,
    .unlink = unlink,
    .rename = rename,
    .set_attr = set_attr,
    .release = release,
};

static long root_path(const char *source, char **ret)
{
    size_t size = strlen(source);
    while (size > 1 && source[size - 1] == '/')
        size--;
    char *path = kzalloc(size + 1);
    if (!path)
        return -ENOMEM;
    memcpy(path, source, size);
    *ret = path;
    return 0;
}

long fs_host_new(const char *source, struct fs **ret)
{
    struct fs *fs = kzalloc(sizeof *fs);
    if (!fs)
        return -ENOMEM;
    *fs = (struct fs){
        .type = "host", .device = vfs_next_device(), .magic = HOST_MAGIC, .flags = FS_UNTRUSTED};
    char *path = NULL;
    struct stat st;
    long err = root_path(source, &path);
    // The source itself may be a link: the host chose it.
    if (err == 0)
        err = stat_path(path, true, &st);
    struct host_node *n = err == 0 ? kzalloc(sizeof *n) : NULL;
    if (!n) {
        kfree(path);
        kfree(fs);
        return err < 0 ? err : -ENOMEM;
    }
    n->node = (struct node){&host_ops, fs, 1, st.st_mode, st.st_ino};
    n->path = path;
    fs->root = &n->node;
    *ret = fs;
    return 0;
}
