// SPDX-License-Identifier: Apache-2.0
// Reaches: oci_json_parse, oci_index_choose, oci_manifest_parse (oci/layout.c), oci_config_check,
// oci_config_to_manifest, oci_config_protect (oci/config.c).
#include "oci/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_config(json_t *json, size_t layers)
{
    static const char diff_ids[1][OCI_DIGEST_SIZE] = {"sha256:"};
    struct image_note note = {0};
    struct manifest m = {.heap = 0};
    struct tree *t;
    if (!is_ok(oci_config_check(json, layers, &note)) || !is_ok(tree_new(&t)))
        return;
    (void)is_ok(tree_write(t, "/etc/passwd", SPAN_STR("root:x:0:0:\nweb:x:33:44:\n"), 0644));
    (void)is_ok(tree_write(t, "/bin/sh", SPAN_STR("x"), 0755));
    (void)is_ok(oci_config_to_manifest(json, t, &note, &m));
    (void)is_ok(oci_config_protect(json, "fingerprint", &m, diff_ids, 1));
    manifest_done(&m);
    tree_free(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct image_note note = {0};
    struct oci_blob blob;
    struct oci_manifest manifest;
    json_t *json;
    if (!is_ok(oci_json_parse(SPAN(data, size), &note, &json)))
        return 0;
    (void)is_ok(oci_index_choose(json, NULL, &note, &blob));
    (void)is_ok(oci_index_choose(json, "latest", &note, &blob));
    if (is_ok(oci_manifest_parse(json, &note, &manifest)))
        oci_manifest_done(&manifest);
    const json_t *ids = json_object_get(json_object_get(json, "rootfs"), "diff_ids");
    read_config(json, json_array_size(ids));
    json_decref(json);
    return 0;
}
