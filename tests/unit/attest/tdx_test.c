// SPDX-License-Identifier: Apache-2.0
// Are altered TDX quotes refused, for the right reason, and does a policy look at a TD's attributes?
#include "vector.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static const char td10_vector[] = "tdx4-50806f000000-trustee-1e1d-at20230628-ev15v3";
static const char td15_vector[] = "tdx5-90c06f000000-am-dcap-attestat-58e7-at20250624-ev17v3";

// Where parts begin; offsets in a row are relative to them.
enum place { HEADER, BODY, SIGNATURE_SIZE, SIGNATURE, KEY, OUTER, QE, QE_SIGNATURE, AUTH, INNER };

static size_t place_of(enum place place, bool td15)
{
    static const size_t at[] = {0, 48, 632, 636, 700, 764, 770, 1154, 1218, 1252};
    size_t body_head = td15 ? 6 : 0; // type and size
    return at[place] + (place >= BODY ? body_head : 0) + (place > BODY && td15 ? 64 : 0);
}

struct row {
    const char *name;
    enum place place;
    size_t at;
    unsigned width; // 2 or 4: store `value`; 1: flip bit 0; 0: cut the quote there
    uint32_t value;
    enum attest_code code;
};

static const struct row rows[] = {
    {"version-3", HEADER, 0, 2, 3, ATTEST_QUOTE_UNSUPPORTED},
    {"version-6", HEADER, 0, 2, 6, ATTEST_QUOTE_UNSUPPORTED},
    {"aktype-3", HEADER, 2, 2, 3, ATTEST_QUOTE_UNSUPPORTED},
    {"teetype", HEADER, 4, 4, 0, ATTEST_QUOTE_UNSUPPORTED},
    {"qevendor", HEADER, 12, 1, 0, ATTEST_QUOTE_UNSUPPORTED},
    {"userdata", HEADER, 28, 1, 0, ATTEST_QUOTE_SIGNATURE},
    {"tee_tcb_svn", BODY, 0, 1, 0, ATTEST_QUOTE_SIGNATURE},
    {"mrsignerseam", BODY, 64, 1, 0, ATTEST_QUOTE_SIGNATURE},
    {"seamattributes", BODY, 112, 1, 0, ATTEST_QUOTE_SIGNATURE},
    {"tdattributes", BODY, 120, 1, 0, ATTEST_QUOTE_SIGNATURE},
    {"mrtd", BODY, 136, 1, 0, ATTEST_QUOTE_SIGNATURE},
    {"rtmr3", BODY, 472, 1, 0, ATTEST_QUOTE_SIGNATURE},
    {"reportdata", BODY, 583, 1, 0, ATTEST_QUOTE_SIGNATURE},
    {"siglen-big", SIGNATURE_SIZE, 0, 4, 0xffffffff, ATTEST_QUOTE_FORMAT},
    {"siglen-0", SIGNATURE_SIZE, 0, 4, 0, ATTEST_QUOTE_FORMAT},
    {"sig-r", SIGNATURE, 0, 1, 0, ATTEST_QUOTE_SIGNATURE},
    {"sig-s", SIGNATURE, 63, 1, 0, ATTEST_QUOTE_SIGNATURE},
    {"ak-flip", KEY, 0, 1, 0, ATTEST_QE_REPORT_DATA},
    {"outer-type", OUTER, 0, 2, 5, ATTEST_QUOTE_FORMAT},
    {"outer-len", OUTER, 2, 1, 0, ATTEST_QUOTE_FORMAT},
    {"outer-len-wrap", OUTER, 2, 4, 0xfffffffa, ATTEST_QUOTE_FORMAT},
    {"qe-mrsigner", QE, 128, 1, 0, ATTEST_QE_REPORT_SIGNATURE},
    {"qe-sig", QE_SIGNATURE, 0, 1, 0, ATTEST_QE_REPORT_SIGNATURE},
    {"qe-authlen-big", AUTH, 0, 2, 0xffff, ATTEST_QUOTE_FORMAT},
    {"qe-authdata", AUTH, 2, 1, 0, ATTEST_QE_REPORT_DATA},
    {"nested-6", INNER, 0, 2, 6, ATTEST_CERTIFICATION_UNSUPPORTED},
    {"certtype-1", INNER, 0, 2, 1, ATTEST_CERTIFICATION_UNSUPPORTED},
    {"certtype-3 with the wrong size", INNER, 0, 2, 3, ATTEST_QUOTE_FORMAT},
    {"certlen-big", INNER, 2, 4, 0xffffffff, ATTEST_QUOTE_FORMAT},
    {"certlen-0", INNER, 2, 4, 0, ATTEST_QUOTE_FORMAT},
    {"trunc-hdr", HEADER, 48, 0, 0, ATTEST_QUOTE_FORMAT},
    {"trunc-body", BODY, 500, 0, 0, ATTEST_QUOTE_FORMAT},
    {"trunc-key", KEY, 3, 0, 0, ATTEST_QUOTE_FORMAT},
};

