// SPDX-License-Identifier: Apache-2.0
// The rules are those of Intel's "Get TCB Info" page (PCS API, version 4: how to determine the
// status of an SGX and of a TDX TCB level) and of its quote verification library.
#include "attest/decide.h"

#include <string.h>

// ATTEST_TCB_NOT_SUPPORTED without a level. Adds the level's advisories.
static bool note(const struct attest_tcb_level *level, struct attest_advisories *advisories,
                 enum attest_tcb_status *ret_status, int64_t *ret_date)
{
    *ret_status = level ? level->status : ATTEST_TCB_NOT_SUPPORTED;
    *ret_date = level ? level->date : 0;
    return !level || attest_advisories_add(advisories, level);
}

static bool needs_configuration(enum attest_tcb_status status)
{
    return status == ATTEST_TCB_CONFIGURATION_NEEDED ||
           status == ATTEST_TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED ||
           status == ATTEST_TCB_OUT_OF_DATE_CONFIGURATION_NEEDED;
}

// Was everything brought up to date after this TD's launch, so that a new launch would cure it?
// Only the TDX module may be at fault. `sgx` is the status of the platform without its TDX parts.
static enum attest_code check_relaunch(const struct attest_measured *m,
                                       const struct attest_tcb_info *info,
                                       enum attest_tcb_status sgx, struct attest_decision *d)
{
    const uint8_t *now = m->td->tee_tcb_svn2;
    const struct attest_tcb_level *newest = &info->levels[0];
    if (d->qe != ATTEST_TCB_UP_TO_DATE || sgx > ATTEST_TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED ||
        d->module != ATTEST_TCB_OUT_OF_DATE ||
        (d->status != ATTEST_TCB_OUT_OF_DATE &&
         d->status != ATTEST_TCB_OUT_OF_DATE_CONFIGURATION_NEEDED))
        return ATTEST_OK;
    const struct attest_tdx_module *module = attest_tcb_info_module(info, now[1]);
    if (!module)
        return ATTEST_TDX_MODULE_MISMATCH;
    uint16_t module_svn = now[1] ? module->levels[0].svn : newest->tdx_components[0];
    if (now[0] >= module_svn && now[2] >= newest->tdx_components[2])
        d->status = needs_configuration(sgx) || needs_configuration(d->status)
                        ? ATTEST_TCB_TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED
                        : ATTEST_TCB_TD_RELAUNCH_ADVISED;
    return ATTEST_OK;
}

static enum attest_code decide_tdx(const struct attest_measured *m,
                                   const struct attest_tcb_info *info, struct attest_decision *d)
{
    const uint8_t *svn = m->td->tee_tcb_svn;
    const struct attest_tcb_level *sgx = attest_tcb_info_level(info, m->pck);
    const struct attest_tdx_module *module = attest_tcb_info_module(info, svn[1]);
    if (!module)
        return ATTEST_TDX_MODULE_MISMATCH;
    d->module = ATTEST_TCB_UP_TO_DATE; // version 0 is judged by the platform's components
    if (svn[1] && !note(attest_svn_level(module->levels, module->level_count, svn[0]),
                        &d->advisories, &d->module, &d->module_date))
        return ATTEST_TCB_INFO_FORMAT;
    if (!note(attest_tcb_info_level_tdx(info, m->pck, svn), &d->advisories, &d->platform,
              &d->platform_date))
        return ATTEST_TCB_INFO_FORMAT;
    if (d->platform == ATTEST_TCB_NOT_SUPPORTED) {
        d->status = ATTEST_TCB_NOT_SUPPORTED;
        return ATTEST_OK;
    }
    d->status = attest_tcb_converge(d->platform, d->module);
    return m->td15 ? check_relaunch(m, info, sgx->status, d)
                   : ATTEST_OK; // what reaches both has sgx
}

enum attest_code attest_decide(const struct attest_measured *measured,
                               const struct attest_tcb_info *info,
                               const struct attest_qe_identity *identity,
                               struct attest_decision *ret)
{
    enum attest_code code = ATTEST_OK;
    memset(ret, 0, sizeof *ret);
    if (!note(attest_qe_identity_level(identity, measured->qe_isvsvn), &ret->advisories, &ret->qe,
              &ret->qe_date))
        return ATTEST_TCB_INFO_FORMAT;
    if (measured->td) {
        code = decide_tdx(measured, info, ret);
    } else {
        if (!note(attest_tcb_info_level(info, measured->pck), &ret->advisories, &ret->platform,
                  &ret->platform_date))
            code = ATTEST_TCB_INFO_FORMAT;
        ret->status = ret->platform;
    }
    if (code)
        return code;
    // a revoked TD stays so, whatever its quoting enclave; all else converges
    if (!(measured->td && ret->status == ATTEST_TCB_REVOKED && ret->qe == ATTEST_TCB_NOT_SUPPORTED))
        ret->status = attest_tcb_converge(ret->status, ret->qe);
    return ret->status == ATTEST_TCB_STATUS_UNKNOWN_TEXT ? ATTEST_TCB_STATUS_UNKNOWN : ATTEST_OK;
}
