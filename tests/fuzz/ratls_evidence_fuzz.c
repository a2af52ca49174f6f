// Reaches: ratls_evidence_read, ratls_tagged_read, cbor_take, cbor_take_string, cbor_skip.
// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "ratls/evidence.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void within(struct span part, struct span whole)
{
    if (part.size && (part.data < whole.data || part.size > whole.size ||
                      part.data + part.size > whole.data + whole.size))
        abort();
}

// A certificate, or (anything but a SEQUENCE) the content of the tagged form's extension, for the key "key".
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ratls_evidence e = {0};
    struct span input = SPAN(data, size);
    bool certificate = size && data[0] == 0x30;
    if (!is_ok(certificate ? ratls_evidence_read(input, &e)
                           : ratls_tagged_read(input, SPAN_STR("key"), &e)))
        return 0;
    within(e.quote, input);
    within(e.nonce, input);
    within(e.spki, input);
    uint8_t *longer = malloc(size + 1); // no evidence goes on behind its end
    if (!longer)
        return 0;
    memcpy(longer, data, size);
    longer[size] = 0;
    input = SPAN(longer, size + 1);
    if (is_ok(certificate ? ratls_evidence_read(input, &e)
                          : ratls_tagged_read(input, SPAN_STR("key"), &e)))
        abort();
    free(longer);
    return 0;
}
