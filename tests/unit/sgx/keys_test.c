// SPDX-License-Identifier: Apache-2.0
// EREPORT and EGETKEY: which inputs a key depends on and which it does not, refusals, restarts, and two
// platforms.
#include "sgx/probe_main.h"

#include <unistd.h>

#include "crypto/cmac.h"
#include "sgx/emu/keys.h"

#define REQUEST_AT PROBE_DATA
#define KEY_AT     (PROBE_DATA + 4096)
#define TARGET_AT  (PROBE_DATA + 0x2000)
#define DATA_AT    (PROBE_DATA + 0x3000)
#define REPORT_AT  (PROBE_DATA + 0x4000)

struct key {
    uint8_t b[SGX_KEY_SIZE];
};

static uint64_t ask(struct probe *p, const struct sgx_keyrequest *q, struct key *ret)
{
    probe_write(p, REQUEST_AT, q, sizeof *q);
    struct sgx_run run = probe_call(p, PROBE_EGETKEY, REQUEST_AT, KEY_AT, 0, 0);
    assert_int_equal(run.function, ENCLU_EEXIT);
    assert_int_equal(run.rsi & 0x40, run.rdi ? 0x40 : 0);
    if (run.rdi == 0)
        probe_read(p, KEY_AT, ret, sizeof *ret);
    return run.rdi;
}

static struct key get(struct probe *p, const struct sgx_keyrequest *q)
{
    struct key k;
    assert_int_equal(ask(p, q, &k), 0);
    return k;
}

static bool same(struct key a, struct key b)
{
    return memcmp(&a, &b, sizeof a) == 0;
}

static struct sgx_keyrequest seal_request(void)
{
    struct sgx_emu_platform *platform;
    struct sgx_keyrequest q = {
        .keyname = SGX_KEYNAME_SEAL,
        .keypolicy = SGX_KEYPOLICY_MRENCLAVE,
        .isvsvn = 3,
        .attributemask = {~0ull, ~0ull},
        .miscmask = ~0u,
    };
    assert_true(is_ok(sgx_emu_platform_open(probe_state_dir(), &platform)));
    sgx_emu_cpusvn(platform, q.cpusvn);
    sgx_emu_platform_free(platform);
    return q;
}

static struct probe with(void (*change)(struct probe_options *o))
{
    struct probe_options o;
    struct probe p;
    probe_defaults(trap_mode, &o);
    if (change)
        change(&o);
    assert_true(is_ok(probe_build(&o, &p)));
    return p;
}

static void request_inputs(void **state)
{
    (void)state;
    struct probe p = begin_probe();
    struct sgx_keyrequest base = seal_request(), q = base;
    struct key k = get(&p, &base);
    assert_true(same(k, get(&p, &base)));
    q.isvsvn = 2;
    assert_false(same(k, get(&p, &q)));
    q = base, q.cpusvn[15] = 0;
    assert_false(same(k, get(&p, &q)));
    q = base, q.keyid[31] = 1;
    assert_false(same(k, get(&p, &q)));
    q = base, q.attributemask.flags = 3;
    assert_false(same(k, get(&p, &q)));
    q = base, q.attributemask.xfrm = 0;
    assert_false(same(k, get(&p, &q)));
    q = base, q.miscmask = 0;
    assert_false(same(k, get(&p, &q)));
    q = base, q.keypolicy = SGX_KEYPOLICY_MRSIGNER;
    assert_false(same(k, get(&p, &q)));
    for (unsigned bit = 1; bit < 6; bit++) {
        q = base, q.keypolicy |= (uint16_t)(1u << bit);
        assert_false(same(k, get(&p, &q)));
    }
    q = base, q.keyname = SGX_KEYNAME_REPORT;
    struct key report = get(&p, &q);
    assert_false(same(k, report));
    q.isvsvn = 0, q.keypolicy = 0, q.attributemask.flags = 0, q.miscmask = 0;
    memset(q.cpusvn, 0xff, sizeof q.cpusvn);
    assert_true(same(report, get(&p, &q))); // REPORT takes KEYID alone
    q.keyid[0] = 1;
    assert_false(same(report, get(&p, &q)));
    probe_end_enclave(&p);
}

