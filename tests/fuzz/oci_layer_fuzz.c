// SPDX-License-Identifier: Apache-2.0
// Reaches: oci_layer_apply_memory (oci/layer.c), tree_put, tree_link, tree_remove (image/tree.c). The first byte
// splits the input into two layers.
#include <stdlib.h>
#include <string.h>

#include "image/tool.h"
#include "oci/layer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char spool[] = "/tmp/oci-fuzz.XXXXXX";
    static uint64_t files;
    struct image_note note = {0};
    struct oci_unpack u = {.spool = spool, .note = &note, .unpacked_max = 1u << 20, .files = files};
    if (size == 0 || (strstr(spool, "XXXXXX") && !mkdtemp(spool)) || !is_ok(tree_new(&u.tree)))
        return 0;
    size_t first = (size - 1) * data[0] / 255;
    if (is_ok(oci_layer_apply_memory(&u, SPAN(data + 1, first))))
        (void)is_ok(oci_layer_apply_memory(&u, SPAN(data + 1 + first, size - 1 - first)));
    tree_free(u.tree);
    if (u.files != files && u.files % 64 == 0) {
        tool_remove_tree(spool);
        memcpy(strrchr(spool, '.'), ".XXXXXX", 7);
    }
    files = u.files;
    return 0;
}
