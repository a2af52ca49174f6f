// SPDX-License-Identifier: Apache-2.0
// ECREATE, EADD and EINIT of the emulator: what they refuse.
#include "sgx/probe_main.h"

#include <unistd.h>

static struct result try_build(void (*change)(struct probe_options *o))
{
    struct probe_options o;
    struct probe p;
    probe_defaults(trap_mode, &o);
    change(&o);
    struct result r = probe_build(&o, &p);
    if (is_ok(r))
        probe_end_enclave(&p);
    return r;
}

static void wrong_hash(struct probe_options *o)
{
    o->wrong_hash = true;
}
static void bad_signature(struct probe_options *o)
{
    o->bad_signature = true;
}
static void attribute_differs(struct probe_options *o)
{
    o->sig.attributes.flags &= ~SGX_FLAGS_KSS;
}
static void debug_refused(struct probe_options *o)
{
    o->secs.attributes.flags |= SGX_FLAGS_DEBUG;
}
static void debug_masked_out(struct probe_options *o)
{
    debug_refused(o);
    o->sig.attributemask.flags &= ~SGX_FLAGS_DEBUG;
}
static void xfrm_differs(struct probe_options *o)
{
    o->secs.attributes.xfrm = 3;
}
static void misc_differs(struct probe_options *o)
{
    o->secs.miscselect = 0;
}
static void einittokenkey(struct probe_options *o)
{
    o->secs.attributes.flags |= SGX_FLAGS_EINITTOKENKEY;
}
static void odd_size(struct probe_options *o)
{
    o->secs.size -= 4096;
}
static void base(struct probe_options *o)
{
    o->secs.base = o->secs.size;
}
static void no_sse(struct probe_options *o)
{
    o->secs.attributes.xfrm = 1;
}
static void reserved(struct probe_options *o)
{
    o->secs.reserved4[9] = 1;
}
static void config_without_kss(struct probe_options *o)
{
    o->secs.attributes.flags &= ~SGX_FLAGS_KSS;
    o->secs.configid[0] = 1;
}
static void no_ssa(struct probe_options *o)
{
    o->secs.ssa_frame_size = 0;
}

static void refusals(void **state)
{
    (void)state;
    const struct {
        void (*change)(struct probe_options *);
        enum err code;
        const char *why; // NULL: any
    } cases[] = {
        {wrong_hash, ERR_INTEGRITY, "SGX_INVALID_MEASUREMENT"},
        {bad_signature, ERR_INTEGRITY, "SGX_INVALID_SIGNATURE"},
        {attribute_differs, ERR_DENIED, "SGX_INVALID_ATTRIBUTE"},
        {debug_refused, ERR_DENIED, "SGX_INVALID_ATTRIBUTE"},
        {debug_masked_out, ERR_NONE, NULL},
        {xfrm_differs, ERR_DENIED, "SGX_INVALID_ATTRIBUTE"},
        {misc_differs, ERR_DENIED, "SGX_INVALID_ATTRIBUTE"},
        {einittokenkey, ERR_DENIED, NULL},
        {odd_size, ERR_RANGE, NULL},
        {base, ERR_UNSUPPORTED, NULL},
        {no_sse, ERR_UNSUPPORTED, NULL},
        {reserved, ERR_INVALID, NULL},
        {config_without_kss, ERR_INVALID, NULL},
        {no_ssa, ERR_RANGE, NULL},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct result r = try_build(cases[i].change);
        if (r.code != cases[i].code || (cases[i].why && strcmp(r.why, cases[i].why) != 0))
            fail_msg("case %zu: code %d, %s", i, r.code, r.why ? r.why : "-");
    }
}

static void adding(void **state)
{
    (void)state;
    static uint8_t page[4096];
    struct probe_options o;
    struct sgx_enclave *e, *second;
    probe_defaults(trap_mode, &o);
    const struct sgx_emu_options options = {probe_state_dir(), trap_mode};
    const struct sgx_platform *f = sgx_platform_emulated(&options);
    assert_true(is_ok(f->create(&o.secs, &e)));
    assert_int_equal(f->create(&o.secs, &second).code, ERR_MEMORY); // one a process
    const uint64_t rw = SGX_SECINFO_REG | 3;
    assert_true(is_ok(f->add(e, 0x10000, page, 4096, rw, true)));
    assert_int_equal(f->add(e, 0x10000, page, 4096, rw, true).code, ERR_EXISTS);
    assert_int_equal(f->add(e, 0xf000, page, 4096, rw, true).code, ERR_RANGE);
    assert_int_equal(f->add(e, 0x20010, page, 4096, rw, true).code, ERR_RANGE);
    assert_int_equal(f->add(e, PROBE_SIZE, page, 4096, rw, true).code, ERR_RANGE);
    assert_int_equal(f->add(e, 0x20000, page, 4096, SGX_SECINFO_REG | 2, true).code, ERR_INVALID);
    assert_int_equal(f->add(e, 0x20000, page, 4096, SGX_SECINFO_TCS | 3, true).code, ERR_INVALID);
    assert_int_equal(f->add(e, 0x20000, page, 4096, SGX_SECINFO_TRIM, true).code, ERR_INVALID);
    assert_int_equal(f->add(e, 0x20000, page, 4096, rw | SGX_SECINFO_PENDING, true).code,
                     ERR_INVALID);
    struct sgx_run run = {.tcs = 0x30000, .function = ENCLU_EENTER};
    assert_true(is_ok(f->thread_setup(e)));
    assert_true(is_ok(f->enter(e, &run)));
    assert_int_equal(run.exception_vector, SGX_VECTOR_GP); // not initialized
    assert_int_equal(f->trim(e, 0x10000, 4096).code, ERR_INVALID);
    f->destroy(e);
    f->destroy(NULL);
}

static void bad_sites(void **state)
{
    (void)state;
    struct probe_options o;
    struct probe p;
    probe_defaults(trap_mode, &o);
    assert_true(is_ok(probe_build(&o, &p)));
    const uint64_t site = PROBE_CODE;
    assert_int_equal(p.platform->enclu_sites(p.enclave, &site, 1).code, ERR_INVALID);
    probe_end_enclave(&p);
}

// A program at low addresses can be started: the interception of SYSCALL ends at execve.
static void child_program(void **state)
{
    (void)state;
    struct probe p = begin_probe();
    assert_int_equal(system("/usr/bin/python3 -c 'print()' > /dev/null"), 0);
    probe_end_enclave(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refusals),
        cmocka_unit_test(adding),
        cmocka_unit_test(bad_sites),
        cmocka_unit_test(child_program),
    };
    return run_both_modes(tests, ARRAY_COUNT(tests));
}
