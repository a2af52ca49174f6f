// SPDX-License-Identifier: Apache-2.0
#include "os/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

int64_t net_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static struct result copy(struct span from, char *to, size_t capacity)
{
    REQUIRE(from.size > 0 && from.size < capacity, ERR_INVALID,
            "the URL's host or port is empty or too long");
    memcpy(to, from.data, from.size);
    to[from.size] = 0;
    return RESULT_OK;
}

// HOST[:PORT] or [HOST][:PORT].
static struct result split_authority(const char *text, struct span *ret_host, struct span *ret_port)
{
    const char *end = text + strlen(text);
    const char *host = text, *host_end = strchr(text, ':'), *port;
    if (*text == '[') {
        host = text + 1;
        host_end = strchr(host, ']');
        REQUIRE(host_end, ERR_INVALID, "the URL's IPv6 address has no ']'");
        port = host_end + 1;
    } else {
        host_end = host_end ? host_end : end;
        port = host_end;
    }
    *ret_host = SPAN(host, (size_t)(host_end - host));
    *ret_port = SPAN(NULL, 0);
    if (*port == 0)
        return RESULT_OK;
    REQUIRE(*port == ':', ERR_INVALID, "the URL's authority is malformed");
    *ret_port = SPAN(port + 1, (size_t)(end - port - 1));
    REQUIRE(ret_port->size > 0 && ret_port->size < NET_PORT_SIZE &&
                strspn(port + 1, "0123456789") == ret_port->size &&
                strtoul(port + 1, NULL, 10) <= 65535,
            ERR_INVALID, "the URL's port is no number up to 65535");
    return RESULT_OK;
}

struct result net_url_parse(const char *text, struct net_url *ret)
{
    struct net_url u = {.tls = strncmp(text, "https://", 8) == 0};
    struct span host, port;
    REQUIRE(u.tls || strncmp(text, "http://", 7) == 0, ERR_INVALID,
            "a URL here begins with https:// or http://");
    text += u.tls ? 8 : 7;
    size_t size = strlen(text);
    if (size && text[size - 1] == '/')
        size--;
    GUARD(copy(SPAN(text, size), u.authority, sizeof u.authority));
    REQUIRE(http_text_is_safe(u.authority) && !strpbrk(u.authority, "/@?#"), ERR_INVALID,
            "a URL here has no path and no user");
    GUARD(split_authority(u.authority, &host, &port));
    GUARD(copy(host, u.host, sizeof u.host));
    GUARD(copy(port.data ? port : u.tls ? SPAN_STR("443") : SPAN_STR("80"), u.port, sizeof u.port));
    *ret = u;
    return RESULT_OK;
}

struct result net_wait(int fd, short events, int64_t deadline)
{
    for (;;) {
        int64_t left = deadline - net_now();
        REQUIRE(left > 0, ERR_STALE, "the peer is too slow");
        struct pollfd p = {.fd = fd, .events = events};
        int n = poll(&p, 1, (int)MIN(left, (int64_t)INT_MAX));
        if (n > 0)
            return RESULT_OK;
        REQUIRE(n == 0 || errno == EINTR, ERR_IO, "poll failed");
    }
}

