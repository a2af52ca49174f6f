// SPDX-License-Identifier: Apache-2.0
// Intel's decision how good a platform's TCB is, from documents whose signatures hold. Pure: no
// signature, no date, no policy.
#ifndef ATTEST_DECIDE_H
#define ATTEST_DECIDE_H

#include "attest/tcb.h"

struct attest_decision {
    enum attest_tcb_status status; // all parts together
    enum attest_tcb_status platform, qe, module;
    int64_t platform_date, qe_date, module_date; // 0: no level was reached, or no module is named
    struct attest_advisories advisories;
};

// What the evidence says; `td` is NULL for SGX.
struct attest_measured {
    const struct attest_pck *pck;
    uint16_t qe_isvsvn;
    const struct tdx_report_body *td;
    bool td15;
};

// ATTEST_OK, ATTEST_TDX_MODULE_MISMATCH, ATTEST_TCB_STATUS_UNKNOWN, or ATTEST_TCB_INFO_FORMAT when
// the advisories are too many.
__attribute__((warn_unused_result)) enum attest_code
attest_decide(const struct attest_measured *measured, const struct attest_tcb_info *info,
              const struct attest_qe_identity *identity, struct attest_decision *ret);

#endif
