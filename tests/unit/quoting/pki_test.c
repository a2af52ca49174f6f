// SPDX-License-Identifier: Apache-2.0
// Does the verifier judge an emulated platform rightly: accepted when its root is named, and
// refused, for the right reason, when anything that Intel could state about a platform says so?
#include "quoting/pki_scene.h"

struct scene {
    struct quoting_pki_params params;
    struct sgx_report_body body;
    int64_t now;
    bool root_unnamed;
    const char *from, *to; // a change of the signed TCB info or QE identity, signed again
    enum attest_part part;
};

struct row {
    const char *name;
    void (*change)(struct scene *s);
    enum attest_code code;
    enum attest_tcb_status status;
};

static struct scene scene_new(void)
{
    struct scene s = {.now = NOW};
    pki_params_init(&s.params);
    memset(s.params.cpusvn, 0xe5, sizeof s.params.cpusvn);
    s.params.qe.attributes.flags = SGX_FLAGS_INIT | SGX_FLAGS_MODE64BIT;
    s.params.qe.attributes.xfrm = 3;
    memset(s.params.qe.mrsigner, 0x51, 32);
    s.params.qe.isvprodid = 1;
    s.body.attributes.flags = SGX_FLAGS_INIT | SGX_FLAGS_MODE64BIT;
    memset(s.body.mrenclave, 0x33, 32);
    return s;
}

// Puts another text into a signed document and signs it again with the right key.
static void resign(struct quoting_pki *pki, const struct scene *s)
{
    char text[8192], name[64];
    const char *old = (const char *)pki->collateral.parts[s->part].data;
    const char *at = strstr(old, s->from);
    assert_non_null(at);
    int size =
        snprintf(text, sizeof text, "%.*s%s%s", (int)(at - old), old, s->to, at + strlen(s->from));
    char *body = strchr(text, ':') + 1, *end = strstr(text, ",\"signature\"");
    assert_true(end && size > 0);
    assert_int_equal(sscanf(text, "{\"%63[^\"]", name), 1);
    pki_replace(pki, s->part, name, SPAN(body, (size_t)(end - body)));
}

static enum attest_code judge(const struct scene *s, struct attest_verdict *verdict)
{
    uint8_t quote[SGX_QUOTE_SIZE_MAX];
    struct writer w = writer_on(quote, sizeof quote);
    struct quoting_pki pki;
    assert_true(is_ok(quoting_pki_make(&s->params, &pki)));
    if (s->from)
        resign(&pki, s);
    assert_true(is_ok(quoting_pki_quote(&pki, &s->body, &w)));
    enum attest_code code = pki_judge(&pki, writer_span(&w), s->now, !s->root_unnamed, verdict);
    quoting_pki_done(&pki);
    return code;
}

static void accepted_when_named(void **state)
{
    (void)state;
    struct scene s = scene_new();
    struct attest_verdict verdict;
    assert_int_equal(judge(&s, &verdict), ATTEST_OK);
    assert_int_equal(verdict.claims.tcb_status, ATTEST_TCB_UP_TO_DATE);
    assert_true(verdict.claims.emulated);
    assert_string_equal(verdict.claims.root, "office");
    assert_memory_equal(&verdict.claims.body, &s.body, sizeof s.body);
    assert_memory_equal(verdict.claims.pck.components, s.params.cpusvn, 16);
    assert_int_equal(verdict.claims.issued_at, NOW - DAY);
    assert_int_equal(verdict.claims.valid_until, NOW + 30 * DAY);
    s.root_unnamed = true;
    assert_int_equal(judge(&s, &verdict), ATTEST_PCK_CHAIN_UNTRUSTED);
    assert_int_equal(verdict.claims.valid_until, 0); // no claims with a refusal
}

