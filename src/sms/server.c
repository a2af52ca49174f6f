// SPDX-License-Identifier: Apache-2.0
// Threads that each accept a connection and serve it to its end. A slow peer holds one thread for a bounded
// time; a peer that waits for its turn waits in the kernel's backlog.
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "os/net.h"
#include "os/tls.h"
#include "sms/sms.h"

#define THREADS_MAX        64u
#define HANDSHAKE_TIME_MS  5000u
#define IDLE_TIME_MS       5000u
#define REQUEST_TIME_MS    30000u
#define CONNECTION_TIME_MS 120000
#define REQUESTS_MAX       100u
#define STOP_LOOK_MS       500

#define CROSS_ORIGIN                                                  \
    "Access-Control-Allow-Origin: *\r\n"                              \
    "Access-Control-Allow-Methods: GET, HEAD, POST, PUT, OPTIONS\r\n" \
    "Access-Control-Allow-Headers: authorization, content-type\r\n"

struct worker {
    const struct sms_server *server;
    struct tls_server *tls;
    pthread_t thread;
};

struct connection {
    struct tls *tls;
    struct http_conn http;
    struct sms_session session;
};

static struct result write_answer(struct connection *c, const struct http_head *head,
                                  const struct sms_answer *a, bool close_after)
{
    struct http_transport t = tls_transport(c->tls);
    bool bodiless = http_method_is(head, "HEAD") || a->status == 204;
    struct http_out out = {.content_type = bodiless ? NULL : a->content_type,
                           .fields = a->cross_origin ? CROSS_ORIGIN : NULL,
                           .body = bodiless ? SPAN(NULL, 0) : SPAN(a->body, a->size),
                           .close = close_after};
    return http_write_response(&t, a->status, &out);
}

static struct result refuse_body(struct connection *c, const struct http_head *head)
{
    char text[PROTO_REFUSAL_JSON_SIZE];
    proto_refusal_write(PROTO_REFUSED_TOO_LARGE, NULL, text);
    struct sms_answer a = {.status = proto_refusal_status(PROTO_REFUSED_TOO_LARGE),
                           .content_type = "application/json",
                           .body = (uint8_t *)text,
                           .size = strlen(text)};
    return write_answer(c, head, &a, true);
}

static struct result read_body(struct connection *c, const struct http_head *head, uint8_t *buffer,
                               size_t capacity, size_t *ret_size)
{
    struct http_body in;
    if (head->expect_continue) {
        struct http_transport t = tls_transport(c->tls);
        GUARD(t.write(t.context, SPAN_STR("HTTP/1.1 100 Continue\r\n\r\n")));
    }
    http_body_init(&in, &c->http, head, false, false);
    return http_body_read_all(&in, buffer, capacity, ret_size);
}

static struct result serve_request(struct sms *s, struct connection *c,
                                   const struct http_head *head, bool last)
{
    struct sms_answer answer;
    size_t size_max = sms_body_size_max(head), size = 0;
    if (head->has_length && head->body_size > size_max)
        return refuse_body(c, head);
    uint8_t *body = malloc(size_max);
    REQUIRE(body, ERR_MEMORY, "out of memory");
    struct result r = read_body(c, head, body, size_max, &size);
    if (is_ok(r)) {
        sms_serve(s, &c->session, head, SPAN(body, size), &answer);
        r = write_answer(c, head, &answer, last);
        sms_answer_done(&answer);
    }
    wipe(body, size_max);
    free(body);
    return r;
}

static void serve_connection(struct sms *s, struct connection *c)
{
    int64_t end = net_now() + CONNECTION_TIME_MS;
    if (!is_ok(tls_exporter(c->tls, PROTO_EXPORTER_LABEL, c->session.exporter)))
        return;
    http_conn_init(&c->http, tls_transport(c->tls));
    for (unsigned i = 1; i <= REQUESTS_MAX && net_now() < end; i++) {
        struct http_head head;
        tls_deadline(c->tls, IDLE_TIME_MS);
        if (!is_ok(http_read_request(&c->http, &head)))
            return;
        bool last = !head.keep_alive || i == REQUESTS_MAX;
        tls_deadline(c->tls, REQUEST_TIME_MS);
        if (!is_ok(serve_request(s, c, &head, last)) || last)
            return;
    }
}

static void take_connection(const struct worker *w, int fd)
{
    struct connection *c = calloc(1, sizeof *c);
    if (!c) {
        close(fd);
        return;
    }
    if (is_ok(tls_accept(w->tls, fd, HANDSHAKE_TIME_MS, &c->tls))) {
        serve_connection(w->server->sms, c);
        tls_free(c->tls);
    }
    wipe(c, sizeof *c);
    free(c);
}

static void *work(void *argument)
{
    const struct worker *w = argument;
    const struct sms_server *server = w->server;
    while (!(server->stop && atomic_load(server->stop))) {
        struct pollfd p = {.fd = server->fd, .events = POLLIN};
        if (poll(&p, 1, STOP_LOOK_MS) <= 0)
            continue;
        int fd = accept4(server->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0)
            take_connection(w, fd);
    }
    return NULL;
}

struct result sms_server_run(const struct sms_server *server)
{
    struct worker workers[THREADS_MAX];
    struct tls_server *tls;
    unsigned started = 0;
    REQUIRE(server->thread_count > 0 && server->thread_count <= THREADS_MAX, ERR_RANGE,
            "the number of threads is 1 to 64");
    GUARD(tls_server_new(&tls));
    struct result certified = sms_certify(server->sms, tls);
    if (!is_ok(certified)) {
        tls_server_free(tls);
        return certified;
    }
    for (; started < server->thread_count; started++) {
        workers[started] = (struct worker){.server = server, .tls = tls};
        if (pthread_create(&workers[started].thread, NULL, work, &workers[started]) != 0)
            break;
    }
    for (unsigned i = 0; i < started; i++)
        pthread_join(workers[i].thread, NULL);
    tls_server_free(tls);
    return started ? RESULT_OK : fail(ERR_MEMORY, "no thread could be started");
}
