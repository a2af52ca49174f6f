// Reaches: meta_decode, take_node, take_content, read_map, link_entries, check_reachable, super_decode.
// SPDX-License-Identifier: Apache-2.0
// Does any metadata stream, or any volume file, make the kernel leave its bounds, loop or leak? The
// first byte chooses: the
// stream as if it had been authenticated, or the whole file.
#include "kernel/fs/volume/private.h"
#include "kernel/vfs/vfs.h"
#include "shim.h"

static void whole_file(struct fs *fs, const uint8_t *data, size_t size)
{
    static const uint8_t key[32];
    uint64_t generation;
    shim_host_set(data, size);
    (void)volume_open(fs, key, 0, &generation);
}

static void stream(struct fs *fs, const uint8_t *data, size_t size)
{
    struct tmp_fs *t = fs->priv;
    struct volume *v = volume_of(t);
    struct node *old = fs->root;
    shim_host_set(data, size); // maps are read from here, and do not open
    list_remove(&tmp_node_of(old)->all);
    if (slots_init(v, size) == 0 && meta_decode(v, SPAN(data, size)) == 0) {
        node_unref(old);
        old = NULL;
    }
    if (old)
        fs->root = old;
    struct node *root = fs->root;
    fs->root = NULL;
    node_unref(root);
    slots_done(v);
    kfree(v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fs *fs;
    if (size < 1 || volume_mount("/v", "f", REGION_KEY_SMS, &fs) < 0)
        return 0;
    if (data[0] & 1) {
        whole_file(fs, data + 1, size - 1);
        volume_abandon(fs);
    } else {
        stream(fs, data + 1, size - 1);
    }
    if (shim_allocated)
        __builtin_trap();
    return 0;
}
