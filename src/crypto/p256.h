// SPDX-License-Identifier: Apache-2.0
// ECDSA on NIST P-256 with SHA-256 (FIPS 186-5), over OpenSSL; for programs, never for the kernel.
//
// - Keys and signatures are the raw big-endian integers that SGX uses: private 32 bytes, public
// x|y,
//   signature r|s. SHA-256 is done by the caller.
// - A signature has a twin (r, n-s): never key a cache or a replay list by its bytes.
// - p256_evp_… give OpenSSL's object for X.509 code; the caller ends it with EVP_PKEY_free().
#ifndef CRYPTO_P256_H
#define CRYPTO_P256_H

#include <stdint.h>

#include "base/bytes.h"
#include "base/result.h"

#define P256_PRIVATE_SIZE   32u
#define P256_PUBLIC_SIZE    64u
#define P256_SIGNATURE_SIZE 64u
#define P256_DIGEST_SIZE    32u

struct evp_pkey_st;

// The private key is seed mod (n-1) + 1, so every seed gives a key and the same seed the same key.
struct result p256_key_from_seed(const uint8_t seed[32], uint8_t ret_private[P256_PRIVATE_SIZE],
                                 uint8_t ret_public[P256_PUBLIC_SIZE]);

struct result p256_sign(const uint8_t private_key[P256_PRIVATE_SIZE],
                        const uint8_t digest[P256_DIGEST_SIZE],
                        uint8_t ret_signature[P256_SIGNATURE_SIZE]);

// ERR_INTEGRITY when the signature is not by this key or an integer is out of range, ERR_INVALID
// when the public key is not a point of the curve.
struct result p256_verify(const uint8_t public_key[P256_PUBLIC_SIZE],
                          const uint8_t digest[P256_DIGEST_SIZE],
                          const uint8_t signature[P256_SIGNATURE_SIZE]);

struct result p256_evp_private(const uint8_t private_key[P256_PRIVATE_SIZE],
                               struct evp_pkey_st **ret);
struct result p256_evp_public(const uint8_t public_key[P256_PUBLIC_SIZE], struct evp_pkey_st **ret);

#endif
