// SPDX-License-Identifier: Apache-2.0
// Split images and file systems alone: split and files give the full image back, byte for byte, and nothing else does.
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

#include "base/cursor.h"
#include "image/image_write.h"
#include "image/verify.h"
#include "os/file.h"

#include <cmocka.h>

static struct image_note note;
static char place[64], root[80], full[80], split[80], out[80];
static struct image_output full_output, split_output;
static const struct enclave_params params = {.fspf_key = {1, 2, 3}};

static bool ok(struct result r)
{
    if (!is_ok(r))
        print_message("%s (%s)\n", r.why, note.text);
    return is_ok(r);
}

static void write_file(const char *name, size_t size, uint8_t first)
{
    char path[PATH_MAX];
    uint8_t *content = malloc(size + 1);
    assert_non_null(content);
    for (size_t i = 0; i < size; i++)
        content[i] = (uint8_t)(first + i / 3);
    snprintf(path, sizeof path, "%s/%s", root, name);
    assert_true(ok(file_write(path, SPAN(content, size), 0644, FILE_REPLACE)));
    free(content);
}

static void write_files(void)
{
    write_file("large", 300001, 7); // mapped
    write_file("small", 5000, 8);   // read
    write_file("whole", 8192, 9);
    write_file("empty", 0, 0);
    write_file("d/deep", 77, 10);
    write_file("etc/hosts", 9, 11);
}

static int setup(void **state)
{
    (void)state;
    char path[PATH_MAX];
    strcpy(place, "/tmp/split_test.XXXXXX");
    assert_non_null(mkdtemp(place));
    snprintf(root, sizeof root, "%s/root", place);
    snprintf(full, sizeof full, "%s/full", place);
    snprintf(split, sizeof split, "%s/split", place);
    snprintf(out, sizeof out, "%s/out", place);
    assert_int_equal(mkdir(root, 0755), 0);
    snprintf(path, sizeof path, "%s/d", root);
    assert_int_equal(mkdir(path, 0755), 0);
    snprintf(path, sizeof path, "%s/etc", root);
    assert_int_equal(mkdir(path, 0755), 0);
    write_files();
    struct tree *t;
    assert_true(ok(tree_new(&t)));
    assert_true(ok(tree_add_directory(t, &note, root, "/")));
    assert_true(ok(tree_write(t, "/.cloister/process", SPAN_STR("made by the builder"), 0444)));
    struct image_input in = {.tree = t, .params = &params};
    assert_true(ok(image_write(&in, full, &note, &full_output)));
    in.split = true;
    assert_true(ok(image_write(&in, split, &note, &split_output)));
    tree_free(t);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", place);
    return system(command);
}

static uint8_t *slurp(const char *path, size_t *size)
{
    uint8_t *data;
    assert_true(ok(file_read(path, 64u << 20, &data, size)));
    return data;
}

static uint32_t damages(const char *image, const char *below)
{
    struct image i;
    struct verify_report report;
    assert_true(ok(image_open_split(image, below, &note, &i)));
    assert_true(ok(verify_image(&i, &report)));
    image_close(&i);
    return report.count;
}

static void test_forms(void **state)
{
    (void)state;
    assert_memory_equal(full_output.fspf_tag, split_output.fspf_tag, 32);
    assert_int_equal(full_output.hash_offset, split_output.hash_offset);
    assert_int_equal(full_output.stored_blocks, 0);
    // large, small, whole and deep stay out; /etc/hosts and /.cloister do not.
    assert_int_equal(split_output.data_blocks - split_output.stored_blocks, 74 + 2 + 2 + 1);
    assert_int_equal(split_output.size, full_output.size - 79 * 4096);
    struct image a, b;
    assert_true(ok(image_open_split(full, NULL, &note, &a)));
    assert_true(ok(image_open_split(split, root, &note, &b)));
    assert_null(a.params);
    assert_int_equal(a.file.size, b.file.size);
    assert_memory_equal(a.file.data, b.file.data, a.layout.trailer);
    assert_memory_equal(a.trailer.fspf_key, params.fspf_key, 32);
    image_close(&a);
    image_close(&b);
    assert_int_equal(damages(full, NULL), 0);
    assert_int_equal(damages(split, root), 0);
    assert_true(damages(split, NULL) > 0);
    assert_int_equal(image_open(full, &note, &a).code, ERR_UNSUPPORTED);
    assert_int_equal(image_open(split, &note, &a).code, ERR_UNSUPPORTED);
    assert_int_equal(image_open_split(split, "/nonexistent", &note, &a).code, ERR_NOT_FOUND);
}

static void test_assemble(void **state)
{
    (void)state;
    size_t size, want_size;
    assert_true(ok(image_assemble(split, root, out, &note)));
    uint8_t *got = slurp(out, &size), *want = slurp(full, &want_size);
    assert_int_equal(size, want_size);
    assert_memory_equal(got, want, size);
    free(got);
    // From an opened split image, anew in both forms.
    struct image i;
    assert_true(ok(image_open_split(split, root, &note, &i)));
    struct image_input in = {.filesystem = &i, .params = &params};
    assert_true(ok(image_write(&in, out, &note, NULL)));
    got = slurp(out, &size);
    assert_int_equal(size, want_size);
    assert_memory_equal(got, want, size);
    free(got);
    free(want);
    in.split = true;
    assert_true(ok(image_write(&in, out, &note, NULL)));
    image_close(&i);
    got = slurp(out, &size);
    want = slurp(split, &want_size);
    assert_int_equal(size, want_size);
    assert_memory_equal(got, want, size);
    free(got);
    free(want);
    unlink(out);
}

