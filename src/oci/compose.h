// SPDX-License-Identifier: Apache-2.0
// A container's image that SCONE's commands protected (docs/formats/fspf.md): its protection file, files,
// environment and Cloister's runtime layer, put together to the image that its launchers run.
#ifndef OCI_COMPOSE_H
#define OCI_COMPOSE_H

#include <jansson.h>

#include "image/note.h"
#include "image/tree.h"

// The protection file of the image: where CLOISTER_FSPF or SCONE_FSPF of its environment say, or /fspf.pb; NULL: none,
// or the entry point runs /.cloister/image.
const struct tree_node *oci_fspf(struct tree *t, const json_t *config);

// The command that belongs behind such an image's fingerprint: its own ENTRYPOINT and CMD. Empty where
// it has none, where CLOISTER_ENTRYPOINT put one into the protection file, and for other images.
struct result oci_fspf_command(const json_t *config, char *ret, size_t capacity);

// `root`: the tree's files on disk. Every file is verified against FSPF_TAG, and that, with FSPF_KEY and MRENCLAVE, is
// for the caller to compare. FSPF_KEY is zero in the result: who runs it knows the ledger's.
struct result oci_compose(struct tree *t, const json_t *config, const char *root,
                          const char *output, struct image_note *note);

#endif
