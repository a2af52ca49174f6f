// SPDX-License-Identifier: Apache-2.0
// Hex and base64 text. Decoders are strict: exact length, no white space; base64 needs its padding.
#ifndef BASE_HEX_H
#define BASE_HEX_H

#include "base/bytes.h"
#include "base/result.h"

#define HEX_SIZE(bytes)    (2 * (bytes) + 1)             // with the final NUL
#define BASE64_SIZE(bytes) ((((bytes) + 2) / 3) * 4 + 1) // with the final NUL

// Lower-case hex, NUL-terminated; `ret` holds HEX_SIZE(size) characters.
void hex_encode(const void *p, size_t size, char *ret);

// Decodes exactly 2*size hex digits; an optional "0x" in front is taken. Either case.
struct result hex_decode(struct span text, void *ret, size_t size);

// Standard alphabet with padding, NUL-terminated; `ret` holds BASE64_SIZE(size) characters.
void base64_encode(const void *p, size_t size, char *ret);

// Decodes the whole text; `ret` has room for `capacity` bytes. Non-canonical trailing bits are refused.
struct result base64_decode(struct span text, void *ret, size_t capacity, size_t *ret_size);

#endif
