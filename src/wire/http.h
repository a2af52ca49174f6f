// SPDX-License-Identifier: Apache-2.0
// HTTP/1.1 messages (RFC 9112), both directions, over a transport that the caller brings (socket,
// TLS).
//
// - pure: http_request_parse and http_response_parse read one complete head; its spans point into
//   the caller's bytes.
// - connection: http_read_request / http_read_response read a head from the transport, http_body_…
//   its body; http_write_… send a message. The head's spans live until the next http_read_… on it.
// - Rules for callers: give every body a limit; after an error close the connection.
#ifndef WIRE_HTTP_H
#define WIRE_HTTP_H

#include "base/bytes.h"
#include "base/result.h"

#define HTTP_HEAD_SIZE_MAX   (16 * 1024)
#define HTTP_FIELD_COUNT_MAX 64
#define HTTP_REFILL_SIZE     4096

struct http_field {
    struct span name;
    struct span value; // without the white space around it
};

struct http_head {
    // Requests only.
    struct span method;
    struct span target; // origin form, as sent
    struct span path;   // target up to '?', not decoded
    struct span query;  // after '?', or empty
    // Responses only.
    unsigned status;
    // Both.
    struct http_field fields[HTTP_FIELD_COUNT_MAX];
    size_t field_count;
    bool has_length;
    uint64_t body_size; // when has_length
    bool chunked;
    bool keep_alive;
    bool expect_continue;
};

// Size of the head at the start of `bytes`, its empty line included. ERR_NOT_FOUND: more bytes are
// needed; ERR_RANGE: no end within HTTP_HEAD_SIZE_MAX.
struct result http_head_size(struct span bytes, size_t *ret_size);

// `head` ends with the empty line, as http_head_size() delimits it.
struct result http_request_parse(struct span head, struct http_head *ret);
struct result http_response_parse(struct span head, struct http_head *ret);

// Value of the first field with this name (any case); empty span with data == NULL when absent.
struct span http_field(const struct http_head *head, const char *name);
bool http_method_is(const struct http_head *head, const char *method);
bool http_path_is(const struct http_head *head, const char *path);

// Percent-decodes to a NUL-terminated text without NUL inside; '+' stays '+'.
struct result http_percent_decode(struct span text, char *ret, size_t capacity);
// The value of `name` in a query string, percent-decoded. ERR_NOT_FOUND when absent.
struct result http_query_value(struct span query, const char *name, char *ret, size_t capacity);

struct http_transport {
    void *context;
    // Reads 1 … capacity bytes; *ret_size == 0 says that the peer closed.
    struct result (*read)(void *context, void *buffer, size_t capacity, size_t *ret_size);
    // Writes all of it.
    struct result (*write)(void *context, struct span data);
};

struct http_conn {
    struct http_transport transport;
    size_t at; // unread bytes: buffer[at … end)
    size_t end;
    uint8_t buffer[HTTP_HEAD_SIZE_MAX + HTTP_REFILL_SIZE];
};

void http_conn_init(struct http_conn *c, struct http_transport transport);

// ERR_NOT_FOUND when the peer closed before the first byte (the normal end of a kept connection).
struct result http_read_request(struct http_conn *c, struct http_head *ret);
// Skips 1xx responses.
struct result http_read_response(struct http_conn *c, struct http_head *ret);

struct http_body {
    struct http_conn *conn;
    bool chunked;
    bool until_close;
    bool end;
    bool first_chunk;
    uint64_t left; // of the body, or of the chunk
};

// `head_only`: the message answers HEAD, or has status 204 or 304, and carries no body.
void http_body_init(struct http_body *b, struct http_conn *c, const struct http_head *head,
                    bool is_response, bool head_only);
// Reads 1 … capacity bytes; *ret_size == 0 at the end of the body. A body cut short is ERR_IO.
struct result http_body_read(struct http_body *b, void *buffer, size_t capacity, size_t *ret_size);
// The whole body; ERR_RANGE when it is larger than `capacity`.
struct result http_body_read_all(struct http_body *b, void *buffer, size_t capacity,
                                 size_t *ret_size);

// `fields`: complete further header lines, each with CRLF, or NULL. They must not come from a peer
// unless http_text_is_safe() said so. `content_type` may be NULL (then no Content-Type).
struct http_out {
    const char *content_type;
    const char *fields;
    struct span body;
    bool close; // says "Connection: close"
};

bool http_text_is_safe(
    const char *text); // no control character, no space: fit for a target or a host

struct result http_write_request(const struct http_transport *t, const char *method,
                                 const char *host, const char *target, const struct http_out *out);
struct result http_write_response(const struct http_transport *t, unsigned status,
                                  const struct http_out *out);
// Only the head, for a body of `body_size` bytes that the caller then writes itself.
struct result http_write_response_head(const struct http_transport *t, unsigned status,
                                       const struct http_out *out, uint64_t body_size);
const char *http_reason(unsigned status);

#endif
