// SPDX-License-Identifier: Apache-2.0
#include "os/http_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <netinet/tcp.h>
#include <unistd.h>

#define PEER_TIMEOUT_S  10
#define IDLE_TIMEOUT_MS 200 // a kept connection that sends nothing makes room for the next one

struct result http_server_listen(const char *where, int *ret_fd, unsigned *ret_port)
{
    char host[INET_ADDRSTRLEN];
    unsigned port;
    int used = 0;
    REQUIRE(sscanf(where, "%15[0-9.]:%5u%n", host, &port, &used) == 2 && where[used] == 0 &&
                port <= 65535,
            ERR_INVALID, "an address to listen on is IPV4:PORT, as 127.0.0.1:8080");
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    REQUIRE(inet_pton(AF_INET, host, &a.sin_addr) == 1, ERR_INVALID, "not an IPv4 address");
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(fd >= 0, ERR_IO, "cannot make a socket");
    int one = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    socklen_t size = sizeof a;
    if (bind(fd, (struct sockaddr *)&a, sizeof a) || listen(fd, 64) ||
        getsockname(fd, (struct sockaddr *)&a, &size)) {
        bool taken = errno == EADDRINUSE;
        close(fd);
        return fail(ERR_IO, taken ? "the port is in use" : "cannot listen on that address");
    }
    *ret_fd = fd;
    *ret_port = ntohs(a.sin_port);
    return RESULT_OK;
}

static struct result peer_read(void *context, void *buffer, size_t capacity, size_t *ret_size)
{
    int fd = *(int *)context;
    ssize_t n;
    do
        n = recv(fd, buffer, capacity, 0);
    while (n < 0 && errno == EINTR);
    REQUIRE(n >= 0, ERR_IO, "the peer is gone or too slow");
    *ret_size = (size_t)n;
    return RESULT_OK;
}

static struct result peer_write(void *context, struct span data)
{
    int fd = *(int *)context;
    while (data.size) {
        ssize_t n = send(fd, data.data, data.size, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        REQUIRE(n > 0, ERR_IO, "the peer is gone or too slow");
        data = SPAN(data.data + n, data.size - (size_t)n);
    }
    return RESULT_OK;
}

// Waits for input; false on a signal or after the time.
static bool wait_readable(int fd, int timeout_ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, timeout_ms) == 1;
}

static unsigned status_for(struct result r)
{
    return r.code == ERR_RANGE ? 413 : r.code == ERR_UNSUPPORTED ? 405 : 400;
}

static struct result serve_one(const struct http_server *s, struct http_conn *c, uint8_t *body,
                               bool *ret_keep)
{
    struct http_head head;
    struct result r = http_read_request(c, &head);
    if (r.code == ERR_NOT_FOUND || r.code == ERR_IO)
        return r;
    size_t size = 0;
    if (is_ok(r)) {
        struct http_body b;
        http_body_init(&b, c, &head, false, false);
        if (head.has_length && head.body_size > s->body_size_max)
            r = fail(ERR_RANGE, "the HTTP body is too large");
        if (is_ok(r) && head.expect_continue)
            r = c->transport.write(c->transport.context, SPAN_STR("HTTP/1.1 100 Continue\r\n\r\n"));
        if (is_ok(r))
            r = http_body_read_all(&b, body, s->body_size_max, &size);
    }
    if (!is_ok(r)) {
        struct http_out out = {.close = true};
        (void)!is_ok(http_write_response(&c->transport, status_for(r), &out));
        return r;
    }
    *ret_keep = head.keep_alive;
    return s->handle(s->context, c, &head, SPAN(body, size));
}

static unsigned serve_peer(const struct http_server *s, int fd, uint8_t *body, unsigned count_max)
{
    struct timeval limit = {.tv_sec = PEER_TIMEOUT_S};
    int one = 1;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct http_conn *c = malloc(sizeof *c);
    unsigned count = 0;
    bool keep = c != NULL;
    if (c)
        http_conn_init(c, (struct http_transport){&fd, peer_read, peer_write});
    while (keep && !(s->stop && *s->stop)) {
        struct result r = serve_one(s, c, body, &keep);
        if (!is_ok(r))
            break;
        if (++count == count_max)
            break;
        if (keep && c->at == c->end)
            keep = wait_readable(fd, IDLE_TIMEOUT_MS);
    }
    free(c);
    return count;
}

struct result http_server_run(const struct http_server *s)
{
    unsigned served = 0;
    uint8_t *body = malloc(s->body_size_max + 1);
    REQUIRE(body, ERR_MEMORY, "out of memory");
    while (!(s->stop && *s->stop)) {
        if (!wait_readable(s->fd, 500))
            continue;
        int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0)
            continue;
        unsigned left = s->request_count_max ? s->request_count_max - served : 0;
        served += serve_peer(s, fd, body, left);
        close(fd);
        if (s->request_count_max && served >= s->request_count_max)
            break;
    }
    free(body);
    return RESULT_OK;
}
