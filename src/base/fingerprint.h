// SPDX-License-Identifier: Apache-2.0
// The fingerprint that an app is deployed with: `FSPF_KEY|FSPF_TAG|MRENCLAVE`, each 64 lower-case
// hex digits, or with `|ENTRYPOINT` behind: the command, words joined by single spaces. It is public,
// FSPF_KEY included.
#ifndef BASE_FINGERPRINT_H
#define BASE_FINGERPRINT_H

#include "base/bytes.h"
#include "base/result.h"

#define FINGERPRINT_TEXT_SIZE      (3 * 64 + 2 + 1) // of the first three, with the final NUL
#define FINGERPRINT_ENTRYPOINT_MAX 512u
#define FINGERPRINT_WORDS_MAX      64u

struct fingerprint {
    uint8_t fspf_key[32];
    uint8_t fspf_tag[32];
    uint8_t mrenclave[32];
    struct span entrypoint; // into the text that was parsed; empty: none
};

// The first three fields.
void fingerprint_format(const struct fingerprint *f, char ret[FINGERPRINT_TEXT_SIZE]);
// Strict: this form and no other, so that one fingerprint has one text. An all-zero tag or
// MRENCLAVE is refused. An entrypoint is printable ASCII without '|'.
struct result fingerprint_parse(struct span text, struct fingerprint *ret);
// The next word of an entrypoint; size 0: no more.
struct span fingerprint_next_word(struct span *entrypoint);

#endif
