// SPDX-License-Identifier: Apache-2.0
// Does a policy refuse everything that it does not name, each refusal with its own reason?
#include <string.h>

#include "attest/attest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static const char *const intel_only[] = {"intel"};
static const char *const with_office[] = {"intel", "office"};
static const uint8_t reportdata[64] = {1, 2, 3};

struct scene {
    struct attest_claims claims;
    struct attest_policy policy;
    struct attest_identity identities[2];
};

// A good enclave on Intel hardware, and a policy that names it both ways.
static void scene_init(struct scene *s)
{
    memset(s, 0, sizeof *s);
    strcpy(s->claims.root, "intel");
    s->claims.tcb_evaluation = 17;
    s->claims.body.attributes.flags = SGX_FLAGS_INIT | SGX_FLAGS_MODE64BIT | SGX_FLAGS_KSS;
    memset(s->claims.body.mrenclave, 0xe1, 32);
    memset(s->claims.body.mrsigner, 0x51, 32);
    s->claims.body.isvprodid = 7;
    s->claims.body.isvsvn = 3;
    memcpy(s->claims.body.reportdata, reportdata, 64);
    s->identities[0].kind = ATTEST_IDENTITY_MRSIGNER;
    memset(s->identities[0].hash, 0x51, 32);
    s->identities[0].isvprodid = 7;
    s->identities[0].isvsvn_min = 3;
    s->policy = (struct attest_policy){.roots = intel_only,
                                       .root_count = 1,
                                       .identities = s->identities,
                                       .identity_count = 1,
                                       .reportdata = reportdata};
}

#define CHANGE(name, ...)             \
    static void name(struct scene *s) \
    {                                 \
        __VA_ARGS__;                  \
    }

CHANGE(nothing, (void)s)
CHANGE(by_mrenclave, s->identities[0].kind = ATTEST_IDENTITY_MRENCLAVE;
       memset(s->identities[0].hash, 0xe1, 32))
CHANGE(second_identity, s->identities[1] = s->identities[0]; s->identities[0].isvprodid = 9;
       s->policy.identity_count = 2)
CHANGE(any, s->policy.identity_count = 0; s->policy.any_identity = true)
CHANGE(emulated_named, strcpy(s->claims.root, "office"); s->claims.emulated = true;
       s->policy.roots = with_office; s->policy.root_count = 2; s->policy.allow_emulated = true)
CHANGE(debug_named, s->claims.body.attributes.flags |= SGX_FLAGS_DEBUG; s->claims.debug = true;
       s->policy.allow_debug = true)
CHANGE(status_named, s->claims.tcb_status = ATTEST_TCB_SW_HARDENING_NEEDED;
       s->policy.tcb_status_worst = ATTEST_TCB_SW_HARDENING_NEEDED)
CHANGE(keys_named,
       s->claims.body.attributes.flags |= SGX_FLAGS_PROVISIONKEY | SGX_FLAGS_EINITTOKENKEY;
       s->policy.allow_provisionkey = s->policy.allow_einittokenkey = true)

CHANGE(no_roots, s->policy.root_count = 0)
CHANGE(other_root, strcpy(s->claims.root, "office"))
CHANGE(root_prefix, strcpy(s->claims.root, "inte"))
CHANGE(emulated, s->claims.emulated = true)
CHANGE(emulated_root, strcpy(s->claims.root, "office"); s->claims.emulated = true;
       s->policy.roots = with_office; s->policy.root_count = 2)
CHANGE(hardening, s->claims.tcb_status = ATTEST_TCB_SW_HARDENING_NEEDED)
CHANGE(out_of_date, s->claims.tcb_status = ATTEST_TCB_OUT_OF_DATE;
       s->policy.tcb_status_worst = ATTEST_TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED)
CHANGE(revoked, s->claims.tcb_status = ATTEST_TCB_REVOKED;
       s->policy.tcb_status_worst = ATTEST_TCB_STATUS_UNKNOWN_TEXT)
CHANGE(unknown, s->claims.tcb_status = ATTEST_TCB_STATUS_UNKNOWN_TEXT;
       s->policy.tcb_status_worst = ATTEST_TCB_STATUS_UNKNOWN_TEXT)
CHANGE(evaluation, s->policy.tcb_evaluation_min = 18)
CHANGE(debug, s->claims.body.attributes.flags |= SGX_FLAGS_DEBUG)
CHANGE(provision, s->claims.body.attributes.flags |= SGX_FLAGS_PROVISIONKEY)
CHANGE(einittoken, s->claims.body.attributes.flags |= SGX_FLAGS_EINITTOKENKEY)
CHANGE(new_flag, s->claims.body.attributes.flags |= 1ull << 40)
CHANGE(not_init, s->claims.body.attributes.flags &= ~SGX_FLAGS_INIT)
CHANGE(mode32, s->claims.body.attributes.flags &= ~SGX_FLAGS_MODE64BIT)
CHANGE(nobody, s->policy.identity_count = 0)
CHANGE(no_kind, s->identities[0].kind = 0)
CHANGE(other_signer, s->claims.body.mrsigner[31] ^= 1)
CHANGE(other_product, s->claims.body.isvprodid = 8)
CHANGE(old_svn, s->claims.body.isvsvn = 2)
CHANGE(other_enclave, by_mrenclave(s); s->claims.body.mrenclave[0] ^= 1)
CHANGE(signer_as_enclave, s->identities[0].kind = ATTEST_IDENTITY_MRENCLAVE)
CHANGE(other_data, s->claims.body.reportdata[63] ^= 1)

