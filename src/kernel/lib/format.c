// SPDX-License-Identifier: Apache-2.0
// printf's small brother: %s %c %d %i %u %x %p %%, l ll z, width, zero padding, '-'.
#include "kernel/lib/lib.h"

struct out {
    char *at;
    size_t capacity, size;
};

static void emit(struct out *o, char c)
{
    if (o->size + 1 < o->capacity)
        o->at[o->size] = c;
    o->size++;
}

static void emit_padded(struct out *o, const char *s, size_t n, size_t width, char pad, bool left)
{
    if (!left)
        for (size_t i = n; i < width; i++)
            emit(o, pad);
    for (size_t i = 0; i < n; i++)
        emit(o, s[i]);
    if (left)
        for (size_t i = n; i < width; i++)
            emit(o, ' ');
}

static size_t digits(char *end, uint64_t value, unsigned base)
{
    size_t n = 0;
    do {
        *--end = "0123456789abcdef"[value % base];
        value /= base;
        n++;
    } while (value);
    return n;
}

static void emit_number(struct out *o, uint64_t value, bool negative, unsigned base, size_t width,
                        char pad, bool left)
{
    char text[24];
    size_t n = digits(text + sizeof text, value, base);
    if (negative && pad == '0') {
        emit(o, '-');
        width = width ? width - 1 : 0;
    } else if (negative) {
        text[sizeof text - ++n] = '-';
    }
    emit_padded(o, text + sizeof text - n, n, width, pad, left);
}

int kvformat(char *buffer, size_t capacity, const char *format, va_list args)
{
    struct out o = {buffer, capacity, 0};
    for (const char *f = format; *f; f++) {
        if (*f != '%') {
            emit(&o, *f);
            continue;
        }
        bool left = false, is_long = false;
        char pad = ' ';
        size_t width = 0;
        for (f++; *f == '-' || *f == '0'; f++) {
            left |= *f == '-';
            pad = *f == '0' ? '0' : pad;
        }
        for (; *f >= '0' && *f <= '9'; f++)
            width = width * 10 + (size_t)(*f - '0');
        for (; *f == 'l' || *f == 'z'; f++)
            is_long = true;
        switch (*f) {
        case 'c':
            emit(&o, (char)va_arg(args, int));
            break;
        case 's': {
            const char *s = va_arg(args, const char *);
            s = s ? s : "(null)";
            emit_padded(&o, s, strlen(s), width, ' ', left);
            break;
        }
        case 'd':
        case 'i': {
            int64_t v = is_long ? va_arg(args, long) : va_arg(args, int);
            emit_number(&o, v < 0 ? 0 - (uint64_t)v : (uint64_t)v, v < 0, 10, width, pad, left);
            break;
        }
        case 'u':
        case 'x':
        case 'p': {
            uint64_t v =
                is_long || *f == 'p' ? va_arg(args, unsigned long) : va_arg(args, unsigned);
            emit_number(&o, v, false, *f == 'u' ? 10 : 16, width, pad, left);
            break;
        }
        case '\0':
            f--;
            break;
        default:
            emit(&o, *f);
        }
    }
    if (capacity)
        buffer[MIN(o.size, capacity - 1)] = '\0';
    return (int)o.size;
}

int kformat(char *buffer, size_t capacity, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = kvformat(buffer, capacity, format, args);
    va_end(args);
    return n;
}
