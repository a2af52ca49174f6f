// SPDX-License-Identifier: Apache-2.0
// HTTP heads and bodies: what is accepted, in whole and byte by byte, and what is refused.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#undef fail // base/result.h has its own

#include "wire/http.h"

struct pipe {
    const char *in;
    size_t in_size, at, step;
    char out[8192];
    size_t out_size;
};

static struct result pipe_read(void *context, void *buffer, size_t capacity, size_t *ret_size)
{
    struct pipe *p = context;
    size_t n = MIN(MIN(capacity, p->step), p->in_size - p->at);
    memcpy(buffer, p->in + p->at, n);
    p->at += n;
    *ret_size = n;
    return RESULT_OK;
}

static struct result pipe_write(void *context, struct span data)
{
    struct pipe *p = context;
    assert_true(data.size < sizeof p->out - p->out_size);
    memcpy(p->out + p->out_size, data.data, data.size);
    p->out_size += data.size;
    p->out[p->out_size] = 0;
    return RESULT_OK;
}

static struct http_conn conn;

static void pipe_on(struct pipe *p, const char *in, size_t step)
{
    *p = (struct pipe){.in = in, .in_size = strlen(in), .step = step};
    http_conn_init(&conn, (struct http_transport){p, pipe_read, pipe_write});
}

static void requests_on_one_connection(void **state)
{
    (void)state;
    static const char in[] = "POST /secrets/web3?secretAddress=0xAb%20c&x=1 HTTP/1.1\r\nHost: h\r\n"
                             "AUTHORIZATION: \t 0x12 \r\nContent-Length: 5\r\n\r\nhello"
                             "GET /next HTTP/1.1\r\nConnection: close\r\n\r\n";
    for (size_t step = 1; step < sizeof in; step += 7) {
        struct pipe p;
        struct http_head h;
        struct http_body b;
        char text[32];
        size_t size;
        pipe_on(&p, in, step);
        assert_true(is_ok(http_read_request(&conn, &h)));
        assert_true(http_method_is(&h, "POST") && http_path_is(&h, "/secrets/web3"));
        http_body_init(&b, &conn, &h, false, false);
        assert_true(is_ok(http_body_read_all(&b, text, sizeof text, &size)));
        assert_int_equal(size, 5);
        assert_memory_equal(text, "hello", 5);
        assert_memory_equal(http_field(&h, "authorization").data, "0x12", 4); // still there
        assert_int_equal(http_field(&h, "authorization").size, 4);
        assert_true(is_ok(http_query_value(h.query, "secretAddress", text, sizeof text)));
        assert_string_equal(text, "0xAb c");
        assert_int_equal(http_query_value(h.query, "secret", text, sizeof text).code,
                         ERR_NOT_FOUND);
        assert_int_equal(http_query_value(h.query, "secretAddress", text, 6).code, ERR_RANGE);
        assert_true(is_ok(http_read_request(&conn, &h)));
        assert_true(http_path_is(&h, "/next") && !h.keep_alive);
        assert_int_equal(http_read_request(&conn, &h).code, ERR_NOT_FOUND);
    }
}

static void chunked_response(void **state)
{
    (void)state;
    static const char in[] =
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"
        "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nA\r\n0123456789\r\n0\r\n\r\n";
    for (size_t step = 1; step < sizeof in; step++) {
        struct pipe p;
        struct http_head h;
        struct http_body b;
        char text[15];
        size_t size;
        pipe_on(&p, in, step);
        assert_true(is_ok(http_read_response(&conn, &h)));
        http_body_init(&b, &conn, &h, true, false);
        assert_true(is_ok(http_body_read_all(&b, text, sizeof text, &size)));
        assert_int_equal(size, 15);
        assert_memory_equal(text, "hello0123456789", 15);
        pipe_on(&p, in, step);
        assert_true(is_ok(http_read_response(&conn, &h)));
        http_body_init(&b, &conn, &h, true, false);
        assert_int_equal(http_body_read_all(&b, text, 14, &size).code, ERR_RANGE);
    }
}

