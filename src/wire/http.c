// SPDX-License-Identifier: Apache-2.0
// The pure half of wire/http.h: heads, fields, queries. Every message is refused that two parsers
// could read in two ways: bare CR or LF, folded lines, repeated or conflicting lengths (RFC 9112,
// 6.3, 11.2).
#include "wire/http.h"

#include "base/cursor.h"

#include <string.h>

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool same_text(struct span a, const char *b)
{
    return a.size == strlen(b) && (a.size == 0 || memcmp(a.data, b, a.size) == 0);
}

static bool same_text_any_case(struct span a, const char *b)
{
    if (a.size != strlen(b))
        return false;
    for (size_t i = 0; i < a.size; i++)
        if (lower(a.data[i]) != lower((uint8_t)b[i]))
            return false;
    return true;
}

struct result http_head_size(struct span bytes, size_t *ret_size)
{
    size_t limit = MIN(bytes.size, (size_t)HTTP_HEAD_SIZE_MAX);
    for (size_t i = 3; i < limit; i++) {
        if (memcmp(bytes.data + i - 3, "\r\n\r\n", 4) != 0)
            continue;
        *ret_size = i + 1;
        return RESULT_OK;
    }
    REQUIRE(bytes.size < HTTP_HEAD_SIZE_MAX, ERR_RANGE, "HTTP head is too large");
    return fail(ERR_NOT_FOUND, "HTTP head is incomplete");
}

// RFC 9112, 2.2: the line ends with CRLF; no other CR, LF or NUL is inside.
static struct span take_line(struct reader *r)
{
    for (size_t i = r->at; i + 1 < r->size; i++) {
        uint8_t c = r->data[i];
        if (c == '\r' && r->data[i + 1] == '\n') {
            struct span line = take_span(r, i - r->at);
            take_span(r, 2);
            return line;
        }
        if (c == '\r' || c == '\n' || c == 0)
            break;
    }
    r->failed = true;
    return SPAN(NULL, 0);
}

// RFC 9110, 5.6.2
static bool is_token(struct span s)
{
    for (size_t i = 0; i < s.size; i++) {
        uint8_t c = s.data[i], l = lower(c);
        if (!is_digit(c) && !(l >= 'a' && l <= 'z') && !(c && strchr("!#$%&'*+-.^_`|~", c)))
            return false;
    }
    return s.size > 0;
}

static struct span until(struct reader *r, uint8_t stop)
{
    for (size_t i = r->at; i < r->size; i++) {
        if (r->data[i] != stop)
            continue;
        struct span s = take_span(r, i - r->at);
        take_span(r, 1);
        return s;
    }
    r->failed = true;
    return SPAN(NULL, 0);
}

static struct span trim(struct span s)
{
    while (s.size && (s.data[0] == ' ' || s.data[0] == '\t'))
        s = SPAN(s.data + 1, s.size - 1);
    while (s.size && (s.data[s.size - 1] == ' ' || s.data[s.size - 1] == '\t'))
        s.size--;
    return s;
}

static struct result parse_length(struct span value, uint64_t *ret)
{
    REQUIRE(value.size > 0 && value.size <= 18, ERR_INVALID, "bad Content-Length");
    uint64_t n = 0;
    for (size_t i = 0; i < value.size; i++) {
        REQUIRE(is_digit(value.data[i]), ERR_INVALID, "bad Content-Length");
        n = n * 10 + (value.data[i] - '0');
    }
    *ret = n;
    return RESULT_OK;
}

static struct result note_field(struct http_head *h, struct http_field f)
{
    if (same_text_any_case(f.name, "content-length")) {
        REQUIRE(!h->has_length, ERR_INVALID, "Content-Length stands twice");
        GUARD(parse_length(f.value, &h->body_size));
        h->has_length = true;
    } else if (same_text_any_case(f.name, "transfer-encoding")) {
        REQUIRE(!h->chunked && same_text_any_case(f.value, "chunked"), ERR_UNSUPPORTED,
                "Transfer-Encoding is not chunked");
        h->chunked = true;
    } else if (same_text_any_case(f.name, "connection")) {
        if (same_text_any_case(f.value, "close"))
            h->keep_alive = false;
    } else if (same_text_any_case(f.name, "expect")) {
        h->expect_continue = same_text_any_case(f.value, "100-continue");
    }
    return RESULT_OK;
}

static struct result parse_fields(struct reader *r, struct http_head *h)
{
    for (;;) {
        struct span line = take_line(r);
        REQUIRE(!r->failed, ERR_INVALID, "bad HTTP header line");
        if (line.size == 0)
            break;
        REQUIRE(h->field_count < HTTP_FIELD_COUNT_MAX, ERR_RANGE, "too many HTTP header fields");
        struct reader l = reader_on(line);
        struct http_field f;
        f.name = until(&l, ':');
        f.value = trim(take_span(&l, reader_left(&l)));
        // RFC 9112, 5.1: no white space before the colon (a token has none); 5.2: no folding.
        REQUIRE(is_token(f.name), ERR_INVALID, "bad HTTP field name");
        GUARD(note_field(h, f));
        h->fields[h->field_count++] = f;
    }
    REQUIRE(reader_done(r), ERR_INVALID, "bytes after the HTTP head");
    REQUIRE(!(h->chunked && h->has_length), ERR_INVALID, "two lengths for one HTTP body");
    return RESULT_OK;
}

