// SPDX-License-Identifier: Apache-2.0
#include "cli/quote_report.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "attest/time.h"
#include "base/hex.h"

static void set_hex(json_t *object, const char *key, const void *bytes, size_t size)
{
    char text[HEX_SIZE(512)];
    hex_encode(bytes, MIN(size, (size_t)512), text);
    json_object_set_new(object, key, json_string(text));
}

static void set_number(json_t *object, const char *key, uint64_t value)
{
    json_object_set_new(object, key, json_integer((json_int_t)value));
}

static void set_text(json_t *object, const char *key, const char *text)
{
    json_object_set_new(object, key, json_string(text));
}

static void set_time(json_t *object, const char *key, int64_t time)
{
    char text[ATTEST_TIME_TEXT_SIZE];
    attest_time_format(time, text);
    set_text(object, key, text);
}

static json_t *json_of_body(const struct sgx_report_body *body)
{
    json_t *o = json_object();
    set_hex(o, "mrenclave", body->mrenclave, sizeof body->mrenclave);
    set_hex(o, "mrsigner", body->mrsigner, sizeof body->mrsigner);
    set_number(o, "isvprodid", body->isvprodid);
    set_number(o, "isvsvn", body->isvsvn);
    set_hex(o, "attributes", &body->attributes, sizeof body->attributes);
    set_hex(o, "miscselect", &body->miscselect, sizeof body->miscselect);
    set_hex(o, "cpusvn", body->cpusvn, sizeof body->cpusvn);
    set_hex(o, "configid", body->configid, sizeof body->configid);
    set_number(o, "configsvn", body->configsvn);
    set_hex(o, "isvextprodid", body->isvextprodid, sizeof body->isvextprodid);
    set_hex(o, "isvfamilyid", body->isvfamilyid, sizeof body->isvfamilyid);
    set_hex(o, "report_data", body->reportdata, sizeof body->reportdata);
    return o;
}

static json_t *json_of_td(const struct tdx_report_body *td, bool td15)
{
    json_t *o = json_object();
    set_hex(o, "mrtd", td->mrtd, sizeof td->mrtd);
    for (unsigned i = 0; i < TDX_RTMR_COUNT; i++) {
        const char name[] = {'r', 't', 'm', 'r', (char)('0' + i), 0};
        set_hex(o, name, td->rtmr[i], sizeof td->rtmr[i]);
    }
    set_hex(o, "mrconfigid", td->mrconfigid, sizeof td->mrconfigid);
    set_hex(o, "mrowner", td->mrowner, sizeof td->mrowner);
    set_hex(o, "mrownerconfig", td->mrownerconfig, sizeof td->mrownerconfig);
    set_hex(o, "td_attributes", &td->tdattributes, sizeof td->tdattributes);
    set_hex(o, "xfam", &td->xfam, sizeof td->xfam);
    set_hex(o, "tee_tcb_svn", td->tee_tcb_svn, sizeof td->tee_tcb_svn);
    set_hex(o, "mrseam", td->mrseam, sizeof td->mrseam);
    set_hex(o, "mrsignerseam", td->mrsignerseam, sizeof td->mrsignerseam);
    set_hex(o, "seam_attributes", &td->seamattributes, sizeof td->seamattributes);
    set_text(o, "tdx_version", td15 ? "1.5" : "1.0");
    if (td15) {
        set_hex(o, "tee_tcb_svn2", td->tee_tcb_svn2, sizeof td->tee_tcb_svn2);
        set_hex(o, "mrservicetd", td->mrservicetd, sizeof td->mrservicetd);
    }
    set_hex(o, "report_data", td->reportdata, sizeof td->reportdata);
    return o;
}

