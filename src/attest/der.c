// SPDX-License-Identifier: Apache-2.0
#include "attest/der.h"

#include "attest/time.h"

bool der_next_is(const struct reader *r, enum der_tag tag)
{
    return reader_left(r) > 0 && r->data[r->at] == tag;
}

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
    } else if (size == 0x83) {
        size = (size_t)take_u8(r) << 16;
        size |= take_be16(r);
        r->failed |= size < 0x10000;
    } else if (size >= 0x80) {
        r->failed = true;
    }
    return take_span(r, size);
}

struct span der_take_element(struct reader *r, enum der_tag tag)
{
    size_t start = r->at;
    (void)der_take(r, tag);
    return r->failed ? SPAN(NULL, 0) : SPAN(r->data + start, r->at - start);
}

bool der_take_bool(struct reader *r)
{
    struct span s = der_take(r, DER_BOOLEAN);
    // X.690 section 11.1: true is ff
    if (s.size != 1 || (s.data[0] != 0 && s.data[0] != 0xff))
        r->failed = true;
    return !r->failed && s.data[0];
}

struct span der_take_bits(struct reader *r)
{
    struct span s = der_take(r, DER_BIT_STRING);
    if (s.size < 1 || s.data[0] != 0) {
        r->failed = true;
        return SPAN(NULL, 0);
    }
    return SPAN(s.data + 1, s.size - 1);
}

void der_take_big(struct reader *r, uint8_t *ret, size_t size)
{
    struct span s = der_take(r, DER_INTEGER);
    bool padded = s.size > 1 && s.data[0] == 0;
    __builtin_memset(ret, 0, size);
    // X.690 section 8.3.2, and no negative number
    if (s.size == 0 || (s.data[0] & 0x80) || (padded && !(s.data[1] & 0x80)) ||
        s.size - padded > size) {
        r->failed = true;
        return;
    }
    __builtin_memcpy(ret + size - (s.size - padded), s.data + padded, s.size - padded);
}

int64_t der_take_time(struct reader *r)
{
    char digits[15] = "20";
    int64_t time = 0;
    bool utc = der_next_is(r, DER_UTC_TIME);
    struct span s = der_take(r, utc ? DER_UTC_TIME : DER_GENERALIZED_TIME);
    if (s.size != (utc ? 13 : 15) || s.data[s.size - 1] != 'Z') {
        r->failed = true;
        return 0;
    }
    __builtin_memcpy(digits + (utc ? 2 : 0), s.data, s.size - 1);
    if (utc &&
        s.data[0] >= '5') // RFC 5280 section 4.1.2.5.1: years from 50 are of the last century
        __builtin_memcpy(digits, "19", 2);
    if (!is_ok(attest_time_from_digits(digits, &time)))
        r->failed = true;
    return time;
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