// "HTTP/1.x"; version 1.0 closes unless told otherwise.
static bool parse_version(struct span v, struct http_head *h)
{
    if (v.size != 8 || memcmp(v.data, "HTTP/1.", 7) != 0)
        return false;
    h->keep_alive = v.data[7] == '1';
    return v.data[7] == '1' || v.data[7] == '0';
}

struct result http_request_parse(struct span head, struct http_head *ret)
{
    struct http_head h = {0};
    struct reader r = reader_on(head);
    struct reader l = reader_on(take_line(&r));
    REQUIRE(!r.failed, ERR_INVALID, "bad HTTP request line");
    h.method = until(&l, ' ');
    h.target = until(&l, ' ');
    struct span version = take_span(&l, reader_left(&l));
    REQUIRE(!l.failed && is_token(h.method), ERR_INVALID, "bad HTTP request line");
    REQUIRE(parse_version(version, &h), ERR_UNSUPPORTED, "not HTTP/1.1");
    REQUIRE(h.target.size && h.target.data[0] == '/', ERR_UNSUPPORTED, "not an origin-form target");
    for (size_t i = 0; i < h.target.size; i++)
        REQUIRE(h.target.data[i] > ' ' && h.target.data[i] < 0x7f, ERR_INVALID, "bad HTTP target");
    const uint8_t *mark = memchr(h.target.data, '?', h.target.size);
    h.path = h.target;
    if (mark) {
        h.path.size = (size_t)(mark - h.target.data);
        h.query = SPAN(mark + 1, h.target.size - h.path.size - 1);
    }
    GUARD(parse_fields(&r, &h));
    *ret = h;
    return RESULT_OK;
}

struct result http_response_parse(struct span head, struct http_head *ret)
{
    struct http_head h = {0};
    struct reader r = reader_on(head);
    struct reader l = reader_on(take_line(&r));
    REQUIRE(!r.failed, ERR_INVALID, "bad HTTP status line");
    struct span version = take_span(&l, 8);
    uint8_t space = take_u8(&l);
    struct span code = take_span(&l, 3);
    REQUIRE(!l.failed && space == ' ', ERR_INVALID, "bad HTTP status line");
    REQUIRE(parse_version(version, &h), ERR_UNSUPPORTED, "not HTTP/1.1");
    REQUIRE(reader_left(&l) == 0 || take_u8(&l) == ' ', ERR_INVALID, "bad HTTP status line");
    for (size_t i = 0; i < 3; i++) {
        REQUIRE(is_digit(code.data[i]), ERR_INVALID, "bad HTTP status");
        h.status = h.status * 10 + (code.data[i] - '0');
    }
    REQUIRE(h.status >= 100 && h.status < 600, ERR_INVALID, "bad HTTP status");
    GUARD(parse_fields(&r, &h));
    *ret = h;
    return RESULT_OK;
}

struct span http_field(const struct http_head *head, const char *name)
{
    for (size_t i = 0; i < head->field_count; i++)
        if (same_text_any_case(head->fields[i].name, name))
            return head->fields[i].value;
    return SPAN(NULL, 0);
}

bool http_method_is(const struct http_head *head, const char *method)
{
    return same_text(head->method, method);
}

bool http_path_is(const struct http_head *head, const char *path)
{
    return same_text(head->path, path);
}

static int hex_digit(uint8_t c)
{
    if (is_digit(c))
        return c - '0';
    c = lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

struct result http_percent_decode(struct span text, char *ret, size_t capacity)
{
    // Checked and measured first, so that `ret` is untouched on failure.
    for (int pass = 0; pass < 2; pass++) {
        struct reader r = reader_on(text);
        size_t size = 0;
        while (reader_left(&r)) {
            int c = take_u8(&r);
            if (c == '%') {
                int high = hex_digit(take_u8(&r)), low = hex_digit(take_u8(&r));
                REQUIRE(!r.failed && high >= 0 && low >= 0, ERR_INVALID, "bad percent-encoding");
                c = high << 4 | low;
            }
            REQUIRE(c != 0, ERR_INVALID, "NUL in percent-encoded text");
            REQUIRE(size + 1 < capacity, ERR_RANGE, "percent-encoded text is too long");
            if (pass)
                ret[size] = (char)c;
            size++;
        }
        REQUIRE(capacity > 0, ERR_RANGE, "percent-encoded text is too long");
        if (pass)
            ret[size] = 0;
    }
    return RESULT_OK;
}

struct result http_query_value(struct span query, const char *name, char *ret, size_t capacity)
{
    struct reader r = reader_on(query);
    while (reader_left(&r)) {
        size_t size = 0;
        while (size < reader_left(&r) && query.data[r.at + size] != '&')
            size++;
        struct reader pair = reader_on(take_span(&r, size));
        if (reader_left(&r))
            take_span(&r, 1);
        struct span key = until(&pair, '=');
        if (!pair.failed && same_text(key, name))
            return http_percent_decode(take_span(&pair, reader_left(&pair)), ret, capacity);
    }
    return fail(ERR_NOT_FOUND, "the query lacks a parameter");
}
