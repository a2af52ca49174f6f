// SPDX-License-Identifier: Apache-2.0
// The file tree in memory: paths as in a chroot, replacing, hard links, order, directories of the host.
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

#include "image/tree.h"

#include <cmocka.h>

static const struct tree_inode directory = {.mode = S_IFDIR | 0750, .uid = 5, .gid = 6};
static const struct tree_inode file = {.mode = S_IFREG | 04755, .uid = 100000, .gid = 7};
static const struct tree_inode symlink_inode = {.mode = S_IFLNK | 0777};

static bool ok(struct result r)
{
    return is_ok(r);
}

static int setup(void **state)
{
    struct tree *t;
    assert_true(ok(tree_new(&t)));
    *state = t;
    return 0;
}

static int teardown(void **state)
{
    tree_free(*state);
    return 0;
}

static struct tree_node *put(struct tree *t, const char *path, const struct tree_inode *inode)
{
    struct tree_node *n = NULL;
    assert_true(ok(tree_put(t, path, inode, &n)));
    return n;
}

static void put_link(struct tree *t, const char *path, const char *target)
{
    struct tree_node *n = put(t, path, &symlink_inode);
    assert_true(ok(tree_set_memory(n, SPAN(target, strlen(target)))));
}

static void expect_path(struct tree *t, const char *path, const char *want)
{
    char got[PATH_MAX];
    struct tree_node *n = tree_find(t, path, true);
    assert_non_null(n);
    assert_true(ok(tree_path(n, got, sizeof got)));
    assert_string_equal(got, want);
}

static void test_put(void **state)
{
    struct tree *t = *state;
    struct tree_node *n = put(t, "a/b//c/", &file);
    assert_int_equal(n->inode->uid, 100000);
    assert_int_equal(n->inode->mode, S_IFREG | 04755);
    assert_int_equal(n->parent->inode->mode, S_IFDIR | 0755);
    assert_int_equal(tree_count(t), 4);
    assert_false(ok(tree_put(t, "/a/b/c/d", &file, NULL)));
    assert_false(ok(tree_put(t, "/", &file, NULL)));
    assert_false(ok(tree_put(t, "/a/..", &file, NULL)));
    assert_null(tree_find(t, "/a/b/c/d", true));
    assert_null(tree_find(t, "/a/x/..", true));
    const struct tree_inode device = {.mode = S_IFCHR | 0600};
    assert_false(ok(tree_put(t, "/dev", &device, NULL)));
    // A directory on a directory keeps the children; anything else replaces.
    put(t, "/a", &directory);
    assert_int_equal(tree_find(t, "/a", false)->inode->gid, 6);
    assert_non_null(tree_find(t, "/a/b/c", false));
    put(t, "/a/b", &file);
    assert_null(tree_find(t, "/a/b/c", false));
    assert_int_equal(tree_count(t), 3);
    put(t, "/a/b", &directory);
    assert_int_equal(tree_find(t, "/a/b", false)->child_count, 0);
    put(t, "/", &directory);
    assert_int_equal(tree_root(t)->inode->uid, 5);
    tree_clear(t, tree_root(t));
    assert_int_equal(tree_count(t), 1);
}

static void test_links_on_the_way(void **state)
{
    struct tree *t = *state;
    put(t, "/usr/bin/tool", &file);
    put_link(t, "/bin", "usr/bin");
    put_link(t, "/usr/up", "../../../../usr");
    put_link(t, "/abs", "/usr/up/bin");
    put_link(t, "/tool", "abs/./tool");
    expect_path(t, "/bin/tool", "/usr/bin/tool");
    expect_path(t, "/tool", "/usr/bin/tool");
    expect_path(t, "../../bin/../up/up/bin", "/usr/bin");
    assert_int_equal(tree_find(t, "/tool", false)->inode->mode & S_IFMT, S_IFLNK);
    // Into the directory that the link names, and to one that is not there yet.
    put(t, "/bin/new", &file);
    assert_non_null(tree_find(t, "/usr/bin/new", false));
    put_link(t, "/dangling", "/not/yet");
    put(t, "/dangling/x", &file);
    expect_path(t, "/dangling/x", "/not/yet/x");
    // The last component itself is replaced.
    put(t, "/tool", &file);
    expect_path(t, "/tool", "/tool");
    put_link(t, "/loop", "loop2");
    put_link(t, "/loop2", "loop");
    assert_null(tree_find(t, "/loop", true));
    assert_false(ok(tree_put(t, "/loop/x", &file, NULL)));
    assert_false(ok(tree_set_memory(put(t, "/bad", &symlink_inode), SPAN("a\0b", 3))));
    assert_false(ok(tree_set_memory(put(t, "/bad", &symlink_inode), SPAN("", 0))));
    assert_null(tree_find(t, "/bad", true)); // a link with no target yet
}

