// Reaches: quoting_aesm_parse
// SPDX-License-Identifier: Apache-2.0
#include "quoting/aesm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// The first byte chooses the request; the rest is the response.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum quoting_aesm_kind kinds[] = {
        QUOTING_AESM_INIT_QUOTE_EX, QUOTING_AESM_GET_QUOTE_SIZE_EX, QUOTING_AESM_GET_QUOTE_EX,
        QUOTING_AESM_KEY_ID_NUM, QUOTING_AESM_KEY_IDS};
    struct quoting_aesm_response got;
    if (size == 0)
        return 0;
    struct result r =
        quoting_aesm_parse(SPAN(data + 1, size - 1), kinds[data[0] % ARRAY_COUNT(kinds)], &got);
    if (!is_ok(r) || !got.has_bytes)
        return 0;
    if (got.bytes.size > size ||
        (got.bytes.size &&
         (got.bytes.data <= data || got.bytes.data + got.bytes.size > data + size)))
        __builtin_trap();
    return 0;
}
