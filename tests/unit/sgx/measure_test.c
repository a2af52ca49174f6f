// SPDX-License-Identifier: Apache-2.0
// MRENCLAVE against a second implementation (mrenclave.py, run here) and against stored values.
#include "sgx/measure.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"

#include <cmocka.h>

#define PYTHON "/usr/bin/python3 tests/unit/sgx/mrenclave.py < "

static uint8_t pages[3 * 4096];

// Performs one line of a construction.
static void perform(struct sgx_measure *m, const char *line)
{
    unsigned long v[10] = {0};
    char measured[16] = "";
    unsigned frame;
    unsigned long size = 0;
    if (sscanf(line, "ecreate %u %li", &frame, (long *)&size) == 2) {
        sgx_measure_ecreate(m, frame, size);
    } else if (sscanf(line, "page %li %li %15s %li", (long *)&v[0], (long *)&v[1], measured,
                      (long *)&v[2]) == 4) {
        for (size_t i = 0; i < 4096; i++)
            pages[i] = (uint8_t)(v[2] + 7 * i);
        sgx_measure_pages(m, v[0], pages, 4096, v[1], strcmp(measured, "measured") == 0);
    } else if (sscanf(line, "tcs %li %li %li %li %li %li %li %li %li %li", (long *)&v[0],
                      (long *)&v[1], (long *)&v[2], (long *)&v[3], (long *)&v[4], (long *)&v[5],
                      (long *)&v[6], (long *)&v[7], (long *)&v[8], (long *)&v[9]) == 10) {
        struct sgx_tcs tcs = {
            .state = v[1],
            .flags = v[2],
            .ossa = v[3],
            .cssa = (uint32_t)v[4],
            .nssa = (uint32_t)v[5],
            .oentry = v[6],
            .aep = v[7],
            .ofsbase = v[8],
            .ogsbase = v[9],
            .fslimit = 0xfff,
            .gslimit = 0xfff,
        };
        sgx_measure_pages(m, v[0], &tcs, sizeof tcs, SGX_SECINFO_TCS | 3, true);
    } else {
        fail_msg("cannot read: %s", line);
    }
}

static void measure_file(const char *path, char ret[65])
{
    char line[256];
    uint8_t hash[32];
    struct sgx_measure m;
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f))
        perform(&m, line);
    fclose(f);
    sgx_measure_value(&m, hash);
    hex_encode(hash, sizeof hash, ret);
}

static void against_second_implementation(void **state)
{
    (void)state;
    static const char *const names[] = {"minimal", "tcs", "unmeasured", "permissions"};
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        char path[128], command[256], ours[65], theirs[80] = "", stored[80] = "";
        snprintf(path, sizeof path, "tests/vectors/sgx/%s.txt", names[i]);
        measure_file(path, ours);
        snprintf(command, sizeof command, PYTHON "%s", path);
        FILE *f = popen(command, "r");
        assert_non_null(f);
        assert_non_null(fgets(theirs, sizeof theirs, f));
        assert_int_equal(pclose(f), 0);
        theirs[strcspn(theirs, "\n")] = 0;
        assert_string_equal(ours, theirs);
        snprintf(path, sizeof path, "tests/vectors/sgx/%s.mrenclave", names[i]);
        f = fopen(path, "r");
        assert_non_null(f);
        assert_non_null(fgets(stored, sizeof stored, f));
        fclose(f);
        stored[strcspn(stored, "\n")] = 0;
        assert_string_equal(ours, stored);
    }
}

// A value is a snapshot; pages in one call and one by one are the same.
static void streaming(void **state)
{
    (void)state;
    uint8_t a[32], b[32], c[32];
    struct sgx_measure x, y;
    for (size_t i = 0; i < sizeof pages; i++)
        pages[i] = (uint8_t)(i * i);
    sgx_measure_ecreate(&x, 1, 1 << 20);
    y = x;
    sgx_measure_pages(&x, 0x10000, pages, sizeof pages, 0x203, true);
    sgx_measure_value(&x, a);
    for (size_t i = 0; i < 3; i++)
        sgx_measure_pages(&y, 0x10000 + i * 4096, pages + i * 4096, 4096, 0x203, true);
    sgx_measure_value(&y, b);
    assert_memory_equal(a, b, 32);
    sgx_measure_eadd(&y, 0x20000, 0x203);
    sgx_measure_value(&y, c);
    assert_memory_not_equal(a, c, 32);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(against_second_implementation),
        cmocka_unit_test(streaming),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
