// SPDX-License-Identifier: Apache-2.0
// Do layers become the tree that the specification says, and is every hostile archive refused?
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>

#include "image/tool.h"
#include "oci/layer.h"
#include "oci/layer_write.h"

#include <cmocka.h>

#define ARCHIVE_MAX (16u << 20)

struct entry {
    char type; // f, d, l(ink), h(ard link), c(haracter device), p(ipe), s(parse)
    const char *name, *content;
    unsigned mode;
};

struct fixture {
    char spool[64];
    struct image_note note;
    struct oci_unpack u;
    uint8_t *archive;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->archive = malloc(ARCHIVE_MAX);
    memcpy(f->spool, "/tmp/oci-test.XXXXXX", 21);
    assert_non_null(mkdtemp(f->spool));
    assert_true(is_ok(tree_new(&f->u.tree)));
    f->u.spool = f->spool;
    f->u.note = &f->note;
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    tree_free(f->u.tree);
    tool_remove_tree(f->spool);
    free(f->archive);
    free(f);
    return 0;
}

static unsigned type_of(char type)
{
    switch (type) {
    case 'd':
        return AE_IFDIR;
    case 'l':
        return AE_IFLNK;
    case 'c':
        return AE_IFCHR;
    case 'p':
        return AE_IFIFO;
    default:
        return AE_IFREG;
    }
}

static void put_entry(struct archive *a, const struct entry *e)
{
    struct archive_entry *entry = archive_entry_new();
    size_t size = e->type == 'f' && e->content ? strlen(e->content) : 0;
    archive_entry_set_pathname(entry, e->name);
    archive_entry_set_filetype(entry, type_of(e->type));
    archive_entry_set_perm(entry, e->mode ? e->mode : 0644);
    archive_entry_set_uid(entry, 1000);
    archive_entry_set_gid(entry, 100);
    archive_entry_set_size(entry, (la_int64_t)size);
    if (e->type == 'l')
        archive_entry_set_symlink(entry, e->content);
    if (e->type == 'h')
        archive_entry_set_hardlink(entry, e->content);
    if (e->type == 'x')
        archive_entry_xattr_add_entry(entry, "security.capability", "\1\0\0\2", 4);
    if (e->type == 's') {
        archive_entry_set_size(entry, 1ll << 40);
        archive_entry_sparse_add_entry(entry, 0, 1);
    }
    assert_int_equal(archive_write_header(a, entry), ARCHIVE_OK);
    if (size)
        assert_int_equal(archive_write_data(a, e->content, size), size);
    if (e->type == 's')
        assert_int_equal(archive_write_data(a, "x", 1), 1);
    archive_entry_free(entry);
}

static struct span make(struct fixture *f, const struct entry *list, size_t count, int filter)
{
    size_t used = 0;
    locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    locale_t before = uselocale(utf8);
    struct archive *a = archive_write_new();
    assert_int_equal(archive_write_add_filter(a, filter), ARCHIVE_OK);
    assert_int_equal(archive_write_set_format_pax(a), ARCHIVE_OK);
    assert_int_equal(archive_write_open_memory(a, f->archive, ARCHIVE_MAX, &used), ARCHIVE_OK);
    for (size_t i = 0; i < count; i++)
        put_entry(a, &list[i]);
    assert_int_equal(archive_write_close(a), ARCHIVE_OK);
    archive_write_free(a);
    uselocale(before);
    freelocale(utf8);
    return SPAN(f->archive, used);
}

static struct result apply(struct fixture *f, const struct entry *list, size_t count)
{
    return oci_layer_apply_memory(&f->u, make(f, list, count, ARCHIVE_FILTER_GZIP));
}

#define APPLY(f, ...)                               \
    apply((f), (const struct entry[]){__VA_ARGS__}, \
          sizeof((const struct entry[]){__VA_ARGS__}) / sizeof(struct entry))

static const struct tree_inode *at(struct fixture *f, const char *path)
{
    const struct tree_node *n = tree_find(f->u.tree, path, false);
    return n ? n->inode : NULL;
}

static void assert_content(struct fixture *f, const char *path, const char *content)
{
    uint8_t *data;
    size_t size;
    const struct tree_node *n = tree_find(f->u.tree, path, true);
    assert_non_null(n);
    assert_true(is_ok(tree_read(n, 1u << 20, &data, &size)));
    assert_int_equal(size, strlen(content));
    assert_memory_equal(data, content, size);
    free(data);
}

static void test_kinds(void **state)
{
    struct fixture *f = *state;
    assert_true(
        is_ok(APPLY(f, {'d', "./bin/", NULL, 0755}, {'f', "bin/su", "program", 04755},
                    {'h', "bin/su2", "bin/su", 0}, {'l', "sh", "/bin/su", 0},
                    {'c', "dev-null", NULL, 0}, {'p', "pipe", NULL, 0}, {'x', "ping", NULL, 0755},
                    {'f', "empty", NULL, 0600}, {'f', "n\303\244me", "utf-8", 0})));
    assert_int_equal(at(f, "/bin/su")->mode, S_IFREG | 04755);
    assert_int_equal(at(f, "/bin/su")->uid, 1000);
    assert_int_equal(at(f, "/bin/su")->gid, 100);
    assert_ptr_equal(at(f, "/bin/su"), at(f, "/bin/su2"));
    assert_content(f, "/sh", "program");
    assert_content(f, "/n\303\244me", "utf-8");
    assert_content(f, "/empty", "");
    assert_null(at(f, "/dev-null"));
    assert_null(at(f, "/pipe"));
    assert_int_equal(f->u.skipped, 2);
    assert_int_equal(f->u.attributes, 1);
}

