// SPDX-License-Identifier: Apache-2.0
// What the emulated CPU's operations cost. Prints; the only thing that fails is a wrong result.
#include "sgx/probe_main.h"

#include <time.h>

#define PAGES 4096u

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void show(const char *what, double start, unsigned count)
{
    print_message("%s: %s %.0f ns\n", trap_mode ? "trap mode" : "fast mode", what,
                  (now() - start) / count);
}

static void transitions(void **state)
{
    (void)state;
    struct probe p = begin_probe();
    unsigned rounds = trap_mode ? 2000 : 100000;
    double t = now();
    for (unsigned i = 0; i < rounds; i++)
        (void)probe_call(&p, PROBE_NOTHING, 0, 0, 0, 0);
    show("EENTER and EEXIT", t, rounds);
    (void)probe_call(&p, PROBE_LOAD, 0, 0, 0, 0);
    t = now();
    for (unsigned i = 0; i < 2000; i++)
        (void)probe_enter(&p, 0, ENCLU_ERESUME, 0, 0, 0, 0, 0);
    show("ERESUME and AEX by #PF", t, 2000);
    probe_end_enclave(&p);
}

static void range(struct probe *p, uint64_t command, uint64_t flags, uint64_t at, const char *what)
{
    const struct sgx_secinfo s = {.flags = flags};
    probe_write(p, PROBE_DATA, &s, sizeof s);
    double t = now();
    struct sgx_run run = probe_call(p, command, PROBE_DATA, at, PAGES, PROBE_RODATA);
    show(what, t, PAGES);
    assert_int_equal(run.function, ENCLU_EEXIT);
    assert_int_equal(run.rdi, 0);
    t = now();
    run = probe_call(p, PROBE_TOUCH_RANGE, at, PAGES, 0, 0);
    show("  first touch of each page", t, PAGES);
    assert_int_equal(run.function, ENCLU_EEXIT);
}

static void memory(void **state)
{
    (void)state;
    struct probe p = begin_probe();
    const uint64_t rw = SGX_SECINFO_REG | SGX_SECINFO_R | SGX_SECINFO_W;
    range(&p, PROBE_EACCEPT_RANGE, rw | SGX_SECINFO_PENDING, PROBE_FREE, "EACCEPT");
    range(&p, PROBE_EACCEPTCOPY_RANGE, rw, PROBE_FREE + 0x10000000, "EACCEPTCOPY");
    probe_end_enclave(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(transitions),
        cmocka_unit_test(memory),
    };
    return run_both_modes(tests, ARRAY_COUNT(tests));
}
