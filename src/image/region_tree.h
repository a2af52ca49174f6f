// SPDX-License-Identifier: Apache-2.0
// What the regions of a manifest mean for the file tree of an image (docs/formats/regions.md): what cannot be
// mounted is refused, and encrypted regions of the image are sealed.
#ifndef IMAGE_REGION_TREE_H
#define IMAGE_REGION_TREE_H

#include "image/manifest.h"
#include "image/note.h"
#include "image/tree.h"

// On the complete tree, before anything is described or scanned. The files of an encrypted region with a content key
// leave the tree and go, sealed, into /.cloister/encrypted/N (docs/formats/encrypted-region.md). A content key's file
// that is missing below `directory` is made.
struct result region_tree(const struct manifest *m, const char *directory, struct tree *t,
                          struct image_note *note);

#endif
