// SPDX-License-Identifier: Apache-2.0
// RSA key wrapping for iExec results: RSAES-PKCS1-v1_5 (RFC 8017, 7.2) under the beneficiary's key.
//
// - Public keys are SPKI PEM ("BEGIN PUBLIC KEY"), private keys PKCS#8 or PKCS#1 PEM; 2048 … 8192 bits.
// - rsa_unwrap is for off-line use by the key's owner: version 1.5 padding must not be an oracle.
#ifndef CRYPTO_RSA_WRAP_H
#define CRYPTO_RSA_WRAP_H

#include "base/bytes.h"
#include "base/result.h"

#define RSA_WRAP_SIZE_MAX 1024 // 8192 bits
#define RSA_PEM_SIZE_MAX  8192

struct result rsa_wrap(struct span public_pem, struct span secret, uint8_t ret[RSA_WRAP_SIZE_MAX],
                       size_t *ret_size);
// `ret` has room for `capacity` bytes; the secret must have exactly that size.
struct result rsa_unwrap(struct span private_pem, struct span wrapped, uint8_t *ret,
                         size_t capacity);
// NUL-terminated PEM texts, each in RSA_PEM_SIZE_MAX bytes. Wipe the private one after use.
struct result rsa_generate(unsigned bits, char ret_private_pem[RSA_PEM_SIZE_MAX],
                           char ret_public_pem[RSA_PEM_SIZE_MAX]);
// ERR_INVALID unless the text is an RSA public key that rsa_wrap accepts.
struct result rsa_public_key_check(struct span public_pem);

#endif
