// SPDX-License-Identifier: Apache-2.0
// Does every real quote of the vectors get exactly the outcome that its vector.json states?
#include <dirent.h>

#include "base/hex.h"
#include "vector.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static const char *fact(const json_t *facts, const char *key)
{
    const char *text = json_string_value(json_object_get(facts, key));
    assert_non_null(text);
    return text;
}

static void assert_hex(const void *bytes, size_t size, const char *expected)
{
    char text[257];
    assert_true(size <= 128);
    hex_encode(bytes, size, text);
    assert_string_equal(text, expected);
}

static void check_sgx(const struct attest_claims *c, const json_t *facts)
{
    assert_int_equal(c->tee, ATTEST_TEE_SGX);
    assert_hex(c->body.mrenclave, 32, fact(facts, "mrenclave"));
    assert_hex(c->body.mrsigner, 32, fact(facts, "mrsigner"));
    assert_hex(&c->body.attributes, 16, fact(facts, "attributes"));
    assert_hex(c->body.reportdata, 64, fact(facts, "report_data"));
    assert_true(is_zero(&c->td, sizeof c->td));
}

static void check_tdx(const struct attest_claims *c, const json_t *facts, const json_t *expected)
{
    const json_t *module = json_object_get(expected, "tdx_module_tcb");
    assert_int_equal(c->tee, ATTEST_TEE_TDX);
    assert_hex(c->td.tee_tcb_svn, 16, fact(facts, "tee_tcb_svn"));
    assert_hex(c->td.mrtd, 48, fact(facts, "mrtd"));
    assert_hex(&c->td.tdattributes, 8, fact(facts, "td_attributes"));
    assert_hex(c->td.reportdata, 64, fact(facts, "report_data"));
    for (size_t i = 0; i < TDX_RTMR_COUNT; i++)
        assert_hex(c->td.rtmr[i], 48,
                   json_string_value(json_array_get(json_object_get(facts, "rtmr"), i)));
    assert_int_equal(c->td15, strcmp(fact(facts, "body"), "td15") == 0);
    if (c->td15) {
        assert_hex(c->td.tee_tcb_svn2, 16, fact(facts, "tee_tcb_svn2"));
        assert_hex(c->td.mrservicetd, 48, fact(facts, "mrservicetd"));
    }
    if (json_is_object(module))
        assert_string_equal(attest_tcb_status_name(c->module_status), fact(module, "status"));
    assert_true(is_zero(&c->body, sizeof c->body));
}

static void check_advisories(const struct attest_claims *c, const json_t *advisories)
{
    assert_int_equal(c->advisories.count, json_array_size(advisories));
    for (size_t i = 0; i < json_array_size(advisories); i++) {
        bool found = false;
        for (size_t j = 0; j < c->advisories.count; j++)
            found |=
                strcmp(json_string_value(json_array_get(advisories, i)), c->advisories.ids[j]) == 0;
        assert_true(found);
    }
}

static void check_vector(const char *name)
{
    struct vector v = vector_load(name);
    struct attest_evidence evidence = vector_evidence(&v);
    struct attest_verdict verdict;
    const json_t *expected = json_object_get(v.facts, "expected");
    const json_t *platform = json_object_get(expected, "platform_tcb");
    const char *status = fact(expected, "status");
    (void)!is_ok(attest_verify(&evidence, &verdict));
    print_message("%-60s %s %s\n", name, attest_code_name(verdict.code),
                  attest_tcb_status_name(verdict.claims.tcb_status));
    assert_int_equal(verdict.code, ATTEST_OK);

    const struct attest_claims *c = &verdict.claims;
    assert_string_equal(attest_tcb_status_name(c->tcb_status), status);
    assert_string_equal(attest_tcb_status_name(c->platform_status),
                        json_is_object(platform) ? fact(platform, "status") : "TcbNotSupported");
    assert_string_equal(attest_tcb_status_name(c->qe_status),
                        fact(json_object_get(expected, "qe_tcb"), "status"));
    check_advisories(c, json_object_get(expected, "advisories_union"));
    if (strcmp(fact(v.facts, "tee"), "TDX") == 0)
        check_tdx(c, v.facts, expected);
    else
        check_sgx(c, v.facts);
    assert_hex(c->pck.fmspc, 6, fact(v.facts, "fmspc"));
    assert_hex(c->pck.cpusvn, 16, fact(json_object_get(v.facts, "pck_tcb"), "cpusvn"));
    assert_int_equal(c->pck.pcesvn, json_integer_value(json_object_get(
                                        json_object_get(v.facts, "pck_tcb"), "pcesvn")));
    assert_int_equal(c->debug, json_is_true(json_object_get(v.facts, "debug")));
    assert_int_equal(c->qe_isvsvn, json_integer_value(json_object_get(v.facts, "qe_isvsvn")));
    assert_string_equal(c->root, "intel");
    assert_false(c->emulated);
    assert_true(c->issued_at <= v.now && v.now <= c->valid_until);

    // One second outside the window, on either side, nothing holds any more.
    evidence.now = c->valid_until + 1;
    assert_false(is_ok(attest_verify(&evidence, &verdict)));
    vector_free(&v);
}

