// SPDX-License-Identifier: Apache-2.0
// Does the verifier judge a TD by Intel's rules when everything is signed rightly? TDX quotes, TCB
// info and QE identities of every kind, under a root of the test's own.
#include "quoting/pki_scene.h"

#define ZERO48                                         \
    "000000000000000000000000000000000000000000000000" \
    "000000000000000000000000000000000000000000000000"
#define ONE48                                          \
    "010000000000000000000000000000000000000000000000" \
    "000000000000000000000000000000000000000000000000"

// What the TCB info says, and what the TD measures.
struct scene {
    const char *id;
    int version;
    const char *module_mrsigner, *module_attributes;
    const char *status, *old_status; // of the platform's first and second level
    const char *module_levels;       // of TDX_01
    const char *qe_id, *qe_status;
    struct tdx_report_body td;
    bool td15, sgx, without_chain;
    uint16_t certdata_type;
};

#define LEVEL(svn, status)                                                                       \
    "{\"tcb\":{\"isvsvn\":" svn "},\"tcbDate\":\"2024-03-13T00:00:00Z\",\"tcbStatus\":\"" status \
    "\"}"

static struct scene scene_new(void)
{
    struct scene s = {
        .id = "TDX",
        .version = 3,
        .module_mrsigner = ZERO48,
        .module_attributes = "0000000000000000",
        .status = "UpToDate",
        .old_status = "OutOfDate",
        .module_levels =
            LEVEL("4", "UpToDate") "," LEVEL("2", "OutOfDate") "," LEVEL("1", "Revoked"),
        .qe_id = "TD_QE",
        .td = {.tee_tcb_svn = {4, 1, 3}, .tee_tcb_svn2 = {4, 1, 3}},
        .td15 = true,
        .certdata_type = SGX_QUOTE_CERTDATA_PCK_CHAIN,
    };
    return s;
}

static size_t put_components(char *text, size_t size, const char *name, const int *first, int count)
{
    size_t at = (size_t)snprintf(text, size, "\"%s\":[", name);
    for (int i = 0; i < 16; i++)
        at += (size_t)snprintf(text + at, size - at, "%s{\"svn\":%d}", i ? "," : "",
                               i < count ? first[i] : 0);
    return at + (size_t)snprintf(text + at, size - at, "],");
}

static size_t put_level(char *text, size_t size, const int tdx[3], const char *status)
{
    static const int sgx[1] = {1};
    size_t at = (size_t)snprintf(text, size, "{\"tcb\":{");
    at += put_components(text + at, size - at, "sgxtcbcomponents", sgx, 1);
    at += put_components(text + at, size - at, "tdxtcbcomponents", tdx, 3);
    return at + (size_t)snprintf(text + at, size - at,
                                 "\"pcesvn\":1},\"tcbDate\":\"2024-03-13T00:00:00Z\","
                                 "\"tcbStatus\":\"%s\"}",
                                 status);
}

static void put_tcb_info(struct quoting_pki *pki, const struct scene *s)
{
    static const int newest[] = {4, 0, 3}, older[] = {1, 0, 2};
    char body[8192];
    size_t at = (size_t)snprintf(
        body, sizeof body,
        "{\"id\":\"%s\",\"version\":%d,\"issueDate\":\"2025-06-01T00:00:00Z\",\"nextUpdate\":"
        "\"2025-07-01T00:00:00Z\",\"fmspc\":\"454d554c4154\",\"pceId\":\"0000\",\"tcbType\":0,"
        "\"tcbEvaluationDataNumber\":17,\"tdxModule\":{\"mrsigner\":\"%s\",\"attributes\":\"%s\","
        "\"attributesMask\":\"FFFFFFFFFFFFFFFF\"},\"tdxModuleIdentities\":[{\"id\":\"TDX_01\","
        "\"mrsigner\":\"%s\",\"attributes\":\"%s\",\"attributesMask\":\"FFFFFFFFFFFFFFFF\","
        "\"tcbLevels\":[%s]}],\"tcbLevels\":[",
        s->id, s->version, s->module_mrsigner, s->module_attributes, s->module_mrsigner,
        s->module_attributes, s->module_levels);
    at += put_level(body + at, sizeof body - at, newest, s->status);
    body[at++] = ',';
    at += put_level(body + at, sizeof body - at, older, s->old_status);
    at += (size_t)snprintf(body + at, sizeof body - at, "]}");
    assert_true(at < sizeof body);
    pki_replace(pki, ATTEST_PART_TCB_INFO, "tcbInfo", SPAN(body, at));
}

