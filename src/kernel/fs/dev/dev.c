// SPDX-License-Identifier: Apache-2.0
// /dev: the devices that a program expects, and /dev/cloister.
#include <linux/magic.h>

#include "abi/device.h"
#include "kernel/task/device.h"
#include "kernel/vfs/vfs.h"

static const uint8_t zeros[4096];

static long null_read(struct file *f, void *buffer, size_t size, uint64_t pos)
{
    (void)f, (void)buffer, (void)size, (void)pos;
    return 0;
}

static long sink_write(struct file *f, const void *buffer, size_t size, uint64_t pos)
{
    (void)f, (void)buffer, (void)pos;
    return (long)size;
}

static long full_write(struct file *f, const void *buffer, size_t size, uint64_t pos)
{
    (void)f, (void)buffer, (void)pos;
    return size ? -ENOSPC : 0;
}

static long zero_read(struct file *f, void *buffer, size_t size, uint64_t pos)
{
    (void)f, (void)pos;
    for (size_t done = 0; done < size; done += MIN(size - done, sizeof zeros)) {
        long err = copy_user((uint8_t *)buffer + done, zeros, MIN(size - done, sizeof zeros));
        if (err < 0)
            return done ? (long)done : err;
    }
    return (long)size;
}

static long random_read(struct file *f, void *buffer, size_t size, uint64_t pos)
{
    (void)f, (void)pos;
    uint8_t bytes[256];
    for (size_t done = 0; done < size;) {
        size_t part = MIN(size - done, sizeof bytes);
        krandom(bytes, part);
        long err = copy_user((uint8_t *)buffer + done, bytes, part);
        wipe(bytes, sizeof bytes);
        if (err < 0)
            return done ? (long)done : err;
        done += part;
    }
    return (long)size;
}

static long cloister_ioctl(struct file *f, unsigned request, uint64_t argument)
{
    (void)f;
    return device_ioctl(request, argument);
}

static const struct file_ops null_ops = {.name = "null", .read = null_read, .write = sink_write};
static const struct file_ops zero_ops = {.name = "zero", .read = zero_read, .write = sink_write};
static const struct file_ops full_ops = {.name = "full", .read = zero_read, .write = full_write};
static const struct file_ops random_ops = {
    .name = "random", .read = random_read, .write = sink_write};
static const struct file_ops cloister_ops = {.name = "cloister", .ioctl = cloister_ioctl};

#define DEVICE(major, minor) ((major) << 8 | (minor))

static const struct device {
    const char *name;
    uint32_t mode;
    uint32_t number;
    const struct file_ops *ops; // NULL: the terminal
    const char *target;         // of a symbolic link
} devices[] = {
    {"null", S_IFCHR | 0666, DEVICE(1, 3), &null_ops, NULL},
    {"zero", S_IFCHR | 0666, DEVICE(1, 5), &zero_ops, NULL},
    {"full", S_IFCHR | 0666, DEVICE(1, 7), &full_ops, NULL},
    {"random", S_IFCHR | 0666, DEVICE(1, 8), &random_ops, NULL},
    {"urandom", S_IFCHR | 0666, DEVICE(1, 9), &random_ops, NULL},
    {"tty", S_IFCHR | 0666, DEVICE(5, 0), NULL, NULL},
    {"console", S_IFCHR | 0600, DEVICE(5, 1), NULL, NULL},
    {"cloister", S_IFCHR | 0666, DEVICE(10, 240), &cloister_ops, NULL},
    {"fd", S_IFLNK | 0777, 0, NULL, "/proc/self/fd"},
    {"stdin", S_IFLNK | 0777, 0, NULL, "/proc/self/fd/0"},
    {"stdout", S_IFLNK | 0777, 0, NULL, "/proc/self/fd/1"},
    {"stderr", S_IFLNK | 0777, 0, NULL, "/proc/self/fd/2"},
    {"shm", S_IFDIR | 01777, 0, NULL, NULL}, // a mount point
};

// The nodes live as long as the kernel: [0] is the root, [1 + i] is devices[i].
static struct node nodes[1 + ARRAY_COUNT(devices)];
static struct fs dev_fs;

static const struct device *device_of(const struct node *n)
{
    return n == nodes ? NULL : &devices[n - nodes - 1];
}

static long lookup(struct node *dir, struct name name, struct node **ret)
{
    for (size_t i = 0; dir == nodes && i < ARRAY_COUNT(devices); i++) {
        if (name_is(name, devices[i].name)) {
            *ret = node_ref(&nodes[1 + i]);
            return 0;
        }
    }
    return -ENOENT;
}

static long readdir(struct node *dir, uint64_t pos, struct dir_sink *sink)
{
    for (uint64_t i = pos - 2; dir == nodes && i < ARRAY_COUNT(devices); i++)
        if (!sink->emit(sink, name_of(devices[i].name), nodes[1 + i].ino, nodes[1 + i].mode, i + 3))
            break;
    return 0;
}

static long stat(struct node *n, struct stat *ret)
{
    const struct device *d = device_of(n);
    ret->st_nlink = NODE_IS(n, S_IFDIR) ? 2 : 1;
    ret->st_rdev = d ? d->number : 0;
    ret->st_size = d && d->target ? (long)strlen(d->target) : 0;
    ret->st_mtime = ret->st_atime = ret->st_ctime = 1;
    return 0;
}

static long readlink(struct node *n, char *ret, size_t capacity)
{
    const struct device *d = device_of(n);
    if (!d || !d->target)
        return -EINVAL;
    size_t size = MIN(strlen(d->target), capacity);
    memcpy(ret, d->target, size);
    return (long)size;
}

static long open(struct node *n, struct file *f)
{
    const struct device *d = device_of(n);
    if (NODE_IS(n, S_IFDIR))
        return 0;
    if (!d || !d->ops)
        return -ENXIO;
    f->ops = d->ops;
    return 0;
}

// The controlling terminal is whichever of the host's first three descriptors is one.
static struct file *open_terminal(struct node *n)
{
    (void)n;
    return host_terminal();
}

static void release(struct node *n)
{
    (void)n;
}

static const struct node_ops dev_ops = {.file = &null_ops,
                                        .lookup = lookup,
                                        .stat = stat,
                                        .readlink = readlink,
                                        .readdir = readdir,
                                        .open = open,
                                        .release = release};
static const struct node_ops terminal_ops = {
    .file = &null_ops, .stat = stat, .open_existing = open_terminal, .release = release};

struct fs *fs_dev_new(void)
{
    dev_fs = (struct fs){
        .type = "devtmpfs", .device = vfs_next_device(), .magic = TMPFS_MAGIC, .flags = FS_STABLE};
    nodes[0] = (struct node){&dev_ops, &dev_fs, 1, S_IFDIR | 0755, 1};
    for (size_t i = 0; i < ARRAY_COUNT(devices); i++) {
        bool terminal = (devices[i].mode & S_IFMT) == S_IFCHR && !devices[i].ops;
        nodes[1 + i] =
            (struct node){terminal ? &terminal_ops : &dev_ops, &dev_fs, 1, devices[i].mode, i + 2};
    }
    dev_fs.root = &nodes[0];
    return &dev_fs;
}
