// SPDX-License-Identifier: Apache-2.0
// Writes a layer: tar and gzip, the same bytes for the same tree (names sorted, times zero).
#ifndef OCI_LAYER_WRITE_H
#define OCI_LAYER_WRITE_H

#include "image/tree.h"
#include "oci/layout.h"

// All of the tree but what is in the root's directory `skip` (NULL: nothing is left out). `ret_diff_id` is the
// digest of the unpacked archive.
struct result oci_layer_write(const char *directory, const struct tree *t, const char *skip,
                              struct image_note *note, struct oci_blob *ret,
                              char ret_diff_id[OCI_DIGEST_SIZE]);

#endif