static void real_quotes_get_their_verdict(void **state)
{
    (void)state;
    int count = 0;
    DIR *dir = opendir(vectors_dir());
    assert_non_null(dir);
    for (struct dirent *e; (e = readdir(dir));) {
        if (strncmp(e->d_name, "sgx3-", 5) != 0 && strncmp(e->d_name, "tdx", 3) != 0)
            continue;
        check_vector(e->d_name);
        count++;
    }
    closedir(dir);
    assert_true(count >= 10);
}

static void window_is_exact(void **state)
{
    (void)state;
    struct vector v = vector_load("sgx3-00a067110000-am-dcap-attestat-178c-at20250531-ev17v3");
    struct attest_evidence evidence = vector_evidence(&v);
    struct attest_verdict verdict, edge;
    assert_true(is_ok(attest_verify(&evidence, &verdict)));
    assert_int_equal(verdict.claims.issued_at, 1748371585);   // PCK CRL, 2025-05-27T18:46:25Z
    assert_int_equal(verdict.claims.valid_until, 1749024216); // TCB info, 2025-06-04T08:03:36Z
    evidence.now = verdict.claims.valid_until;
    assert_true(is_ok(attest_verify(&evidence, &edge)));
    evidence.now = verdict.claims.issued_at;
    assert_true(is_ok(attest_verify(&evidence, &edge)));
    evidence.now--;
    assert_false(is_ok(attest_verify(&evidence, &edge)));
    assert_int_equal(edge.code, ATTEST_PCK_CRL_NOT_YET_VALID);
    vector_free(&v);
}

static void missing_collateral_is_said(void **state)
{
    (void)state;
    struct vector v = vector_load("sgx3-00a067110000-am-dcap-attestat-178c-at20250531-ev17v3");
    for (int i = ATTEST_PART_PCK_CRL; i < ATTEST_PART_COUNT; i++) {
        struct attest_evidence evidence = vector_evidence(&v);
        struct attest_verdict verdict;
        evidence.collateral.parts[i] = SPAN(NULL, 0);
        assert_false(is_ok(attest_verify(&evidence, &verdict)));
        assert_int_equal(verdict.code, ATTEST_COLLATERAL_MISSING);
    }
    vector_free(&v);
}

static void codes_have_names(void **state)
{
    (void)state;
    for (int i = 0; i < ATTEST_CODE_COUNT; i++) {
        assert_true(strlen(attest_code_name((enum attest_code)i)) > 1);
        assert_true(strlen(attest_code_text((enum attest_code)i)) > 10);
        assert_int_equal(is_ok(attest_code_result((enum attest_code)i)), i == ATTEST_OK);
    }
    assert_string_equal(attest_code_name(ATTEST_CODE_COUNT), "UNKNOWN");
    assert_false(is_ok(attest_code_result(ATTEST_CODE_COUNT)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(real_quotes_get_their_verdict),
        cmocka_unit_test(window_is_exact),
        cmocka_unit_test(missing_collateral_is_said),
        cmocka_unit_test(codes_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