static struct result connect_to(const struct addrinfo *a, int64_t deadline, int *ret_fd)
{
    int error = 0, one = 1;
    socklen_t size = sizeof error;
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    REQUIRE(fd >= 0, ERR_IO, "no socket");
    struct result r = RESULT_OK;
    if (connect(fd, a->ai_addr, a->ai_addrlen) != 0) {
        r = errno == EINPROGRESS ? net_wait(fd, POLLOUT, deadline)
                                 : fail(ERR_IO, "the server cannot be reached");
        if (is_ok(r) && (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0))
            r = fail(ERR_IO, "the server cannot be reached");
    }
    if (!is_ok(r)) {
        close(fd);
        return r;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    *ret_fd = fd;
    return RESULT_OK;
}

// Addresses are taken as such, so that a program without a resolver (in an enclave) can use them.
struct result net_connect(const struct net_url *url, int64_t deadline, int *ret_fd)
{
    const char *host = strcmp(url->host, "localhost") == 0 ? "127.0.0.1" : url->host;
    struct in_addr v4;
    struct in6_addr v6;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *list;
    if (inet_pton(AF_INET, host, &v4) == 1 || inet_pton(AF_INET6, host, &v6) == 1)
        hints.ai_flags |= AI_NUMERICHOST;
    REQUIRE(getaddrinfo(host, url->port, &hints, &list) == 0, ERR_IO,
            "the server's name is not known");
    struct result r = fail(ERR_IO, "the server has no address");
    for (const struct addrinfo *a = list; a; a = a->ai_next) {
        r = connect_to(a, deadline, ret_fd);
        if (is_ok(r))
            break;
    }
    freeaddrinfo(list);
    return r;
}

static struct result listen_address(const struct net_url *u, struct sockaddr_storage *ret,
                                    socklen_t *ret_size)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)strtoul(u->port, NULL, 10))};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6,
                              .sin6_port = htons((uint16_t)strtoul(u->port, NULL, 10))};
    if (inet_pton(AF_INET, u->host, &v4.sin_addr) == 1) {
        memcpy(ret, &v4, sizeof v4);
        *ret_size = sizeof v4;
        return RESULT_OK;
    }
    REQUIRE(inet_pton(AF_INET6, u->host, &v6.sin6_addr) == 1, ERR_INVALID,
            "the address to listen on is ADDRESS:PORT, in numbers");
    memcpy(ret, &v6, sizeof v6);
    *ret_size = sizeof v6;
    return RESULT_OK;
}

struct result net_listen(const char *where, int *ret_fd, unsigned *ret_port)
{
    char text[NET_HOST_SIZE + 16];
    struct net_url u;
    struct sockaddr_storage address;
    socklen_t size;
    int one = 1;
    REQUIRE(strlen(where) < NET_HOST_SIZE, ERR_RANGE, "the address to listen on is too long");
    snprintf(text, sizeof text, "http://%s", where);
    GUARD(net_url_parse(text, &u));
    GUARD(listen_address(&u, &address, &size));
    int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    REQUIRE(fd >= 0, ERR_IO, "no socket");
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&address, size) != 0 || listen(fd, 64) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) != 0) {
        close(fd);
        return fail(ERR_IO, "cannot listen on this address");
    }
    // The port stands at the same place in both families.
    *ret_port = ntohs(((struct sockaddr_in *)&address)->sin_port);
    *ret_fd = fd;
    return RESULT_OK;
}

static struct result stream_read(void *context, void *buffer, size_t capacity, size_t *ret_size)
{
    const struct net_stream *s = context;
    for (;;) {
        ssize_t n = recv(s->fd, buffer, capacity, 0);
        if (n >= 0) {
            *ret_size = (size_t)n;
            return RESULT_OK;
        }
        REQUIRE(errno == EAGAIN || errno == EINTR, ERR_IO, "the connection broke");
        GUARD(net_wait(s->fd, POLLIN, s->deadline));
    }
}

static struct result stream_write(void *context, struct span data)
{
    const struct net_stream *s = context;
    while (data.size) {
        ssize_t n = send(s->fd, data.data, data.size, MSG_NOSIGNAL);
        if (n > 0) {
            data = SPAN(data.data + n, data.size - (size_t)n);
            continue;
        }
        REQUIRE(n < 0 && (errno == EAGAIN || errno == EINTR), ERR_IO, "the connection broke");
        GUARD(net_wait(s->fd, POLLOUT, s->deadline));
    }
    return RESULT_OK;
}

struct http_transport net_transport(struct net_stream *stream)
{
    return (struct http_transport){stream, stream_read, stream_write};
}
