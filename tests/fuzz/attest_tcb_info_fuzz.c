// Reaches: attest_json_split, attest_json_parse, attest_tcb_info_parse, attest_tcb_info_level.
// SPDX-License-Identifier: Apache-2.0
#include "attest/json.h"
#include "attest/tcb.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct attest_pck pck = {.components = {11, 11, 2, 2, 255, 1}, .pcesvn = 13};
    struct attest_signed_json doc = {.body = {data, size}}; // a bare body is tried too
    struct attest_tcb_info info;
    struct attest_advisories advisories = {.count = 0};
    (void)!is_ok(attest_json_split(SPAN(data, size), "tcbInfo", &doc));
    if (attest_tcb_info_parse(doc.body, &info))
        return 0;
    const struct attest_tcb_level *level = attest_tcb_info_level(&info, &pck);
    if (level)
        (void)!attest_advisories_add(&advisories, level);
    attest_tcb_info_done(&info);
    return 0;
}
