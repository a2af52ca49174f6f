// Reaches: zip_read result_bundle_read result_bundle_done
// SPDX-License-Identifier: Apache-2.0
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "result/bundle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct zip_entry entries[16];
    struct result_bundle bundle;
    size_t count, again_size;
    if (is_ok(result_bundle_read(SPAN(data, size), &bundle)))
        result_bundle_done(&bundle);
    if (!is_ok(zip_read(SPAN(data, size), entries, ARRAY_COUNT(entries), &count)))
        return 0;
    // One archive, one form.
    uint8_t *again = malloc(size);
    if (again && (!is_ok(zip_write(entries, count, again, size, &again_size)) ||
                  again_size != size || memcmp(again, data, size) != 0))
        abort();
    free(again);
    return 0;
}
