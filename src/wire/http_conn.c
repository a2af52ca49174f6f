// SPDX-License-Identifier: Apache-2.0
// The half of wire/http.h that moves bytes: heads and bodies over a transport, and writing
// messages. buffer: the head stands at the front; once its tail is consumed, refills go behind
// HTTP_HEAD_SIZE_MAX, so that the spans of the head stay valid while its body is read.
#include "wire/http.h"

#include "base/cursor.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define CHUNK_LINE_SIZE_MAX 64
#define CHUNK_SIZE_MAX      ((uint64_t)1 << 40)

void http_conn_init(struct http_conn *c, struct http_transport transport)
{
    c->transport = transport;
    c->at = c->end = 0;
}

static struct result read_head(struct http_conn *c, struct span *ret)
{
    size_t have = c->end - c->at;
    memmove(c->buffer, c->buffer + c->at, have);
    c->at = 0;
    c->end = have;
    for (;;) {
        size_t size;
        struct result r = http_head_size(SPAN(c->buffer, c->end), &size);
        if (is_ok(r)) {
            c->at = size;
            *ret = SPAN(c->buffer, size);
            return RESULT_OK;
        }
        if (r.code != ERR_NOT_FOUND)
            return r;
        size_t more = 0;
        GUARD(c->transport.read(c->transport.context, c->buffer + c->end,
                                HTTP_HEAD_SIZE_MAX - c->end, &more));
        if (more == 0 && c->end == 0)
            return fail(ERR_NOT_FOUND, "the peer closed the connection");
        REQUIRE(more > 0 && more <= HTTP_HEAD_SIZE_MAX - c->end, ERR_IO,
                "the peer closed inside an HTTP head");
        c->end += more;
    }
}

struct result http_read_request(struct http_conn *c, struct http_head *ret)
{
    struct span head;
    GUARD(read_head(c, &head));
    return http_request_parse(head, ret);
}

struct result http_read_response(struct http_conn *c, struct http_head *ret)
{
    for (int interim = 0; interim < 8; interim++) {
        struct span bytes;
        struct http_head head;
        GUARD(read_head(c, &bytes));
        GUARD(http_response_parse(bytes, &head));
        if (head.status < 200)
            continue;
        *ret = head;
        return RESULT_OK;
    }
    return fail(ERR_INVALID, "too many interim HTTP responses");
}

void http_body_init(struct http_body *b, struct http_conn *c, const struct http_head *head,
                    bool is_response, bool head_only)
{
    bool none = head_only || (is_response && (head->status == 204 || head->status == 304));
    bool open = is_response && !head->chunked && !head->has_length;
    *b = (struct http_body){.conn = c,
                            .chunked = head->chunked,
                            .until_close = open,
                            .first_chunk = true,
                            .left = head->chunked ? 0 : head->body_size};
    b->end = none || (!head->chunked && !open && head->body_size == 0);
}

static struct result refill(struct http_conn *c, size_t *ret_size)
{
    size_t more = 0;
    if (c->at == c->end) {
        uint8_t *to = c->buffer + HTTP_HEAD_SIZE_MAX;
        GUARD(c->transport.read(c->transport.context, to, HTTP_REFILL_SIZE, &more));
        REQUIRE(more <= HTTP_REFILL_SIZE, ERR_IO, "the transport returned too much");
        c->at = HTTP_HEAD_SIZE_MAX;
        c->end = HTTP_HEAD_SIZE_MAX + more;
    }
    *ret_size = c->end - c->at;
    return RESULT_OK;
}

// One line of the chunk framing, without its CRLF, NUL-terminated.
static struct result read_chunk_line(struct http_conn *c, char line[CHUNK_LINE_SIZE_MAX])
{
    size_t size = 0;
    for (;;) {
        size_t have;
        GUARD(refill(c, &have));
        REQUIRE(have > 0, ERR_IO, "the peer closed inside an HTTP body");
        REQUIRE(size < CHUNK_LINE_SIZE_MAX, ERR_RANGE, "HTTP chunk line is too long");
        line[size++] = (char)c->buffer[c->at++];
        if (size >= 2 && line[size - 2] == '\r' && line[size - 1] == '\n')
            break;
    }
    line[size - 2] = 0;
    return RESULT_OK;
}

