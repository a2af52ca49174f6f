// SPDX-License-Identifier: Apache-2.0
// `cloister build` from and into OCI images: image_build() with the files of a source image, and an OCI image around
// the protected one. Layers of the source stay byte for byte; on them come the runtime layer, the same for every image
// of one Cloister, and the protection layer with the split image.
#ifndef OCI_OCI_BUILD_H
#define OCI_OCI_BUILD_H

#include "image/build.h"
#include "oci/registry.h"

struct oci_build_options {
    const char *output; // the layout; NULL: DIR/NAME.oci for an image or a Dockerfile, else none
    struct oci_tls tls;
};

struct oci_build_report {
    struct build_report image;
    char output[4096];            // of the layout; empty: none
    char digest[OCI_DIGEST_SIZE]; // of its manifest
};

// `options->hooks` is not looked at.
struct result oci_build(const struct build_options *options, const struct oci_build_options *oci,
                        struct image_note *note, struct oci_build_report *ret);

#endif
