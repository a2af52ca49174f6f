// SPDX-License-Identifier: Apache-2.0
// The three tables under /.cloister: what is written is read back; what is malformed is refused.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "shield/process.h"
#include "shield/regions.h"
#include "shield/sites.h"

#include <cmocka.h>

#define TEXT(s) SPAN(s, sizeof(s) - 1)

static const struct regions good = {
    .count = 4,
    .region =
        {{REGION_AUTHENTICATED, 0, {(const uint8_t *)"/", 1}, {0}},
         {REGION_ENCRYPTED, REGION_KEY_SMS, {(const uint8_t *)"/data", 5}, {0}},
         {REGION_NOT_PROTECTED, 0, {(const uint8_t *)"/data/out", 9}, {(const uint8_t *)"out", 3}},
         {REGION_EPHEMERAL, 0, {(const uint8_t *)"/tmp", 4}, {0}}},
};

static void test_regions_round_trip(void **state)
{
    (void)state;
    uint8_t buffer[REGIONS_SIZE_MAX];
    struct writer w = writer_on(buffer, sizeof buffer);
    struct regions r;
    assert_true(is_ok(regions_encode(&good, &w)));
    assert_true(is_ok(regions_decode(writer_span(&w), &r)));
    assert_int_equal(r.count, 4);
    assert_int_equal(regions_find(&r, TEXT("/data/out/x"))->kind, REGION_NOT_PROTECTED);
    assert_int_equal(regions_find(&r, TEXT("/data/outer"))->kind, REGION_ENCRYPTED);
    assert_int_equal(regions_find(&r, TEXT("/data"))->kind, REGION_ENCRYPTED);
    assert_int_equal(regions_find(&r, TEXT("/database"))->kind, REGION_AUTHENTICATED);
    assert_int_equal(regions_find(&r, TEXT("/tmp"))->kind, REGION_EPHEMERAL);
    for (size_t size = 0; size < w.size; size++)
        assert_false(is_ok(regions_decode(SPAN(buffer, size), &r)));
    buffer[w.size] = 0;
    assert_false(is_ok(regions_decode(SPAN(buffer, w.size + 1), &r)));
}

static void test_regions_refused(void **state)
{
    (void)state;
    struct regions r = good;
    r.region[1].key = REGION_KEY_NONE; // encrypted without a key
    assert_false(is_ok(regions_check(&r)));
    r = good;
    r.region[3].key = REGION_KEY_SMS; // a key for nothing
    assert_false(is_ok(regions_check(&r)));
    r = good;
    r.region[1].key = REGION_KEY_CONTENT; // a part of the image: no host file
    assert_true(is_ok(regions_check(&r)));
    r.region[1].source = TEXT("x");
    assert_false(is_ok(regions_check(&r)));
    r = good;
    r.region[1].key = REGION_KEY_CONTENT + 1;
    assert_false(is_ok(regions_check(&r)));
    r = good;
    r.region[2].source.size = 0; // not-protected without a source
    assert_false(is_ok(regions_check(&r)));
    r = good;
    r.region[3].source = TEXT("x"); // ephemeral with a source
    assert_false(is_ok(regions_check(&r)));
    r = good;
    r.region[3].path = r.region[2].path; // one path twice
    assert_false(is_ok(regions_check(&r)));
    r = good;
    r.region[0].kind = 5;
    assert_false(is_ok(regions_check(&r)));
    r = good;
    r.count = REGIONS_MAX + 1;
    assert_false(is_ok(regions_check(&r)));
}

static void test_paths(void **state)
{
    (void)state;
    static const char *const normal[] = {"/", "/a", "/a/b", "/.a", "/..a", "/a./b", "/..."};
    static const char *const wrong[] = {"",   "a",   "/a/",   "//",   "/a//b",
                                        "/.", "/..", "/a/..", "/./a", "/a/./b"};
    for (size_t i = 0; i < ARRAY_COUNT(normal); i++)
        assert_true(region_path_is_normal(SPAN(normal[i], strlen(normal[i]))));
    for (size_t i = 0; i < ARRAY_COUNT(wrong); i++)
        assert_false(region_path_is_normal(SPAN(wrong[i], strlen(wrong[i]))));
    assert_false(region_path_is_normal(SPAN("/a\0b", 4)));
}

