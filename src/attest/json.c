// SPDX-License-Identifier: Apache-2.0
#include "attest/json.h"

#include <string.h>

#include "attest/time.h"
#include "base/cursor.h"
#include "base/hex.h"

static void skip_spaces(struct reader *r)
{
    while (reader_left(r) && strchr(" \t\r\n", r->data[r->at]) && r->data[r->at])
        (void)take_u8(r);
}

static void take_char(struct reader *r, char c)
{
    skip_spaces(r);
    if (take_u8(r) != (uint8_t)c)
        r->failed = true;
}

// The characters between two quotation marks. A backslash or a control character fails.
static struct span take_string(struct reader *r)
{
    take_char(r, '"');
    size_t start = r->at;
    for (;;) {
        uint8_t c = take_u8(r);
        if (r->failed || c == '\\' || c < 0x20) {
            r->failed = true;
            return SPAN(NULL, 0);
        }
        if (c == '"')
            return SPAN(r->data + start, r->at - 1 - start);
    }
}

// From one brace to the one that closes it, strings skipped. What is between is parsed later.
static struct span take_object(struct reader *r)
{
    uint8_t closing[ATTEST_JSON_DEPTH_MAX];
    size_t depth = 0, start;
    skip_spaces(r);
    start = r->at;
    if (!reader_left(r) || r->data[r->at] != '{')
        r->failed = true;
    do {
        skip_spaces(r);
        uint8_t c = reader_left(r) ? r->data[r->at] : 0;
        if (c == '"') {
            (void)take_string(r);
            continue;
        }
        (void)take_u8(r);
        if (c == '{' || c == '[') {
            if (depth == ATTEST_JSON_DEPTH_MAX)
                r->failed = true;
            else
                closing[depth++] = c == '{' ? '}' : ']';
        } else if (c == '}' || c == ']') {
            if (depth == 0 || closing[--depth] != c)
                r->failed = true;
        } else if (c == '\\') {
            r->failed = true;
        }
    } while (!r->failed && depth > 0);
    return r->failed ? SPAN(NULL, 0) : SPAN(r->data + start, r->at - start);
}

struct result attest_json_split(struct span text, const char *name, struct attest_signed_json *ret)
{
    struct attest_signed_json doc = {.body = {NULL, 0}};
    struct span signature = {NULL, 0};
    REQUIRE(text.size > 0 && text.size <= ATTEST_JSON_SIZE_MAX, ERR_RANGE,
            "the document is empty or too long");
    struct reader r = reader_on(text);
    for (int member = 0; member < 2; member++) {
        take_char(&r, member ? ',' : '{');
        struct span key = take_string(&r);
        take_char(&r, ':');
        if (!r.failed && !doc.body.data && attest_json_is(key, name)) {
            doc.body = take_object(&r);
        } else if (!r.failed && !signature.data && attest_json_is(key, "signature")) {
            signature = take_string(&r);
        } else {
            r.failed = true;
        }
    }
    take_char(&r, '}');
    skip_spaces(&r);
    REQUIRE(reader_done(&r), ERR_INVALID, "not a signed document of the expected kind");
    REQUIRE(signature.size == 2 * sizeof doc.signature, ERR_INVALID,
            "the signature has the wrong length");
    GUARD(hex_decode(signature, doc.signature, sizeof doc.signature));
    *ret = doc;
    return RESULT_OK;
}

struct result attest_json_parse(struct span body, json_t **ret)
{
    REQUIRE(body.size > 0 && body.size <= ATTEST_JSON_SIZE_MAX, ERR_RANGE,
            "the document is empty or too long");
    struct reader r = reader_on(body);
    (void)take_object(&r);
    REQUIRE(reader_done(&r), ERR_INVALID, "not one object");
    json_t *json = json_loadb((const char *)body.data, body.size, JSON_REJECT_DUPLICATES, NULL);
    REQUIRE(json, ERR_INVALID, "not strict JSON");
    *ret = json;
    return RESULT_OK;
}

bool attest_json_get_text(const json_t *object, const char *key, struct span *ret)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_string(value))
        return false;
    *ret = SPAN(json_string_value(value), json_string_length(value));
    return true;
}

bool attest_json_get_number(const json_t *object, const char *key, uint32_t max, uint32_t *ret)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_integer(value) || json_integer_value(value) < 0 || json_integer_value(value) > max)
        return false;
    *ret = (uint32_t)json_integer_value(value);
    return true;
}

bool attest_json_get_hex(const json_t *object, const char *key, void *ret, size_t size)
{
    struct span text;
    return attest_json_get_text(object, key, &text) && text.size == 2 * size &&
           is_ok(hex_decode(text, ret, size));
}

bool attest_json_get_time(const json_t *object, const char *key, int64_t *ret)
{
    struct span text;
    return attest_json_get_text(object, key, &text) && is_ok(attest_time_parse(text, ret));
}

bool attest_json_is(struct span text, const char *literal)
{
    return text.size == strlen(literal) && memcmp(text.data, literal, text.size) == 0;
}
