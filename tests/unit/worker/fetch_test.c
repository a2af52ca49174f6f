// SPDX-License-Identifier: Apache-2.0
// Does what is fetched have the checksum, and is what is there already left alone?
#include "worker/fetch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/sha256.h"
#include "os/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static char directory[] = "/tmp/cloister-fetch-XXXXXX";
static char source[64], target[64], uri[80];
static uint8_t sum[SHA256_SIZE];

static int setup(void **state)
{
    (void)state;
    if (!mkdtemp(directory))
        return -1;
    snprintf(source, sizeof source, "%s/source", directory);
    snprintf(target, sizeof target, "%s/target", directory);
    snprintf(uri, sizeof uri, "file://%s", source);
    sha256(SPAN_STR("content"), sum);
    return is_ok(file_write(source, SPAN_STR("content"), 0644, FILE_REPLACE)) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    unlink(source);
    unlink(target);
    return rmdir(directory);
}

static void test_checksum(void **state)
{
    static const uint8_t none[SHA256_SIZE];
    uint8_t wrong[SHA256_SIZE];
    struct stat before, after;
    (void)state;
    memcpy(wrong, sum, sizeof wrong);
    wrong[31] ^= 1;
    assert_int_equal(fetch_file(uri, target, wrong).code, ERR_INTEGRITY);
    assert_int_not_equal(access(target, F_OK), 0);
    assert_true(is_ok(fetch_file(source, target, none)));
    assert_int_equal(stat(target, &before), 0);
    assert_true(is_ok(fetch_file("/no/such/file", target, sum))); // it is there
    assert_true(is_ok(fetch_file(uri, target, NULL)));            // fetched anew
    assert_int_equal(stat(target, &after), 0);
    assert_int_not_equal(before.st_ino, after.st_ino);
}

static void test_uris(void **state)
{
    static const char *const bad[] = {
        "",           "source", "../x",          "ftp://h/x",
        "file://h/x", "data:",  "/no/such/file", "http://127.0.0.1:1/x"};
    uint8_t *data;
    size_t size;
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
        assert_false(is_ok(fetch_bytes(bad[i], 100, &data, &size)));
    assert_int_equal(fetch_bytes(source, 6, &data, &size).code, ERR_RANGE);
    assert_true(is_ok(fetch_bytes(source, 7, &data, &size)));
    assert_int_equal(size, 7);
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_checksum),
        cmocka_unit_test(test_uris),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
