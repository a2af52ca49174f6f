// SPDX-License-Identifier: Apache-2.0
// OCI image layouts on disk (OCI Image Format Specification 1.0: image-layout, index, manifest), and Docker's
// schema 2 under the same names. Everything in a layout comes from anybody:
//
// - A blob is used only after its digest and its size were compared with what names it.
// - JSON is limited in size and depth; a key that stands twice is an error.
// - Only sha256 digests are taken: a digest becomes a file name.
#ifndef OCI_LAYOUT_H
#define OCI_LAYOUT_H

#include <jansson.h>

#include "base/bytes.h"
#include "image/note.h"

#define OCI_JSON_MAX        (4u << 20)
#define OCI_DEPTH_MAX       64u
#define OCI_LAYERS_MAX      512u
#define OCI_DIGEST_SIZE     (7 + 64 + 1) // sha256: and hex digits
#define OCI_TYPE_SIZE       96

#define OCI_TYPE_INDEX      "application/vnd.oci.image.index.v1+json"
#define OCI_TYPE_MANIFEST   "application/vnd.oci.image.manifest.v1+json"
#define OCI_TYPE_CONFIG     "application/vnd.oci.image.config.v1+json"
#define OCI_TYPE_LAYER_GZIP "application/vnd.oci.image.layer.v1.tar+gzip"

// A descriptor.
struct oci_blob {
    char digest[OCI_DIGEST_SIZE];
    char type[OCI_TYPE_SIZE];
    uint64_t size;
};

struct oci_manifest {
    struct oci_blob self, config;
    struct oci_blob *layers; // bottom first
    size_t layer_count;
};

// "sha256:" and 64 lower-case hex digits.
bool oci_digest_is_good(const char *digest);
void oci_digest_of(const uint8_t hash[32], char ret[OCI_DIGEST_SIZE]);

// JSON within the limits; *ret is ended by json_decref().
struct result oci_json_parse(struct span text, struct image_note *note, json_t **ret);
// The image's manifest in an index, for linux/amd64; `tag` NULL: the only one there is. An index within
// the index is an answer too: see oci_layout_find().
struct result oci_index_choose(const json_t *index, const char *tag, struct image_note *note,
                               struct oci_blob *ret);
// `ret` is ended by oci_manifest_done(); its `self` is left zero.
struct result oci_manifest_parse(const json_t *json, struct image_note *note,
                                 struct oci_manifest *ret);
void oci_manifest_done(struct oci_manifest *m);

// DIR/blobs/sha256/HEX.
struct result oci_blob_path(const char *directory, const char *digest, struct image_note *note,
                            char *ret, size_t capacity);
// The whole blob, verified; freed by the caller, with a NUL behind.
struct result oci_blob_read(const char *directory, const struct oci_blob *blob, size_t max,
                            struct image_note *note, uint8_t **ret, size_t *ret_size);
struct result oci_blob_json(const char *directory, const struct oci_blob *blob,
                            struct image_note *note, json_t **ret);
struct result oci_blob_verify(const char *directory, const struct oci_blob *blob,
                              struct image_note *note);

// The manifest of one image of the layout, its manifest and config verified (layers are when they are applied).
struct result oci_layout_find(const char *directory, const char *tag, struct image_note *note,
                              struct oci_manifest *ret);

// Makes the directory with an empty index, in which nothing is yet.
struct result oci_layout_create(const char *directory, struct image_note *note);
// Moves a finished file into the layout, or writes bytes: ret has its digest and size; its type is `type`.
struct result oci_blob_add_file(const char *directory, const char *path, const char *type,
                                struct image_note *note, struct oci_blob *ret);
struct result oci_blob_add(const char *directory, struct span content, const char *type,
                           struct image_note *note, struct oci_blob *ret);
// As canonical JSON (sorted keys).
struct result oci_blob_add_json(const char *directory, const json_t *json, const char *type,
                                struct image_note *note, struct oci_blob *ret);
// Copies (or links) a blob of another layout, verified.
struct result oci_blob_copy(const char *from, const char *to, const struct oci_blob *blob,
                            struct image_note *note);
// {mediaType, digest, size}; NULL: out of memory.
json_t *oci_blob_descriptor(const struct oci_blob *blob);
// Writes index.json with one manifest under the tag.
struct result oci_layout_finish(const char *directory, const struct oci_blob *manifest,
                                const char *tag, struct image_note *note);

#endif
