// SPDX-License-Identifier: Apache-2.0
// From a file system, and what the enclave is to be, to a protected image (docs/formats/image.md): full or
// split, or a file system alone. Used by `cloister build`, by the OCI writer, by `cloister fspf`, and by the
// worker that makes a full image of a container's files.
#ifndef IMAGE_IMAGE_WRITE_H
#define IMAGE_IMAGE_WRITE_H

#include "image/image.h"
#include "image/tree.h"

struct image_input {
    // One of the two. A tree is complete, with /.cloister; its nodes get nid and block, and what must stand in
    // the image itself is marked `stored`. An opened image gives its file system, as it is: ERR_INTEGRITY when its
    // hash tree is of other files.
    struct tree *tree;
    const struct image *filesystem;
    // Empty kernel: a file system alone; then only the parameters' fspf_key counts, for the trailer.
    struct span kernel, init;
    // flags, fspf_key, heap and so on, as the caller decides. Filled in here: init_size and init_hash when there is
    // an init; fspf_tag, data_blocks and hash_offset (all three, and fspf_key, zero with PARAMS_TAG_PROVIDED).
    const struct enclave_params *params; // NULL, for a file system alone: fspf_key is zero
    uint16_t isvprodid, isvsvn;
    bool debug;
    const char *key; // the signer's RSA-3072 key; NULL: $CLOISTER_HOME/signer.pem
    // The split form: data of files that are not `stored` stays out.
    bool split;
};

struct image_output {
    char fingerprint[IMAGE_FINGERPRINT_SIZE]; // empty: a file system alone
    uint8_t fspf_tag[32];
    uint8_t mrenclave[32];                            // zero: a file system alone
    uint64_t data_blocks, stored_blocks, hash_offset; // stored_blocks as in the trailer
    uint64_t size;                                    // of the file that was written
};

// Writes `path` in one step: a temporary file beside it, renamed. ret may be NULL.
struct result image_write(const struct image_input *in, const char *path, struct image_note *note,
                          struct image_output *ret);

// A split image and the directory with its files, to a full image: the same bytes as if it had been built full. It
// is verified (verify_image) before it gets its name: ERR_INTEGRITY, with the file's path in the note.
struct result image_assemble(const char *split, const char *root, const char *output,
                             struct image_note *note);

// What stands in the image itself in the split form: what the builder makes, and what container engines mount over:
// /.cloister, /dev, /proc, /sys, /run, /etc/hosts, /etc/hostname, /etc/resolv.conf. image_write() calls it.
struct result image_mark_stored(struct tree *t);

#endif
