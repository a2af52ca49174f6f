// SPDX-License-Identifier: Apache-2.0
// Reaches: sites_check, sites_next, sites_find, site_at (shield/sites.c).
#include <stdlib.h>

#include "shield/sites.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span table = SPAN(data, size);
    if (!is_ok(sites_check(table)))
        return 0;
    uint32_t count = 0;
    struct reader r = sites_first(table);
    for (struct site_file f, found; sites_next(&r, &f); count++) {
        uint64_t free_from = 0;
        for (uint32_t i = 0; i < f.count; i++) {
            struct site s = site_at(&f, i);
            if (s.offset < free_from || s.instruction + SITE_INSTRUCTION_SIZE > s.window_size)
                abort();
            free_from = s.offset + s.window_size;
        }
        if (!sites_find(table, f.path, &found) || found.count != f.count)
            abort();
    }
    if (count != sites_file_count(table))
        abort();
    return 0;
}
