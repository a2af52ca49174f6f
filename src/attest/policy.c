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

struct result attest_policy_check(const struct attest_policy *policy,
                                  const struct attest_claims *claims, struct attest_reasons *ret)
{
    struct attest_reasons reasons = {.count = 0};
    const uint64_t flags = claims->body.attributes.flags;
    const uint64_t needed = SGX_FLAGS_INIT | SGX_FLAGS_MODE64BIT;
    enum attest_code identity = check_identity(policy, &claims->body);

    against(&reasons, !accepts_root(policy, claims->root), ATTEST_POLICY_ROOT);
    against(&reasons, claims->emulated && !policy->allow_emulated, ATTEST_POLICY_EMULATED);
    against(&reasons,
            claims->tcb_status > policy->tcb_status_worst ||
                claims->tcb_status >= ATTEST_TCB_REVOKED,
            ATTEST_POLICY_TCB_STATUS);
    against(&reasons, claims->tcb_evaluation < policy->tcb_evaluation_min,
            ATTEST_POLICY_TCB_EVALUATION);
    against(&reasons, (claims->debug || (flags & SGX_FLAGS_DEBUG)) && !policy->allow_debug,
            ATTEST_POLICY_DEBUG);
    against(&reasons, (flags & SGX_FLAGS_PROVISIONKEY) && !policy->allow_provisionkey,
            ATTEST_POLICY_PROVISIONKEY);
    against(&reasons, (flags & SGX_FLAGS_EINITTOKENKEY) && !policy->allow_einittokenkey,
            ATTEST_POLICY_EINITTOKENKEY);
    against(&reasons, (flags & ~FLAGS_KNOWN) || (flags & needed) != needed,
            ATTEST_POLICY_ATTRIBUTES);
    against(&reasons, identity != ATTEST_OK, identity);
    against(&reasons,
            policy->reportdata &&
                !ct_equal(policy->reportdata, claims->body.reportdata, SGX_REPORTDATA_SIZE),
            ATTEST_POLICY_REPORTDATA);
    *ret = reasons;
    return attest_code_result(reasons.count ? reasons.codes[0] : ATTEST_OK);
}
