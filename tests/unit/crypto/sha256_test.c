// SPDX-License-Identifier: Apache-2.0
// SHA-256 against FIPS 180-4's examples and against OpenSSL, portable and with the SHA extensions.
#include "crypto/sha256.h"

#include <cpuid.h>
#include <openssl/sha.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/hex.h"

#include <cmocka.h>

static bool have_shani(void)
{
    unsigned a, b = 0, c, d;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & 1u << 29);
}

static void check(const void *p, size_t size)
{
    uint8_t want[32], got[32];
    SHA256(p, size, want);
    sha256(SPAN(p, size), got);
    assert_memory_equal(want, got, 32);
}

static void examples(void **state)
{
    (void)state;
    uint8_t got[32];
    char hex[65];
    sha256(SPAN_STR("abc"), got);
    hex_encode(got, 32, hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    sha256(SPAN_STR(""), got);
    hex_encode(got, 32, hex);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void every_length_and_split(void **state)
{
    (void)state;
    uint8_t data[600];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 31 + 7);
    for (size_t n = 0; n <= 300; n++)
        check(data, n);
    for (size_t split = 0; split <= 200; split += 3) {
        uint8_t want[32], got[32];
        SHA256(data, 200, want);
        struct sha256_ctx c, copy;
        sha256_init(&c);
        sha256_update(&c, data, split);
        copy = c;
        sha256_update(&copy, data + split, 200 - split);
        sha256_final(&copy, got);
        assert_memory_equal(want, got, 32);
    }
}

static void pairs(void **state)
{
    (void)state;
    static uint8_t a[4096], b[4096];
    for (size_t i = 0; i < sizeof a; i++) {
        a[i] = (uint8_t)(i * i);
        b[i] = (uint8_t)(i * 13 + 1);
    }
    uint8_t want_a[32], want_b[32], got_a[32], got_b[32];
    SHA256(a, sizeof a, want_a);
    SHA256(b, sizeof b, want_b);
    sha256_4k_pair(a, b, got_a, got_b);
    assert_memory_equal(want_a, got_a, 32);
    assert_memory_equal(want_b, got_b, 32);
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void speed(void **state)
{
    (void)state;
    static uint8_t a[8192];
    uint8_t x[32], y[32];
    enum { ROUNDS = 2000 };
    double t0 = seconds();
    for (int i = 0; i < ROUNDS; i++) {
        sha256(SPAN(a, 4096), x);
        sha256(SPAN(a + 4096, 4096), y);
    }
    double t1 = seconds();
    for (int i = 0; i < ROUNDS; i++)
        sha256_4k_pair(a, a + 4096, x, y);
    double t2 = seconds();
    print_message("%s: single %.0f MB/s, pair %.0f MB/s\n",
                  sha256_use_shani ? "SHA-NI" : "portable", ROUNDS * 8192e-6 / (t1 - t0),
                  ROUNDS * 8192e-6 / (t2 - t1));
}

static int select_portable(void **state)
{
    (void)state;
    sha256_select(false);
    return 0;
}

static int select_shani(void **state)
{
    (void)state;
    sha256_select(have_shani());
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(examples, select_portable),
        cmocka_unit_test_setup(every_length_and_split, select_portable),
        cmocka_unit_test_setup(pairs, select_portable),
        cmocka_unit_test_setup(speed, select_portable),
        cmocka_unit_test_setup(examples, select_shani),
        cmocka_unit_test_setup(every_length_and_split, select_shani),
        cmocka_unit_test_setup(pairs, select_shani),
        cmocka_unit_test_setup(speed, select_shani),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
