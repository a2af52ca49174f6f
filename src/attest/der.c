// SPDX-License-Identifier: Apache-2.0
#include "attest/der.h"

struct span der_take(struct reader *r, enum der_tag tag)
{
    if (take_u8(r) != tag)
        r->failed = true;
    size_t size = take_u8(r);
    // X.690 section 10.1: the shortest form of the length
    if (size == 0x81) {
        size = take_u8(r);
        r->failed |= size < 0x80;
    } else if (size == 0x82) {
        size = take_be16(r);
        r->failed |= size < 0x100;
    } else if (size >= 0x80) {
        r->failed = true;
    }
    return take_span(r, size);
}

uint32_t der_take_number(struct reader *r, enum der_tag tag, uint32_t max)
{
    struct span s = der_take(r, tag);
    uint32_t value = 0;
    // X.690 section 8.3.2: no superfluous leading zero; a set top bit means negative
    if (s.size == 0 || s.size > 4 || (s.data[0] & 0x80) ||
        (s.size > 1 && s.data[0] == 0 && !(s.data[1] & 0x80)))
        r->failed = true;
    for (size_t i = 0; !r->failed && i < s.size; i++)
        value = value << 8 | s.data[i];
    if (value > max)
        r->failed = true;
    return r->failed ? 0 : value;
}

void der_put(struct writer *w, enum der_tag tag, struct span content)
{
    put_u8(w, (uint8_t)tag);
    if (content.size > UINT16_MAX) {
        w->failed = true;
    } else if (content.size > UINT8_MAX) {
        put_u8(w, 0x82);
        put_u8(w, (uint8_t)(content.size >> 8));
    } else if (content.size > 0x7f) {
        put_u8(w, 0x81);
    }
    put_u8(w, (uint8_t)content.size);
    put_span(w, content);
}

void der_put_number(struct writer *w, enum der_tag tag, uint16_t value)
{
    const uint8_t bytes[3] = {0, (uint8_t)(value >> 8), (uint8_t)value};
    size_t from = value > 0x7fff ? 0 : value > 0x7f ? 1 : 2; // a leading zero keeps it positive
    der_put(w, tag, SPAN(bytes + from, sizeof bytes - from));
}