static void test_filters(void **state)
{
    static const int filters[] = {ARCHIVE_FILTER_NONE, ARCHIVE_FILTER_GZIP, ARCHIVE_FILTER_ZSTD};
    struct fixture *f = *state;
    const struct entry e = {'f', "file", "content", 0};
    for (size_t i = 0; i < ARRAY_COUNT(filters); i++) {
        assert_true(is_ok(oci_layer_apply_memory(&f->u, make(f, &e, 1, filters[i]))));
        assert_content(f, "/file", "content");
    }
    assert_false(is_ok(oci_layer_apply_memory(&f->u, make(f, &e, 1, ARCHIVE_FILTER_BZIP2))));
}

static void test_whiteouts(void **state)
{
    struct fixture *f = *state;
    assert_true(is_ok(APPLY(f, {'f', "d/a", "1", 0}, {'f', "d/b", "1", 0}, {'f', "e/x", "1", 0},
                            {'f', "e/s/y", "1", 0}, {'f', "t/z", "1", 0})));
    assert_true(is_ok(APPLY(f, {'f', "d/.wh.a", NULL, 0}, {'f', "e/new", "2", 0},
                            {'f', "e/.wh..wh..opq", NULL, 0}, {'f', "e/later", "2", 0},
                            {'f', ".wh.t", NULL, 0}, {'f', ".wh.missing", NULL, 0},
                            {'f', ".wh..wh.plnk", NULL, 0})));
    assert_null(at(f, "/d/a"));
    assert_non_null(at(f, "/d/b"));
    assert_null(at(f, "/e/x"));
    assert_null(at(f, "/e/s"));
    assert_content(f, "/e/new", "2");
    assert_content(f, "/e/later", "2");
    assert_null(at(f, "/t"));
    // What the same layer brings again stays, whatever the order.
    assert_true(is_ok(APPLY(f, {'f', "d/b", "3", 0}, {'f', "d/.wh.b", NULL, 0})));
    assert_content(f, "/d/b", "3");
    assert_false(is_ok(APPLY(f, {'f', "d/.wh...", NULL, 0})));
    assert_false(is_ok(APPLY(f, {'f', "d/.wh.", NULL, 0})));
}

static void test_replace(void **state)
{
    struct fixture *f = *state;
    assert_true(is_ok(APPLY(f, {'d', "a", NULL, 0755}, {'f', "a/x", "1", 0}, {'l', "l", "/a", 0})));
    assert_true(is_ok(APPLY(f, {'d', "a", NULL, 0700}, {'f', "l/y", "2", 0})));
    assert_int_equal(at(f, "/a")->mode, S_IFDIR | 0700);
    assert_content(f, "/a/x", "1");
    assert_content(f, "/a/y", "2"); // through the link, inside the tree
    assert_true(is_ok(APPLY(f, {'d', "l", NULL, 0755}, {'f', "a", "file", 0})));
    assert_true(S_ISDIR(at(f, "/l")->mode));
    assert_content(f, "/a", "file");
}

// A link that leads out leads to the tree's root.
static void test_link_out(void **state)
{
    struct fixture *f = *state;
    assert_true(is_ok(APPLY(f, {'l', "out", "../../../../tmp", 0}, {'f', "out/evil", "x", 0})));
    assert_content(f, "/tmp/evil", "x");
    assert_true(access("/tmp/evil", F_OK) != 0);
}

static void test_hostile(void **state)
{
    struct fixture *f = *state;
    static char deep[2 * 200 + 1], name[300];
    for (size_t i = 0; i < 200; i++)
        memcpy(deep + 2 * i, "d/", 3);
    memset(name, 'n', sizeof name - 1);
    assert_int_equal(APPLY(f, {'f', "../evil", "x", 0}).code, ERR_DENIED);
    assert_int_equal(APPLY(f, {'f', "a/../../evil", "x", 0}).code, ERR_DENIED);
    assert_int_equal(APPLY(f, {'f', "/etc/evil", "x", 0}).code, ERR_DENIED);
    assert_int_equal(APPLY(f, {'h', "h", "../../etc/passwd", 0}).code, ERR_DENIED);
    assert_int_equal(APPLY(f, {'h', "h", "/etc/passwd", 0}).code, ERR_DENIED);
    assert_int_equal(APPLY(f, {'h', "h", "not-there", 0}).code, ERR_NOT_FOUND);
    assert_int_equal(APPLY(f, {'d', "d", NULL, 0755}, {'h', "h", "d", 0}).code, ERR_INVALID);
    assert_int_equal(APPLY(f, {'d', deep, NULL, 0755}).code, ERR_RANGE);
    assert_int_equal(APPLY(f, {'f', name, "x", 0}).code, ERR_RANGE);
    assert_int_equal(APPLY(f, {'l', "x", "x", 0}, {'f', "x/y", "x", 0}).code, ERR_RANGE);
    assert_int_equal(APPLY(f, {'s', "sparse", NULL, 0}).code, ERR_RANGE);
    assert_true(strstr(f->note.text, "sparse") != NULL);
}

