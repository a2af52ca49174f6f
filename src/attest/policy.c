// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "attest/attest.h"

#define FLAGS_KNOWN                                                                    \
    (SGX_FLAGS_INIT | SGX_FLAGS_DEBUG | SGX_FLAGS_MODE64BIT | SGX_FLAGS_PROVISIONKEY | \
     SGX_FLAGS_EINITTOKENKEY | SGX_FLAGS_CET | SGX_FLAGS_KSS | SGX_FLAGS_AEXNOTIFY)

static void against(struct attest_reasons *reasons, bool refused, enum attest_code code)
{
    if (refused && reasons->count < ATTEST_REASONS_MAX)
        reasons->codes[reasons->count++] = code;
}

static bool accepts_root(const struct attest_policy *policy, const char *root)
{
    for (size_t i = 0; i < policy->root_count; i++)
        if (strcmp(policy->roots[i], root) == 0)
            return true;
    return false;
}

// ATTEST_OK, or why none of the identities is this enclave's.
static enum attest_code check_identity(const struct attest_policy *policy,
                                       const struct sgx_report_body *body)
{
    enum attest_code code = ATTEST_POLICY_IDENTITY;
    if (policy->any_identity)
        return ATTEST_OK;
    for (size_t i = 0; i < policy->identity_count; i++) {
        const struct attest_identity *id = &policy->identities[i];
        switch (id->kind) {
        case ATTEST_IDENTITY_MRENCLAVE:
            if (ct_equal(id->hash, body->mrenclave, sizeof id->hash))
                return ATTEST_OK;
            break;
        case ATTEST_IDENTITY_MRSIGNER:
            if (!ct_equal(id->hash, body->mrsigner, sizeof id->hash) ||
                id->isvprodid != body->isvprodid)
                break;
            if (body->isvsvn >= id->isvsvn_min)
                return ATTEST_OK;
            code = ATTEST_POLICY_ISVSVN;
            break;
        }
    }
    return code;
}

static bool same_or_unnamed(bool named, const uint8_t *want, const uint8_t *have)
{
    return !named || ct_equal(want, have, TDX_HASH_SIZE);
}

static enum attest_code check_td_identity(const struct attest_policy *policy,
                                          const struct tdx_report_body *td)
{
    if (policy->any_identity)
        return ATTEST_OK;
    for (size_t i = 0; i < policy->td_identity_count; i++) {
        const struct attest_td_identity *id = &policy->td_identities[i];
        bool same = same_or_unnamed(id->has_mrtd, id->mrtd, td->mrtd) &&
                    same_or_unnamed(id->has_mrconfigid, id->mrconfigid, td->mrconfigid) &&
                    same_or_unnamed(id->has_mrowner, id->mrowner, td->mrowner) &&
                    same_or_unnamed(id->has_mrownerconfig, id->mrownerconfig, td->mrownerconfig);
        for (size_t r = 0; r < TDX_RTMR_COUNT; r++)
            same = same && same_or_unnamed(id->has_rtmr[r], id->rtmr[r], td->rtmr[r]);
        if (same)
            return ATTEST_OK;
    }
    return ATTEST_POLICY_IDENTITY;
}

static bool accepts_advisories(const struct attest_policy *policy,
                               const struct attest_claims *claims)
{
    const struct attest_advisories *advisories = &claims->advisories;
    if (!policy->check_advisories || claims->tcb_status == ATTEST_TCB_UP_TO_DATE)
        return true;
    for (size_t i = 0; i < advisories->count; i++) {
        size_t at = 0;
        while (at < policy->advisory_count &&
               strcmp(policy->advisories[at], advisories->ids[i]) != 0)
            at++;
        if (at == policy->advisory_count)
            return false;
    }
    return true;
}

static enum attest_code check_status(const struct attest_policy *policy,
                                     const struct attest_claims *claims)
{
    enum attest_tcb_status status = claims->tcb_status;
    if (status == ATTEST_TCB_NOT_SUPPORTED)
        return claims->qe_status == status ? ATTEST_QE_ISVSVN_UNSUPPORTED : ATTEST_TCB_UNSUPPORTED;
    if (status >= ATTEST_TCB_REVOKED)
        return ATTEST_POLICY_TCB_STATUS;
    bool accepted = status <= policy->tcb_status_worst || (policy->tcb_status_also & 1u << status);
    return accepted ? ATTEST_OK : ATTEST_POLICY_TCB_STATUS;
}