static json_t *json_of_claims(const struct attest_claims *c)
{
    bool tdx = c->tee == ATTEST_TEE_TDX;
    json_t *o = tdx ? json_of_td(&c->td, c->td15) : json_of_body(&c->body);
    set_number(o, "quote_version", c->quote_version);
    set_hex(o, "fmspc", c->pck.fmspc, sizeof c->pck.fmspc);
    set_hex(o, "pceid", c->pck.pceid, sizeof c->pck.pceid);
    set_number(o, "pcesvn", c->pck.pcesvn);
    set_number(o, "qe_isvsvn", c->qe_isvsvn);
    set_text(o, "root", c->root);
    set_text(o, "platform_tcb_status", attest_tcb_status_name(c->platform_status));
    set_text(o, "qe_tcb_status", attest_tcb_status_name(c->qe_status));
    set_number(o, "tcb_evaluation_data_number", c->tcb_evaluation);
    if (c->tcb_date)
        set_time(o, "tcb_date", c->tcb_date);
    if (c->qe_tcb_date)
        set_time(o, "qe_tcb_date", c->qe_tcb_date);
    if (tdx)
        set_text(o, "tdx_module_tcb_status", attest_tcb_status_name(c->module_status));
    if (c->module_tcb_date)
        set_time(o, "tdx_module_tcb_date", c->module_tcb_date);
    set_time(o, "collateral_issued_at", c->issued_at);
    set_time(o, "valid_until", c->valid_until);
    return o;
}

static void print_json(json_t *object)
{
    char *text = json_dumps(object, JSON_INDENT(2) | JSON_SORT_KEYS);
    puts(text ? text : "{}");
    free(text);
    json_decref(object);
}

static void print_lines(const json_t *object)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        if (json_is_string(value))
            printf("  %-27s %s\n", key, json_string_value(value));
        else if (json_is_integer(value))
            printf("  %-27s %" JSON_INTEGER_FORMAT "\n", key, json_integer_value(value));
    }
}

// -- the table of checks --------------------------------------------------------------------------

// In the order in which they are made; codes stand in that order too, so that a refusal tells which
// checks came before it.
static const struct check {
    const char *name;
    enum attest_code first, last;
} checks[] = {
    {"collateral is complete", ATTEST_INTERNAL, ATTEST_COLLATERAL_MISSING},
    {"form of the quote", ATTEST_QUOTE_FORMAT, ATTEST_CERTIFICATION_UNSUPPORTED},
    {"PCK certificate chain", ATTEST_PCK_CHAIN_FORMAT, ATTEST_PCK_EXTENSION_FORMAT},
    {"revocation lists", ATTEST_ROOT_CRL_FORMAT, ATTEST_PCK_REVOKED},
    {"TCB info, signed and current", ATTEST_TCB_CHAIN_FORMAT, ATTEST_TCB_INFO_MISMATCH},
    {"QE identity, signed and current", ATTEST_QE_CHAIN_FORMAT, ATTEST_QE_IDENTITY_MISMATCH},
    {"QE report, signed by the PCK", ATTEST_QE_REPORT_SIGNATURE, ATTEST_QE_REPORT_DATA},
    {"quote, signed by the QE's key", ATTEST_QUOTE_SIGNATURE, ATTEST_QUOTE_SIGNATURE},
    {"identity of the QE", ATTEST_QE_DEBUG, ATTEST_QE_ISVPRODID},
    {"TDX module", ATTEST_TDX_MODULE_MISMATCH, ATTEST_TDX_MODULE_MISMATCH},
    {"TCB status is a known one", ATTEST_TCB_STATUS_UNKNOWN, ATTEST_TCB_STATUS_UNKNOWN},
};

static void print_check(const char *result, const char *name, const char *why)
{
    printf(why[0] ? "  %-5s %-33s %s\n" : "  %-5s %s%s\n", result, name, why);
}

static void print_evidence_checks(enum attest_code code, bool tdx)
{
    for (size_t i = 0; i < ARRAY_COUNT(checks); i++) {
        const struct check *c = &checks[i];
        if (c->first == ATTEST_TDX_MODULE_MISMATCH && !tdx)
            continue;
        bool here = code >= c->first && code <= c->last;
        bool passed = code == ATTEST_OK || code > c->last;
        print_check(here     ? "fail"
                    : passed ? "pass"
                             : "-",
                    c->name, here ? attest_code_text(code) : "");
    }
}

// One line for a rule of the policy: failed, or accepted although it is worth a look.
static void print_rule(const struct attest_reasons *reasons, const char *name,
                       const enum attest_code *codes, size_t count, const char *concern)
{
    for (size_t i = 0; i < reasons->count; i++) {
        for (size_t j = 0; j < count; j++) {
            if (reasons->codes[i] == codes[j]) {
                print_check("fail", name, attest_code_text(codes[j]));
                return;
            }
        }
    }
    print_check(concern[0] ? "warn" : "pass", name, concern);
}

