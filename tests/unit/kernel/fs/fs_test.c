// SPDX-License-Identifier: Apache-2.0
// Do paths, descriptors and files behave as Linux's, over an image that mkfs.erofs made? Is a changed
// bit of the
// image refused?
#include <asm/unistd.h>
#include <linux/fs.h>
#include <linux/stat.h>

#include "crypto/sha256.h"
#include "kernel/fs/erofs/erofs.h"
#include "kernel/syscall/syscall.h"
#include "kernel/vfs/vfs.h"
#include "shield/verity.h"
#include "shim.h"

#include <stdarg.h>

#include <cmocka.h>

// The C library's headers do not go with Linux's own.
extern void *aligned_alloc(size_t alignment, size_t size);
extern void free(void *p);
extern int system(const char *command);
typedef struct _IO_FILE FILE;
extern FILE *fopen(const char *path, const char *mode);
extern size_t fread(void *p, size_t size, size_t count, FILE *f);
extern int fclose(FILE *f);

#define SYS(name, ...) sys_##name((const uint64_t[6]){__VA_ARGS__})
#define P(pointer)     ((uint64_t)(uintptr_t)(pointer))
#define X(name)        long sys_##name(const uint64_t *a)
X(open);
X(openat);
X(close);
X(read);
X(write);
X(pread64);
X(lseek);
X(stat);
X(lstat);
X(fstat);
X(readlink);
X(getdents64);
X(getdents);
X(chdir);
X(getcwd);
X(mkdir);
X(rmdir);
X(unlink);
X(rename);
X(link);
X(symlink);
X(renameat2);
X(ftruncate);
X(dup);
X(dup2);
X(fcntl);
X(access);
X(chmod);
X(fallocate);
X(memfd_create);
X(linkat);
X(close_range);
X(statx);
X(writev);
X(sendfile);
X(utimensat);
#undef X

// The mounted tree stays until the end.
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "detect_leaks=0";
}

static uint8_t *image;
static size_t image_size;
static struct enclave_params params;

static const char make_tree[] =
    "set -e; t=$(mktemp -d); mkdir -p $t/r/etc/deep/er $t/r/bin $t/r/big $t/r/.cloister $t/r/proc "
    "$t/r/dev/shm $t/r/tmp "
    "$t/r/eph/sub; echo hello > $t/r/etc/hello; ln -s ../etc/hello $t/r/bin/rel; ln -s /etc/hello "
    "$t/r/bin/abs; "
    "ln -s loop $t/r/bin/loop; ln -s /etc $t/r/etcdir; echo x > $t/r/.cloister/process; : > "
    "$t/r/empty; "
    "echo low > $t/r/eph/sub/low; seq 1 200000 > $t/r/large; head -c 8192 /dev/zero > $t/r/even; "
    "i=0; while [ $i -lt 1500 ]; do : > $t/r/big/a-file-with-a-name-$i; i=$((i+1)); done; chmod "
    "4751 $t/r/etc/hello; "
    "mkfs.erofs -T1000 --all-root $t/image $t/r >/dev/null 2>&1; cp $t/image /tmp/fs_test.erofs; "
    "rm -rf $t";

static void load(void)
{
    assert_int_equal(system(make_tree), 0);
    FILE *f = fopen("/tmp/fs_test.erofs", "r");
    image = aligned_alloc(4096, 16 << 20);
    memset(image, 0, 16 << 20);
    size_t size = fread(image, 1, 8 << 20, f);
    fclose(f);
    (void)system("rm -f /tmp/fs_test.erofs");
    struct verity_geometry g;
    assert_true(is_ok(verity_geometry_init(size / 4096, &g)));
    verity_build(&g, image, image + size + 4096, params.fspf_tag);
    verity_superblock(&g, params.fspf_tag, image + size);
    params.data_blocks = size / 4096;
    params.hash_offset = size;
    params.heap_max = 1 << 20; // a small cache: pages are evicted
    image_size = size + (1 + g.tree_blocks) * 4096;
}

static int boot(void **state)
{
    (void)state;
    load();
    struct vfs_boot b = {.image = {P(image)}, .image_size = image_size, .params = &params};
    int err = (int)vfs_boot(&b);
    if (err == 0)
        err = (int)vfs_mount_at("/eph",
                                fs_tmp_new(({
                                               struct dentry *d;
                                               assert_int_equal(path_find(AT_FDCWD, "/eph", 0, &d),
                                                                0);
                                               struct node *n = node_ref(d->node);
                                               dentry_unref(d);
                                               n;
                                           }),
                                           0, 0),
                                "none");
    return err;
}

