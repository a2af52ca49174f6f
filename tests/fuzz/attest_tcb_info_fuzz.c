// Reaches: attest_json_split, attest_json_parse, attest_tcb_info_parse, attest_decide.
// SPDX-License-Identifier: Apache-2.0
#include "attest/decide.h"
#include "attest/json.h"
#include "attest/tcb.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct attest_pck pck = {.components = {11, 11, 2, 2, 255, 1}, .pcesvn = 13};
    struct attest_signed_json doc = {.body = {data, size}}; // a bare body is tried too
    struct attest_tcb_info info;
    static struct attest_decision decision;
    (void)!is_ok(attest_json_split(SPAN(data, size), "tcbInfo", &doc));
    if (attest_tcb_info_parse(doc.body, &info))
        return 0;
    static const struct tdx_report_body td = {.tee_tcb_svn = {4, 1, 3}, .tee_tcb_svn2 = {7, 1, 3}};
    static const struct attest_qe_identity identity = {
        .levels = {{.status = ATTEST_TCB_UP_TO_DATE}}, .level_count = 1};
    const struct attest_measured measured = {&pck, 1, info.tdx ? &td : NULL, info.tdx};
    (void)attest_decide(&measured, &info, &identity, &decision);
    attest_tcb_info_done(&info);
    return 0;
}
