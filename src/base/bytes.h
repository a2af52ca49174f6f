// SPDX-License-Identifier: Apache-2.0
// Bytes: spans, little- and big-endian loads and stores, wiping, constant-time comparison, checked
// arithmetic. Freestanding; no allocation; no state.
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)      ((a) < (b) ? (a) : (b))
#define MAX(a, b)      ((a) > (b) ? (a) : (b))

// A view of bytes that somebody else owns.
struct span {
    const uint8_t *data;
    size_t size;
};

#define SPAN(ptr, n)      ((struct span){(const uint8_t *)(ptr), (n)})
#define SPAN_OF(object)   SPAN(&(object), sizeof(object))
#define SPAN_STR(literal) SPAN(literal, sizeof(literal) - 1)

// As memcmp orders bytes; a prefix comes first.
static inline int span_compare(struct span a, struct span b)
{
    int order = a.size && b.size ? __builtin_memcmp(a.data, b.data, MIN(a.size, b.size)) : 0;
    if (order)
        return order;
    return a.size < b.size ? -1 : a.size > b.size;
}

static inline uint16_t load_le16(const void *p)
{
    const uint8_t *b = p;
    return (uint16_t)(b[0] | b[1] << 8);
}

static inline uint32_t load_le32(const void *p)
{
    return (uint32_t)load_le16(p) | (uint32_t)load_le16((const uint8_t *)p + 2) << 16;
}

static inline uint64_t load_le64(const void *p)
{
    return (uint64_t)load_le32(p) | (uint64_t)load_le32((const uint8_t *)p + 4) << 32;
}

static inline void store_le16(void *p, uint16_t v)
{
    uint8_t *b = p;
    b[0] = (uint8_t)v;
    b[1] = (uint8_t)(v >> 8);
}

static inline void store_le32(void *p, uint32_t v)
{
    store_le16(p, (uint16_t)v);
    store_le16((uint8_t *)p + 2, (uint16_t)(v >> 16));
}

static inline void store_le64(void *p, uint64_t v)
{
    store_le32(p, (uint32_t)v);
    store_le32((uint8_t *)p + 4, (uint32_t)(v >> 32));
}

static inline uint16_t load_be16(const void *p)
{
    const uint8_t *b = p;
    return (uint16_t)(b[0] << 8 | b[1]);
}

static inline uint32_t load_be32(const void *p)
{
    return (uint32_t)load_be16(p) << 16 | load_be16((const uint8_t *)p + 2);
}

static inline uint64_t load_be64(const void *p)
{
    return (uint64_t)load_be32(p) << 32 | load_be32((const uint8_t *)p + 4);
}

static inline void store_be32(void *p, uint32_t v)
{
    uint8_t *b = p;
    b[0] = (uint8_t)(v >> 24);
    b[1] = (uint8_t)(v >> 16);
    b[2] = (uint8_t)(v >> 8);
    b[3] = (uint8_t)v;
}

static inline void store_be64(void *p, uint64_t v)
{
    store_be32(p, (uint32_t)(v >> 32));
    store_be32((uint8_t *)p + 4, (uint32_t)v);
}

// Overwrites a secret; the barrier keeps the compiler from dropping the store.
static inline void wipe(void *p, size_t size)
{
    __builtin_memset(p, 0, size);
    __asm__ volatile("" : : "r"(p) : "memory");
}

// Equality in time that depends on `size` alone.
static inline bool ct_equal(const void *a, const void *b, size_t size)
{
    const uint8_t *x = a, *y = b;
    uint8_t diff = 0;
    for (size_t i = 0; i < size; i++)
        diff |= x[i] ^ y[i];
    return diff == 0;
}

static inline bool is_zero(const void *p, size_t size)
{
    const uint8_t *b = p;
    uint8_t any = 0;
    for (size_t i = 0; i < size; i++)
        any |= b[i];
    return any == 0;
}

// True on overflow, as the compiler's own.
#define add_overflows(a, b, ret) __builtin_add_overflow((a), (b), (ret))
#define mul_overflows(a, b, ret) __builtin_mul_overflow((a), (b), (ret))

static inline uint64_t align_up(uint64_t value, uint64_t power_of_two)
{
    return (value + power_of_two - 1) & ~(power_of_two - 1);
}

static inline uint64_t align_down(uint64_t value, uint64_t power_of_two)
{
    return value & ~(power_of_two - 1);
}

#endif
