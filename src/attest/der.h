// SPDX-License-Identifier: Apache-2.0
// DER for the one structure that OpenSSL does not know, Intel's SGX extension (ITU-T X.690, strict:
// definite and minimal lengths). A failed take sets the reader's `failed`, as in base/cursor.h.
#ifndef ATTEST_DER_H
#define ATTEST_DER_H

#include "base/cursor.h"

enum der_tag {
    DER_BOOLEAN = 0x01,
    DER_INTEGER = 0x02,
    DER_OCTET_STRING = 0x04,
    DER_OID = 0x06,
    DER_ENUMERATED = 0x0a,
    DER_SEQUENCE = 0x30,
};

// The content of the next element, which must have this tag; lengths up to 65535.
struct span der_take(struct reader *r, enum der_tag tag);

// A non-negative INTEGER or ENUMERATED of at most `max`, minimally encoded.
uint32_t der_take_number(struct reader *r, enum der_tag tag, uint32_t max);

// One element with this content, up to 65535 bytes.
void der_put(struct writer *w, enum der_tag tag, struct span content);

// A number up to 65535 as INTEGER or ENUMERATED.
void der_put_number(struct writer *w, enum der_tag tag, uint16_t value);

#endif