// QE report, its signature, authentication data, the PCK chain or what says which platform it is.
static void put_certification(struct writer *w, const struct quoting_pki *pki,
                              const struct scene *s)
{
    static const uint8_t ppid_data[SGX_QUOTE_PPID_DATA_SIZE], auth[32] = {1, 2, 3};
    struct span chain = pki->collateral.parts[ATTEST_PART_PCK_CHAIN];
    struct sgx_report_body qe = pki->qe;
    struct sha256_ctx hash;
    uint8_t signature[64];
    memset(qe.reportdata, 0, sizeof qe.reportdata);
    sha256_init(&hash);
    sha256_update(&hash, pki->public_keys[QUOTING_KEY_ATTESTATION], 64);
    sha256_update(&hash, auth, sizeof auth);
    sha256_final(&hash, qe.reportdata);
    pki_sign(pki, QUOTING_KEY_PCK, SPAN_OF(qe), signature);
    put_span(w, SPAN_OF(qe));
    put_bytes(w, signature, 64);
    put_le16(w, sizeof auth);
    put_bytes(w, auth, sizeof auth);
    if (s->certdata_type == SGX_QUOTE_CERTDATA_PPID)
        chain = SPAN_OF(ppid_data);
    put_le16(w, s->certdata_type);
    put_le32(w, (uint32_t)chain.size);
    put_span(w, chain);
}

static void put_quote(struct writer *w, const struct quoting_pki *pki, const struct scene *s)
{
    struct sgx_quote_header header = {.version = s->sgx    ? 3
                                                 : s->td15 ? 5
                                                           : 4,
                                      .attestation_key_type = SGX_QUOTE_KEY_ECDSA_P256,
                                      .tee_type = s->sgx ? 0 : TDX_QUOTE_TEE_TYPE,
                                      .qe_vendor = SGX_QUOTE_QE_VENDOR_INTEL};
    struct sgx_report_body body = {.isvsvn = 1};
    static uint8_t buffer[SGX_QUOTE_SIZE_MAX];
    struct writer inner = writer_on(buffer, sizeof buffer);
    uint8_t signature[64];
    put_span(w, SPAN_OF(header));
    if (s->td15) {
        put_le16(w, TDX_QUOTE_BODY_TD15);
        put_le32(w, sizeof s->td);
    }
    if (s->sgx)
        put_span(w, SPAN_OF(body));
    else
        put_bytes(w, &s->td, s->td15 ? sizeof s->td : TDX_REPORT_SIZE_TD10);
    pki_sign(pki, QUOTING_KEY_ATTESTATION, writer_span(w), signature);
    put_certification(&inner, pki, s);
    put_le32(w, (uint32_t)(128 + inner.size + (s->sgx ? 0 : 6)));
    put_bytes(w, signature, 64);
    put_bytes(w, pki->public_keys[QUOTING_KEY_ATTESTATION], 64);
    if (!s->sgx) {
        put_le16(w, SGX_QUOTE_CERTDATA_QE_REPORT);
        put_le32(w, (uint32_t)inner.size);
    }
    put_span(w, writer_span(&inner));
    assert_false(w->failed || inner.failed);
}

static enum attest_code judge(const struct scene *s, struct attest_verdict *verdict)
{
    static uint8_t quote[SGX_QUOTE_SIZE_MAX];
    struct writer w = writer_on(quote, sizeof quote);
    struct quoting_pki pki;
    struct quoting_pki_params params = {.qe_id = s->qe_id, .qe_status = s->qe_status};
    pki_params_init(&params);
    memset(params.cpusvn, 5, sizeof params.cpusvn);
    assert_true(is_ok(quoting_pki_make(&params, &pki)));
    if (!s->sgx)
        put_tcb_info(&pki, s);
    put_quote(&w, &pki, s);
    if (s->without_chain) {
        free((void *)(uintptr_t)pki.collateral.parts[ATTEST_PART_PCK_CHAIN].data);
        pki.collateral.parts[ATTEST_PART_PCK_CHAIN] = SPAN(NULL, 0);
    }
    enum attest_code code = pki_judge(&pki, writer_span(&w), NOW, true, verdict);
    quoting_pki_done(&pki);
    return code;
}

