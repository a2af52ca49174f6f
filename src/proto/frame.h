// SPDX-License-Identifier: Apache-2.0
// Private to proto/: the parts that the binary messages share, over base/cursor.h. A failed take sets the
// reader's `failed`.
#ifndef PROTO_FRAME_H
#define PROTO_FRAME_H

#include "base/cursor.h"
#include "proto/trust.h"

#define FRAME_MAGIC_SIZE          8u
#define FRAME_COLLATERAL_SIZE_MAX PROTO_COLLATERAL_SIZE_MAX

// `magic`: a literal whose first 8 bytes count.
static inline void frame_take_magic(struct reader *r, const char *magic)
{
    struct span s = take_span(r, FRAME_MAGIC_SIZE);
    if (s.data && __builtin_memcmp(s.data, magic, FRAME_MAGIC_SIZE) != 0)
        r->failed = true;
}

static inline void frame_put_magic(struct writer *w, const char *magic)
{
    put_bytes(w, magic, FRAME_MAGIC_SIZE);
}

// u32 size and so many bytes.
static inline struct span frame_take_sized(struct reader *r, size_t size_max)
{
    uint32_t size = take_le32(r);
    if (size > size_max)
        r->failed = true;
    return take_span(r, size);
}

static inline void frame_put_sized(struct writer *w, struct span s)
{
    if (s.size > UINT32_MAX)
        w->failed = true;
    put_le32(w, (uint32_t)s.size);
    put_span(w, s);
}

// 0 or 1, nothing else.
static inline bool frame_take_bool(struct reader *r)
{
    uint8_t v = take_u8(r);
    if (v > 1)
        r->failed = true;
    return v == 1;
}

static inline struct result frame_end(const struct writer *w, size_t *ret_size)
{
    REQUIRE(!w->failed, ERR_RANGE, "the message does not fit its buffer");
    *ret_size = w->size;
    return RESULT_OK;
}

#endif
