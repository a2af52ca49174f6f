// SPDX-License-Identifier: Apache-2.0
// Registries, archives and Dockerfiles by the programs that exist for them (skopeo, buildah). What they bring is a
// layout that nobody trusts: layout.h checks it, and a digest that was asked for is compared here.
#ifndef OCI_REGISTRY_H
#define OCI_REGISTRY_H

#include "oci/layout.h"

#define OCI_TAG "latest" // in the layouts that we make

struct oci_tls {
    const char *cert_dir;   // NULL: the system's
    const char *tls_verify; // "true" or "false"; NULL: the program's own choice
};

// docker://HOST/NAME[:TAG][@DIGEST] or docker-archive:FILE into a new layout; relative files begin at `base`. With a
// digest the manifest (or the index that names it) has it, or the call fails.
struct result oci_fetch(const char *uri, const char *base, const struct oci_tls *tls,
                        const char *directory, struct image_note *note);
// The layout's image to docker://HOST/NAME[:TAG], its blobs and manifest unchanged.
struct result oci_push(const char *directory, const char *tag, const char *uri,
                       const struct oci_tls *tls, struct image_note *note);
// Runs a Dockerfile (in chroot isolation, with a storage of its own below `scratch`) into a new layout. Its context is
// the directory. Layers of base images keep their bytes.
struct result oci_build_dockerfile(const char *dockerfile, const char *context,
                                   const struct oci_tls *tls, const char *scratch,
                                   const char *directory, struct image_note *note);

// oci:DIR[:TAG]: the directory relative to `base`; *ret_tag points into `uri`, or is NULL.
struct result oci_uri_layout(const char *uri, const char *base, struct image_note *note, char *ret,
                             size_t capacity, const char **ret_tag);
// What follows '@'; NULL: none.
const char *oci_uri_digest(const char *uri);

#endif