static long open_path(const char *path, int flags)
{
    return SYS(open, P(path), (uint64_t)flags, 0644);
}

static void reads_files(void **state)
{
    (void)state;
    char text[64] = {0};
    long fd = open_path("/etc/hello", O_RDONLY);
    assert_true(fd >= 0);
    assert_int_equal(SYS(read, (uint64_t)fd, P(text), sizeof text), 6);
    assert_string_equal(text, "hello\n");
    assert_int_equal(SYS(read, (uint64_t)fd, P(text), sizeof text), 0);
    assert_int_equal(SYS(lseek, (uint64_t)fd, 0, 2), 6);
    assert_int_equal(SYS(pread64, (uint64_t)fd, P(text), 2, 3), 2);
    assert_int_equal(SYS(write, (uint64_t)fd, P(text), 1), -EBADF);
    assert_int_equal(SYS(close, (uint64_t)fd), 0);
    assert_int_equal(SYS(close, (uint64_t)fd), -EBADF);
    fd = open_path("/large", O_RDONLY);
    uint64_t sum = 0, value = 0;
    long n;
    char piece[1000];
    while ((n = SYS(read, (uint64_t)fd, P(piece), sizeof piece)) > 0)
        for (long i = 0; i < n; i++) {
            value = piece[i] == '\n' ? 0 : value * 10 + (uint64_t)(piece[i] - '0');
            if (i + 1 == n ? false : piece[i + 1] == '\n')
                sum++;
        }
    assert_true(sum > 199000);
    struct file *f = fd_get(fd);
    uint8_t *pages = aligned_alloc(4096, 100 * 4096), *direct = aligned_alloc(4096, 100 * 4096);
    n = SYS(pread64, (uint64_t)fd, P(pages), 100 * 4096, 8192);
    memset(pages + n, 0, 100 * 4096 - (size_t)n);
    assert_int_equal(shield_read_into(f, 8192, direct, 100), 0);
    assert_memory_equal(pages, direct, 100 * 4096);
    free(pages);
    free(direct);
    (void)SYS(close, (uint64_t)fd);
}

static void stats(void **state)
{
    (void)state;
    struct stat st;
    assert_int_equal(SYS(stat, P("/etc/hello"), P(&st)), 0);
    assert_int_equal(st.st_mode, S_IFREG | 04751);
    assert_int_equal(st.st_size, 6);
    assert_int_equal(st.st_nlink, 1);
    assert_int_equal(st.st_mtime, 1000);
    assert_int_equal(SYS(lstat, P("/bin/rel"), P(&st)), 0);
    assert_int_equal(st.st_mode & S_IFMT, S_IFLNK);
    assert_int_equal(SYS(stat, P("/bin/rel"), P(&st)), 0);
    assert_int_equal(st.st_size, 6);
    assert_int_equal(SYS(stat, P("/bin/abs/"), P(&st)), -ENOTDIR);
    assert_int_equal(SYS(stat, P("/etcdir/hello"), P(&st)), 0);
    assert_int_equal(SYS(stat, P("/bin/loop"), P(&st)), -ELOOP);
    assert_int_equal(SYS(stat, P("/etc/hello/x"), P(&st)), -ENOTDIR);
    assert_int_equal(SYS(stat, P("/nothing"), P(&st)), -ENOENT);
    assert_int_equal(SYS(stat, P(""), P(&st)), -ENOENT);
    assert_int_equal(SYS(stat, P("/../../etc/./deep/../hello"), P(&st)), 0);
    char longest[300];
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = 0;
    assert_int_equal(SYS(stat, P(longest), P(&st)), -ENAMETOOLONG);
    assert_int_equal(SYS(stat, P("/.cloister"), P(&st)), -ENOENT);
    assert_int_equal(SYS(stat, P("/.cloister/process"), P(&st)), -ENOENT);
    void *data;
    size_t size;
    assert_int_equal(erofs_read_file("/.cloister/process", &data, &size), 0);
    assert_int_equal(size, 2);
    vfs_file_free(data, size);
    char link[64] = {0};
    assert_int_equal(SYS(readlink, P("/bin/rel"), P(link), sizeof link), 12);
    assert_string_equal(link, "../etc/hello");
    struct statx x;
    assert_int_equal(SYS(statx, (uint64_t)AT_FDCWD, P("/empty"), 0, STATX_BASIC_STATS, P(&x)), 0);
    assert_int_equal(x.stx_size, 0);
}

