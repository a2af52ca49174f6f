// SPDX-License-Identifier: Apache-2.0
// Hex and base64 (RFC 4648 sections 4 and 8).
#include "base/hex.h"

static const char hex_digits[] = "0123456789abcdef";
static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void hex_encode(const void *p, size_t size, char *ret)
{
    const uint8_t *b = p;
    for (size_t i = 0; i < size; i++) {
        ret[2 * i] = hex_digits[b[i] >> 4];
        ret[2 * i + 1] = hex_digits[b[i] & 15];
    }
    ret[2 * size] = '\0';
}

static int hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

struct result hex_decode(struct span text, void *ret, size_t size)
{
    if (text.size >= 2 && text.data[0] == '0' && (text.data[1] | 0x20) == 'x')
        text = SPAN(text.data + 2, text.size - 2);
    REQUIRE(text.size == 2 * size, ERR_INVALID, "hex text has the wrong length");
    for (size_t i = 0; i < text.size; i++)
        REQUIRE(hex_value(text.data[i]) >= 0, ERR_INVALID, "not a hex digit");
    uint8_t *out = ret;
    for (size_t i = 0; i < size; i++)
        out[i] = (uint8_t)(hex_value(text.data[2 * i]) << 4 | hex_value(text.data[2 * i + 1]));
    return RESULT_OK;
}

void base64_encode(const void *p, size_t size, char *ret)
{
    const uint8_t *b = p;
    for (size_t i = 0; i < size; i += 3) {
        size_t left = MIN(size - i, (size_t)3);
        uint32_t v = (uint32_t)b[i] << 16;
        if (left > 1)
            v |= (uint32_t)b[i + 1] << 8;
        if (left > 2)
            v |= b[i + 2];
        *ret++ = base64_digits[v >> 18];
        *ret++ = base64_digits[v >> 12 & 63];
        *ret++ = left > 1 ? base64_digits[v >> 6 & 63] : '=';
        *ret++ = left > 2 ? base64_digits[v & 63] : '=';
    }
    *ret = '\0';
}

static int base64_value(uint8_t c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+')
        return 62;
    return c == '/' ? 63 : -1;
}

struct result base64_decode(struct span text, void *ret, size_t capacity, size_t *ret_size)
{
    REQUIRE(text.size % 4 == 0, ERR_INVALID, "base64 text has the wrong length");
    size_t padding = 0;
    while (padding < 2 && padding < text.size && text.data[text.size - 1 - padding] == '=')
        padding++;
    size_t size = text.size / 4 * 3 - padding;
    REQUIRE(size <= capacity, ERR_RANGE, "base64 text is too long");
    for (size_t i = 0; i < text.size - padding; i++)
        REQUIRE(base64_value(text.data[i]) >= 0, ERR_INVALID, "not a base64 digit");
    if (padding) {
        uint8_t unused = padding == 1 ? 3 : 15;
        REQUIRE((base64_value(text.data[text.size - padding - 1]) & unused) == 0, ERR_INVALID,
                "base64 text has stray bits at its end");
    }
    uint8_t *out = ret;
    for (size_t i = 0; i < size; i++) {
        size_t digit = i / 3 * 4 + i % 3;
        unsigned high = (unsigned)base64_value(text.data[digit]);
        unsigned low = (unsigned)base64_value(text.data[digit + 1]);
        out[i] = (uint8_t)(high << (2 + 2 * (i % 3)) | low >> (4 - 2 * (i % 3)));
    }
    *ret_size = size;
    return RESULT_OK;
}