static void print_policy_checks(const struct attest_claims *c, const struct attest_reasons *r)
{
#define RULE(name, concern, ...)                                                           \
    print_rule(r, name, (const enum attest_code[]){__VA_ARGS__},                           \
               sizeof((const enum attest_code[]){__VA_ARGS__}) / sizeof(enum attest_code), \
               concern)
    RULE("kind of enclave", "", ATTEST_POLICY_TEE);
    RULE("root", c->emulated ? "EMULATED: no hardware protects it" : "", ATTEST_POLICY_ROOT,
         ATTEST_POLICY_EMULATED);
    RULE("TCB status",
         c->tcb_status == ATTEST_TCB_UP_TO_DATE ? "" : attest_tcb_status_name(c->tcb_status),
         ATTEST_POLICY_TCB_STATUS, ATTEST_TCB_UNSUPPORTED, ATTEST_QE_ISVSVN_UNSUPPORTED);
    RULE("advisories", c->advisories.count ? "some apply" : "", ATTEST_POLICY_ADVISORY);
    RULE("age of the TCB", "", ATTEST_POLICY_TCB_DATE, ATTEST_POLICY_TCB_EVALUATION);
    RULE("debug", c->debug ? "the host can read and change this enclave" : "", ATTEST_POLICY_DEBUG);
    RULE("attributes",
         is_zero(c->td.mrservicetd, sizeof c->td.mrservicetd) ? "" : "a service TD is bound",
         ATTEST_POLICY_PROVISIONKEY, ATTEST_POLICY_EINITTOKENKEY, ATTEST_POLICY_ATTRIBUTES);
    RULE("identity", "", ATTEST_POLICY_IDENTITY, ATTEST_POLICY_ISVSVN);
    RULE("report data", "", ATTEST_POLICY_REPORTDATA);
#undef RULE
}

// -- verdicts -------------------------------------------------------------------------------------

static json_t *json_of_judgement(const struct quote_judgement *j)
{
    const struct attest_claims *c = &j->verdict->claims;
    bool genuine = j->verdict->code == ATTEST_OK;
    json_t *o = json_object(), *list = json_array(), *advisories = json_array();
    set_text(o, "verdict", !genuine ? "invalid" : j->reasons->count ? "refused" : "accepted");
    for (size_t i = 0; i < j->reasons->count; i++)
        json_array_append_new(list, json_string(attest_code_name(j->reasons->codes[i])));
    for (size_t i = 0; i < c->advisories.count; i++)
        json_array_append_new(advisories, json_string(c->advisories.ids[i]));
    json_object_set_new(o, "reasons", list);
    json_object_set_new(o, "advisory_ids", advisories);
    set_text(o, "policy", j->policy);
    json_object_set_new(o, "tee",
                        j->quote ? json_string(j->quote->tdx ? "TDX" : "SGX") : json_null());
    json_object_set_new(o, "tcb_status",
                        genuine ? json_string(attest_tcb_status_name(c->tcb_status)) : json_null());
    json_object_set_new(o, "debug", genuine ? json_boolean(c->debug) : json_null());
    json_object_set_new(o, "emulated", genuine ? json_boolean(c->emulated) : json_null());
    json_object_set_new(o, "claims", genuine ? json_of_claims(c) : json_null());
    return o;
}

void quote_print_judgement(const struct quote_judgement *j, bool json)
{
    const struct attest_claims *c = &j->verdict->claims;
    bool genuine = j->verdict->code == ATTEST_OK;
    if (json) {
        print_json(json_of_judgement(j));
        return;
    }
    printf("%s\n", !genuine ? "invalid: the quote proves nothing"
                   : j->reasons->count
                       ? "refused: the quote is genuine, the policy does not accept it"
                       : "accepted: the quote is genuine and the policy accepts it");
    for (size_t i = 0; i < j->reasons->count; i++)
        printf("refused: %s (%s)\n", attest_code_text(j->reasons->codes[i]),
               attest_code_name(j->reasons->codes[i]));
    printf("evidence\n");
    print_evidence_checks(j->verdict->code, j->quote && j->quote->tdx);
    if (!genuine)
        return;
    printf("policy %s\n", j->policy);
    print_policy_checks(c, j->reasons);
    printf("claims\n");
    if (c->emulated)
        printf("emulated: this enclave runs on no SGX hardware; NOTHING protects it\n");
    printf("  %-27s %s\n", "tcb_status", attest_tcb_status_name(c->tcb_status));
    for (size_t i = 0; i < c->advisories.count; i++)
        printf("  %-27s %s\n", i ? "" : "advisory_ids", c->advisories.ids[i]);
    json_t *claims = json_of_claims(c);
    print_lines(claims);
    json_decref(claims);
}

