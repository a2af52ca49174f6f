// SPDX-License-Identifier: Apache-2.0
// Reaches: listing_read, listing_content, listing_json (image/listing.c), image_diff (image/diff.c).
#include <stdlib.h>
#include <string.h>

#include "image/diff.h"
#include "image/listing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// Two halves: two file systems without an enclave.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t tree[IMAGE_BLOCK_SIZE] = {0};
    size_t half = size / 2 & ~(size_t)7;
    const struct image a = {.filesystem = SPAN(data, half), .tree = SPAN_OF(tree)};
    const struct image b = {.filesystem = SPAN(data + half, size - half), .tree = SPAN_OF(tree)};
    struct listing l;
    json_t *j;
    bool same;
    if (is_ok(listing_read(&a, &l))) {
        for (size_t i = 0; i < l.count; i++) {
            if (i && strcmp(l.entry[i - 1].path, l.entry[i].path) > 0)
                abort();
            if (is_ok(listing_json(&l, &l.entry[i], &j)))
                json_decref(j);
        }
        listing_done(&l);
    }
    if (is_ok(image_diff(&a, &b, &j, &same)))
        json_decref(j);
    return 0;
}
