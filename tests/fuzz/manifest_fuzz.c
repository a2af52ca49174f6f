// SPDX-License-Identifier: Apache-2.0
// Reaches: manifest_parse (image/manifest.c), lock_parse (image/packages.c).
#include <stdlib.h>

#include "image/manifest.h"
#include "image/packages.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct image_note note = {0};
    struct manifest m;
    struct lock l;
    if (is_ok(manifest_parse(SPAN(data, size), &note, &m)))
        manifest_done(&m);
    if (is_ok(lock_parse(SPAN(data, size), &note, &l)))
        lock_done(&l);
    return 0;
}