static const struct row v5_rows[] = {
    {"body-type-1", HEADER, 48, 2, 1, ATTEST_QUOTE_UNSUPPORTED},
    {"body-type-4", HEADER, 48, 2, 4, ATTEST_QUOTE_UNSUPPORTED},
    {"body-type-0", HEADER, 48, 2, 0, ATTEST_QUOTE_UNSUPPORTED},
    {"body-type-2", HEADER, 48, 2, 2, ATTEST_QUOTE_FORMAT},
    {"body-size", HEADER, 50, 4, 647, ATTEST_QUOTE_FORMAT},
    {"tee_tcb_svn2", BODY, 584, 1, 0, ATTEST_QUOTE_SIGNATURE},
    {"mrservicetd", BODY, 647, 1, 0, ATTEST_QUOTE_SIGNATURE},
};

static enum attest_code judge(const struct vector *v, struct attest_verdict *verdict)
{
    struct attest_evidence evidence = vector_evidence(v);
    (void)!is_ok(attest_verify(&evidence, verdict));
    return verdict->code;
}

static int run_rows(const char *name, bool td15, const struct row *table, size_t count)
{
    int wrong = 0;
    for (size_t i = 0; i < count; i++) {
        const struct row *row = &table[i];
        struct vector v = vector_load(name);
        struct attest_verdict verdict;
        size_t at = place_of(row->place, td15) + row->at;
        if (row->width == 4)
            store_le32(v.quote + at, row->value);
        else if (row->width == 2)
            store_le16(v.quote + at, (uint16_t)row->value);
        else if (row->width == 1)
            v.quote[at] ^= 1;
        else
            v.quote_size = at;
        if (judge(&v, &verdict) != row->code) {
            print_error("%s: got %s\n", row->name, attest_code_name(verdict.code));
            wrong++;
        }
        vector_free(&v);
    }
    return wrong;
}

static void alterations_are_refused(void **state)
{
    (void)state;
    assert_int_equal(run_rows(td10_vector, false, rows, ARRAY_COUNT(rows)), 0);
    assert_int_equal(run_rows(td15_vector, true, rows, ARRAY_COUNT(rows)), 0);
    assert_int_equal(run_rows(td15_vector, true, v5_rows, ARRAY_COUNT(v5_rows)), 0);
}

// Zeros behind the declared end are padding, as device interfaces leave it; anything else is not.
static void padding_is_zero(void **state)
{
    (void)state;
    struct vector v = vector_load(td15_vector);
    struct attest_verdict verdict;
    v.quote_size += 64;
    assert_int_equal(judge(&v, &verdict), ATTEST_OK);
    v.quote[v.quote_size - 1] = 1;
    assert_int_equal(judge(&v, &verdict), ATTEST_QUOTE_FORMAT);
    vector_free(&v);
}

static void take_part(struct vector *v, const char *from, enum attest_part part)
{
    struct vector o = vector_load(from);
    vector_set_part(v, part, o.parts[part], o.part_sizes[part]);
    vector_free(&o);
}

static const enum attest_part tcb_parts[] = {ATTEST_PART_TCB_INFO, ATTEST_PART_TCB_CHAIN};
static const enum attest_part qe_parts[] = {ATTEST_PART_QE_IDENTITY, ATTEST_PART_QE_CHAIN};

static enum attest_code judge_with(const char *name, const char *from,
                                   const enum attest_part parts[2])
{
    struct vector v = vector_load(name);
    struct attest_verdict verdict;
    v.now = 1741132800; // 2025-03-05, when the collateral of both vectors holds
    for (size_t i = 0; i < 2; i++)
        take_part(&v, from, parts[i]);
    enum attest_code code = judge(&v, &verdict);
    vector_free(&v);
    return code;
}

// Genuine documents about the other kind of enclave.
static void documents_of_the_other_tee(void **state)
{
    (void)state;
    static const char tdx[] = "tdx5-90c06f000000-openenclave-504c-at20250310-ev18v3";
    static const char sgx[] = "sgx3-00606a000000-am-dcap-attestat-6ef4-at20250228-ev17v2";
    assert_int_equal(judge_with(tdx, tdx, tcb_parts), ATTEST_OK);
    assert_int_equal(judge_with(sgx, sgx, qe_parts), ATTEST_OK);
    assert_int_equal(judge_with(tdx, sgx, tcb_parts), ATTEST_TCB_INFO_MISMATCH);
    assert_int_equal(judge_with(tdx, sgx, qe_parts), ATTEST_QE_IDENTITY_MISMATCH);
    assert_int_equal(judge_with(sgx, tdx, tcb_parts), ATTEST_TCB_INFO_MISMATCH);
    assert_int_equal(judge_with(sgx, tdx, qe_parts), ATTEST_QE_IDENTITY_MISMATCH);
}

