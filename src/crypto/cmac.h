// SPDX-License-Identifier: Apache-2.0
// AES-128-CMAC (NIST SP 800-38B), the MAC of REPORT and of SGX's key derivation. Hosted: OpenSSL.
#ifndef CRYPTO_CMAC_H
#define CRYPTO_CMAC_H

#include "base/bytes.h"
#include "base/result.h"

#define CMAC_KEY_SIZE 16u
#define CMAC_SIZE     16u

struct result cmac(const uint8_t key[CMAC_KEY_SIZE], struct span message, uint8_t ret[CMAC_SIZE]);

#endif
