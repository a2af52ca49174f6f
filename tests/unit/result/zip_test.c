// SPDX-License-Identifier: Apache-2.0
// Is an archive a function of its files, and is every other archive refused?
#include "result/zip.h"

#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define ENTRY(n, d)              \
    {                            \
        SPAN_STR(n), SPAN_STR(d) \
    }

static const struct zip_entry entries[] = {ENTRY("a", "one"), ENTRY("b/c.txt", ""),
                                           ENTRY("computed.json", "{}")};
static uint8_t archive[1024];
static size_t size;

static int setup(void **state)
{
    (void)state;
    return is_ok(zip_write(entries, ARRAY_COUNT(entries), archive, sizeof archive, &size)) ? 0 : -1;
}

static void test_round_trip(void **state)
{
    struct zip_entry read[8];
    uint8_t again[1024];
    size_t count, again_size;
    (void)state;
    assert_int_equal(size, zip_size(entries, ARRAY_COUNT(entries)));
    assert_true(is_ok(zip_read(SPAN(archive, size), read, ARRAY_COUNT(read), &count)));
    assert_int_equal(count, ARRAY_COUNT(entries));
    assert_true(is_ok(zip_write(read, count, again, sizeof again, &again_size)));
    assert_int_equal(again_size, size);
    assert_memory_equal(again, archive, size);
    assert_non_null(zip_find(read, count, "b/c.txt"));
    assert_null(zip_find(read, count, "b/c"));
}

static void test_empty(void **state)
{
    uint8_t out[64];
    struct zip_entry read[1];
    size_t n, count;
    (void)state;
    assert_true(is_ok(zip_write(NULL, 0, out, sizeof out, &n)));
    assert_true(is_ok(zip_read(SPAN(out, n), read, 1, &count)));
    assert_int_equal(count, 0);
}

// CRC-32 is checked, so any changed bit is seen.
static void test_every_bit(void **state)
{
    struct zip_entry read[8];
    size_t count;
    (void)state;
    for (size_t i = 0; i < size * 8; i++) {
        archive[i / 8] ^= (uint8_t)(1u << i % 8);
        assert_false(is_ok(zip_read(SPAN(archive, size), read, ARRAY_COUNT(read), &count)));
        archive[i / 8] ^= (uint8_t)(1u << i % 8);
    }
}

static void test_every_truncation(void **state)
{
    struct zip_entry read[8];
    size_t count;
    (void)state;
    for (size_t n = 0; n < size; n++) {
        uint8_t *copy = malloc(n + 1);
        memcpy(copy, archive, n);
        assert_false(is_ok(zip_read(SPAN(copy, n), read, ARRAY_COUNT(read), &count)));
        free(copy);
    }
    archive[size] = 0;
    assert_false(is_ok(zip_read(SPAN(archive, size + 1), read, ARRAY_COUNT(read), &count)));
    assert_int_equal(zip_read(SPAN(archive, size), read, 2, &count).code, ERR_RANGE);
}

static void test_names(void **state)
{
    static const char *const bad[] = {"",     "/a",     "a/",  "a//b", "..",
                                      "../a", "a/../b", "./a", "a\\b", "a/."};
    uint8_t out[512];
    size_t n;
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        struct zip_entry e = {SPAN(bad[i], strlen(bad[i])), SPAN_STR("x")};
        assert_false(is_ok(zip_write(&e, 1, out, sizeof out, &n)));
    }
    struct zip_entry nul = {SPAN("a\0b", 3), SPAN_STR("x")};
    assert_false(is_ok(zip_write(&nul, 1, out, sizeof out, &n)));
    struct zip_entry twice[] = {ENTRY("a", "x"), ENTRY("a", "x")};
    assert_false(is_ok(zip_write(twice, 2, out, sizeof out, &n)));
    struct zip_entry dots = ENTRY("..a/b..", "x");
    assert_true(is_ok(zip_write(&dots, 1, out, sizeof out, &n)));
    assert_int_equal(zip_write(entries, 3, out, size - 1, &n).code, ERR_RANGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_empty),
        cmocka_unit_test(test_every_bit),  cmocka_unit_test(test_every_truncation),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