static void nobody_else_is_intel(void **state)
{
    (void)state;
    struct scene s = scene_new();
    struct quoting_pki pki;
    struct attest_root root = {.name = ATTEST_ROOT_INTEL_NAME};
    uint8_t quote[SGX_QUOTE_SIZE_MAX];
    struct writer w = writer_on(quote, sizeof quote);
    struct attest_verdict verdict;
    assert_true(is_ok(quoting_pki_make(&s.params, &pki)));
    assert_true(is_ok(quoting_pki_quote(&pki, &s.body, &w)));
    memcpy(root.key_hash, pki.root_hash, 32);
    const struct attest_evidence evidence = {
        .quote = writer_span(&w), .collateral = pki.collateral, .now = NOW, .roots = {&root, 1}};
    assert_false(is_ok(attest_verify(&evidence, &verdict)));
    assert_int_equal(verdict.code, ATTEST_PCK_CHAIN_UNTRUSTED);
    quoting_pki_done(&pki);
}

static void same_seeds_same_root(void **state)
{
    (void)state;
    struct scene s = scene_new();
    struct quoting_pki a, b;
    assert_true(is_ok(quoting_pki_make(&s.params, &a)));
    assert_true(is_ok(quoting_pki_keys(&s.params, &b)));
    assert_memory_equal(a.root_hash, b.root_hash, 32);
    quoting_pki_done(&b);
    s.params.seeds[QUOTING_KEY_ROOT][0] ^= 1;
    assert_true(is_ok(quoting_pki_keys(&s.params, &b)));
    assert_memory_not_equal(a.root_hash, b.root_hash, 32);
    quoting_pki_done(&a);
    quoting_pki_done(&b);
}

#define REWRITE(name, doc, old, new)  \
    static void name(struct scene *s) \
    {                                 \
        s->part = ATTEST_PART_##doc;  \
        s->from = old;                \
        s->to = new;                  \
    }

CHANGE(pck_revoked, s->params.revoke_pck = true)
CHANGE(ca_revoked, s->params.revoke_ca = true)
CHANGE(signer_revoked, s->params.revoke_signer = true)
CHANGE(all_expired, s->now = NOW + 31 * DAY)
CHANGE(too_early, s->now = NOW - 2 * DAY)
CHANGE(td_qe, s->params.qe_id = "TD_QE")
CHANGE(qe_debug, s->params.qe.attributes.flags |= SGX_FLAGS_DEBUG)
CHANGE(tcb_old, s->params.tcb_status = "OutOfDate")
CHANGE(tcb_config, s->params.tcb_status = "ConfigurationNeeded")
CHANGE(tcb_revoked, s->params.tcb_status = "Revoked")
CHANGE(tcb_pending, s->params.tcb_status = "Pending")
CHANGE(tcb_case, s->params.tcb_status = "uptodate")
CHANGE(qe_old, s->params.qe_status = "OutOfDate")
CHANGE(qe_revoked, s->params.qe_status = "Revoked")
CHANGE(qe_config, s->params.qe_status = "ConfigurationNeeded")
CHANGE(both, s->params.qe_status = "OutOfDate"; s->params.tcb_status = "ConfigurationNeeded")
REWRITE(tcb_tdx, TCB_INFO, "\"id\":\"SGX\"", "\"id\":\"TDX\"")
REWRITE(tcb_id, TCB_INFO, "\"id\":\"SGX\"", "\"id\":\"SEV\"")
REWRITE(tcb_fmspc, TCB_INFO, "\"fmspc\":\"45", "\"fmspc\":\"46")
REWRITE(tcb_pceid, TCB_INFO, "\"pceId\":\"0000\"", "\"pceId\":\"0001\"")
REWRITE(tcb_above, TCB_INFO, "{\"svn\":229}", "{\"svn\":230}")
REWRITE(tcb_pcesvn, TCB_INFO, "\"pcesvn\":1", "\"pcesvn\":2")
REWRITE(tcb_expired, TCB_INFO, "\"nextUpdate\":\"2025", "\"nextUpdate\":\"2024")
REWRITE(tcb_future, TCB_INFO, "\"issueDate\":\"2025", "\"issueDate\":\"2026")
REWRITE(tcb_version, TCB_INFO, "\"version\":3", "\"version\":4")
REWRITE(tcb_type, TCB_INFO, "\"tcbType\":0", "\"tcbType\":1")
REWRITE(tcb_float, TCB_INFO, "\"pcesvn\":1", "\"pcesvn\":1.0")
REWRITE(tcb_negative, TCB_INFO, "\"pcesvn\":1", "\"pcesvn\":-1")
REWRITE(tcb_big, TCB_INFO, "\"svn\":229", "\"svn\":256")
REWRITE(tcb_huge_number, TCB_INFO, "\"svn\":229", "\"svn\":99999999999999999999999")
REWRITE(tcb_text_number, TCB_INFO, "\"svn\":229", "\"svn\":\"229\"")
REWRITE(tcb_date, TCB_INFO, "\"tcbDate\":\"2024-01-01T00:00:00Z",
        "\"tcbDate\":\"2024-13-01T00:00:00Z")