static const struct {
    const char *name;
    void (*change)(struct scene *s);
    enum attest_code code;
} rows[] = {
    {"as it should be", nothing, ATTEST_OK},
    {"by MRENCLAVE", by_mrenclave, ATTEST_OK},
    {"second identity", second_identity, ATTEST_OK},
    {"any identity", any, ATTEST_OK},
    {"emulated, named", emulated_named, ATTEST_OK},
    {"debug, named", debug_named, ATTEST_OK},
    {"status, named", status_named, ATTEST_OK},
    {"keys, named", keys_named, ATTEST_OK},
    {"no roots", no_roots, ATTEST_POLICY_ROOT},
    {"other root", other_root, ATTEST_POLICY_ROOT},
    {"root's prefix", root_prefix, ATTEST_POLICY_ROOT},
    {"emulated", emulated, ATTEST_POLICY_EMULATED},
    {"emulated, root alone", emulated_root, ATTEST_POLICY_EMULATED},
    {"SWHardeningNeeded", hardening, ATTEST_POLICY_TCB_STATUS},
    {"OutOfDate", out_of_date, ATTEST_POLICY_TCB_STATUS},
    {"Revoked", revoked, ATTEST_POLICY_TCB_STATUS},
    {"unknown status", unknown, ATTEST_POLICY_TCB_STATUS},
    {"evaluation number", evaluation, ATTEST_POLICY_TCB_EVALUATION},
    {"DEBUG", debug, ATTEST_POLICY_DEBUG},
    {"PROVISIONKEY", provision, ATTEST_POLICY_PROVISIONKEY},
    {"EINITTOKENKEY", einittoken, ATTEST_POLICY_EINITTOKENKEY},
    {"unknown flag", new_flag, ATTEST_POLICY_ATTRIBUTES},
    {"no INIT", not_init, ATTEST_POLICY_ATTRIBUTES},
    {"32 bit", mode32, ATTEST_POLICY_ATTRIBUTES},
    {"nobody named", nobody, ATTEST_POLICY_IDENTITY},
    {"identity of no kind", no_kind, ATTEST_POLICY_IDENTITY},
    {"other signer", other_signer, ATTEST_POLICY_IDENTITY},
    {"other product", other_product, ATTEST_POLICY_IDENTITY},
    {"old ISVSVN", old_svn, ATTEST_POLICY_ISVSVN},
    {"other MRENCLAVE", other_enclave, ATTEST_POLICY_IDENTITY},
    {"MRSIGNER as MRENCLAVE", signer_as_enclave, ATTEST_POLICY_IDENTITY},
    {"other report data", other_data, ATTEST_POLICY_REPORTDATA},
};

static void policy_names_what_it_takes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct scene s;
        struct attest_reasons reasons;
        scene_init(&s);
        rows[i].change(&s);
        bool accepted = is_ok(attest_policy_check(&s.policy, &s.claims, &reasons));
        if (accepted != (rows[i].code == ATTEST_OK))
            print_error("%s\n", rows[i].name);
        assert_int_equal(accepted, rows[i].code == ATTEST_OK);
        assert_int_equal(reasons.count, accepted ? 0 : 1);
        if (!accepted && reasons.codes[0] != rows[i].code)
            print_error("%s: %s\n", rows[i].name, attest_code_name(reasons.codes[0]));
        if (!accepted)
            assert_int_equal(reasons.codes[0], rows[i].code);
    }
}

static void empty_policy_takes_nothing(void **state)
{
    (void)state;
    struct scene s;
    struct attest_reasons reasons;
    const struct attest_policy none = {0};
    scene_init(&s);
    assert_false(is_ok(attest_policy_check(&none, &s.claims, &reasons)));
    assert_int_equal(reasons.count, 2); // root and identity
}

static void all_reasons_are_listed(void **state)
{
    (void)state;
    struct scene s;
    struct attest_reasons reasons;
    scene_init(&s);
    other_root(&s);
    emulated(&s);
    hardening(&s);
    evaluation(&s);
    debug(&s);
    provision(&s);
    einittoken(&s);
    new_flag(&s);
    other_signer(&s);
    other_data(&s);
    assert_false(is_ok(attest_policy_check(&s.policy, &s.claims, &reasons)));
    assert_int_equal(reasons.count, 10);
}

static void statuses_have_intels_names(void **state)
{
    (void)state;
    for (int i = 0; i < ATTEST_TCB_STATUS_UNKNOWN_TEXT; i++) {
        const char *name = attest_tcb_status_name((enum attest_tcb_status)i);
        assert_int_equal(attest_tcb_status_of(SPAN(name, strlen(name))), i);
        // The quoting enclave's state never makes a platform better.
        for (int qe = 0; qe <= ATTEST_TCB_STATUS_UNKNOWN_TEXT; qe++)
            assert_true((int)attest_tcb_converge((enum attest_tcb_status)i,
                                                 (enum attest_tcb_status)qe) >= i);
    }
    assert_int_equal(attest_tcb_status_of(SPAN_STR("Pending")), ATTEST_TCB_STATUS_UNKNOWN_TEXT);
    assert_int_equal(attest_tcb_status_of(SPAN_STR("UpToDate ")), ATTEST_TCB_STATUS_UNKNOWN_TEXT);
    assert_int_equal(attest_tcb_status_of(SPAN_STR("")), ATTEST_TCB_STATUS_UNKNOWN_TEXT);
    assert_int_equal(attest_tcb_converge(ATTEST_TCB_STATUS_UNKNOWN_TEXT, ATTEST_TCB_UP_TO_DATE),
                     ATTEST_TCB_STATUS_UNKNOWN_TEXT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(policy_names_what_it_takes),
        cmocka_unit_test(empty_policy_takes_nothing),
        cmocka_unit_test(all_reasons_are_listed),
        cmocka_unit_test(statuses_have_intels_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
