// SPDX-License-Identifier: Apache-2.0
// AES-256-GCM (NIST SP 800-38D) with 96-bit nonces. Freestanding; no allocation.
//
// - gcm_select() once, at the start, before any key is made: which instructions the CPU has. Without it, or
//   with GCM_PORTABLE, the portable code runs: constant time, slow.
// - The vector code uses the CPU's vector registers: in the kernel the caller saves the program's first.
// - gcm_open() writes nothing that is not authentic: on failure `ret` is zero.
#ifndef CRYPTO_GCM_H
#define CRYPTO_GCM_H

#include "base/bytes.h"

#define GCM_KEY_SIZE   32u
#define GCM_NONCE_SIZE 12u
#define GCM_TAG_SIZE   16u

enum gcm_code {
    GCM_PORTABLE,
    GCM_AESNI, // AES-NI, PCLMULQDQ, SSE4.1
};
void gcm_select(enum gcm_code code);

struct gcm_key {
    uint8_t round[15][16];
    uint8_t power[8][16]; // H, H^2 … in the code's own form
};

void gcm_key_init(struct gcm_key *k, const uint8_t key[GCM_KEY_SIZE]);
// `ret` holds text.size bytes and may be the text itself.
void gcm_seal(const struct gcm_key *k, const uint8_t nonce[GCM_NONCE_SIZE], struct span aad,
              struct span text, uint8_t *ret, uint8_t ret_tag[GCM_TAG_SIZE]);
bool gcm_open(const struct gcm_key *k, const uint8_t nonce[GCM_NONCE_SIZE], struct span aad,
              struct span sealed, const uint8_t tag[GCM_TAG_SIZE], uint8_t *ret);

#endif