REWRITE(tcb_twice, TCB_INFO, "\"version\":3", "\"version\":3,\"version\":3")
REWRITE(tcb_no_levels, TCB_INFO, "\"tcbLevels\":", "\"tcbLevelz\":")
REWRITE(tcb_15, TCB_INFO, "{\"svn\":229},", "")
REWRITE(tcb_bad_advisory, TCB_INFO, "\"tcbStatus\":", "\"advisoryIDs\":[\"a b\"],\"tcbStatus\":")
REWRITE(qe_signer, QE_IDENTITY, "\"mrsigner\":\"51", "\"mrsigner\":\"52")
REWRITE(qe_signer_empty, QE_IDENTITY, "\"mrsigner\":\"51", "\"mrsigner\":\"\",\"x\":\"")
REWRITE(qe_product, QE_IDENTITY, "\"isvprodid\":1", "\"isvprodid\":2")
REWRITE(qe_no_product, QE_IDENTITY, "\"isvprodid\":1", "\"isvprodId\":1")
REWRITE(qe_misc, QE_IDENTITY, "\"miscselect\":\"00", "\"miscselect\":\"01")
REWRITE(qe_attributes, QE_IDENTITY, "\"attributes\":\"05", "\"attributes\":\"15")
REWRITE(qe_attributes_short, QE_IDENTITY, "\"attributes\":\"05", "\"attributes\":\"")
REWRITE(qe_svn, QE_IDENTITY, "\"isvsvn\":8", "\"isvsvn\":9")
REWRITE(qe_expired, QE_IDENTITY, "\"nextUpdate\":\"2025", "\"nextUpdate\":\"2024")
REWRITE(qe_future, QE_IDENTITY, "\"issueDate\":\"2025", "\"issueDate\":\"2026")
REWRITE(qe_version, QE_IDENTITY, "\"version\":2", "\"version\":1")
REWRITE(qe_pending, QE_IDENTITY, "UpToDate", "Pending")

