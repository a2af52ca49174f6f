// SPDX-License-Identifier: Apache-2.0
// The EROFS writer, judged by this project's reader, and by fsck.erofs and dump.erofs where they are installed.
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "image/erofs.h"
#include "image/erofs_write.h"

#include <cmocka.h>

#define BLOCK 4096u
#define MANY  3000u

static struct image_note note;

static bool ok(struct result r)
{
    return is_ok(r);
}

static void put_file(struct tree *t, const char *path, size_t size, bool stored)
{
    const struct tree_inode inode = {
        .mode = S_IFREG | 04711, .uid = 100000, .gid = 7, .stored = stored};
    struct tree_node *n;
    uint8_t *content = malloc(size + 1);
    assert_non_null(content);
    for (size_t i = 0; i < size; i++)
        content[i] = (uint8_t)(i * 7 + size + i / BLOCK);
    assert_true(ok(tree_put(t, path, &inode, &n)));
    assert_true(ok(tree_set_memory(n, SPAN(content, size))));
    free(content);
}

static void put_link(struct tree *t, const char *path, size_t size)
{
    char target[PATH_MAX];
    memset(target, 'x', size);
    const struct tree_inode inode = {.mode = S_IFLNK | 0777, .uid = 9};
    struct tree_node *n;
    assert_true(ok(tree_put(t, path, &inode, &n)));
    assert_true(ok(tree_set_memory(n, SPAN(target, size))));
}

static struct tree *make_tree(const char *host_file)
{
    static const size_t sizes[] = {0, 1, 4095, 4096, 4097, 100000};
    struct tree *t;
    struct tree_node *n;
    char path[64];
    assert_true(ok(tree_new(&t)));
    for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
        snprintf(path, sizeof path, "/sizes/%zu", sizes[i]);
        put_file(t, path, sizes[i], i % 2);
    }
    for (unsigned i = 0; i < MANY; i++) { // directories of several blocks, of each form at the end
        snprintf(path, sizeof path, "/many/a-rather-long-name-of-a-file-%u", i * 7919 % MANY);
        put_file(t, path, i % 3, false);
        snprintf(path, sizeof path, "/d%u/!before-the-dots-%u", i % 300, i);
        put_file(t, path, 0, false);
    }
    put_link(t, "/links/short", 1);
    put_link(t, "/links/tail", 3000);
    put_link(t, "/links/most", 4064);
    put_link(t, "/links/block", 4065);
    put_link(t, "/links/long", 4095);
    assert_true(ok(tree_link(t, "/links/hard", "/sizes/100000")));
    assert_true(ok(tree_link(t, "/a-first-name", "/sizes/4097")));
    const struct tree_inode file = {.mode = S_IFREG | 0444};
    assert_true(ok(tree_put(t, "/host", &file, &n)));
    assert_true(ok(tree_set_file(n, host_file, 5000)));
    const struct tree_inode directory = {.mode = S_IFDIR | 01777, .uid = 70000, .gid = 80000};
    assert_true(ok(tree_put(t, "/empty", &directory, NULL)));
    return t;
}

static uint8_t *write_tree(struct tree *t, struct erofs_plan *plan)
{
    assert_true(ok(erofs_plan(t, plan)));
    uint8_t *image = calloc(plan->blocks, BLOCK);
    assert_non_null(image);
    assert_true(ok(erofs_write(t, plan, &note, image)));
    return image;
}

struct checking {
    struct erofs fs;
    const struct erofs_plan *plan;
    struct tree *tree;
    size_t count;
};

