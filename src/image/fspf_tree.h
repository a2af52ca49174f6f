// SPDX-License-Identifier: Apache-2.0
// The files of a draft (image/fspf_draft.h) into trees: what `fspf encrypt` protects. One tree for all that is
// authenticated, and one for each encrypted region, whose root is the region.
//
// - A file that lies in the container where the image has it is left there (split form); any other is `stored`.
// - Names of one file of the host become names of one file in the tree: /bin and /usr/bin are not there twice.
// - The program interpreter that an added program asks for is added where no protected region has it.
#ifndef IMAGE_FSPF_TREE_H
#define IMAGE_FSPF_TREE_H

#include <sys/stat.h>

#include "image/fspf_draft.h"
#include "image/tree.h"

#define FSPF_SKIP_MAX 4u

struct fspf_tree {
    struct draft *draft; // gets regions for interpreters
    const char *root;    // the container's root as seen from here: "" or a directory
    struct stat
        skip[FSPF_SKIP_MAX]; // files that are never added: the protection file itself, our output
    size_t skip_count;
    struct tree *outer;
    struct tree *inner
        [REGIONS_MAX]; // of encrypted regions, by their entry's number among the draft's regions
};

// `root`, `skip` and `draft` are set by the caller. Ended by fspf_tree_done(), also after a failure.
struct result fspf_tree_fill(struct fspf_tree *f, struct image_note *note);
void fspf_tree_done(struct fspf_tree *f);

#endif
