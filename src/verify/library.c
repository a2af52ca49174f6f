// SPDX-License-Identifier: Apache-2.0
// libcloister-verify: the public face of src/attest.
#include <cloister/verify.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attest/attest.h"
#include "attest/cache.h"
#include "attest/policy_file.h"

#define EXPORT __attribute__((visibility("default")))

struct cloister_policy {
    struct attest_policy_file file;
};

struct cloister_verdict {
    struct attest_verdict verdict;
    struct attest_reasons reasons;
    cloister_outcome outcome;
};

EXPORT cloister_policy *cloister_policy_load(const char *yaml, size_t size, char *why,
                                             size_t why_size)
{
    struct attest_policy_place place = {0};
    cloister_policy *policy = malloc(sizeof *policy);
    struct result r = policy ? attest_policy_load(SPAN(yaml, size), &place, &policy->file)
                             : fail(ERR_MEMORY, "out of memory");
    if (is_ok(r))
        return policy;
    if (why && why_size)
        snprintf(why, why_size, "line %zu: %s%s%s", place.line, place.key, place.key[0] ? ": " : "",
                 r.why);
    free(policy);
    return NULL;
}

EXPORT cloister_policy *cloister_policy_named(const char *name)
{
    struct span text = attest_policy_named(name);
    return text.data ? cloister_policy_load((const char *)text.data, text.size, NULL, 0) : NULL;
}

EXPORT void cloister_policy_free(cloister_policy *policy)
{
    free(policy);
}

// A cache is one of src/attest; the public type is never complete.
static struct attest_cache *inner(cloister_cache *cache)
{
    return (struct attest_cache *)cache;
}

EXPORT cloister_cache *cloister_cache_new(size_t entries)
{
    struct attest_cache *cache;
    return is_ok(attest_cache_new(entries, &cache)) ? (cloister_cache *)cache : NULL;
}

EXPORT void cloister_cache_free(cloister_cache *cache)
{
    attest_cache_free(inner(cache));
}

static struct span span_of(cloister_bytes b)
{
    return SPAN(b.data, b.data ? b.size : 0);
}

EXPORT cloister_outcome cloister_verify(const cloister_evidence *evidence,
                                        const cloister_policy *policy, cloister_cache *cache,
                                        cloister_verdict **ret)
{
    const struct attest_evidence e = {
        .quote = span_of(evidence->quote),
        .collateral = {{
            [ATTEST_PART_PCK_CHAIN] = span_of(evidence->pck_chain),
            [ATTEST_PART_PCK_CRL] = span_of(evidence->pck_crl),
            [ATTEST_PART_ROOT_CA_CRL] = span_of(evidence->root_ca_crl),
            [ATTEST_PART_TCB_INFO] = span_of(evidence->tcb_info),
            [ATTEST_PART_TCB_CHAIN] = span_of(evidence->tcb_chain),
            [ATTEST_PART_QE_IDENTITY] = span_of(evidence->qe_identity),
            [ATTEST_PART_QE_CHAIN] = span_of(evidence->qe_chain),
        }},
        .now = evidence->now,
        .roots = policy->file.roots,
    };
    cloister_verdict *v = malloc(sizeof *v);
    if (ret)
        *ret = NULL;
    if (!v)
        return CLOISTER_INVALID;
    v->reasons = (struct attest_reasons){.count = 0};
    v->outcome = CLOISTER_ACCEPTED;
    if (!is_ok(attest_verify_cached(&e, inner(cache), &v->verdict))) {
        v->outcome = CLOISTER_INVALID;
        v->reasons = (struct attest_reasons){.codes = {v->verdict.code}, .count = 1};
    } else if (!is_ok(attest_policy_check(&policy->file.policy, &v->verdict.claims, &v->reasons))) {
        v->outcome = CLOISTER_REFUSED;
    }
    cloister_outcome outcome = v->outcome;
    if (ret)
        *ret = v;
    else
        free(v);
    return outcome;
}

EXPORT void cloister_verdict_free(cloister_verdict *v)
{
    free(v);
}

EXPORT cloister_outcome cloister_verdict_outcome(const cloister_verdict *v)
{
    return v->outcome;
}

EXPORT const char *cloister_verdict_reason(const cloister_verdict *v, size_t i)
{
    return i < v->reasons.count ? attest_code_name(v->reasons.codes[i]) : NULL;
}

EXPORT const char *cloister_verdict_reason_text(const cloister_verdict *v, size_t i)
{
    return i < v->reasons.count ? attest_code_text(v->reasons.codes[i]) : NULL;
}

static const struct attest_claims *claims_of(const cloister_verdict *v)
{
    return v->outcome == CLOISTER_INVALID ? NULL : &v->verdict.claims;
}

EXPORT const char *cloister_verdict_tee(const cloister_verdict *v)
{
    const struct attest_claims *c = claims_of(v);
    return !c ? NULL : c->tee == ATTEST_TEE_TDX ? "TDX" : "SGX";
}

