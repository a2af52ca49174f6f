// SPDX-License-Identifier: Apache-2.0
// An image of a layout with its layers applied: the tree, and the files that hold the tree's content.
#ifndef OCI_SOURCE_H
#define OCI_SOURCE_H

#include <limits.h>

#include "oci/layer.h"

struct oci_source {
    char layout[PATH_MAX];
    struct oci_manifest manifest;
    json_t *config; // checked
};

// Makes $TMPDIR/cloister-oci.XXXXXX, removed with tool_remove_tree() after the tree was freed.
struct result oci_scratch(struct image_note *note, char ret[PATH_MAX]);

// Manifest and configuration, verified; oci_source_done() ends it.
struct result oci_source_open(const char *layout, const char *tag, struct image_note *note,
                              struct oci_source *ret);
void oci_source_done(struct oci_source *s);

// All layers, verified; contents go below `scratch`.
struct result oci_source_apply(const struct oci_source *s, const char *scratch, struct tree *t,
                               struct image_note *note);

#endif
