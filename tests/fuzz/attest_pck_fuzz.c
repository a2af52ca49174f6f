// Reaches: attest_pck_parse, attest_pck_write.
// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "attest/pck.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// What is accepted can be written, and reads as the same.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct attest_pck pck, again;
    uint8_t buffer[ATTEST_PCK_EXTENSION_SIZE_MAX];
    if (attest_pck_parse(SPAN(data, size), &pck))
        return 0;
    if (!is_ok(attest_pck_write(&pck, buffer, &size)) ||
        attest_pck_parse(SPAN(buffer, size), &again) || memcmp(&pck, &again, sizeof pck) != 0)
        abort();
    return 0;
}
