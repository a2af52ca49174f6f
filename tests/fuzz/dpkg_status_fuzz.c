// SPDX-License-Identifier: Apache-2.0
// Reaches: dpkg_status_next (image/dpkg_status.c).
#include <stdlib.h>

#include "image/dpkg_status.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span rest = SPAN(data, size);
    struct dpkg_package p;
    for (size_t before = size; dpkg_status_next(&rest, &p); before = rest.size) {
        if (rest.size >= before || p.name.size == 0 || p.version.size == 0 ||
            p.architecture.size == 0)
            abort();
    }
    if (rest.size)
        abort();
    return 0;
}