static void refusals(void **state)
{
    (void)state;
    struct probe p = begin_probe();
    struct sgx_keyrequest base = seal_request(), q = base;
    struct key k;
    q.isvsvn = 4;
    assert_int_equal(ask(&p, &q, &k), SGX_INVALID_ISVSVN);
    q = base, q.configsvn = 1;
    assert_int_equal(ask(&p, &q, &k), SGX_INVALID_ISVSVN);
    q = base, q.cpusvn[15]++;
    assert_int_equal(ask(&p, &q, &k), SGX_INVALID_CPUSVN);
    q = base, q.cpusvn[0] = 0;
    assert_int_equal(ask(&p, &q, &k), SGX_INVALID_CPUSVN);
    q = base, q.keyname = 5;
    assert_int_equal(ask(&p, &q, &k), SGX_INVALID_KEYNAME);
    q = base, q.keyname = SGX_KEYNAME_PROVISION;
    assert_int_equal(ask(&p, &q, &k), SGX_INVALID_ATTRIBUTE);
    q = base, q.keyname = SGX_KEYNAME_EINITTOKEN;
    assert_int_equal(ask(&p, &q, &k), SGX_INVALID_ATTRIBUTE);
    q = base, q.keypolicy = 0x40;
    probe_write(&p, REQUEST_AT, &q, sizeof q);
    struct sgx_run run = probe_call(&p, PROBE_EGETKEY, REQUEST_AT, KEY_AT, 0, 0);
    assert_int_equal(run.exception_vector, SGX_VECTOR_GP);
    run = probe_call(&p, PROBE_EGETKEY, REQUEST_AT, KEY_AT + 8, 0, 0);
    assert_int_equal(run.exception_vector, SGX_VECTOR_GP);
    run = probe_call(&p, PROBE_EGETKEY, REQUEST_AT, PROBE_RODATA, 0, 0);
    assert_int_equal(run.exception_vector, SGX_VECTOR_PF);
    probe_end_enclave(&p);
}

static void other_configid(struct probe_options *o)
{
    o->secs.configid[0] = 9;
}
static void other_configsvn(struct probe_options *o)
{
    o->secs.configsvn = 9;
}
static void other_prodid(struct probe_options *o)
{
    o->sig.isvprodid = 9;
}
static void other_family(struct probe_options *o)
{
    o->sig.isvfamilyid[0] = 9;
}
static void other_extprodid(struct probe_options *o)
{
    o->sig.isvextprodid[0] = 9;
}
static void higher_svn(struct probe_options *o)
{
    o->sig.isvsvn = 9;
}
static void debug(struct probe_options *o)
{
    o->secs.attributes.flags |= SGX_FLAGS_DEBUG;
    o->sig.attributes.flags |= SGX_FLAGS_DEBUG;
}
static void no_avx(struct probe_options *o)
{
    o->secs.attributes.xfrm = o->sig.attributes.xfrm = 3;
}
static void other_mrenclave(struct probe_options *o)
{
    o->secs.ssa_frame_size = 2; // enters ECREATE's measurement
}
static void provision(struct probe_options *o)
{
    o->secs.attributes.flags |= SGX_FLAGS_PROVISIONKEY;
    o->sig.attributes.flags |= SGX_FLAGS_PROVISIONKEY;
}

static struct key key_with(void (*change)(struct probe_options *), const struct sgx_keyrequest *q)
{
    struct probe p = with(change);
    struct key k = get(&p, q);
    probe_end_enclave(&p);
    return k;
}

// Fields of SECS, by key name and policy.
static void enclave_inputs(void **state)
{
    (void)state;
    const uint16_t e = SGX_KEYPOLICY_MRENCLAVE, s = SGX_KEYPOLICY_MRSIGNER;
    static const uint64_t all = ~0ull;
    const struct {
        void (*change)(struct probe_options *);
        uint16_t policy;
        uint64_t flags_mask, xfrm_mask;
        bool differs;
    } cases[] = {
        {other_configid, e | SGX_KEYPOLICY_CONFIGID, all, all, true},
        {other_configid, e, all, all, false},
        {other_configsvn, e | SGX_KEYPOLICY_CONFIGID, all, all, false}, // the request's enters
        {other_prodid, s, all, all, true},
        {other_prodid, s | SGX_KEYPOLICY_NOISVPRODID, all, all, false},
        {other_family, s | SGX_KEYPOLICY_ISVFAMILYID, all, all, true},
        {other_family, s, all, all, false},
        {other_extprodid, s | SGX_KEYPOLICY_ISVEXTPRODID, all, all, true},
        {other_extprodid, s, all, all, false},
        {higher_svn, e, all, all, false}, // the key of a lower ISVSVN stays reachable
        {debug, s, all, all, true},
        {debug, s, 0, all, true}, // DEBUG always enters
        {no_avx, s, all, all, true},
        {no_avx, s, all, 3, false},
        {other_mrenclave, e, all, all, true},
        {other_mrenclave, s, all, all, false},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct sgx_keyrequest q = seal_request();
        q.keypolicy = cases[i].policy;
        q.attributemask = (struct sgx_attributes){cases[i].flags_mask, cases[i].xfrm_mask};
        bool differs = !same(key_with(NULL, &q), key_with(cases[i].change, &q));
        if (differs != cases[i].differs)
            fail_msg("case %zu: the key %s", i, differs ? "differs" : "is the same");
    }
}

static void provisioning_keys(void **state)
{
    (void)state;
    struct sgx_keyrequest q = seal_request();
    struct probe p = with(provision);
    q.keypolicy = 0;
    q.keyname = SGX_KEYNAME_PROVISION;
    struct key provisioning = get(&p, &q);
    q.keyid[0] = 1;
    assert_true(same(provisioning, get(&p, &q))); // no KEYID
    q.keyname = SGX_KEYNAME_PROVISION_SEAL;
    assert_false(same(provisioning, get(&p, &q)));
    probe_end_enclave(&p);
}

