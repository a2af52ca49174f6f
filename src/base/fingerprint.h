// SPDX-License-Identifier: Apache-2.0
// The fingerprint that an app is deployed with: `FSPF_KEY|FSPF_TAG|MRENCLAVE`, each 64 lower-case
// hex digits. It is public, FSPF_KEY included.
#ifndef BASE_FINGERPRINT_H
#define BASE_FINGERPRINT_H

#include "base/bytes.h"
#include "base/result.h"

#define FINGERPRINT_TEXT_SIZE (3 * 64 + 2 + 1) // with the final NUL

struct fingerprint {
    uint8_t fspf_key[32];
    uint8_t fspf_tag[32];
    uint8_t mrenclave[32];
};

void fingerprint_format(const struct fingerprint *f, char ret[FINGERPRINT_TEXT_SIZE]);
// Strict: this form and no other, so that one fingerprint has one text. An all-zero tag or
// MRENCLAVE is refused.
struct result fingerprint_parse(struct span text, struct fingerprint *ret);

#endif
