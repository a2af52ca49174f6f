// SPDX-License-Identifier: Apache-2.0
// Does a volume survive what a host can do to it? Cut off after every write, torn writes, lost writes,
// changed, moved and
// old blocks, a short file, a wrong key.
#include "kernel/fs/tmp/tmp.h"
#include "kernel/fs/volume/volume.h"
#include "kernel/vfs/vfs.h"
#include "shim.h"

#include <stdarg.h>

#include <cmocka.h>

#include "abi/device.h"

// The C library's headers do not go with Linux's own.
extern void *malloc(size_t size);
extern void free(void *p);

static const uint8_t key[32] = {1, 2, 3};
#define COMMITS_MAX 16
static struct {
    uint64_t state[COMMITS_MAX]; // what each generation shows; [0]: nothing yet
    size_t writes[COMMITS_MAX];  // operations on the host until it was complete
    unsigned count;
} history;

// --- what a volume shows, as one number ----------------------------------------------------------------

struct walk {
    struct dir_sink sink;
    struct node *dir;
    uint64_t hash;
    bool broken;
};

static void mix(uint64_t *hash, const void *p, size_t size)
{
    for (size_t i = 0; i < size; i++)
        *hash = (*hash ^ ((const uint8_t *)p)[i]) * 0x100000001b3ull;
}

static bool show(struct node *n, uint64_t *hash);

static bool visit(struct dir_sink *sink, struct name name, uint64_t ino, unsigned mode,
                  uint64_t next)
{
    (void)ino, (void)mode, (void)next;
    struct walk *w = container_of(sink, struct walk, sink);
    struct node *n;
    uint64_t hash = 0xcbf29ce484222325ull;
    mix(&hash, name.text, name.size);
    if (w->dir->ops->lookup(w->dir, name, &n) < 0 || !show(n, &hash))
        w->broken = true;
    else
        w->hash += hash; // the order of entries does not count
    return true;
}

static bool show_file(struct tmp_node *n, uint64_t *hash)
{
    uint8_t buffer[5000];
    for (uint64_t at = 0; at < n->size;) {
        long got = tmp_read(n, at, buffer, sizeof buffer);
        if (got <= 0)
            return false;
        mix(hash, buffer, (size_t)got);
        at += (uint64_t)got;
    }
    return true;
}

static bool show(struct node *n, uint64_t *hash) // drops n
{
    struct stat st;
    char target[256] = {0};
    bool ok = node_stat(n, &st) == 0;
    mix(hash, &st.st_mode, sizeof st.st_mode);
    mix(hash, &st.st_size, sizeof st.st_size);
    mix(hash, &st.st_nlink, sizeof st.st_nlink);
    if (NODE_IS(n, S_IFDIR)) {
        struct walk w = {{visit}, n, 0, false};
        ok = ok && n->ops->readdir(n, 2, &w.sink) == 0 && !w.broken;
        mix(hash, &w.hash, sizeof w.hash);
    } else if (NODE_IS(n, S_IFLNK)) {
        (void)n->ops->readlink(n, target, sizeof target);
        mix(hash, target, sizeof target);
    } else {
        ok = ok && show_file(tmp_node_of(n), hash);
    }
    node_unref(n);
    return ok;
}

// --- a scenario ----------------------------------------------------------------------------------------

static struct fs *mount_it(void)
{
    struct fs *fs;
    assert_int_equal(volume_mount("/v", "file", REGION_KEY_SMS, &fs), 0);
    assert_true(fs->flags & FS_LOCKED);
    return fs;
}

static void unmount(struct fs *fs)
{
    volume_abandon(fs);
}

static struct node *make(struct fs *fs, struct node *dir, const char *name, uint32_t mode,
                         const char *target)
{
    struct node *n;
    (void)fs;
    assert_int_equal(dir->ops->create(dir, name_of(name), mode, target, &n), 0);
    return n;
}

static void fill(struct node *n, uint64_t at, size_t size, uint8_t seed)
{
    uint8_t *bytes = malloc(size);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(seed + i * 7 + i / 4096);
    assert_int_equal(tmp_write(tmp_node_of(n), at, bytes, size), size);
    free(bytes);
}

static void committed(struct fs *fs)
{
    uint64_t hash = 0;
    assert_true(show(node_ref(fs->root), &hash));
    history.count++;
    history.state[history.count] = hash;
    history.writes[history.count] = shim_host.write_count;
}