static unsigned list(const char *path, bool old, bool *ret_hidden)
{
    static uint8_t buffer[3000];
    long fd = open_path(path, O_RDONLY | O_DIRECTORY), n;
    unsigned count = 0;
    assert_true(fd >= 0);
    while ((n = old ? SYS(getdents, (uint64_t)fd, P(buffer), sizeof buffer)
                    : SYS(getdents64, (uint64_t)fd, P(buffer), sizeof buffer)) > 0)
        for (long at = 0; at < n; at += load_le16(buffer + at + 16), count++)
            if (ret_hidden && strcmp((char *)buffer + at + (old ? 18 : 19), ".cloister") == 0)
                *ret_hidden = true;
    assert_int_equal(n, 0);
    (void)SYS(close, (uint64_t)fd);
    return count;
}

static void lists(void **state)
{
    (void)state;
    bool hidden = false;
    assert_int_equal(list("/big", false, NULL), 1502);
    assert_int_equal(list("/big", true, NULL), 1502);
    assert_int_equal(list("/", false, &hidden), 2 + 11);
    assert_false(hidden);
    struct stat st;
    for (int i = 0; i < 1500; i++) {
        char path[64];
        kformat(path, sizeof path, "/big/a-file-with-a-name-%d", i);
        assert_int_equal(SYS(stat, P(path), P(&st)), 0);
        kformat(path, sizeof path, "/big/a-file-with-a-name-%dx", i);
        assert_int_equal(SYS(stat, P(path), P(&st)), -ENOENT);
    }
}

static void is_read_only(void **state)
{
    (void)state;
    assert_int_equal(open_path("/etc/hello", O_WRONLY), -EROFS);
    assert_int_equal(open_path("/etc/hello", O_RDONLY | O_TRUNC), -EROFS);
    assert_int_equal(open_path("/etc/new", O_WRONLY | O_CREAT), -EROFS);
    assert_int_equal(open_path("/etc", O_WRONLY), -EISDIR);
    assert_int_equal(open_path("/etc/hello", O_RDONLY | O_DIRECTORY), -ENOTDIR);
    assert_int_equal(open_path("/bin/rel", O_RDONLY | O_NOFOLLOW), -ELOOP);
    assert_int_equal(SYS(mkdir, P("/etc/new"), 0755), -EROFS);
    assert_int_equal(SYS(mkdir, P("/etc"), 0755), -EEXIST);
    assert_int_equal(SYS(mkdir, P("/"), 0755), -EEXIST);
    assert_int_equal(SYS(unlink, P("/etc/hello")), -EROFS);
    assert_int_equal(SYS(unlink, P("/etc/none")), -ENOENT);
    assert_int_equal(SYS(rmdir, P("/tmp")), -EBUSY);
    assert_int_equal(SYS(chmod, P("/etc/hello"), 0), -EROFS);
    assert_int_equal(SYS(access, P("/etc/hello"), 2), -EROFS);
    assert_int_equal(SYS(access, P("/etc/hello"), 4), 0);
    assert_int_equal(SYS(rename, P("/etc/hello"), P("/tmp/hello")), -EXDEV);
}

static void writes_files(void **state)
{
    (void)state;
    char text[100] = {0};
    struct stat st;
    long fd = open_path("/tmp/f", O_RDWR | O_CREAT | O_EXCL);
    assert_true(fd >= 0);
    assert_int_equal(open_path("/tmp/f", O_RDWR | O_CREAT | O_EXCL), -EEXIST);
    assert_int_equal(SYS(write, (uint64_t)fd, P("0123456789"), 10), 10);
    assert_int_equal(SYS(lseek, (uint64_t)fd, 100000, 0), 100000);
    assert_int_equal(SYS(write, (uint64_t)fd, P("end"), 3), 3);
    assert_int_equal(SYS(fstat, (uint64_t)fd, P(&st)), 0);
    assert_int_equal(st.st_size, 100003);
    assert_int_equal(st.st_blocks, 16); // sparse
    assert_int_equal(SYS(pread64, (uint64_t)fd, P(text), 20, 5), 20);
    assert_memory_equal(text, "56789\0\0\0\0\0", 10);
    assert_int_equal(SYS(ftruncate, (uint64_t)fd, 7), 0);
    assert_int_equal(SYS(ftruncate, (uint64_t)fd, 12), 0);
    assert_int_equal(SYS(pread64, (uint64_t)fd, P(text), 20, 0), 12);
    assert_memory_equal(text, "0123456\0\0\0\0\0", 12);
    assert_int_equal(SYS(fallocate, (uint64_t)fd, 3, 1, 2), 0);
    assert_int_equal(SYS(pread64, (uint64_t)fd, P(text), 4, 0), 4);
    assert_memory_equal(text, "0\0\0003", 4);
    long again = SYS(dup, (uint64_t)fd);
    assert_int_equal(SYS(lseek, (uint64_t)again, 3, 0), 3);
    assert_int_equal(SYS(lseek, (uint64_t)fd, 0, 1), 3);
    assert_int_equal(SYS(unlink, P("/tmp/f")), 0);
    assert_int_equal(SYS(fstat, (uint64_t)fd, P(&st)), 0);
    assert_int_equal(st.st_nlink, 0);
    assert_int_equal(SYS(dup2, (uint64_t)fd, 200), 200);
    assert_int_equal(SYS(fcntl, 200, F_GETFD), 0);
    assert_int_equal(SYS(close_range, (uint64_t)fd, 300, 0), 0);
    assert_int_equal(SYS(fcntl, 200, F_GETFD), -EBADF);
    fd = open_path("/tmp/append", O_WRONLY | O_CREAT | O_APPEND);
    for (int i = 0; i < 3; i++)
        assert_int_equal(SYS(write, (uint64_t)fd, P("ab"), 2), 2);
    assert_int_equal(SYS(stat, P("/tmp/append"), P(&st)), 0);
    assert_int_equal(st.st_size, 6);
    (void)SYS(close, (uint64_t)fd);
    fd = SYS(memfd_create, P("m"), 0);
    assert_int_equal(SYS(write, (uint64_t)fd, P("abc"), 3), 3);
    (void)SYS(close, (uint64_t)fd);
}