static bool check(void *context, const char *path, const struct erofs_inode *i)
{
    struct checking *c = context;
    const struct tree_node *n = tree_find(c->tree, path, false);
    assert_non_null(n);
    assert_int_equal(n->inode->mode, i->mode);
    assert_int_equal(n->inode->uid, i->uid);
    assert_int_equal(n->inode->gid, i->gid);
    assert_int_equal(n->inode->nid, i->nid);
    c->count++;
    if (S_ISDIR(i->mode))
        return true;
    assert_int_equal(n->inode->size, i->size);
    assert_int_equal(n->inode->links, i->links);
    uint8_t *got;
    assert_true(ok(erofs_read(&c->fs, i, 1 << 20, &got)));
    if (n->inode->content == TREE_MEMORY)
        assert_memory_equal(got, n->inode->memory, i->size);
    free(got);
    if (S_ISREG(i->mode) && i->size) {
        uint64_t block = i->data / BLOCK;
        assert_int_equal(i->tail_size, 0);
        assert_true(block >= c->plan->metadata_blocks);
        assert_int_equal(block < c->plan->stored_blocks, n->inode->stored);
        assert_true(
            is_zero(c->fs.image.data + i->data + i->size, align_up(i->size, BLOCK) - i->size));
    } else {
        assert_true(i->tail_size || i->size == 0 || i->data / BLOCK < c->plan->metadata_blocks);
    }
    return true;
}

static void run_tool(const char *format, const char *path)
{
    char command[512];
    snprintf(command, sizeof command, format, path);
    if (system(command) != 0)
        fail_msg("%s", command);
}

static void test_tree(void **state)
{
    (void)state;
    char place[] = "/tmp/erofs_write_test.XXXXXX", host[PATH_MAX], path[PATH_MAX];
    assert_non_null(mkdtemp(place));
    snprintf(host, sizeof host, "%s/host", place);
    int fd = open(host, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0 && ftruncate(fd, 5000) == 0);
    struct tree *t = make_tree(host);
    struct erofs_plan plan, again;
    uint8_t *image = write_tree(t, &plan);
    assert_true(plan.metadata_blocks < plan.stored_blocks && plan.stored_blocks < plan.blocks);

    struct checking c = {.plan = &plan, .tree = t};
    assert_true(ok(erofs_open(SPAN(image, plan.blocks * BLOCK), &c.fs)));
    assert_int_equal(c.fs.blocks, plan.blocks);
    assert_true(ok(erofs_walk(&c.fs, check, &c)));
    assert_int_equal(c.count, tree_count(t) - 1);
    struct erofs_inode inode;
    assert_true(ok(erofs_lookup(&c.fs, "/d7", &inode)));
    assert_int_equal(inode.links, 2);
    assert_true(ok(erofs_lookup(&c.fs, "/", &inode)));
    assert_int_equal(inode.links, 2 + 300 + 4);

    // The same tree again, and made anew, gives the same bytes.
    uint8_t *second = write_tree(t, &again);
    assert_memory_equal(image, second, plan.blocks * BLOCK);
    free(second);
    struct tree *other = make_tree(host);
    second = write_tree(other, &again);
    assert_memory_equal(image, second, plan.blocks * BLOCK);
    free(second);
    tree_free(other);

    snprintf(path, sizeof path, "%s/image", place);
    int out = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(write(out, image, plan.blocks * BLOCK), plan.blocks * BLOCK);
    close(out);
    if (system("command -v fsck.erofs dump.erofs >/dev/null") == 0) {
        run_tool("fsck.erofs -d0 %s >/dev/null", path);
        run_tool("dump.erofs --path=/sizes/100000 %s | grep -q 'Uid: 100000   Gid: 7 .*0711'",
                 path);
        run_tool("dump.erofs --path=/links/hard %s | grep -q 'Links: 2'", path);
    }
    assert_int_equal(ftruncate(fd, 5001), 0);
    assert_int_equal(erofs_write(t, &plan, &note, image).code, ERR_STALE);
    close(fd);
    unlink(host);
    unlink(path);
    rmdir(place);
    free(image);
    tree_free(t);
}

static void test_empty(void **state)
{
    (void)state;
    struct tree *t;
    struct erofs_plan plan;
    struct erofs fs;
    struct erofs_inode root;
    assert_true(ok(tree_new(&t)));
    uint8_t *image = write_tree(t, &plan);
    assert_int_equal(plan.blocks, 2); // the fewest that dm-verity covers
    assert_true(ok(erofs_open(SPAN(image, 2 * BLOCK), &fs)));
    assert_true(ok(erofs_lookup(&fs, "/", &root)));
    assert_int_equal(root.mode, S_IFDIR | 0755);
    free(image);
    tree_free(t);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tree),
        cmocka_unit_test(test_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