static void scenario(bool close_it)
{
    struct fs *fs = mount_it();
    uint64_t generation;
    shim_host_reset();
    shim_host.record = true;
    history.count = 0;
    assert_int_equal(volume_open(fs, key, VOLUME_CREATE, &generation), 0);
    assert_int_equal(generation, 1);
    committed(fs);
    struct node *a = make(fs, fs->root, "a", S_IFREG | 0644, NULL);
    struct node *d = make(fs, fs->root, "d", S_IFDIR | 0755, NULL);
    struct node *b = make(fs, d, "b", S_IFREG | 0600, NULL);
    fill(a, 0, 10000, 1);
    fill(b, 3 * TMP_CHUNK_BYTES + 5, 300000, 2);
    node_unref(make(fs, d, "link", S_IFLNK | 0777, "../a"));
    assert_int_equal(volume_commit(fs), 0);
    committed(fs);
    fill(a, 4000, 200, 9);
    assert_int_equal(fs->root->ops->link(fs->root, name_of("hard"), a), 0);
    assert_int_equal(volume_commit(fs), 0);
    committed(fs);
    assert_int_equal(tmp_truncate(tmp_node_of(b), 5000), 0);
    assert_int_equal(d->ops->rename(d, name_of("b"), b, fs->root, name_of("c"), NULL), 0);
    assert_int_equal(fs->root->ops->unlink(fs->root, name_of("a"), a), 0);
    assert_int_equal(volume_commit(fs), 0);
    committed(fs);
    for (int i = 0; i < 3; i++) {
        fill(b, 0, 20000, (uint8_t)(40 + i));
        assert_int_equal(volume_commit(fs), 0);
        committed(fs);
    }
    node_unref(a);
    node_unref(b);
    node_unref(d);
    if (close_it) {
        assert_int_equal(volume_close(fs), 0);
        committed(fs);
    }
    unmount(fs);
}

// The generation that the file as it is now shows; 0: it does not open or not all can be read.
static unsigned shown(const uint8_t k[32], unsigned flags, long *ret_err)
{
    struct fs *fs = mount_it();
    uint64_t generation = 0, hash = 0;
    long err = volume_open(fs, k, flags, &generation);
    bool whole = err == 0 && show(node_ref(fs->root), &hash);
    if (ret_err)
        *ret_err = err;
    if (whole) {
        assert_in_range(generation, 1, history.count);
        assert_int_equal(hash, history.state[generation]);
    }
    unmount(fs);
    return whole ? (unsigned)generation : 0;
}

// --- tests -------------------------------------------------------------------------------------------

static void comes_back(void **state)
{
    (void)state;
    scenario(true);
    assert_int_equal(shown(key, 0, NULL), history.count);
    assert_int_equal(shown(key, VOLUME_READ_ONLY, NULL), history.count);
    long err;
    scenario(false);
    assert_int_equal(shown(key, 0, NULL), history.count);
    assert_int_equal(shown(key, VOLUME_READ_ONLY, &err), 0);
    assert_int_equal(err, -ESTALE);
    uint8_t wrong[32] = {9};
    assert_int_equal(shown(wrong, VOLUME_CREATE, &err), 0);
    assert_int_equal(err, -EIO);
}

static unsigned complete_after(size_t writes)
{
    unsigned g = 0;
    while (g < history.count && history.writes[g + 1] <= writes)
        g++;
    return g;
}

static void cut_off_anywhere(void **state)
{
    (void)state;
    scenario(true);
    struct shim_write *w = shim_host.write;
    size_t count = shim_host.write_count;
    shim_host.record = false;
    for (size_t k = 0; k <= count; k++) {
        size_t torn_sizes[] = {0, 1, 100, 4095, 4096, 5000};
        for (size_t t = 0; t < ARRAY_COUNT(torn_sizes); t++) {
            if (torn_sizes[t] && k == count)
                continue;
            shim_host_replay(w, k, torn_sizes[t]);
            unsigned least = complete_after(k), got = shown(key, 0, NULL);
            assert_true(got >= least);
            assert_true(got <= least + 1);
        }
    }
}

// Writes between two syncs may reach the disk in any order, or not at all.
static void lost_between_syncs(void **state)
{
    (void)state;
    scenario(true);
    struct shim_write *w = shim_host.write;
    size_t count = shim_host.write_count, last_sync = 0;
    shim_host.record = false;
    for (size_t k = 0; k < count; k++) {
        if (!w[k].data) {
            last_sync = k;
            continue;
        }
        // Everything since the last sync is lost, but this one write.
        shim_host_replay(w, last_sync, 0);
        uint8_t *data = malloc(MAX(shim_host.size, w[k].offset + w[k].size));
        size_t size = MAX(shim_host.size, w[k].offset + w[k].size);
        memset(data, 0, size);
        if (shim_host.size)
            memcpy(data, shim_host.data, shim_host.size);
        memcpy(data + w[k].offset, w[k].data, w[k].size);
        shim_host_set(data, size);
        unsigned least = complete_after(last_sync);
        assert_true(shown(key, 0, NULL) >= least);
        free(data);
    }
}

