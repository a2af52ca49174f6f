// SPDX-License-Identifier: Apache-2.0
#include "ledger/json.h"

#include "base/hex.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static json_t *hex_json(const void *p, size_t size)
{
    char text[2 + HEX_SIZE(1024)] = "0x";
    if (size > 1024)
        return NULL;
    hex_encode(p, size, text + 2);
    return json_string(text);
}

static json_t *field_to_json(const struct field *f, const void *p)
{
    char text[ADDRESS_TEXT_SIZE];
    const struct bytes_field *b = p;
    switch (f->type) {
    case FIELD_ADDRESS:
        address_format(p, text);
        return json_string(text);
    case FIELD_UINT:
        snprintf(text, sizeof text, "%" PRIu64, *(const uint64_t *)p);
        return json_string(text);
    case FIELD_BYTES32:
        return hex_json(p, sizeof(struct hash32));
    case FIELD_SIGNATURE:
        return hex_json(p, sizeof(struct signature));
    case FIELD_TEXT:
        return json_stringn(p, strnlen(p, f->size));
    case FIELD_BYTES:
        return hex_json(b->data, b->size);
    case FIELD_STRUCT:
        return schema_to_json(f->schema, p);
    }
    return NULL;
}

json_t *schema_to_json(const struct schema *s, const void *object)
{
    json_t *j = json_object();
    for (size_t i = 0; j && i < s->field_count; i++) {
        const struct field *f = &s->fields[i];
        if (json_object_set_new(j, f->name,
                                field_to_json(f, (const uint8_t *)object + f->offset))) {
            json_decref(j);
            return NULL;
        }
    }
    return j;
}

static struct result parse_uint(const char *text, uint64_t *ret)
{
    size_t size = strlen(text);
    uint64_t n = 0;
    REQUIRE(size > 0 && (text[0] != '0' || size == 1), ERR_INVALID, "not a decimal number");
    for (size_t i = 0; i < size; i++) {
        REQUIRE(text[i] >= '0' && text[i] <= '9', ERR_INVALID, "not a decimal number");
        REQUIRE(!mul_overflows(n, 10, &n) && !add_overflows(n, (uint64_t)(text[i] - '0'), &n),
                ERR_RANGE, "the number does not fit 64 bits");
    }
    *ret = n;
    return RESULT_OK;
}

static struct result parse_hex(const char *text, void *ret, size_t size)
{
    uint8_t b[1024];
    REQUIRE(strlen(text) == 2 + 2 * size && text[0] == '0' && text[1] == 'x' && size <= sizeof b,
            ERR_INVALID, "not 0x and the right number of hex digits");
    GUARD(hex_decode(SPAN(text, strlen(text)), b, size));
    if (size)
        memcpy(ret, b, size);
    return RESULT_OK;
}

struct result schema_set(const struct field *f, const char *text, void *object)
{
    void *p = (uint8_t *)object + f->offset;
    size_t size = strlen(text);
    struct bytes_field *b = p;
    switch (f->type) {
    case FIELD_ADDRESS:
        return address_parse(SPAN(text, size), p);
    case FIELD_UINT:
        return parse_uint(text, p);
    case FIELD_BYTES32:
        return parse_hex(text, p, sizeof(struct hash32));
    case FIELD_SIGNATURE:
        return parse_hex(text, p, sizeof(struct signature));
    case FIELD_TEXT:
        REQUIRE(size < f->size, ERR_RANGE, "the text is too long");
        REQUIRE(schema_text_is_valid(SPAN(text, size)), ERR_INVALID, "the text is not plain UTF-8");
        memset(p, 0, f->size);
        memcpy(p, text, size);
        return RESULT_OK;
    case FIELD_BYTES:
        REQUIRE(size >= 2 && (size - 2) / 2 <= f->size, ERR_RANGE, "the bytes are too many");
        GUARD(parse_hex(text, b->data, (size - 2) / 2));
        b->size = (uint32_t)((size - 2) / 2);
        return RESULT_OK;
    case FIELD_STRUCT:
        break;
    }
    return fail(ERR_UNSUPPORTED, "this field has no text form");
}

struct result schema_from_json(const struct schema *s, const json_t *j, void *ret_object)
{
    size_t found = 0;
    REQUIRE(json_is_object(j), ERR_INVALID, "not a JSON object");
    memset(ret_object, 0, s->object_size);
    for (size_t i = 0; i < s->field_count; i++) {
        const struct field *f = &s->fields[i];
        const json_t *value = json_object_get(j, f->name);
        if (!value && f->type == FIELD_SIGNATURE)
            continue;
        found++;
        if (f->type == FIELD_STRUCT) {
            GUARD(schema_from_json(f->schema, value, (uint8_t *)ret_object + f->offset));
            continue;
        }
        REQUIRE(json_is_string(value), ERR_INVALID, "a field is missing or is not a string");
        REQUIRE(strlen(json_string_value(value)) == json_string_length(value), ERR_INVALID,
                "a field holds a NUL character");
        GUARD(schema_set(f, json_string_value(value), ret_object));
    }
    REQUIRE(found == json_object_size(j), ERR_INVALID,
            "there is a field that does not belong here");
    return RESULT_OK;
}