static void names(void **state)
{
    (void)state;
    struct stat st;
    char cwd[100];
    assert_int_equal(SYS(mkdir, P("/tmp/d"), 0777), 0);
    assert_int_equal(SYS(mkdir, P("/tmp/d/e/"), 0777), 0);
    assert_int_equal(SYS(stat, P("/tmp/d"), P(&st)), 0);
    assert_int_equal(st.st_nlink, 3);
    assert_int_equal(st.st_mode, S_IFDIR | 0755);
    assert_int_equal(SYS(chdir, P("/tmp/d/e")), 0);
    assert_int_equal(SYS(rename, P("/tmp/d"), P("/tmp/d/e/f")), -EINVAL);
    assert_int_equal(SYS(rename, P("/tmp/d"), P("/tmp/moved")), 0);
    assert_int_equal(SYS(getcwd, P(cwd), sizeof cwd), 13);
    assert_string_equal(cwd, "/tmp/moved/e");
    assert_int_equal(SYS(rmdir, P("/tmp/moved")), -ENOTEMPTY);
    assert_int_equal(SYS(rmdir, P(".")), -EINVAL);
    assert_int_equal(SYS(close, (uint64_t)open_path("x", O_CREAT | O_RDWR)), 0);
    assert_int_equal(SYS(link, P("x"), P("../y")), 0);
    assert_int_equal(SYS(stat, P("/tmp/moved/y"), P(&st)), 0);
    assert_int_equal(st.st_nlink, 2);
    assert_int_equal(SYS(symlink, P("../y"), P("s")), 0);
    assert_int_equal(SYS(stat, P("s"), P(&st)), 0);
    assert_int_equal(SYS(rename, P("x"), P("../y")), 0); // the same file: nothing happens
    assert_int_equal(SYS(stat, P("x"), P(&st)), 0);
    assert_int_equal(SYS(close, (uint64_t)open_path("z", O_CREAT | O_RDWR)), 0);
    assert_int_equal(SYS(rename, P("z"), P("x")), 0);
    assert_int_equal(SYS(stat, P("../y"), P(&st)), 0);
    assert_int_equal(st.st_nlink, 1);
    assert_int_equal(
        SYS(renameat2, (uint64_t)AT_FDCWD, P("x"), (uint64_t)AT_FDCWD, P("../y"), RENAME_NOREPLACE),
        -EEXIST);
    assert_int_equal(SYS(rename, P("x"), P("/tmp/moved/e")), -ENOTEMPTY); // an ancestor
    assert_int_equal(SYS(mkdir, P("/tmp/other"), 0755), 0);
    assert_int_equal(SYS(rename, P("x"), P("/tmp/other")), -EISDIR);
    assert_int_equal(SYS(rename, P("/tmp/other"), P("x")), -ENOTDIR);
    assert_int_equal(SYS(unlink, P("/tmp/moved/e")), -EISDIR);
    assert_int_equal(SYS(unlink, P("x")), 0);
    assert_int_equal(SYS(unlink, P("x")), -ENOENT);
    assert_int_equal(SYS(unlink, P("s")), 0);
    assert_int_equal(SYS(rmdir, P("/tmp/moved/e")), 0);
    assert_int_equal(SYS(getcwd, P(cwd), sizeof cwd), -ENOENT);
    assert_int_equal(open_path("new", O_CREAT | O_RDWR), -ENOENT);
    assert_int_equal(SYS(chdir, P("/")), 0);
}

