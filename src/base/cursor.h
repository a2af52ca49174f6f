// SPDX-License-Identifier: Apache-2.0
// A reader and a writer that cannot run past their end; parsers do no pointer arithmetic of their own.
//
// - reader: take_… move forward or fail and stay; once a take fails, `failed` stays set, so that a
//   parser may take a whole record and check once with reader_done().
// - writer: put_… append to a caller's buffer; `failed` is set when it would not fit.
#ifndef BASE_CURSOR_H
#define BASE_CURSOR_H

#include "base/bytes.h"
#include "base/result.h"

struct reader {
    const uint8_t *data;
    size_t size;
    size_t at;
    bool failed;
};

static inline struct reader reader_on(struct span s)
{
    return (struct reader){s.data, s.size, 0, false};
}

static inline size_t reader_left(const struct reader *r)
{
    return r->failed ? 0 : r->size - r->at;
}

static inline struct span take_span(struct reader *r, size_t size)
{
    if (r->failed || size > r->size - r->at) {
        r->failed = true;
        return SPAN(NULL, 0);
    }
    struct span s = SPAN(r->data + r->at, size);
    r->at += size;
    return s;
}

static inline void take_bytes(struct reader *r, void *ret, size_t size)
{
    struct span s = take_span(r, size);
    if (s.data)
        __builtin_memcpy(ret, s.data, size);
    else
        __builtin_memset(ret, 0, size);
}

#define TAKE_NUMBER(name, type)                      \
    static inline type take_##name(struct reader *r) \
    {                                                \
        struct span s = take_span(r, sizeof(type));  \
        return s.data ? load_##name(s.data) : 0;     \
    }
TAKE_NUMBER(le16, uint16_t)
TAKE_NUMBER(le32, uint32_t)
TAKE_NUMBER(le64, uint64_t)
TAKE_NUMBER(be16, uint16_t)
TAKE_NUMBER(be32, uint32_t)
TAKE_NUMBER(be64, uint64_t)
#undef TAKE_NUMBER

static inline uint8_t take_u8(struct reader *r)
{
    struct span s = take_span(r, 1);
    return s.data ? s.data[0] : 0;
}

// All takes succeeded and nothing is left.
static inline bool reader_done(const struct reader *r)
{
    return !r->failed && r->at == r->size;
}

struct writer {
    uint8_t *data;
    size_t capacity;
    size_t size; // bytes written
    bool failed;
};

static inline struct writer writer_on(void *buffer, size_t capacity)
{
    return (struct writer){buffer, capacity, 0, false};
}

static inline void put_bytes(struct writer *w, const void *p, size_t size)
{
    if (w->failed || size > w->capacity - w->size) {
        w->failed = true;
        return;
    }
    if (size)
        __builtin_memcpy(w->data + w->size, p, size);
    w->size += size;
}

static inline void put_span(struct writer *w, struct span s)
{
    put_bytes(w, s.data, s.size);
}

static inline void put_u8(struct writer *w, uint8_t v)
{
    put_bytes(w, &v, 1);
}

#define PUT_NUMBER(name, type)                              \
    static inline void put_##name(struct writer *w, type v) \
    {                                                       \
        uint8_t b[sizeof(type)];                            \
        store_##name(b, v);                                 \
        put_bytes(w, b, sizeof b);                          \
    }
PUT_NUMBER(le16, uint16_t)
PUT_NUMBER(le32, uint32_t)
PUT_NUMBER(le64, uint64_t)
PUT_NUMBER(be32, uint32_t)
PUT_NUMBER(be64, uint64_t)
#undef PUT_NUMBER

static inline struct span writer_span(const struct writer *w)
{
    return SPAN(w->data, w->size);
}

#endif
