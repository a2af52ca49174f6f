// SPDX-License-Identifier: Apache-2.0
// Applies the layers of an OCI image, bottom first, to a file tree in memory (OCI Image Format Specification
// 1.0, layer.md). No file of the host is ever named by a layer: contents go into numbered files of one private
// directory, and names into the tree, where links are resolved as in a chroot.
//
// - Taken: regular files, directories, symbolic and hard links with owner and mode (setuid too), whiteouts.
// - Left out and counted: devices, FIFOs, sockets; extended attributes and capabilities.
// - Refused: absolute names, ".." in names and in hard links, what is beyond the limits, what is cut short.
#ifndef OCI_LAYER_H
#define OCI_LAYER_H

#include "image/tree.h"
#include "oci/layout.h"

#define OCI_UNPACKED_MAX (64ull << 30)
#define OCI_ENTRIES_MAX  (4u << 20) // of all layers; the tree has a limit of its own
#define OCI_NAME_MAX     4095u
#define OCI_RATIO_MAX    200u // unpacked to packed, where more than OCI_RATIO_FREE is unpacked
#define OCI_RATIO_FREE   (256u << 20)

struct oci_unpack {
    struct tree *tree;
    const char *spool; // a directory that nobody else writes to; it lives as long as the tree
    struct image_note *note;
    uint64_t unpacked_max; // 0: OCI_UNPACKED_MAX
    // Results, and what goes on from layer to layer; zero at the beginning.
    uint64_t unpacked, entries, files;
    uint64_t skipped;    // devices, FIFOs, sockets
    uint64_t attributes; // files that had extended attributes or capabilities
    uint32_t layer;      // number of the layer, from 1, as in tree_inode.layer
};

// The layer's blob in the layout; its digest and size are checked, and `diff_id` (of the unpacked archive, NULL: not
// known). A failure leaves the tree half changed.
struct result oci_layer_apply(struct oci_unpack *u, const char *directory,
                              const struct oci_blob *blob, const char *diff_id);
// The same of an archive in memory, for tests.
struct result oci_layer_apply_memory(struct oci_unpack *u, struct span archive);

#endif