static struct span encode_process(uint8_t *buffer, size_t size, const char *variable)
{
    struct writer w = writer_on(buffer, size);
    const struct process p = {
        .uid = 1, .gid = 2, .umask = 022, .argument_count = 2, .environment_count = 1};
    process_put_head(&w, &p);
    process_put(&w, TEXT("/bin/ls"));
    process_put(&w, TEXT("/"));
    process_put(&w, TEXT("ls"));
    process_put(&w, TEXT(""));
    process_put(&w, SPAN(variable, strlen(variable)));
    assert_false(w.failed);
    return writer_span(&w);
}

static void test_process(void **state)
{
    (void)state;
    uint8_t buffer[256];
    struct process p;
    struct span file = encode_process(buffer, sizeof buffer, "A=b");
    assert_true(is_ok(process_decode(file, &p)));
    struct reader r = reader_on(p.arguments);
    assert_int_equal(process_next(&r).size, 2);
    assert_int_equal(process_next(&r).size, 0);
    assert_true(reader_done(&r));
    for (size_t size = 0; size < file.size; size++)
        assert_false(is_ok(process_decode(SPAN(buffer, size), &p)));
    assert_false(is_ok(process_decode(SPAN(buffer, file.size + 1), &p)));
    // Every byte of the lengths and counts, made large.
    for (size_t at = 0; at < file.size; at++) {
        uint8_t kept = buffer[at];
        buffer[at] = 0xff;
        (void)!is_ok(process_decode(file, &p));
        buffer[at] = kept;
    }
    assert_false(is_ok(process_decode(encode_process(buffer, sizeof buffer, "A"), &p)));
    assert_false(is_ok(process_decode(encode_process(buffer, sizeof buffer, "=b"), &p)));
}

static struct span encode_sites(uint8_t *buffer, size_t size, const struct site *list,
                                uint32_t count)
{
    struct writer w = writer_on(buffer, size);
    put_bytes(&w, SITES_MAGIC, 8);
    put_le32(&w, 1);
    put_le16(&w, 5);
    put_bytes(&w, "/bin/", 5);
    put_le32(&w, count);
    for (uint32_t i = 0; i < count; i++)
        site_put(&w, &list[i]);
    assert_false(w.failed);
    return writer_span(&w);
}

static void test_sites(void **state)
{
    (void)state;
    uint8_t buffer[256];
    struct site list[2] = {{100, SITE_SYSCALL, 7, 5}, {107, SITE_CPUID, SITE_WINDOW_TRAP, 0}};
    struct span table = encode_sites(buffer, sizeof buffer, list, 2);
    struct site_file f;
    assert_true(is_ok(sites_check(table)));
    assert_true(sites_find(table, TEXT("/bin/"), &f));
    assert_int_equal(f.count, 2);
    assert_int_equal(site_at(&f, 1).offset, 107);
    assert_false(sites_find(table, TEXT("/bin"), &f));
    for (size_t size = 0; size < table.size; size++)
        assert_false(is_ok(sites_check(SPAN(buffer, size))));
    static const struct site wrong[] = {
        {106, SITE_SYSCALL, 7, 5},           // overlaps the first
        {107, 3, 7, 5},                      // kind
        {107, SITE_SYSCALL, 4, 2},           // window too small for a jump
        {107, SITE_SYSCALL, 17, 5},          // and too large
        {107, SITE_SYSCALL, 7, 6},           // instruction beyond the window
        {4094, SITE_SYSCALL, 7, 5},          // crosses a page
        {UINT64_MAX - 3, SITE_SYSCALL, 2, 0} // offset
    };
    for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
        list[1] = wrong[i];
        assert_false(is_ok(sites_check(encode_sites(buffer, sizeof buffer, list, 2))));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_regions_round_trip),
        cmocka_unit_test(test_regions_refused),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_process),
        cmocka_unit_test(test_sites),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
