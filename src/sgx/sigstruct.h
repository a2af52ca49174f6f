// SPDX-License-Identifier: Apache-2.0
// SIGSTRUCT: the enclave's certificate, signed with RSA-3072, e = 3, PKCS #1 v1.5, SHA-256 (SDM volume 3D,
// "Enclave Signature Structure"). Hosted: OpenSSL.
//
// To sign: sgx_sigstruct_init(), fill the fields that describe the enclave, sgx_sigstruct_sign(). To sign
// elsewhere (an HSM): sgx_sigstruct_digest() gives what is to be signed, sgx_sigstruct_attach() takes the
// signature.
#ifndef SGX_SIGSTRUCT_H
#define SGX_SIGSTRUCT_H

#include "abi/sgx/arch.h"
#include "base/bytes.h"
#include "base/result.h"

// The fixed headers; everything else zero. `date` is BCD, 0xyyyymmdd.
void sgx_sigstruct_init(uint32_t date, struct sgx_sigstruct *ret);

// SHA-256 of the signed fields: bytes 0 to 127 and 900 to 1027.
void sgx_sigstruct_digest(const struct sgx_sigstruct *s, uint8_t ret[SGX_HASH_SIZE]);

// Sets MODULUS, EXPONENT, SIGNATURE, Q1 and Q2 with an unencrypted RSA-3072 private key in PEM.
struct result sgx_sigstruct_sign(struct sgx_sigstruct *s, struct span key_pem);

// The same from a finished signature; both numbers big-endian, as tools write them. The result is verified.
struct result sgx_sigstruct_attach(struct sgx_sigstruct *s, const uint8_t modulus[SGX_MODULUS_SIZE],
                                   const uint8_t signature[SGX_MODULUS_SIZE]);

// MODULUS, big-endian, of an RSA-3072 public key with exponent 3 in PEM (SubjectPublicKeyInfo).
struct result sgx_public_key_modulus(struct span key_pem, uint8_t ret[SGX_MODULUS_SIZE]);

// What EINIT demands of the structure alone: header and reserved fields ("SGX_INVALID_SIG_STRUCT"), then the
// signature by way of Q1 and Q2 ("SGX_INVALID_SIGNATURE").
struct result sgx_sigstruct_verify(const struct sgx_sigstruct *s);

// MRSIGNER: SHA-256 of MODULUS as stored.
void sgx_mrsigner(const struct sgx_sigstruct *s, uint8_t ret[SGX_HASH_SIZE]);

// A new signing key: RSA-3072 with e = 3 as unencrypted PKCS #8 PEM. The caller wipes and frees it.
struct result sgx_signing_key_generate(char **ret_pem, size_t *ret_size);

#endif
