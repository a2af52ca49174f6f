// SPDX-License-Identifier: Apache-2.0
// From a registry or a layout to a protected image in one file, as the worker and `cloister pull` need it. Nothing
// that comes is trusted: digests are compared, layers are applied to a tree, and the image is verified as a whole.
#ifndef OCI_PULL_H
#define OCI_PULL_H

#include "base/fingerprint.h"
#include "image/image.h"
#include "oci/registry.h"

struct oci_pull_options {
    const char *uri;    // docker://…[@DIGEST] or oci:DIR[:TAG][@DIGEST]
    const char *digest; // that the manifest must have; NULL: the URI's, or any
    const char *base;   // where relative paths begin; NULL: here
    struct oci_tls tls;
    const char *output; // the image's file
    bool command;       // oci_look() says the command too
};

struct oci_pull_report {
    char digest[OCI_DIGEST_SIZE];
    char fingerprint[IMAGE_FINGERPRINT_SIZE];
    char command[FINGERPRINT_ENTRYPOINT_MAX +
                 1]; // of a container that SCONE's commands protected, or empty
};

struct result oci_pull(const struct oci_pull_options *o, struct image_note *note,
                       struct oci_pull_report *ret);

// Digest and fingerprint label of an image without its layers; the fingerprint is empty when it has no label, or one
// that it inherited from a protected image below it.
// `options->output` is not looked at.
struct result oci_look(const struct oci_pull_options *o, struct image_note *note,
                       struct oci_pull_report *ret);

#endif
