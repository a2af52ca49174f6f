// SPDX-License-Identifier: Apache-2.0
// HMAC-SHA256 (RFC 2104) and HKDF-SHA256 (RFC 5869). Freestanding.
#ifndef CRYPTO_HMAC_H
#define CRYPTO_HMAC_H

#include "crypto/sha256.h"

#define HKDF_OUTPUT_MAX (255u * SHA256_SIZE)

void hmac_sha256(struct span key, struct span message, uint8_t ret[SHA256_SIZE]);
// Extract and expand; `size` is at most HKDF_OUTPUT_MAX.
void hkdf_sha256(struct span secret, struct span salt, struct span info, uint8_t *ret, size_t size);

#endif