CHANGE(nothing, (void)s)
CHANGE(version_4, s->td15 = false)
CHANGE(seam_signer, s->td.mrsignerseam[0] = 1)
CHANGE(seam_signer_named, s->td.mrsignerseam[0] = 1; s->module_mrsigner = ONE48)
CHANGE(module_signer, s->module_mrsigner = ONE48)
CHANGE(seam_attributes, s->td.seamattributes = 1)
CHANGE(seam_attributes_named, s->td.seamattributes = 1; s->module_attributes = "0100000000000000")
CHANGE(module_attributes, s->module_attributes = "0100000000000000")
CHANGE(other_module, s->td.tee_tcb_svn[1] = 2)
CHANGE(module_old, s->td.tee_tcb_svn[0] = 3; s->td.tee_tcb_svn2[0] = 3)
CHANGE(module_old_v4, s->td.tee_tcb_svn[0] = 3; s->td15 = false)
CHANGE(module_revoked, s->td.tee_tcb_svn[0] = 1)
CHANGE(module_below, s->td.tee_tcb_svn[0] = 0)
CHANGE(no_version, s->td.tee_tcb_svn[1] = 0)
CHANGE(no_version_low, s->td.tee_tcb_svn[1] = 0; s->td.tee_tcb_svn[0] = 3)
CHANGE(no_version_below, s->td.tee_tcb_svn[1] = 0; s->td.tee_tcb_svn[0] = 0)
CHANGE(loader_below, s->td.tee_tcb_svn[2] = 1)
CHANGE(relaunch, s->td.tee_tcb_svn[0] = 3)
CHANGE(relaunch_configuration, s->td.tee_tcb_svn[0] = 3; s->status = "ConfigurationNeeded")
CHANGE(relaunch_hardening, s->td.tee_tcb_svn[0] = 3; s->status = "SWHardeningNeeded")
CHANGE(relaunch_old_qe, s->td.tee_tcb_svn[0] = 3; s->qe_status = "OutOfDate")
CHANGE(relaunch_old_platform, s->td.tee_tcb_svn[0] = 3; s->status = "OutOfDate")
CHANGE(relaunch_revoked_module, s->td.tee_tcb_svn[0] = 1)
CHANGE(relaunch_low_loader, s->td.tee_tcb_svn[0] = 3; s->td.tee_tcb_svn2[2] = 2)
CHANGE(relaunch_other_module, s->td.tee_tcb_svn[0] = 3; s->td.tee_tcb_svn2[1] = 9)
CHANGE(relaunch_no_version, s->td.tee_tcb_svn[0] = 3; s->td.tee_tcb_svn2[1] = 0)
CHANGE(configuration_old, s->status = "ConfigurationNeeded"; s->td.tee_tcb_svn[0] = 3;
       s->td.tee_tcb_svn2[0] = 3)
CHANGE(qe_old, s->qe_status = "OutOfDate")
CHANGE(qe_revoked, s->qe_status = "Revoked")
CHANGE(module_pending, s->module_levels = LEVEL("4", "Pending"))
CHANGE(module_hardening, s->module_levels = LEVEL("4", "SWHardeningNeeded"))
CHANGE(status_concluded, s->status = "TDRelaunchAdvised")
CHANGE(sgx_qe, s->qe_id = "QE")
CHANGE(sgx_info, s->id = "SGX")
CHANGE(version_2, s->version = 2)
CHANGE(debug, s->td.tdattributes = TDX_ATTRIBUTES_DEBUG)
CHANGE(type_3, s->certdata_type = SGX_QUOTE_CERTDATA_PPID)
CHANGE(type_3_alone, s->certdata_type = SGX_QUOTE_CERTDATA_PPID; s->without_chain = true)
CHANGE(sgx, s->sgx = true; s->td15 = false; s->qe_id = "QE")
CHANGE(sgx_type_3, sgx(s); s->certdata_type = SGX_QUOTE_CERTDATA_PPID)
CHANGE(sgx_type_3_alone, sgx_type_3(s); s->without_chain = true)
CHANGE(sgx_with_td_qe, sgx(s); s->qe_id = "TD_QE")