static void test_bomb(void **state)
{
    struct fixture *f = *state;
    size_t size = (OCI_RATIO_FREE >> 20) + 64;
    char *block = calloc(1, 1u << 20);
    size_t used = 0;
    struct archive *a = archive_write_new();
    archive_write_add_filter_gzip(a);
    archive_write_set_format_ustar(a);
    archive_write_open_memory(a, f->archive, ARCHIVE_MAX, &used);
    struct archive_entry *e = archive_entry_new();
    archive_entry_set_pathname(e, "zeros");
    archive_entry_set_filetype(e, AE_IFREG);
    archive_entry_set_size(e, (la_int64_t)(size << 20));
    archive_write_header(a, e);
    for (size_t i = 0; i < size; i++)
        archive_write_data(a, block, 1u << 20);
    archive_write_close(a);
    archive_write_free(a);
    archive_entry_free(e);
    free(block);
    struct result r = oci_layer_apply_memory(&f->u, SPAN(f->archive, used));
    assert_int_equal(r.code, ERR_RANGE);
    assert_string_equal(r.why, "layer unpacks to far more than it is");
}

static void test_limit(void **state)
{
    struct fixture *f = *state;
    f->u.unpacked_max = 100000;
    char big[20001];
    memset(big, 'x', 20000);
    big[20000] = 0;
    assert_true(is_ok(APPLY(f, {'f', "a", big, 0}, {'f', "b", big, 0})));
    assert_true(is_ok(APPLY(f, {'f', "c", big, 0}, {'f', "d", big, 0})));
    assert_int_equal(APPLY(f, {'f', "e", big, 0}, {'f', "f", big, 0}).code, ERR_RANGE);
}

static void test_truncated(void **state)
{
    struct fixture *f = *state;
    const struct entry e[] = {{'f', "a", "some content", 0}, {'f', "b", "more content", 0}};
    struct span whole = make(f, e, 2, ARCHIVE_FILTER_GZIP);
    for (size_t size = 0; size < whole.size; size++)
        assert_false(is_ok(oci_layer_apply_memory(&f->u, SPAN(whole.data, size))));
    assert_true(is_ok(oci_layer_apply_memory(&f->u, whole)));
}

static void write_layer(struct fixture *f, const char *directory, struct oci_blob *blob,
                        char diff_id[OCI_DIGEST_SIZE])
{
    assert_true(is_ok(oci_layout_create(directory, &f->note)));
    assert_true(
        is_ok(oci_layer_write(directory, f->u.tree, "/.cloister", &f->note, blob, diff_id)));
}

// What is written is read back the same, twice with the same digest; a changed blob is refused.
static void test_write(void **state)
{
    struct fixture *f = *state;
    struct oci_blob blob, again;
    char diff_id[OCI_DIGEST_SIZE], one[PATH_MAX], two[PATH_MAX], path[PATH_MAX];
    snprintf(one, sizeof one, "%s/one", f->spool);
    snprintf(two, sizeof two, "%s/two", f->spool);
    assert_true(is_ok(APPLY(f, {'d', "d", NULL, 0755}, {'f', "d/z", "content", 04755},
                            {'h', "a", "d/z", 0}, {'l', "l", "d/z", 0},
                            {'f', "n\303\244me", "utf-8", 0}, {'f', ".cloister/x", "own", 0})));
    write_layer(f, one, &blob, diff_id);
    write_layer(f, two, &again, diff_id);
    assert_string_equal(blob.digest, again.digest);
    tree_clear(f->u.tree, tree_root(f->u.tree));
    assert_true(is_ok(oci_layer_apply(&f->u, one, &blob, diff_id)));
    assert_ptr_equal(at(f, "/a"), at(f, "/d/z"));
    assert_int_equal(at(f, "/a")->mode, S_IFREG | 04755);
    assert_content(f, "/l", "content");
    assert_content(f, "/n\303\244me", "utf-8");
    assert_null(at(f, "/.cloister"));
    assert_int_equal(oci_layer_apply(&f->u, one, &blob, blob.digest).code, ERR_INTEGRITY);
    assert_true(is_ok(oci_blob_path(one, blob.digest, &f->note, path, sizeof path)));
    FILE *file = fopen(path, "r+");
    fseek(file, 20, SEEK_SET);
    fputc('x', file);
    fclose(file);
    assert_int_equal(oci_layer_apply(&f->u, one, &blob, diff_id).code, ERR_INTEGRITY);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_kinds),     TEST(test_filters), TEST(test_whiteouts), TEST(test_replace),
        TEST(test_link_out),  TEST(test_hostile), TEST(test_bomb),      TEST(test_limit),
        TEST(test_truncated), TEST(test_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