static void bad_requests_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "GET / HTTP/1.1\nHost: h\r\n\r\n",
        "GET / HTTP/2.0\r\n\r\n",
        "GET  / HTTP/1.1\r\n\r\n",
        "GET http://h/ HTTP/1.1\r\n\r\n",
        "GET /a b HTTP/1.1\r\n\r\n",
        "GET /\x80 HTTP/1.1\r\n\r\n",
        "G(T / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : h\r\n\r\n",
        "GET / HTTP/1.1\r\n folded\r\n\r\n",
        "GET / HTTP/1.1\r\nno colon\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length: +1\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length: 1, 1\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "GET / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        "GET / HTTP/1.1\r\nA: b\rc\r\n\r\n",
    };
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        struct http_head h;
        assert_false(is_ok(http_request_parse(SPAN(bad[i], strlen(bad[i])), &h)));
    }
}

static void bad_bodies_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "Content-Length: 6\r\n\r\nhello",
        "Transfer-Encoding: chunked\r\n\r\n5\r\nhelloX\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nhello",
        "Transfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "Transfer-Encoding: chunked\r\n\r\n0\r\nTrailer: x\r\n\r\n",
    };
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        char in[256] = "POST / HTTP/1.1\r\n", text[64];
        struct pipe p;
        struct http_head h;
        struct http_body b;
        size_t size;
        strncat(in, bad[i], sizeof in - strlen(in) - 1);
        pipe_on(&p, in, 1000);
        assert_true(is_ok(http_read_request(&conn, &h)));
        http_body_init(&b, &conn, &h, false, false);
        assert_false(is_ok(http_body_read_all(&b, text, sizeof text, &size)));
    }
}

static void large_heads_are_refused(void **state)
{
    (void)state;
    static char in[2 * HTTP_HEAD_SIZE_MAX];
    struct pipe p;
    struct http_head h;
    memset(in, 'a', sizeof in - 1);
    pipe_on(&p, in, 1000);
    assert_int_equal(http_read_request(&conn, &h).code, ERR_RANGE);
    in[0] = 0;
    snprintf(in, sizeof in, "%s", "GET / HTTP/1.1\r\n");
    for (int i = 0; i <= HTTP_FIELD_COUNT_MAX; i++)
        strncat(in, "a: b\r\n", sizeof in - strlen(in) - 1);
    strncat(in, "\r\n", sizeof in - strlen(in) - 1);
    pipe_on(&p, in, 1000);
    assert_int_equal(http_read_request(&conn, &h).code, ERR_RANGE);
}

// What we write, we read.
static void written_messages_parse(void **state)
{
    (void)state;
    struct pipe p, q;
    struct http_head h;
    struct http_body b;
    char text[16], in[8192];
    size_t size;
    struct http_out out = {.content_type = "text/plain", .body = SPAN_STR("hello"), .close = true};
    pipe_on(&p, "", 1);
    assert_true(is_ok(http_write_request(&conn.transport, "POST", "h:1", "/x?y=z", &out)));
    assert_false(is_ok(http_write_request(&conn.transport, "GET", "h", "/x y", &out)));
    assert_false(is_ok(http_write_request(&conn.transport, "GET", "h\r\nX: y", "/", &out)));
    snprintf(in, sizeof in, "%s", p.out);
    pipe_on(&q, in, 3);
    assert_true(is_ok(http_read_request(&conn, &h)));
    assert_true(http_path_is(&h, "/x") && !h.keep_alive && h.body_size == 5);
    pipe_on(&p, "", 1);
    out.close = false;
    assert_true(is_ok(http_write_response(&conn.transport, 204, &out)));
    assert_true(is_ok(http_write_response(&conn.transport, 404, &out)));
    snprintf(in, sizeof in, "%s", p.out);
    pipe_on(&q, in, 3);
    assert_true(is_ok(http_read_response(&conn, &h)));
    assert_int_equal(h.status, 204);
    http_body_init(&b, &conn, &h, true, false);
    assert_true(is_ok(http_body_read_all(&b, text, sizeof text, &size)) && size == 0);
    assert_true(is_ok(http_read_response(&conn, &h)));
    assert_int_equal(h.status, 404);
    http_body_init(&b, &conn, &h, true, false);
    assert_true(is_ok(http_body_read_all(&b, text, sizeof text, &size)) && size == 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_on_one_connection), cmocka_unit_test(chunked_response),
        cmocka_unit_test(bad_requests_are_refused),   cmocka_unit_test(bad_bodies_are_refused),
        cmocka_unit_test(large_heads_are_refused),    cmocka_unit_test(written_messages_parse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
