// Reaches: attest_collateral_read, attest_collateral_write.
// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "attest/collateral.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// What is accepted is the one form of its parts.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct attest_collateral collateral;
    size_t written = 0;
    if (!is_ok(attest_collateral_read(SPAN(data, size), &collateral)))
        return 0;
    uint8_t *copy = malloc(size);
    if (!copy || !is_ok(attest_collateral_write(&collateral, copy, size, &written)) ||
        written != size || memcmp(copy, data, size) != 0)
        abort();
    free(copy);
    return 0;
}
