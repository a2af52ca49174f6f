// SPDX-License-Identifier: Apache-2.0
// main() of the emulator's tests: every test runs in trap mode, then in fast mode. ASan's shadow lies in
// ELRANGE, so a build with it skips them.
#ifndef TESTS_SGX_PROBE_MAIN_H
#define TESTS_SGX_PROBE_MAIN_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// A test is one program of one file: the helper is compiled with it.
#include "sgx/probe_helper.c"

#include <cmocka.h>

static bool trap_mode;

static inline struct probe begin_probe(void)
{
    struct probe_options o;
    struct probe p;
    probe_defaults(trap_mode, &o);
    assert_true(is_ok(probe_build(&o, &p)));
    return p;
}

static inline int run_both_modes(const struct CMUnitTest *tests, size_t count)
{
#ifdef __SANITIZE_ADDRESS__
    (void)tests, (void)count;
    printf("skip sgx: ELRANGE starts at address 0, where ASan keeps its shadow\n");
    return 0;
#else
    int failed = 0;
    for (int mode = 1; mode >= 0; mode--) {
        trap_mode = mode;
        failed += _cmocka_run_group_tests(trap_mode ? "trap mode" : "fast mode", tests, count, NULL,
                                          NULL);
    }
    return failed;
#endif
}

#endif