EXPORT const char *cloister_verdict_tcb_status(const cloister_verdict *v)
{
    const struct attest_claims *c = claims_of(v);
    return c ? attest_tcb_status_name(c->tcb_status) : NULL;
}

EXPORT const char *cloister_verdict_advisory(const cloister_verdict *v, size_t i)
{
    const struct attest_claims *c = claims_of(v);
    return c && i < c->advisories.count ? c->advisories.ids[i] : NULL;
}

EXPORT const char *cloister_verdict_root(const cloister_verdict *v)
{
    const struct attest_claims *c = claims_of(v);
    return c ? c->root : NULL;
}

EXPORT int cloister_verdict_is_debug(const cloister_verdict *v)
{
    const struct attest_claims *c = claims_of(v);
    return c && c->debug;
}

EXPORT int cloister_verdict_is_emulated(const cloister_verdict *v)
{
    const struct attest_claims *c = claims_of(v);
    return c && c->emulated;
}

EXPORT int64_t cloister_verdict_tcb_date(const cloister_verdict *v)
{
    const struct attest_claims *c = claims_of(v);
    return c ? c->tcb_date : 0;
}

EXPORT int64_t cloister_verdict_valid_until(const cloister_verdict *v)
{
    const struct attest_claims *c = claims_of(v);
    return c ? c->valid_until : 0;
}

enum of_tee {
    OF_BOTH,
    OF_SGX,
    OF_TDX,
    OF_TD15,
};

EXPORT cloister_bytes cloister_verdict_claim(const cloister_verdict *v, const char *name)
{
#define CLAIM(name, tee, field)                           \
    {                                                     \
        name, tee, offsetof(struct attest_claims, field), \
            sizeof(((struct attest_claims *)0)->field)    \
    }
    static const struct {
        const char *name;
        enum of_tee tee;
        size_t offset, size;
    } table[] = {
        CLAIM("mrenclave", OF_SGX, body.mrenclave),
        CLAIM("mrsigner", OF_SGX, body.mrsigner),
        CLAIM("attributes", OF_SGX, body.attributes),
        CLAIM("configid", OF_SGX, body.configid),
        CLAIM("cpusvn", OF_SGX, body.cpusvn),
        CLAIM("report_data", OF_SGX, body.reportdata),
        CLAIM("mrtd", OF_TDX, td.mrtd),
        CLAIM("rtmr0", OF_TDX, td.rtmr[0]),
        CLAIM("rtmr1", OF_TDX, td.rtmr[1]),
        CLAIM("rtmr2", OF_TDX, td.rtmr[2]),
        CLAIM("rtmr3", OF_TDX, td.rtmr[3]),
        CLAIM("mrconfigid", OF_TDX, td.mrconfigid),
        CLAIM("mrowner", OF_TDX, td.mrowner),
        CLAIM("mrownerconfig", OF_TDX, td.mrownerconfig),
        CLAIM("mrservicetd", OF_TD15, td.mrservicetd),
        CLAIM("mrseam", OF_TDX, td.mrseam),
        CLAIM("mrsignerseam", OF_TDX, td.mrsignerseam),
        CLAIM("td_attributes", OF_TDX, td.tdattributes),
        CLAIM("xfam", OF_TDX, td.xfam),
        CLAIM("tee_tcb_svn", OF_TDX, td.tee_tcb_svn),
        CLAIM("tee_tcb_svn2", OF_TD15, td.tee_tcb_svn2),
        CLAIM("report_data", OF_TDX, td.reportdata),
        CLAIM("fmspc", OF_BOTH, pck.fmspc),
    };
#undef CLAIM
    const struct attest_claims *c = claims_of(v);
    for (size_t i = 0; c && i < ARRAY_COUNT(table); i++) {
        bool tdx = c->tee == ATTEST_TEE_TDX;
        bool has = table[i].tee == OF_BOTH || (table[i].tee == OF_SGX && !tdx) ||
                   (table[i].tee == OF_TDX && tdx) || (table[i].tee == OF_TD15 && tdx && c->td15);
        if (has && strcmp(table[i].name, name) == 0)
            return (cloister_bytes){(const char *)c + table[i].offset, table[i].size};
    }
    return (cloister_bytes){NULL, 0};
}

EXPORT int64_t cloister_verdict_number(const cloister_verdict *v, const char *name)
{
    const struct attest_claims *c = claims_of(v);
    if (!c)
        return -1;
    const bool sgx = c->tee == ATTEST_TEE_SGX;
    const struct {
        const char *name;
        int64_t value;
    } table[] = {
        {"isvprodid", sgx ? c->body.isvprodid : -1},
        {"isvsvn", sgx ? c->body.isvsvn : -1},
        {"configsvn", sgx ? c->body.configsvn : -1},
        {"qe_isvsvn", c->qe_isvsvn},
        {"pcesvn", c->pck.pcesvn},
        {"quote_version", c->quote_version},
        {"tcb_evaluation_data_number", c->tcb_evaluation},
    };
    for (size_t i = 0; i < ARRAY_COUNT(table); i++)
        if (strcmp(table[i].name, name) == 0)
            return table[i].value;
    return -1;
}