// RFC 9112, 7.1; extensions and trailers are refused.
static struct result next_chunk(struct http_body *b)
{
    char line[CHUNK_LINE_SIZE_MAX];
    if (!b->first_chunk) {
        GUARD(read_chunk_line(b->conn, line));
        REQUIRE(line[0] == 0, ERR_INVALID, "HTTP chunk has another size than it says");
    }
    b->first_chunk = false;
    GUARD(read_chunk_line(b->conn, line));
    size_t digits = strspn(line, "0123456789abcdefABCDEF");
    REQUIRE(digits > 0 && digits <= 15 && line[digits] == 0, ERR_INVALID, "bad HTTP chunk size");
    uint64_t size = 0;
    for (size_t i = 0; i < digits; i++) {
        int c = line[i];
        size = size << 4 | (uint64_t)(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
    }
    REQUIRE(size <= CHUNK_SIZE_MAX, ERR_RANGE, "HTTP chunk is too large");
    b->left = size;
    if (size == 0) {
        GUARD(read_chunk_line(b->conn, line));
        REQUIRE(line[0] == 0, ERR_UNSUPPORTED, "HTTP trailers are not accepted");
        b->end = true;
    }
    return RESULT_OK;
}

struct result http_body_read(struct http_body *b, void *buffer, size_t capacity, size_t *ret_size)
{
    REQUIRE(capacity > 0, ERR_RANGE, "no room for the HTTP body");
    if (!b->end && b->chunked && b->left == 0)
        GUARD(next_chunk(b));
    if (b->end) {
        *ret_size = 0;
        return RESULT_OK;
    }
    struct http_conn *c = b->conn;
    size_t have;
    GUARD(refill(c, &have));
    if (have == 0 && b->until_close) {
        b->end = true;
        *ret_size = 0;
        return RESULT_OK;
    }
    REQUIRE(have > 0, ERR_IO, "the peer closed inside an HTTP body");
    size_t size = MIN(have, capacity);
    if (!b->until_close)
        size = (size_t)MIN((uint64_t)size, b->left);
    memcpy(buffer, c->buffer + c->at, size);
    c->at += size;
    if (!b->until_close) {
        b->left -= size;
        b->end = b->left == 0 && !b->chunked;
    }
    *ret_size = size;
    return RESULT_OK;
}

struct result http_body_read_all(struct http_body *b, void *buffer, size_t capacity,
                                 size_t *ret_size)
{
    size_t size = 0;
    for (;;) {
        uint8_t spare;
        bool full = size == capacity;
        size_t more;
        GUARD(http_body_read(b, full ? &spare : (uint8_t *)buffer + size,
                             full ? 1 : capacity - size, &more));
        if (more == 0)
            break;
        REQUIRE(!full, ERR_RANGE, "the HTTP body is too large");
        size += more;
    }
    *ret_size = size;
    return RESULT_OK;
}

bool http_text_is_safe(const char *text)
{
    for (const char *p = text; *p; p++)
        if (*p <= ' ' || *p >= 0x7f)
            return false;
    return *text != 0;
}

static void put_text(struct writer *w, const char *text)
{
    put_bytes(w, text, strlen(text));
}

static void put_number(struct writer *w, uint64_t n)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, n);
    put_text(w, text);
}

static void put_fields(struct writer *w, const struct http_out *out, bool with_length,
                       uint64_t body_size)
{
    if (out->content_type) {
        put_text(w, "Content-Type: ");
        put_text(w, out->content_type);
        put_text(w, "\r\n");
    }
    if (with_length) {
        put_text(w, "Content-Length: ");
        put_number(w, body_size);
        put_text(w, "\r\n");
    }
    if (out->close)
        put_text(w, "Connection: close\r\n");
    if (out->fields)
        put_text(w, out->fields);
    put_text(w, "\r\n");
}

// Head and a small body leave in one write: fewer packets, and no delay by Nagle's algorithm.
static struct result send(const struct http_transport *t, struct writer *w, struct span body)
{
    REQUIRE(!w->failed, ERR_RANGE, "HTTP head is too large");
    if (body.size && body.size <= w->capacity - w->size) {
        put_span(w, body);
        body.size = 0;
    }
    GUARD(t->write(t->context, writer_span(w)));
    return body.size ? t->write(t->context, body) : RESULT_OK;
}

struct result http_write_request(const struct http_transport *t, const char *method,
                                 const char *host, const char *target, const struct http_out *out)
{
    REQUIRE(http_text_is_safe(method) && http_text_is_safe(host) && http_text_is_safe(target),
            ERR_INVALID, "unsafe text in an HTTP request");
    uint8_t buffer[HTTP_REFILL_SIZE * 2];
    struct writer w = writer_on(buffer, sizeof buffer);
    put_text(&w, method);
    put_text(&w, " ");
    put_text(&w, target);
    put_text(&w, " HTTP/1.1\r\nHost: ");
    put_text(&w, host);
    put_text(&w, "\r\n");
    bool bodiless = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
    put_fields(&w, out, !bodiless || out->body.size, out->body.size);
    struct result r = send(t, &w, out->body);
    wipe(buffer, sizeof buffer);
    return r;
}

struct result http_write_response_head(const struct http_transport *t, unsigned status,
                                       const struct http_out *out, uint64_t body_size)
{
    uint8_t buffer[HTTP_REFILL_SIZE];
    struct writer w = writer_on(buffer, sizeof buffer);
    put_text(&w, "HTTP/1.1 ");
    put_number(&w, status);
    put_text(&w, " ");
    put_text(&w, http_reason(status));
    put_text(&w, "\r\n");
    // RFC 9110, 8.6: no Content-Length in a 204.
    put_fields(&w, out, status != 204, body_size);
    return send(t, &w, SPAN(NULL, 0));
}

struct result http_write_response(const struct http_transport *t, unsigned status,
                                  const struct http_out *out)
{
    uint8_t buffer[HTTP_REFILL_SIZE * 2];
    struct writer w = writer_on(buffer, sizeof buffer);
    put_text(&w, "HTTP/1.1 ");
    put_number(&w, status);
    put_text(&w, " ");
    put_text(&w, http_reason(status));
    put_text(&w, "\r\n");
    put_fields(&w, out, status != 204, out->body.size);
    struct result r = send(t, &w, status == 204 ? SPAN(NULL, 0) : out->body);
    wipe(buffer, sizeof buffer);
    return r;
}

const char *http_reason(unsigned status)
{
    static const struct {
        unsigned status;
        const char *reason;
    } reasons[] = {
        {100, "Continue"},
        {200, "OK"},
        {201, "Created"},
        {204, "No Content"},
        {206, "Partial Content"},
        {208, "Already Reported"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {503, "Service Unavailable"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(reasons); i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "Unknown";
}
