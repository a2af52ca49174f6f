// SPDX-License-Identifier: Apache-2.0
// Memory and string functions. The copies are `rep movsb/stosb`, which the CPUs that have EDMM do fast.
#include "kernel/lib/lib.h"

void *memcpy(void *dst, const void *src, size_t n)
{
    void *to = dst;
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(src), "+c"(n) : : "memory");
    return dst;
}

void *memmove(void *dst, const void *src, size_t n)
{
    uint8_t *to = dst;
    const uint8_t *from = src;
    if (to <= from || to >= from + n)
        return memcpy(dst, src, n);
    if (to - from >= 8) {
        while (n >= 8) {
            n -= 8;
            uint64_t word;
            __builtin_memcpy(&word, from + n, 8);
            __builtin_memcpy(to + n, &word, 8);
        }
    }
    while (n--) {
        to[n] = from[n];
        __asm__ volatile("" : : : "memory"); // keeps gcc from making this a call of itself
    }
    return dst;
}

void *memset(void *dst, int c, size_t n)
{
    void *to = dst;
    __asm__ volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(c) : "memory");
    return dst;
}

int memcmp(const void *a, const void *b, size_t n)
{
    const uint8_t *x = a, *y = b;
    for (; n && *x == *y; n--)
        x++, y++;
    return n ? *x - *y : 0;
}

void *memchr(const void *p, int c, size_t n)
{
    const uint8_t *b = p;
    for (; n; n--, b++)
        if (*b == (uint8_t)c)
            return (void *)b;
    return NULL;
}

size_t strnlen(const char *s, size_t max)
{
    size_t n = 0;
    while (n < max && s[n])
        n++;
    return n;
}

size_t strlen(const char *s)
{
    const char *end = s;
    while (*end) {
        end++;
        __asm__ volatile("" : : : "memory");
    }
    return (size_t)(end - s);
}

int strncmp(const char *a, const char *b, size_t n)
{
    for (; n && *a && *a == *b; n--)
        a++, b++;
    return n ? (uint8_t)*a - (uint8_t)*b : 0;
}

int strcmp(const char *a, const char *b)
{
    return strncmp(a, b, SIZE_MAX);
}

char *strchr(const char *s, int c)
{
    for (;; s++) {
        if (*s == (char)c)
            return (char *)s;
        if (!*s)
            return NULL;
    }
}

char *strrchr(const char *s, int c)
{
    char *last = NULL;
    for (;; s++) {
        if (*s == (char)c)
            last = (char *)s;
        if (!*s)
            return last;
    }
}