static void check_tcb(const struct attest_policy *policy, const struct attest_claims *claims,
                      struct attest_reasons *reasons)
{
    enum attest_code status = check_status(policy, claims);
    int64_t date = claims->tcb_date;
    if (claims->module_tcb_date)
        date = MIN(date, claims->module_tcb_date);
    against(reasons, status != ATTEST_OK, status);
    against(reasons, !accepts_advisories(policy, claims), ATTEST_POLICY_ADVISORY);
    against(reasons, date < policy->tcb_date_min, ATTEST_POLICY_TCB_DATE);
    against(reasons, claims->tcb_evaluation < policy->tcb_evaluation_min,
            ATTEST_POLICY_TCB_EVALUATION);
}

static void check_enclave(const struct attest_policy *policy, const struct attest_claims *claims,
                          struct attest_reasons *reasons)
{
    const uint64_t flags = claims->body.attributes.flags;
    const uint64_t needed = SGX_FLAGS_INIT | SGX_FLAGS_MODE64BIT;
    enum attest_code identity = check_identity(policy, &claims->body);
    against(reasons, (claims->debug || (flags & SGX_FLAGS_DEBUG)) && !policy->allow_debug,
            ATTEST_POLICY_DEBUG);
    against(reasons, (flags & SGX_FLAGS_PROVISIONKEY) && !policy->allow_provisionkey,
            ATTEST_POLICY_PROVISIONKEY);
    against(reasons, (flags & SGX_FLAGS_EINITTOKENKEY) && !policy->allow_einittokenkey,
            ATTEST_POLICY_EINITTOKENKEY);
    against(reasons, (flags & ~FLAGS_KNOWN) || (flags & needed) != needed,
            ATTEST_POLICY_ATTRIBUTES);
    against(reasons, identity != ATTEST_OK, identity);
}

static void check_td(const struct attest_policy *policy, const struct attest_claims *claims,
                     struct attest_reasons *reasons)
{
    const uint64_t attributes = claims->td.tdattributes;
    const uint64_t known = TDX_ATTRIBUTES_DEBUG | TDX_ATTRIBUTES_SEPT_VE_DISABLE |
                           TDX_ATTRIBUTES_PERFMON | policy->td_attributes_allow;
    enum attest_code identity = check_td_identity(policy, &claims->td);
    against(reasons, (claims->debug || (attributes & TDX_ATTRIBUTES_DEBUG)) && !policy->allow_debug,
            ATTEST_POLICY_DEBUG);
    against(reasons,
            (attributes & ~known) ||
                (!(attributes & TDX_ATTRIBUTES_SEPT_VE_DISABLE) && !policy->allow_sept_ve),
            ATTEST_POLICY_ATTRIBUTES);
    against(reasons, identity != ATTEST_OK, identity);
}

struct result attest_policy_check(const struct attest_policy *policy,
                                  const struct attest_claims *claims, struct attest_reasons *ret)
{
    struct attest_reasons reasons = {.count = 0};
    bool tdx = claims->tee == ATTEST_TEE_TDX;
    const uint8_t *reportdata = tdx ? claims->td.reportdata : claims->body.reportdata;

    against(&reasons, tdx ? !policy->allow_tdx : policy->refuse_sgx, ATTEST_POLICY_TEE);
    against(&reasons, !accepts_root(policy, claims->root), ATTEST_POLICY_ROOT);
    against(&reasons, claims->emulated && !policy->allow_emulated, ATTEST_POLICY_EMULATED);
    check_tcb(policy, claims, &reasons);
    (tdx ? check_td : check_enclave)(policy, claims, &reasons);
    against(&reasons,
            policy->reportdata && !ct_equal(policy->reportdata, reportdata, SGX_REPORTDATA_SIZE),
            ATTEST_POLICY_REPORTDATA);
    *ret = reasons;
    return attest_code_result(reasons.count ? reasons.codes[0] : ATTEST_OK);
}