static void shows_what_lies_below(void **state)
{
    (void)state;
    char text[16] = {0};
    assert_int_equal(list("/eph", false, NULL), 3);
    long fd = open_path("/eph/sub/low", O_RDWR);
    assert_true(fd >= 0);
    assert_int_equal(SYS(read, (uint64_t)fd, P(text), sizeof text), 4);
    assert_string_equal(text, "low\n");
    assert_int_equal(SYS(write, (uint64_t)fd, P("more"), 4), 4);
    assert_int_equal(SYS(pread64, (uint64_t)fd, P(text), sizeof text, 0), 8);
    assert_memory_equal(text, "low\nmore", 8);
    (void)SYS(close, (uint64_t)fd);
    assert_int_equal(SYS(unlink, P("/eph/sub/low")), 0);
    assert_int_equal(SYS(access, P("/eph/sub/low"), 0), -ENOENT);
}

static void devices(void **state)
{
    (void)state;
    uint8_t bytes[40];
    memset(bytes, 1, sizeof bytes);
    long fd = open_path("/dev/zero", O_RDWR);
    assert_int_equal(SYS(read, (uint64_t)fd, P(bytes), 40), 40);
    assert_true(is_zero(bytes, 40));
    (void)SYS(close, (uint64_t)fd);
    fd = open_path("/dev/full", O_WRONLY);
    assert_int_equal(SYS(write, (uint64_t)fd, P(bytes), 1), -ENOSPC);
    (void)SYS(close, (uint64_t)fd);
    assert_int_equal(open_path("/dev/tty", O_RDWR), -ENXIO);
    assert_int_equal(open_path("/dev/shm/x", O_RDWR), -ENOENT);
}

static void changed_image(void **state)
{
    (void)state;
    // Not only the first bit that is read: every block of data, of the tree, one bit each.
    static unsigned refused, tried; // survive longjmp
    uint8_t *piece = aligned_alloc(4096, 64 * 4096);
    for (size_t block = 0; block < image_size / 4096; block++) {
        if (block == params.data_blocks)
            continue; // the verity superblock: the kernel does not read it
        struct fs *fs = NULL;
        struct shield_image i = {
            {P(image)}, image_size, params.data_blocks, params.hash_offset, params.fspf_tag};
        static struct block_cache cache; // survive longjmp
        static struct shield s;
        assert_int_equal(cache_init(&cache, 128), 0);
        assert_int_equal(shield_init(&s, &i, &cache), 0);
        image[block * 4096 + 77] ^= 1;
        shim_panics = true;
        if (setjmp(shim_panic) == 0) {
            assert_int_equal(erofs_mount(&s.source, &fs), 0);
            for (uint64_t b = 0; b < params.data_blocks; b += 64)
                (void)source_blocks(&s.source, b, piece, MIN(64ul, params.data_blocks - b));
        } else {
            refused++;
        }
        shim_panics = false;
        cache_done(&cache);
        tried++;
        image[block * 4096 + 77] ^= 1;
    }
    assert_int_equal(refused, tried);
    free(piece);
}

// The tree's lowest level as data under the same root (docs/formats/image.md).
static void other_block_count(void **state)
{
    (void)state;
    struct fs *fs;
    uint64_t tree = params.hash_offset + 4096;
    struct verity_geometry g;
    assert_true(is_ok(verity_geometry_init(params.data_blocks, &g)));
    struct shield_image i = {
        {P(image)}, image_size, g.count[1], params.hash_offset, params.fspf_tag};
    struct block_cache cache;
    struct shield s;
    assert_int_equal(cache_init(&cache, 128), 0);
    assert_int_equal(shield_init(&s, &i, &cache), 0);
    memmove(image, image + tree + g.first[1] * 4096, g.count[1] * 4096);
    assert_int_equal(erofs_mount(&s.source, &fs), -EUCLEAN);
    cache_done(&cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_files),   cmocka_unit_test(stats),
        cmocka_unit_test(lists),         cmocka_unit_test(is_read_only),
        cmocka_unit_test(writes_files),  cmocka_unit_test(names),
        cmocka_unit_test(devices),       cmocka_unit_test(shows_what_lies_below),
        cmocka_unit_test(changed_image), cmocka_unit_test(other_block_count),
    };
    return cmocka_run_group_tests(tests, boot, NULL);
}
