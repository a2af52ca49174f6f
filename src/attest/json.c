// SPDX-License-Identifier: Apache-2.0
#include "attest/json.h"

#include <stdlib.h>
#include <string.h>

#include "attest/time.h"
#include "base/cursor.h"
#include "base/hex.h"

static void skip_spaces(struct reader *r)
{
    while (reader_left(r) && (r->data[r->at] == ' ' || r->data[r->at] == '\t' ||
                              r->data[r->at] == '\r' || r->data[r->at] == '\n'))
        r->at++;
}

static void take_char(struct reader *r, char c)
{
    skip_spaces(r);
    if (take_u8(r) != (uint8_t)c)
        r->failed = true;
}

// The characters between two quotation marks: printable ASCII without the backslash.
static struct span take_string(struct reader *r)
{
    take_char(r, '"');
    size_t start = r->at;
    for (;;) {
        uint8_t c = take_u8(r);
        if (r->failed || c == '\\' || c < 0x20 || c > 0x7e) {
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

// A document under construction: the nodes, and which containers are open.
struct build {
    struct reader r;
    struct attest_json *nodes;
    size_t count, capacity;
    size_t open[ATTEST_JSON_DEPTH_MAX];
    size_t depth;
};

static struct attest_json *add_node(struct build *b, enum attest_json_type type, struct span text)
{
    if (b->count == b->capacity) {
        size_t capacity = MAX(b->capacity * 2, (size_t)512);
        struct attest_json *nodes = b->capacity < ATTEST_JSON_NODES_MAX
                                        ? realloc(b->nodes, capacity * sizeof *nodes)
                                        : NULL;
        if (!nodes) {
            b->r.failed = true;
            return NULL;
        }
        b->nodes = nodes;
        b->capacity = capacity;
    }
    b->nodes[b->count] = (struct attest_json){type, 0, 1, text};
    return &b->nodes[b->count++];
}

// RFC 8259 section 6, whole numbers alone.
static struct span take_whole_number(struct reader *r)
{
    size_t start = r->at, digits = 0;
    if (reader_left(r) && r->data[r->at] == '-')
        r->at++;
    size_t first = r->at;
    for (; reader_left(r) && r->data[r->at] >= '0' && r->data[r->at] <= '9'; r->at++)
        digits++;
    if (digits == 0 || (digits > 1 && r->data[first] == '0'))
        r->failed = true;
    return r->failed ? SPAN(NULL, 0) : SPAN(r->data + start, r->at - start);
}

static void take_word(struct reader *r, const char *word)
{
    struct span s = take_span(r, strlen(word));
    if (!r->failed && memcmp(s.data, word, s.size) != 0)
        r->failed = true;
}

static void take_scalar(struct build *b, uint8_t c)
{
    if (c == '"')
        (void)add_node(b, ATTEST_JSON_TEXT, take_string(&b->r));
    else if (c == '-' || (c >= '0' && c <= '9'))
        (void)add_node(b, ATTEST_JSON_NUMBER, take_whole_number(&b->r));
    else {
        take_word(&b->r, c == 't' ? "true" : c == 'f' ? "false" : "null");
        (void)add_node(b, ATTEST_JSON_OTHER, SPAN(NULL, 0));
    }
}

// The next item's or member's place in the innermost container; false when that ends here.
static bool begin_child(struct build *b)
{
    size_t at = b->open[b->depth - 1];
    struct attest_json *parent = &b->nodes[at];
    bool object = parent->type == ATTEST_JSON_OBJECT;
    skip_spaces(&b->r);
    if (reader_left(&b->r) && b->r.data[b->r.at] == (object ? '}' : ']')) {
        b->r.at++;
        parent->skip = (uint32_t)(b->count - at);
        b->depth--;
        return false;
    }
    if (parent->count++)
        take_char(&b->r, ',');
    if (!object)
        return true;
    struct span key = take_string(&b->r);
    take_char(&b->r, ':');
    // a duplicate would have two readers see two values
    const struct attest_json *member = parent + 1;
    for (uint32_t i = 1; !b->r.failed && i < parent->count; i++, member += 1 + member[1].skip)
        if (span_compare(member->text, key) == 0)
            b->r.failed = true;
    if (parent->count > ATTEST_JSON_MEMBERS_MAX)
        b->r.failed = true;
    (void)add_node(b, ATTEST_JSON_TEXT, key);
    return true;
}

static void take_value(struct build *b)
{
    skip_spaces(&b->r);
    uint8_t c = reader_left(&b->r) ? b->r.data[b->r.at] : 0;
    if (c != '{' && c != '[') {
        take_scalar(b, c);
        return;
    }
    b->r.at++;
    if (b->depth == ATTEST_JSON_DEPTH_MAX) {
        b->r.failed = true;
        return;
    }
    b->open[b->depth++] = b->count;
    (void)add_node(b, c == '{' ? ATTEST_JSON_OBJECT : ATTEST_JSON_ARRAY, SPAN(NULL, 0));
}

struct result attest_json_parse(struct span body, struct attest_json **ret)
{
    REQUIRE(body.size > 0 && body.size <= ATTEST_JSON_SIZE_MAX, ERR_RANGE,
            "the document is empty or too long");
    struct build b = {.r = reader_on(body)};
    take_value(&b);
    while (!b.r.failed && b.depth > 0)
        if (begin_child(&b) && !b.r.failed)
            take_value(&b);
    skip_spaces(&b.r);
    if (!reader_done(&b.r) || b.nodes[0].type != ATTEST_JSON_OBJECT) {
        free(b.nodes);
        return fail(ERR_INVALID, "not one object of strict JSON");
    }
    *ret = b.nodes;
    return RESULT_OK;
}

const struct attest_json *attest_json_get(const struct attest_json *object, const char *key)
{
    if (!object || object->type != ATTEST_JSON_OBJECT)
        return NULL;
    const struct attest_json *member = object + 1;
    for (uint32_t i = 0; i < object->count; i++, member += 1 + member[1].skip)
        if (attest_json_is(member->text, key))
            return member + 1;
    return NULL;
}

const struct attest_json *attest_json_first(const struct attest_json *array)
{
    return array + 1;
}

const struct attest_json *attest_json_next(const struct attest_json *item)
{
    return item + item->skip;
}

bool attest_json_is_list(const struct attest_json *value, size_t max)
{
    return value && value->type == ATTEST_JSON_ARRAY && value->count > 0 && value->count <= max;
}

bool attest_json_get_text(const struct attest_json *object, const char *key, struct span *ret)
{
    const struct attest_json *value = attest_json_get(object, key);
    if (!value || value->type != ATTEST_JSON_TEXT)
        return false;
    *ret = value->text;
    return true;
}

bool attest_json_get_number(const struct attest_json *object, const char *key, uint32_t max,
                            uint32_t *ret)
{
    const struct attest_json *value = attest_json_get(object, key);
    uint64_t number = 0;
    if (!value || value->type != ATTEST_JSON_NUMBER || value->text.size > 10 ||
        value->text.data[0] == '-')
        return false;
    for (size_t i = 0; i < value->text.size; i++)
        number = number * 10 + (uint64_t)(value->text.data[i] - '0');
    if (number > max)
        return false;
    *ret = (uint32_t)number;
    return true;
}

bool attest_json_get_hex(const struct attest_json *object, const char *key, void *ret, size_t size)
{
    struct span text;
    return attest_json_get_text(object, key, &text) && text.size == 2 * size &&
           is_ok(hex_decode(text, ret, size));
}

bool attest_json_get_time(const struct attest_json *object, const char *key, int64_t *ret)
{
    struct span text;
    return attest_json_get_text(object, key, &text) && is_ok(attest_time_parse(text, ret));
}

bool attest_json_is(struct span text, const char *literal)
{
    return text.size == strlen(literal) && memcmp(text.data, literal, text.size) == 0;
}
