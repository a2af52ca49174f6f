// SPDX-License-Identifier: Apache-2.0
// The protected image (docs/formats/image.md): opening, and the places of its parts. image_parse()
// checks the geometry alone, so that every span is inside the file; whether the bytes are right
// says verify.h, and in the end the enclave.
#ifndef IMAGE_IMAGE_H
#define IMAGE_IMAGE_H

#include "abi/enclave.h"
#include "abi/sgx/arch.h"
#include "base/bytes.h"
#include "base/fingerprint.h"
#include "base/result.h"
#include "image/note.h"
#include "shield/verity.h"

#define IMAGE_BLOCK_SIZE      4096u
#define IMAGE_MAGIC           "CLOISTER"
#define IMAGE_VERSION         1u
#define IMAGE_TRAILER_SIZE    4096u
#define IMAGE_TRAILER_KEY     128u
#define IMAGE_KERNEL_SIZE_MAX (16u << 20)
#define IMAGE_INIT_SIZE_MAX   (64u << 20)

#define IMAGE_DIRECTORY       "/.cloister"
#define IMAGE_PROCESS         IMAGE_DIRECTORY "/process"
#define IMAGE_REGIONS         IMAGE_DIRECTORY "/regions"
#define IMAGE_SITES           IMAGE_DIRECTORY "/sites"

// The trailer's fields.
struct image_trailer {
    uint64_t data_blocks;
    uint64_t tree_blocks;
    uint64_t kernel_size;
    uint64_t init_size;
    uint8_t kernel_hash[32];
    uint64_t stored_blocks; // of a split image: those that the file holds; 0: all
    uint8_t
        fspf_key[32]; // zero, or FSPF_KEY where the parameters do not say it; at IMAGE_TRAILER_KEY
};

// Where the parts begin in the full form, in bytes, and its size.
struct image_layout {
    struct verity_geometry geometry;
    uint64_t hash_offset; // the verity superblock
    uint64_t tree, kernel, init, params, sigstruct, trailer, size;
    uint64_t file_size; // of the file itself: less than size in the split form
};

struct image {
    int fd;           // -1: not of image_open()
    struct span file; // the full form, but for stored_blocks in the trailer of a split image
    struct image_trailer trailer;
    struct image_layout layout;
    struct span filesystem, tree;
    struct span kernel, init;            // without their padding; init may be empty
    const struct enclave_params *params; // these two: NULL in a file system alone
    const struct sgx_sigstruct *sigstruct;
};

struct result image_layout(const struct image_trailer *t, struct image_layout *ret);
struct result image_trailer_parse(struct span block, struct image_trailer *ret);
void image_trailer_write(const struct image_trailer *t, uint8_t ret[IMAGE_TRAILER_SIZE]);

// Of a full image, with an enclave or without. `file` must be aligned to 8 bytes and outlive `ret`.
struct result image_parse(struct span file, struct image *ret);
// Maps the file, privately and read-only; a full image with an enclave.
struct result image_open(const char *path, struct image_note *note, struct image *ret);
// Opens every form. The data that a split image leaves out comes from the files below `root`, by the paths they have
// in the image, as in a chroot. What is missing there, or has another size, reads as zeros (and so does all of it
// when root is NULL), which neither the enclave nor verify_image() takes for the file. Nothing is verified.
struct result image_open_split(const char *path, const char *root, struct image_note *note,
                               struct image *ret);
// For who looks at the enclave: a file system alone is refused, and so is a split image when root is NULL.
struct result image_open_root(const char *path, const char *root, struct image_note *note,
                              struct image *ret);
void image_close(struct image *i);

// FSPF_KEY and FSPF_TAG; MRENCLAVE is left alone. Where the parameters do not say them, the trailer and the
// tree do, and nobody vouches.
void image_fspf(const struct image *i, struct fingerprint *ret);

#define IMAGE_FINGERPRINT_SIZE (3 * 64 + 2 + 1)
// FSPF_KEY|FSPF_TAG|MRENCLAVE, in lower-case hex; measures the enclave.
struct result image_fingerprint(const struct image *i, char ret[IMAGE_FINGERPRINT_SIZE]);

#endif