static const struct {
    const char *name;
    void (*change)(struct scene *s);
    enum attest_code code;
    enum attest_tcb_status status;
} rows[] = {
    {"as it should be", nothing, ATTEST_OK, ATTEST_TCB_UP_TO_DATE},
    {"version 4", version_4, ATTEST_OK, ATTEST_TCB_UP_TO_DATE},
    {"MRSIGNERSEAM", seam_signer, ATTEST_TDX_MODULE_MISMATCH, 0},
    {"MRSIGNERSEAM as named", seam_signer_named, ATTEST_OK, ATTEST_TCB_UP_TO_DATE},
    {"module's signer", module_signer, ATTEST_TDX_MODULE_MISMATCH, 0},
    {"SEAMATTRIBUTES", seam_attributes, ATTEST_TDX_MODULE_MISMATCH, 0},
    {"SEAMATTRIBUTES as named", seam_attributes_named, ATTEST_TDX_MODULE_MISMATCH, 0},
    {"module's attributes", module_attributes, ATTEST_TDX_MODULE_MISMATCH, 0},
    {"module without identity", other_module, ATTEST_TDX_MODULE_MISMATCH, 0},
    {"module out of date", module_old, ATTEST_OK, ATTEST_TCB_OUT_OF_DATE},
    {"module out of date, v4", module_old_v4, ATTEST_OK, ATTEST_TCB_OUT_OF_DATE},
    {"module revoked", module_revoked, ATTEST_OK, ATTEST_TCB_REVOKED},
    {"module below every level", module_below, ATTEST_OK, ATTEST_TCB_NOT_SUPPORTED},
    {"no version", no_version, ATTEST_OK, ATTEST_TCB_UP_TO_DATE},
    {"no version, lower", no_version_low, ATTEST_OK, ATTEST_TCB_OUT_OF_DATE},
    {"no version, below", no_version_below, ATTEST_OK, ATTEST_TCB_NOT_SUPPORTED},
    {"SEAM loader below", loader_below, ATTEST_OK, ATTEST_TCB_NOT_SUPPORTED},
    {"relaunch", relaunch, ATTEST_OK, ATTEST_TCB_TD_RELAUNCH_ADVISED},
    {"relaunch, configuration", relaunch_configuration, ATTEST_OK,
     ATTEST_TCB_TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED},
    {"relaunch, hardening", relaunch_hardening, ATTEST_OK, ATTEST_TCB_TD_RELAUNCH_ADVISED},
    {"relaunch, old QE", relaunch_old_qe, ATTEST_OK, ATTEST_TCB_OUT_OF_DATE},
    {"relaunch, old platform", relaunch_old_platform, ATTEST_OK, ATTEST_TCB_OUT_OF_DATE},
    {"relaunch, revoked module", relaunch_revoked_module, ATTEST_OK, ATTEST_TCB_REVOKED},
    {"relaunch, low loader", relaunch_low_loader, ATTEST_OK, ATTEST_TCB_OUT_OF_DATE},
    {"relaunch, other module", relaunch_other_module, ATTEST_TDX_MODULE_MISMATCH, 0},
    {"relaunch, no version", relaunch_no_version, ATTEST_OK, ATTEST_TCB_TD_RELAUNCH_ADVISED},
    {"configuration, old module", configuration_old, ATTEST_OK,
     ATTEST_TCB_OUT_OF_DATE_CONFIGURATION_NEEDED},
    {"QE out of date", qe_old, ATTEST_OK, ATTEST_TCB_OUT_OF_DATE},
    {"QE revoked", qe_revoked, ATTEST_OK, ATTEST_TCB_REVOKED},
    {"module status unknown", module_pending, ATTEST_TCB_STATUS_UNKNOWN, 0},
    {"module with a platform's status", module_hardening, ATTEST_TCB_STATUS_UNKNOWN, 0},
    {"conclusion in a document", status_concluded, ATTEST_TCB_STATUS_UNKNOWN, 0},
    {"QE identity of SGX", sgx_qe, ATTEST_QE_IDENTITY_MISMATCH, 0},
    {"TCB info of SGX", sgx_info, ATTEST_TCB_INFO_MISMATCH, 0},
    {"TCB info version 2", version_2, ATTEST_TCB_INFO_FORMAT, 0},
    {"debug is genuine", debug, ATTEST_OK, ATTEST_TCB_UP_TO_DATE},
    {"type 3, chain supplied", type_3, ATTEST_OK, ATTEST_TCB_UP_TO_DATE},
    {"type 3 alone", type_3_alone, ATTEST_CERTIFICATION_UNSUPPORTED, 0},
    {"SGX", sgx, ATTEST_OK, ATTEST_TCB_UP_TO_DATE},
    {"SGX, type 3, chain supplied", sgx_type_3, ATTEST_OK, ATTEST_TCB_UP_TO_DATE},
    {"SGX, type 3 alone", sgx_type_3_alone, ATTEST_CERTIFICATION_UNSUPPORTED, 0},
    {"SGX with TD_QE", sgx_with_td_qe, ATTEST_QE_IDENTITY_MISMATCH, 0},
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
        if (code == ATTEST_OK && !s.sgx)
            assert_memory_equal(&verdict.claims.td, &s.td, TDX_REPORT_SIZE_TD10);
    }
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(statements_are_obeyed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