static void expect_refused(const char *path)
{
    note.text[0] = 0;
    assert_int_equal(image_assemble(split, root, out, &note).code, ERR_INTEGRITY);
    assert_non_null(strstr(note.text, path));
    assert_int_equal(access(out, F_OK), -1);
    assert_true(damages(split, root) > 0);
    struct image i;
    assert_true(ok(image_open_split(split, root, &note, &i)));
    const struct image_input in = {.filesystem = &i};
    assert_int_equal(image_write(&in, out, &note, NULL).code, ERR_INTEGRITY);
    image_close(&i);
    assert_int_equal(system("exit $(ls -d /tmp/split_test.*/out.* 2>/dev/null | wc -l)"), 0);
}

static void test_other_files(void **state)
{
    (void)state;
    char path[PATH_MAX], other[PATH_MAX];
    write_file("large", 300001, 6);
    expect_refused("/large");
    write_file("large", 300000, 7);
    expect_refused("/large");
    write_file("large", 300002, 7);
    expect_refused("/large");
    write_files();
    write_file("small", 5000, 6);
    expect_refused("/small");
    snprintf(path, sizeof path, "%s/small", root);
    unlink(path);
    expect_refused("/small");
    assert_int_equal(mkfifo(path, 0600), 0);
    expect_refused("/small");
    unlink(path);
    assert_int_equal(symlink("/dev/zero", path), 0);
    expect_refused("/small");
    unlink(path);
    write_files();
    // A directory that is a link: into the root it is a way to the file, out of the root it is none.
    snprintf(path, sizeof path, "%s/d", root);
    snprintf(other, sizeof other, "%s/elsewhere", root);
    assert_int_equal(rename(path, other), 0);
    assert_int_equal(symlink("/elsewhere", path), 0);
    assert_int_equal(damages(split, root), 0);
    snprintf(path, sizeof path, "%s/outside", place);
    assert_int_equal(rename(other, path), 0);
    snprintf(other, sizeof other, "%s/d", root);
    unlink(other);
    assert_int_equal(symlink("../outside", other), 0);
    expect_refused("/d/deep");
    unlink(other);
    assert_int_equal(symlink(path, other), 0);
    expect_refused("/d/deep");
    unlink(other);
    assert_int_equal(rename(path, other), 0);
    assert_int_equal(damages(split, root), 0);
    // What is stored does not matter there.
    write_file("etc/hosts", 5, 0);
    assert_int_equal(damages(split, root), 0);
    write_files();
}

static struct result open_changed(size_t at, uint64_t value)
{
    size_t size;
    uint8_t *file = slurp(split, &size);
    store_le64(file + size - IMAGE_TRAILER_SIZE + at, value);
    assert_true(ok(file_write(out, SPAN(file, size), 0600, FILE_REPLACE)));
    free(file);
    struct image i;
    struct result result = image_open_split(out, root, &note, &i);
    if (is_ok(result))
        image_close(&i);
    unlink(out);
    return result;
}

static void test_hostile_trailer(void **state)
{
    (void)state;
    const uint64_t stored = split_output.stored_blocks, data = split_output.data_blocks;
    const uint64_t wrong[] = {
        0,        1,          stored - 1, stored + 1,     data - 1,   data,
        data + 1, 1ull << 52, UINT64_MAX, UINT64_MAX - 1, 1ull << 63, stored + (1ull << 52)};
    for (size_t i = 0; i < ARRAY_COUNT(wrong); i++)
        assert_false(is_ok(open_changed(80, wrong[i])));
    assert_true(ok(open_changed(80, stored)));
    const uint64_t blocks[] = {0, 1, data + 1, 1ull << 28, (1ull << 28) + 1, UINT64_MAX};
    for (size_t i = 0; i < ARRAY_COUNT(blocks); i++)
        assert_false(is_ok(open_changed(16, blocks[i])));
    assert_false(is_ok(open_changed(32, 1)));  // a kernel's size
    assert_false(is_ok(open_changed(40, 1)));  // an init program's
    assert_false(is_ok(open_changed(48, 1)));  // a kernel's hash
    assert_false(is_ok(open_changed(88, 1)));  // nothing
    assert_false(is_ok(open_changed(160, 1))); // nothing
}

// Metadata that points anywhere: opening may fail, but nothing outside the left-out data is touched.
static void test_hostile_metadata(void **state)
{
    (void)state;
    size_t size;
    uint8_t *file = slurp(split, &size);
    uint32_t seed = 1;
    for (int round = 0; round < 300; round++) {
        uint8_t *copy = malloc(size);
        assert_non_null(copy);
        memcpy(copy, file, size);
        for (int i = 0; i < 8; i++) {
            seed = seed * 1664525 + 1013904223;
            size_t at = 1152 + (seed >> 8) % 1200;
            copy[at] = (uint8_t)(seed >> 4);
        }
        assert_true(ok(file_write(out, SPAN(copy, size), 0600, FILE_REPLACE)));
        struct image i;
        if (is_ok(image_open_split(out, root, &note, &i))) {
            assert_memory_equal(i.file.data, copy, split_output.stored_blocks * 4096);
            assert_memory_equal(i.file.data + i.layout.hash_offset,
                                copy + split_output.stored_blocks * 4096,
                                size - split_output.stored_blocks * 4096);
            image_close(&i);
        }
        free(copy);
    }
    unlink(out);
    free(file);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_assemble),
        cmocka_unit_test(test_other_files),
        cmocka_unit_test(test_hostile_trailer),
        cmocka_unit_test(test_hostile_metadata),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
