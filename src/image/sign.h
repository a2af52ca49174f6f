// SPDX-License-Identifier: Apache-2.0
// SIGSTRUCT of an image (docs/formats/image.md): what is signed follows from the image; the key is
// the signer's.
#ifndef IMAGE_SIGN_H
#define IMAGE_SIGN_H

#include "abi/sgx/arch.h"
#include "image/image.h"
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

#define SIGN_BYTES_SIZE 256u
// The bytes that the signature is over; RSASSA-PKCS1-v1_5 with SHA-256.
void sign_bytes(const struct sgx_sigstruct *s, uint8_t ret[SIGN_BYTES_SIZE]);

// Nobody is to sign what is not the image: measures it and checks its SIGSTRUCT, signature included.
struct result sign_check_image(const struct image *i);

// To sign a finished image anew: what the image's SIGSTRUCT says is kept, but for key and signature.
// sign_check_image() is done first.
struct result sign_again(const struct image *i, const char *key_path, struct image_note *note,
                         struct sgx_sigstruct *ret);
// The same with a signature made elsewhere: 384 bytes as RSA tools write them, or their base64.
struct result sign_attach(const struct image *i, struct span public_key_pem, struct span signature,
                          struct sgx_sigstruct *ret);
// Puts the SIGSTRUCT into the file, full or split form, all or nothing: a copy takes the file's place.
struct result sign_replace(const char *path, const struct sgx_sigstruct *s,
                           struct image_note *note);

#endif
