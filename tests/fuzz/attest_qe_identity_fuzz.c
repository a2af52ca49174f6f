// Reaches: attest_json_split, attest_qe_identity_parse, attest_qe_identity_level.
// SPDX-License-Identifier: Apache-2.0
#include "attest/json.h"
#include "attest/tcb.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct attest_signed_json doc = {.body = {data, size}}; // a bare body is tried too
    struct attest_qe_identity identity;
    (void)!is_ok(attest_json_split(SPAN(data, size), "enclaveIdentity", &doc));
    if (attest_qe_identity_parse(doc.body, &identity))
        return 0;
    (void)attest_qe_identity_level(&identity, 8);
    attest_qe_identity_done(&identity);
    return 0;
}
