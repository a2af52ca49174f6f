// SPDX-License-Identifier: Apache-2.0
// The first half of a build: the file tree, filled and complete with `/.cloister`, and what else the
// manifest says about the enclave.
#ifndef IMAGE_ASSEMBLE_H
#define IMAGE_ASSEMBLE_H

#include "image/manifest.h"
#include "image/note.h"
#include "image/staging.h"
#include "image/tree.h"

// Packages (with the lock file beside the manifest), root, files and bytecode, by way of the staging where
// programs run over them. The tree's files stay in the staging and in the user's directories.
struct result assemble_files(const struct manifest *m, const char *directory, bool update_lock,
                             struct staging *s, struct tree *t, struct image_note *note);

// Adds to the files of the application what is missing: mount points, /etc basics. Checks the entrypoint.
struct result assemble_tree(const struct manifest *m, struct tree *t, struct image_note *note);

// /.cloister/process, regions and sites; FSPF_KEY as given or derived.
struct result assemble_description(const struct manifest *m, struct tree *t,
                                   struct image_note *note, uint8_t ret_fspf_key[32]);

#endif
