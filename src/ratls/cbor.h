// SPDX-License-Identifier: Apache-2.0
// CBOR (RFC 8949), as far as evidence uses it: definite lengths and shortest heads alone, so that one value
// has one form. A failed take sets the reader's `failed`, as in base/cursor.h.
#ifndef RATLS_CBOR_H
#define RATLS_CBOR_H

#include "base/cursor.h"

#define CBOR_DEPTH_MAX 4u

enum cbor_major {
    CBOR_UINT,
    CBOR_NEGATIVE,
    CBOR_BYTES,
    CBOR_TEXT,
    CBOR_ARRAY,
    CBOR_MAP,
    CBOR_TAG,
    CBOR_SIMPLE, // and floating point
};

// The argument of the next head, which must be of this type: a number, size, count or tag.
uint64_t cbor_take(struct reader *r, enum cbor_major major);

// The content of the next item, which must be of this type: CBOR_BYTES or CBOR_TEXT.
struct span cbor_take_string(struct reader *r, enum cbor_major major);

// Passes one item of any type, at most CBOR_DEPTH_MAX items deep.
void cbor_skip(struct reader *r);

void cbor_put(struct writer *w, enum cbor_major major, uint64_t value);
void cbor_put_string(struct writer *w, enum cbor_major major, struct span content);

#endif
