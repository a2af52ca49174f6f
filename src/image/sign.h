// SPDX-License-Identifier: Apache-2.0
// SIGSTRUCT of an image (docs/formats/image.md): what is signed follows from the image; the key is
// the signer's.
#ifndef IMAGE_SIGN_H
#define IMAGE_SIGN_H

#include "abi/sgx/arch.h"
#include "image/note.h"

struct sign_input {
    uint8_t mrenclave[SGX_HASH_SIZE];
    uint8_t kernel_hash[32];
    uint16_t isvprodid, isvsvn;
    bool debug;
};

// BCD yyyymmdd from SOURCE_DATE_EPOCH, or the constant 2026-01-01.
uint32_t sign_date(void);

// `key_path` NULL: $CLOISTER_HOME/signer.pem, made when missing.
struct result sign_image(const struct sign_input *input, const char *key_path,
                         struct image_note *note, struct sgx_sigstruct *ret);

// Every field that the format fixes, and the RSA signature.
struct result sign_check(const struct sgx_sigstruct *s, const uint8_t mrenclave[SGX_HASH_SIZE],
                         const uint8_t kernel_hash[32]);

#endif