static void copy_of_host(uint8_t **ret, size_t *ret_size)
{
    *ret_size = shim_host.size;
    *ret = malloc(*ret_size);
    memcpy(*ret, shim_host.data, *ret_size);
}

static void changed_blocks(void **state)
{
    (void)state;
    uint8_t *good;
    size_t size, refused = 0;
    scenario(true);
    copy_of_host(&good, &size);
    for (size_t at = 0; at < size; at += 997) {
        uint8_t *bad = malloc(size);
        memcpy(bad, good, size);
        bad[at] ^= 0x40;
        shim_host_set(bad, size);
        refused += shown(key, 0, NULL) != history.count; // what it shows is a generation or nothing
        free(bad);
    }
    assert_true(refused > 20);
    free(good);
}

static void moved_and_old_blocks(void **state)
{
    (void)state;
    uint8_t *good, *old, *bad;
    size_t size, old_size;
    scenario(true);
    copy_of_host(&good, &size);
    shim_host.record = false;
    shim_host_replay(shim_host.write, history.writes[3], 0);
    copy_of_host(&old, &old_size);
    bad = malloc(size);
    for (size_t block = 0; block + 1 < size / 4096; block++) {
        memcpy(bad, good, size); // two blocks exchanged
        memcpy(bad + block * 4096, good + (block + 1) * 4096, 4096);
        memcpy(bad + (block + 1) * 4096, good + block * 4096, 4096);
        shim_host_set(bad, size);
        (void)shown(key, 0, NULL);
        memcpy(bad, good, size); // an old block in its own place
        if ((block + 1) * 4096 <= old_size)
            memcpy(bad + block * 4096, old + block * 4096, 4096);
        shim_host_set(bad, size);
        (void)shown(key, 0, NULL);
    }
    free(good);
    free(old);
    free(bad);
}

static void short_file(void **state)
{
    (void)state;
    uint8_t *good;
    size_t size;
    scenario(true);
    copy_of_host(&good, &size);
    for (size_t n = 0; n < size; n += 1500) {
        shim_host_set(good, n);
        long err;
        unsigned got = shown(key, 0, &err);
        if (n < 4096)
            assert_int_equal(got, 0);
    }
    free(good);
}

static void refusals(void **state)
{
    (void)state;
    long err;
    shim_host_reset();
    assert_int_equal(shown(key, 0, &err), 0);
    assert_int_equal(err, -ENOENT);
    shim_host_set(NULL, 0);
    assert_int_equal(shown(key, 0, &err), 0);
    assert_int_equal(err, -EIO);
    assert_int_equal(shown(key, VOLUME_CREATE | VOLUME_READ_ONLY, &err), 0);
    assert_int_equal(err, -EIO);
    uint8_t junk[9000];
    memset(junk, 7, sizeof junk);
    shim_host_set(junk, sizeof junk);
    assert_int_equal(shown(key, VOLUME_CREATE, &err), 0);
    assert_int_equal(err, -EIO);
}

// Space of what was deleted comes back: the file does not grow without end.
static void space_is_reused(void **state)
{
    (void)state;
    shim_host_reset();
    struct fs *fs = mount_it();
    uint64_t generation;
    assert_int_equal(volume_open(fs, key, VOLUME_CREATE, &generation), 0);
    struct node *a = make(fs, fs->root, "a", S_IFREG | 0644, NULL);
    for (int i = 0; i < 200; i++) {
        fill(a, 0, 100000, (uint8_t)i);
        assert_int_equal(volume_commit(fs), 0);
    }
    assert_true(shim_host.size < 400000);
    node_unref(a);
    unmount(fs);
}

static int no_leak(void **state)
{
    (void)state;
    shim_host_reset();
    return shim_allocated == 0 ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(comes_back, no_leak),
        cmocka_unit_test_teardown(cut_off_anywhere, no_leak),
        cmocka_unit_test_teardown(lost_between_syncs, no_leak),
        cmocka_unit_test_teardown(changed_blocks, no_leak),
        cmocka_unit_test_teardown(moved_and_old_blocks, no_leak),
        cmocka_unit_test_teardown(short_file, no_leak),
        cmocka_unit_test_teardown(refusals, no_leak),
        cmocka_unit_test_teardown(space_is_reused, no_leak),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
