// SPDX-License-Identifier: Apache-2.0
#include "ratls/cbor.h"

enum { ONE_BYTE = 24, TWO_BYTES, FOUR_BYTES, EIGHT_BYTES }; // "additional information"

// RFC 8949, 3: three bits of type, five that hold the argument or tell its size. 28 to 30 are reserved, 31
// is an indefinite length. 4.2.1: the argument has its shortest form.
static uint64_t take_head(struct reader *r, enum cbor_major *ret_major)
{
    uint8_t first = take_u8(r), info = first & 31;
    uint64_t value = info, least = 0;
    *ret_major = (enum cbor_major)(first >> 5);
    if (info == ONE_BYTE) {
        value = take_u8(r);
        least =
            *ret_major == CBOR_SIMPLE ? 32 : ONE_BYTE; // 3.3: simple values below 32 have no byte
    } else if (info == TWO_BYTES) {
        value = take_be16(r);
        least = 1u << 8;
    } else if (info == FOUR_BYTES) {
        value = take_be32(r);
        least = 1u << 16;
    } else if (info == EIGHT_BYTES) {
        value = take_be64(r);
        least = 1ull << 32;
    } else if (info > EIGHT_BYTES) {
        r->failed = true;
    }
    if (value < least && (*ret_major != CBOR_SIMPLE || info == ONE_BYTE))
        r->failed = true;
    return value;
}

uint64_t cbor_take(struct reader *r, enum cbor_major major)
{
    enum cbor_major found;
    uint64_t value = take_head(r, &found);
    if (found != major)
        r->failed = true;
    return r->failed ? 0 : value;
}

struct span cbor_take_string(struct reader *r, enum cbor_major major)
{
    uint64_t size = cbor_take(r, major);
    return take_span(r, (size_t)size);
}

// Bounded by depth: each level is one call.
static void skip_at(struct reader *r, unsigned depth)
{
    enum cbor_major major;
    if (depth == CBOR_DEPTH_MAX) {
        r->failed = true;
        return;
    }
    uint64_t value = take_head(r, &major), inner = 0;
    if (r->failed)
        return;
    if (major == CBOR_BYTES || major == CBOR_TEXT) {
        (void)take_span(r, (size_t)value);
        return;
    }
    if (major == CBOR_TAG)
        inner = 1;
    else if (major == CBOR_ARRAY || major == CBOR_MAP)
        inner = value;
    if (inner > reader_left(r)) { // every item has a byte at least
        r->failed = true;
        return;
    }
    for (uint64_t i = 0; i < (major == CBOR_MAP ? 2 * inner : inner) && !r->failed; i++)
        skip_at(r, depth + 1);
}

void cbor_skip(struct reader *r)
{
    skip_at(r, 0);
}

void cbor_put(struct writer *w, enum cbor_major major, uint64_t value)
{
    uint8_t top = (uint8_t)(major << 5);
    if (value < ONE_BYTE) {
        put_u8(w, (uint8_t)(top | value));
    } else if (value <= UINT8_MAX) {
        put_u8(w, top | ONE_BYTE);
        put_u8(w, (uint8_t)value);
    } else if (value <= UINT16_MAX) {
        put_u8(w, top | TWO_BYTES);
        put_u8(w, (uint8_t)(value >> 8));
        put_u8(w, (uint8_t)value);
    } else if (value <= UINT32_MAX) {
        put_u8(w, top | FOUR_BYTES);
        put_be32(w, (uint32_t)value);
    } else {
        put_u8(w, top | EIGHT_BYTES);
        put_be64(w, value);
    }
}

void cbor_put_string(struct writer *w, enum cbor_major major, struct span content)
{
    cbor_put(w, major, content.size);
    put_span(w, content);
}
