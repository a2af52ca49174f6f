// SPDX-License-Identifier: Apache-2.0
// Reaches: regions_decode, regions_check, regions_find, regions_encode (shield/regions.c).
#include <stdlib.h>
#include <string.h>

#include "shield/regions.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t again[REGIONS_SIZE_MAX];
    struct regions r;
    if (!is_ok(regions_decode(SPAN(data, size), &r)))
        return 0;
    // What is taken has one encoding.
    struct writer w = writer_on(again, sizeof again);
    if (!is_ok(regions_encode(&r, &w)) || w.size != size || memcmp(again, data, size) != 0)
        abort();
    for (uint32_t i = 0; i < r.count; i++) {
        if (regions_find(&r, r.region[i].path) != &r.region[i])
            abort();
    }
    return 0;
}
