// SPDX-License-Identifier: Apache-2.0
// From a file-system protection file, the container's files and the parameters of its environment to an image that
// `cloister run` runs: what a launcher does in the container, and a worker for an image that has no other.
#ifndef IMAGE_COMPOSE_H
#define IMAGE_COMPOSE_H

#include "abi/enclave.h"
#include "image/image.h"

struct compose_input {
    const char *fspf;   // the protection file, encrypted
    const char *root;   // directory with the container's files
    const char *output; // written in one step
    // Of runtime_params(): MRENCLAVE does not name the file system.
    const struct enclave_params *params;
    struct span kernel, init; // init: as given to runtime_params()
    const uint8_t *fspf_key;  // 32 bytes; NULL: what the protection file says, which may be nothing
    const uint8_t *expected_tag; // 32 bytes: FSPF_TAG that it must have; NULL: any
    const char *signer;          // RSA-3072 key; NULL: $CLOISTER_HOME/signer.pem
    bool split;  // leave the container's files out: the image runs with the same root alone
    bool verify; // read every file now; else what is wrong is refused when the program reads it
};

struct compose_report {
    char fingerprint[IMAGE_FINGERPRINT_SIZE];
};

struct result image_compose(const struct compose_input *in, struct image_note *note,
                            struct compose_report *ret);

// MRENCLAVE that image_compose() gives, which no file system changes.
struct result compose_measure(struct span kernel, const struct enclave_params *params,
                              uint8_t ret[SGX_HASH_SIZE]);

#endif