// -- quotes that nobody verified ------------------------------------------------------------------

// The hash of the key of the chain's last certificate; not verified.
static bool root_of(const struct attest_quote *quote, uint8_t ret[32])
{
    static const struct attest_chain_codes codes = {.format = ATTEST_PCK_CHAIN_FORMAT};
    struct attest_chain chain;
    if (quote->certdata_type != SGX_QUOTE_CERTDATA_PCK_CHAIN ||
        attest_chain_load(quote->certdata, ATTEST_CHAIN_MAX, &codes, &chain))
        return false;
    bool ok = is_ok(attest_cert_key_hash(&chain.certs[ATTEST_CHAIN_MAX - 1], ret));
    attest_chain_done(&chain);
    return ok;
}

static bool is_debug(const struct attest_quote *q)
{
    return (q->body.attributes.flags & SGX_FLAGS_DEBUG) ||
           (q->td.tdattributes & TDX_ATTRIBUTES_DEBUG);
}

static json_t *json_of_header(const struct sgx_quote_header *h)
{
    json_t *o = json_object();
    set_number(o, "version", h->version);
    set_number(o, "attestation_key_type", h->attestation_key_type);
    set_number(o, "tee_type", h->tee_type);
    set_number(o, "qe_svn", h->qe_svn);
    set_number(o, "pce_svn", h->pce_svn);
    set_hex(o, "qe_vendor", h->qe_vendor, sizeof h->qe_vendor);
    set_hex(o, "user_data", h->user_data, sizeof h->user_data);
    return o;
}

static json_t *json_of_quote(const struct attest_quote *q)
{
    json_t *o = json_object();
    uint8_t root[32];
    bool has_root = root_of(q, root);
    bool emulated = has_root && !ct_equal(root, attest_root_intel.key_hash, sizeof root);
    json_object_set_new(o, "header", json_of_header(&q->header));
    json_object_set_new(o, "body", q->tdx ? json_of_td(&q->td, q->td15) : json_of_body(&q->body));
    set_hex(o, "signature", q->sig.signature, sizeof q->sig.signature);
    set_hex(o, "attestation_key", q->sig.attestation_key, sizeof q->sig.attestation_key);
    json_object_set_new(o, "qe_report", json_of_body(&q->sig.qe_report));
    set_hex(o, "qe_report_signature", q->sig.qe_report_signature,
            sizeof q->sig.qe_report_signature);
    set_hex(o, "auth_data", q->auth_data.data, q->auth_data.size);
    set_number(o, "size", q->size);
    set_number(o, "certification_data_type", q->certdata_type);
    set_number(o, "certification_data_size", q->certdata.size);
    if (has_root)
        set_hex(o, "root_key_sha256", root, 32);
    json_object_set_new(o, "debug", json_boolean(is_debug(q)));
    json_object_set_new(o, "emulated", has_root ? json_boolean(emulated) : json_null());
    set_text(o, "tee", q->tdx ? "TDX" : "SGX");
    json_object_set_new(o, "verified", json_false());
    return o;
}

void quote_print(const struct attest_quote *quote, bool json)
{
    json_t *o = json_of_quote(quote);
    if (json) {
        print_json(o);
        return;
    }
    printf("%s quote, version %u, not verified\n", quote->tdx ? "TDX" : "SGX",
           quote->header.version);
    if (json_is_true(json_object_get(o, "emulated")))
        printf("emulated: this enclave runs on no SGX hardware; NOTHING protects it\n");
    if (is_debug(quote))
        printf("debug: the host can read and change this enclave\n");
    print_lines(o);
    const char *const parts[] = {"header", "body", "qe_report"};
    for (size_t i = 0; i < ARRAY_COUNT(parts); i++) {
        printf("%s\n", parts[i]);
        print_lines(json_object_get(o, parts[i]));
    }
    json_decref(o);
}
