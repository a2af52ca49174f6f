// SPDX-License-Identifier: Apache-2.0
// The configuration of an OCI image (OCI Image Format Specification 1.0, config.md): what it says about the process
// goes into the manifest of the protected image, and the protected image gets a configuration of its own.
#ifndef OCI_CONFIG_H
#define OCI_CONFIG_H

#include <jansson.h>

#include "image/manifest.h"
#include "image/tree.h"
#include "oci/layout.h"

#define OCI_LABEL_FINGERPRINT "org.cloister.fingerprint"
#define OCI_IMAGE_PATH        "/.cloister/image"

// Linux on amd64, as many diff_ids as layers, and every member of the form that it must have.
struct result oci_config_check(const json_t *config, size_t layer_count, struct image_note *note);
// The digest of a layer's unpacked archive, of a checked configuration.
const char *oci_config_diff_id(const json_t *config, size_t layer);
// NULL: there is none.
const char *oci_config_label(const json_t *config, const char *name);

// The entry point is that of a protected image, not of an image on top of one.
bool oci_config_runs_image(const json_t *config);
// ENTRYPOINT and CMD, one space apart, with a launcher's path as its name; empty where there is neither. Words that
// hold spaces are ERR_UNSUPPORTED.
struct result oci_config_command(const json_t *config, char *ret, size_t capacity);

// ENTRYPOINT and CMD (the manifest's own entrypoint and arguments win), ENV (the manifest's variables win), WORKDIR,
// USER by the tree's /etc/passwd and /etc/group, VOLUME as ephemeral regions where the manifest has none.
struct result oci_config_to_manifest(const json_t *config, struct tree *t, struct image_note *note,
                                     struct manifest *m);

// A configuration for no source image: from the manifest.
json_t *oci_config_from_manifest(const struct manifest *m);

// The protected image's configuration in place of the source's: entry point, environment, label, and the diff_ids of
// the layers that were put on top. CMD stays where the manifest lets the host choose the arguments: as the manifest's.
struct result oci_config_protect(json_t *config, const char *fingerprint, const struct manifest *m,
                                 const char (*diff_ids)[OCI_DIGEST_SIZE], size_t count);

#endif