static const struct row rows[] = {
    {"PCK revoked", pck_revoked, ATTEST_PCK_REVOKED, 0},
    {"CA revoked", ca_revoked, ATTEST_PCK_CA_REVOKED, 0},
    {"signer revoked", signer_revoked, ATTEST_TCB_SIGNER_REVOKED, 0},
    {"collateral expired", all_expired, ATTEST_ROOT_CRL_EXPIRED, 0},
    {"collateral of the future", too_early, ATTEST_ROOT_CRL_NOT_YET_VALID, 0},
    {"TD_QE", td_qe, ATTEST_QE_IDENTITY_MISMATCH, 0},
    {"QE in debug mode", qe_debug, ATTEST_QE_DEBUG, 0},
    {"TCB out of date", tcb_old, ATTEST_OK, ATTEST_TCB_OUT_OF_DATE},
    {"TCB configuration", tcb_config, ATTEST_OK, ATTEST_TCB_CONFIGURATION_NEEDED},
    {"TCB revoked", tcb_revoked, ATTEST_OK, ATTEST_TCB_REVOKED},
    {"TCB status unknown", tcb_pending, ATTEST_TCB_STATUS_UNKNOWN, 0},
    {"TCB status in lower case", tcb_case, ATTEST_TCB_STATUS_UNKNOWN, 0},
    {"QE out of date", qe_old, ATTEST_OK, ATTEST_TCB_OUT_OF_DATE},
    {"QE revoked", qe_revoked, ATTEST_OK, ATTEST_TCB_REVOKED},
    {"QE with a platform's status", qe_config, ATTEST_TCB_STATUS_UNKNOWN, 0},
    {"QE old, TCB configuration", both, ATTEST_OK, ATTEST_TCB_OUT_OF_DATE_CONFIGURATION_NEEDED},
    {"TDX info without a module", tcb_tdx, ATTEST_TCB_INFO_FORMAT, 0},
    {"unknown info", tcb_id, ATTEST_TCB_INFO_FORMAT, 0},
    {"FMSPC", tcb_fmspc, ATTEST_TCB_INFO_MISMATCH, 0},
    {"PCEID", tcb_pceid, ATTEST_TCB_INFO_MISMATCH, 0},
    {"below every level", tcb_above, ATTEST_OK, ATTEST_TCB_NOT_SUPPORTED},
    {"PCESVN below", tcb_pcesvn, ATTEST_OK, ATTEST_TCB_NOT_SUPPORTED},
    {"TCB info expired", tcb_expired, ATTEST_TCB_INFO_EXPIRED, 0},
    {"TCB info of the future", tcb_future, ATTEST_TCB_INFO_NOT_YET_VALID, 0},
    {"version 4", tcb_version, ATTEST_TCB_INFO_FORMAT, 0},
    {"TCB type", tcb_type, ATTEST_TCB_INFO_FORMAT, 0},
    {"float", tcb_float, ATTEST_TCB_INFO_FORMAT, 0},
    {"negative", tcb_negative, ATTEST_TCB_INFO_FORMAT, 0},
    {"SVN 256", tcb_big, ATTEST_TCB_INFO_FORMAT, 0},
    {"huge number", tcb_huge_number, ATTEST_TCB_INFO_FORMAT, 0},
    {"number as text", tcb_text_number, ATTEST_TCB_INFO_FORMAT, 0},
    {"month 13", tcb_date, ATTEST_TCB_INFO_FORMAT, 0},
    {"key twice", tcb_twice, ATTEST_TCB_INFO_FORMAT, 0},
    {"no levels", tcb_no_levels, ATTEST_TCB_INFO_FORMAT, 0},
    {"15 components", tcb_15, ATTEST_TCB_INFO_FORMAT, 0},
    {"bad advisory", tcb_bad_advisory, ATTEST_TCB_INFO_FORMAT, 0},
    {"QE signer", qe_signer, ATTEST_QE_MRSIGNER, 0},
    {"QE signer empty", qe_signer_empty, ATTEST_QE_IDENTITY_FORMAT, 0},
    {"QE product", qe_product, ATTEST_QE_ISVPRODID, 0},
    {"QE product missing", qe_no_product, ATTEST_QE_IDENTITY_FORMAT, 0},
    {"QE MISCSELECT", qe_misc, ATTEST_QE_MISCSELECT, 0},
    {"QE ATTRIBUTES", qe_attributes, ATTEST_QE_ATTRIBUTES, 0},
    {"QE ATTRIBUTES short", qe_attributes_short, ATTEST_QE_IDENTITY_FORMAT, 0},
    {"QE below every level", qe_svn, ATTEST_OK, ATTEST_TCB_NOT_SUPPORTED},
    {"QE identity expired", qe_expired, ATTEST_QE_IDENTITY_EXPIRED, 0},
    {"QE identity of the future", qe_future, ATTEST_QE_IDENTITY_NOT_YET_VALID, 0},
    {"QE identity version 1", qe_version, ATTEST_QE_IDENTITY_FORMAT, 0},
    {"QE status unknown", qe_pending, ATTEST_TCB_STATUS_UNKNOWN, 0},
};

static void statements_are_obeyed(void **state)
{
    (void)state;
    int wrong = 0;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct scene s = scene_new();
        struct attest_verdict verdict;
        rows[i].change(&s);
        enum attest_code code = judge(&s, &verdict);
        if (code != rows[i].code ||
            (code == ATTEST_OK && verdict.claims.tcb_status != rows[i].status)) {
            print_error("%s: got %s, %s\n", rows[i].name, attest_code_name(code),
                        attest_tcb_status_name(verdict.claims.tcb_status));
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepted_when_named),
        cmocka_unit_test(nobody_else_is_intel),
        cmocka_unit_test(same_seeds_same_root),
        cmocka_unit_test(statements_are_obeyed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