struct attribute_row {
    const char *name;
    uint64_t attributes;
    uint64_t allow;
    bool allow_debug, allow_sept_ve, accepted;
};

static void attributes_are_judged(void **state)
{
    (void)state;
    static const char *const roots[] = {"intel"};
    static const struct attribute_row table[] = {
        {"usual", TDX_ATTRIBUTES_SEPT_VE_DISABLE, 0, false, false, true},
        {"perfmon", TDX_ATTRIBUTES_SEPT_VE_DISABLE | TDX_ATTRIBUTES_PERFMON, 0, false, false, true},
        {"debug", TDX_ATTRIBUTES_SEPT_VE_DISABLE | 1, 0, false, false, false},
        {"debug named", TDX_ATTRIBUTES_SEPT_VE_DISABLE | 1, 0, true, false, true},
        {"other debug bit", TDX_ATTRIBUTES_SEPT_VE_DISABLE | 2, 0, true, false, false},
        {"sept ve", 0, 0, false, false, false},
        {"sept ve named", 0, 0, false, true, true},
        {"pks", TDX_ATTRIBUTES_SEPT_VE_DISABLE | TDX_ATTRIBUTES_PKS, 0, false, false, false},
        {"pks named", TDX_ATTRIBUTES_SEPT_VE_DISABLE | TDX_ATTRIBUTES_PKS, TDX_ATTRIBUTES_PKS,
         false, false, true},
        {"kl", TDX_ATTRIBUTES_SEPT_VE_DISABLE | TDX_ATTRIBUTES_KL, 0, false, false, false},
        {"migratable", TDX_ATTRIBUTES_SEPT_VE_DISABLE | TDX_ATTRIBUTES_MIGRATABLE, 0, false, false,
         false},
        {"reserved", TDX_ATTRIBUTES_SEPT_VE_DISABLE | UINT64_C(1) << 40, 0, false, false, false},
    };
    struct vector v = vector_load(td15_vector);
    struct attest_verdict verdict;
    struct attest_reasons reasons;
    assert_int_equal(judge(&v, &verdict), ATTEST_OK);
    for (size_t i = 0; i < ARRAY_COUNT(table); i++) {
        const struct attribute_row *row = &table[i];
        const struct attest_policy policy = {
            .allow_tdx = true,
            .roots = roots,
            .root_count = 1,
            .any_identity = true,
            .allow_debug = row->allow_debug,
            .allow_sept_ve = row->allow_sept_ve,
            .td_attributes_allow = row->allow,
        };
        verdict.claims.td.tdattributes = row->attributes;
        verdict.claims.debug = row->attributes & TDX_ATTRIBUTES_DEBUG;
        if (is_ok(attest_policy_check(&policy, &verdict.claims, &reasons)) != row->accepted)
            fail_msg("%s", row->name);
    }
    vector_free(&v);
}

// A policy from before TDs were judged refuses them; one that names a TD refuses another.
static void tds_are_named(void **state)
{
    (void)state;
    static const char *const roots[] = {"intel"};
    struct attest_policy policy = {.roots = roots, .root_count = 1, .any_identity = true};
    struct attest_td_identity id = {.has_mrtd = true};
    struct vector v = vector_load(td15_vector);
    struct attest_verdict verdict;
    struct attest_reasons reasons;
    assert_int_equal(judge(&v, &verdict), ATTEST_OK);
    assert_false(is_ok(attest_policy_check(&policy, &verdict.claims, &reasons)));
    assert_int_equal(reasons.codes[0], ATTEST_POLICY_TEE);
    policy.allow_tdx = true;
    policy.any_identity = false;
    assert_false(is_ok(attest_policy_check(&policy, &verdict.claims, &reasons)));
    assert_int_equal(reasons.codes[0], ATTEST_POLICY_IDENTITY);
    policy.td_identities = &id;
    policy.td_identity_count = 1;
    memcpy(id.mrtd, verdict.claims.td.mrtd, sizeof id.mrtd);
    assert_true(is_ok(attest_policy_check(&policy, &verdict.claims, &reasons)));
    id.has_rtmr[2] = true;
    memcpy(id.rtmr[2], verdict.claims.td.rtmr[2], sizeof id.rtmr[2]);
    assert_true(is_ok(attest_policy_check(&policy, &verdict.claims, &reasons)));
    id.rtmr[2][47] ^= 1;
    assert_false(is_ok(attest_policy_check(&policy, &verdict.claims, &reasons)));
    policy.any_identity = true;
    policy.reportdata = verdict.claims.td.mrtd;
    assert_false(is_ok(attest_policy_check(&policy, &verdict.claims, &reasons)));
    assert_int_equal(reasons.codes[0], ATTEST_POLICY_REPORTDATA);
    vector_free(&v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alterations_are_refused),
        cmocka_unit_test(padding_is_zero),
        cmocka_unit_test(documents_of_the_other_tee),
        cmocka_unit_test(attributes_are_judged),
        cmocka_unit_test(tds_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