static void test_hard_links(void **state)
{
    struct tree *t = *state;
    struct tree_node *n = put(t, "/d/one", &file);
    assert_true(ok(tree_set_memory(n, SPAN_STR("content"))));
    assert_true(ok(tree_link(t, "/two", "/d/one")));
    assert_true(ok(tree_link(t, "/two", "/d/one"))); // itself
    assert_int_equal(n->inode->links, 2);
    assert_ptr_equal(tree_find(t, "/two", false)->inode, n->inode);
    assert_false(ok(tree_link(t, "/three", "/none")));
    assert_false(ok(tree_link(t, "/three", "/d")));
    // What is replaced holds the other name.
    assert_true(ok(tree_link(t, "/d", "/d/one")));
    assert_int_equal(tree_find(t, "/d", false)->inode->links, 2);
    tree_remove(t, tree_find(t, "/two", false));
    uint8_t *content;
    size_t size;
    assert_true(ok(tree_read(tree_find(t, "/d", false), 7, &content, &size)));
    assert_memory_equal(content, "content", 8);
    free(content);
    assert_int_equal(tree_read(tree_find(t, "/d", false), 6, &content, &size).code, ERR_RANGE);
    assert_int_equal(tree_find(t, "/d", false)->inode->links, 1);
}

struct visited {
    char text[256];
};

static struct result visit(void *context, struct tree_node *n)
{
    struct visited *v = context;
    size_t at = strlen(v->text);
    char path[PATH_MAX];
    GUARD(tree_path(n, path, sizeof path));
    snprintf(v->text + at, sizeof v->text - at, "%s ", path);
    return strcmp(path, "/stop") == 0 ? (struct result){ERR_DENIED, "stopped"} : RESULT_OK;
}

static void test_walk(void **state)
{
    struct tree *t = *state;
    static const char *const paths[] = {"/b", "/a.x", "/a/\xff", "/a/z", "/ab", "/a/Z"};
    for (size_t i = 0; i < ARRAY_COUNT(paths); i++)
        put(t, paths[i], &file);
    struct visited v = {""};
    assert_true(ok(tree_walk(tree_root(t), visit, &v)));
    assert_string_equal(v.text, "/a /a/Z /a/z /a/\xff /a.x /ab /b ");
    put(t, "/stop", &file);
    put(t, "/z", &file);
    v.text[0] = 0;
    assert_int_equal(tree_walk(tree_root(t), visit, &v).code, ERR_DENIED);
    assert_null(strstr(v.text, " /z "));
}

static void test_limits(void **state)
{
    struct tree *t = *state;
    char path[2 * TREE_DEPTH_MAX + 8] = "", name[TREE_NAME_MAX + 2];
    for (size_t i = 0; i < TREE_DEPTH_MAX; i++)
        strcat(path, "/d");
    assert_true(ok(tree_put(t, path, &directory, NULL)));
    strcat(path, "/d");
    assert_int_equal(tree_put(t, path, &directory, NULL).code, ERR_RANGE);
    memset(name, 'n', sizeof name - 1);
    name[TREE_NAME_MAX + 1] = 0;
    assert_int_equal(tree_put(t, name, &file, NULL).code, ERR_RANGE);
    name[TREE_NAME_MAX] = 0;
    assert_true(ok(tree_put(t, name, &file, NULL)));
    assert_int_equal(tree_path(tree_find(t, name, false), path, 10).code, ERR_RANGE);
}

static void make_file(const char *directory_path, const char *name, mode_t mode)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", directory_path, name);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0 && write(fd, name, strlen(name)) == (ssize_t)strlen(name));
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

static void test_host_directory(void **state)
{
    struct tree *t = *state;
    char place[] = "/tmp/tree_test.XXXXXX", path[PATH_MAX], other[PATH_MAX];
    assert_non_null(mkdtemp(place));
    make_file(place, "one", 0640);
    snprintf(path, sizeof path, "%s/one", place);
    snprintf(other, sizeof other, "%s/two", place);
    assert_int_equal(link(path, other), 0);
    snprintf(other, sizeof other, "%s/link", place);
    assert_int_equal(symlink("/etc", other), 0);
    put(t, "/to", &directory);
    struct image_note note = {.text = ""};
    assert_true(ok(tree_add_directory(t, &note, place, "/to")));
    assert_int_equal(tree_find(t, "/to", false)->inode->uid, 5);
    struct tree_node *one = tree_find(t, "/to/one", false);
    assert_int_equal(one->inode->mode, S_IFREG | 0640);
    assert_ptr_equal(one->inode, tree_find(t, "/to/two", false)->inode);
    assert_int_equal(tree_find(t, "/to/link", false)->inode->size, 4);
    uint8_t *content;
    size_t size;
    assert_true(ok(tree_read(one, 100, &content, &size)));
    assert_memory_equal(content, "one", 4);
    free(content);
    assert_int_equal(truncate(path, 1), 0);
    assert_int_equal(tree_read(one, 100, &content, &size).code, ERR_STALE);
    snprintf(other, sizeof other, "%s/pipe", place);
    assert_int_equal(mkfifo(other, 0600), 0);
    assert_int_equal(tree_add_directory(t, &note, place, "/to").code, ERR_UNSUPPORTED);
    static const char *const names[] = {"one", "two", "link", "pipe"};
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        snprintf(other, sizeof other, "%s/%s", place, names[i]);
        assert_int_equal(unlink(other), 0);
    }
    assert_int_equal(rmdir(place), 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_put, setup, teardown),
        cmocka_unit_test_setup_teardown(test_links_on_the_way, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hard_links, setup, teardown),
        cmocka_unit_test_setup_teardown(test_walk, setup, teardown),
        cmocka_unit_test_setup_teardown(test_limits, setup, teardown),
        cmocka_unit_test_setup_teardown(test_host_directory, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
