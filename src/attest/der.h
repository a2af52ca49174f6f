// SPDX-License-Identifier: Apache-2.0
// DER (ITU-T X.690, strict: definite and minimal lengths), as far as Intel's certificates, revocation
// lists and SGX extension use it. A failed take sets the reader's `failed`, as in base/cursor.h.
#ifndef ATTEST_DER_H
#define ATTEST_DER_H

#include "base/cursor.h"

enum der_tag {
    DER_BOOLEAN = 0x01,
    DER_INTEGER = 0x02,
    DER_BIT_STRING = 0x03,
    DER_OCTET_STRING = 0x04,
    DER_OID = 0x06,
    DER_ENUMERATED = 0x0a,
    DER_UTF8_STRING = 0x0c,
    DER_PRINTABLE_STRING = 0x13,
    DER_UTC_TIME = 0x17,
    DER_GENERALIZED_TIME = 0x18,
    DER_SEQUENCE = 0x30,
    DER_SET = 0x31,
    DER_IMPLICIT_0 = 0x80, // [0], primitive
    DER_EXPLICIT_0 = 0xa0, // [0], constructed
    DER_EXPLICIT_3 = 0xa3,
};

// The next element has this tag.
bool der_next_is(const struct reader *r, enum der_tag tag);

// The content of the next element, which must have this tag; lengths up to 2^24 - 1.
struct span der_take(struct reader *r, enum der_tag tag);

// The next element as it stands, with its tag and length.
struct span der_take_element(struct reader *r, enum der_tag tag);

// A non-negative INTEGER or ENUMERATED of at most `max`, minimally encoded.
uint32_t der_take_number(struct reader *r, enum der_tag tag, uint32_t max);

// BOOLEAN, 00 or ff.
bool der_take_bool(struct reader *r);

// A BIT STRING of whole bytes.
struct span der_take_bits(struct reader *r);

// A positive INTEGER of at most `size` bytes, big-endian, padded with zeros in front.
void der_take_big(struct reader *r, uint8_t *ret, size_t size);

// UTCTime or GeneralizedTime in the forms of RFC 5280 section 4.1.2.5, as seconds since 1970.
int64_t der_take_time(struct reader *r);

// One element with this content, up to 65535 bytes.
void der_put(struct writer *w, enum der_tag tag, struct span content);

// A number up to 65535 as INTEGER or ENUMERATED.
void der_put_number(struct writer *w, enum der_tag tag, uint16_t value);

#endif