static void restart_and_other_platform(void **state)
{
    (void)state;
    char dir[] = "/tmp/sgx-test-XXXXXX";
    struct sgx_keyrequest q = seal_request();
    assert_true(same(key_with(NULL, &q), key_with(NULL, &q)));
    assert_non_null(mkdtemp(dir));
    struct probe_options o;
    struct probe p;
    probe_defaults(trap_mode, &o);
    o.state_dir = dir;
    assert_true(is_ok(probe_build(&o, &p)));
    struct key other = get(&p, &q);
    probe_end_enclave(&p);
    assert_false(same(other, key_with(NULL, &q)));
    char file[64];
    snprintf(file, sizeof file, "%s/platform.bin", dir);
    assert_int_equal(truncate(file, 100), 0);
    struct sgx_emu_platform *platform;
    assert_int_equal(sgx_emu_platform_open(dir, &platform).code, ERR_INVALID);
    unlink(file);
    rmdir(dir);
}

static struct sgx_report report_for(struct probe *p, const struct sgx_targetinfo *target)
{
    uint8_t data[64];
    struct sgx_report report;
    memset(data, 0x5a, sizeof data);
    probe_write(p, TARGET_AT, target, sizeof *target);
    probe_write(p, DATA_AT, data, sizeof data);
    struct sgx_run run = probe_call(p, PROBE_EREPORT, TARGET_AT, DATA_AT, REPORT_AT, 0);
    assert_int_equal(run.function, ENCLU_EEXIT);
    probe_read(p, REPORT_AT, &report, sizeof report);
    return report;
}

static void reports(void **state)
{
    (void)state;
    struct probe p = with(other_configid);
    struct sgx_emu_platform *platform;
    struct sgx_targetinfo target = sgx_emu_qe_targetinfo;
    struct sgx_report report = report_for(&p, &target);
    assert_true(is_ok(sgx_emu_platform_open(probe_state_dir(), &platform)));
    assert_memory_equal(report.body.cpusvn, SGX_EMU_CPUSVN_MARK, SGX_EMU_CPUSVN_MARK_SIZE);
    assert_memory_equal(report.body.mrenclave, p.sig.enclavehash, 32);
    uint8_t signer[32];
    sgx_mrsigner(&p.sig, signer);
    assert_memory_equal(report.body.mrsigner, signer, 32);
    assert_int_equal(report.body.configid[0], 9);
    assert_int_equal(report.body.isvprodid, 7);
    assert_int_equal(report.body.isvsvn, 3);
    assert_int_equal(report.body.reportdata[63], 0x5a);
    assert_true(report.body.attributes.flags & SGX_FLAGS_INIT);
    assert_true(is_ok(sgx_emu_verify_report(platform, &target, &report)));
    struct sgx_report changed = report;
    changed.body.reportdata[0] ^= 1;
    assert_int_equal(sgx_emu_verify_report(platform, &target, &changed).code, ERR_INTEGRITY);
    changed = report, changed.keyid[0] ^= 1;
    assert_int_equal(sgx_emu_verify_report(platform, &target, &changed).code, ERR_INTEGRITY);
    struct sgx_targetinfo wrong = target;
    wrong.mrenclave[0] ^= 1;
    assert_int_equal(sgx_emu_verify_report(platform, &wrong, &report).code, ERR_INTEGRITY);
    wrong = target, wrong.attributes.flags |= SGX_FLAGS_DEBUG;
    assert_int_equal(sgx_emu_verify_report(platform, &wrong, &report).code, ERR_INTEGRITY);
    sgx_emu_platform_free(platform);
    target.reserved3[0] = 1;
    probe_write(&p, TARGET_AT, &target, sizeof target);
    struct sgx_run run = probe_call(&p, PROBE_EREPORT, TARGET_AT, DATA_AT, REPORT_AT, 0);
    assert_int_equal(run.exception_vector, SGX_VECTOR_GP);
    probe_end_enclave(&p);
}

// The target's own report key verifies the MAC: what an enclave does for local attestation.
static void report_key(void **state)
{
    (void)state;
    struct probe p = begin_probe();
    struct sgx_targetinfo self = {.attributes = p.secs.attributes, .miscselect = p.secs.miscselect};
    self.attributes.flags |= SGX_FLAGS_INIT;
    memcpy(self.mrenclave, p.sig.enclavehash, 32);
    struct sgx_report report = report_for(&p, &self), again = report;
    struct sgx_keyrequest q = {.keyname = SGX_KEYNAME_REPORT};
    memcpy(q.keyid, report.keyid, sizeof q.keyid);
    struct key k = get(&p, &q);
    assert_true(is_ok(cmac(k.b, SPAN(&report, SGX_REPORT_MAC_OFFSET), again.mac)));
    assert_memory_equal(again.mac, report.mac, sizeof report.mac);
    probe_end_enclave(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(request_inputs),
        cmocka_unit_test(refusals),
        cmocka_unit_test(enclave_inputs),
        cmocka_unit_test(provisioning_keys),
        cmocka_unit_test(restart_and_other_platform),
        cmocka_unit_test(reports),
        cmocka_unit_test(report_key),
    };
    return run_both_modes(tests, ARRAY_COUNT(tests));
}
