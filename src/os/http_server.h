// SPDX-License-Identifier: Apache-2.0
// A small HTTP/1.1 server for loopback use: one connection at a time, a handler per request, slow
// peers are cut off. It is blocking and has no TLS; do not put it on a public address.
#ifndef OS_HTTP_SERVER_H
#define OS_HTTP_SERVER_H

#include "wire/http.h"

#include <signal.h>

// "HOST:PORT", HOST an IPv4 address, PORT 0 for any free one. Listens; *ret_port is the port in
// use.
struct result http_server_listen(const char *where, int *ret_fd, unsigned *ret_port);

struct http_server {
    int fd;
    size_t body_size_max;
    // Answers one request with http_write_response…() on conn->transport. A failure closes the
    // connection.
    struct result (*handle)(void *context, struct http_conn *conn, const struct http_head *head,
                            struct span body);
    void *context;
    unsigned request_count_max;        // stop after so many requests; 0: none
    const volatile sig_atomic_t *stop; // stop when it becomes non-zero; may be NULL
};

// Serves until told to stop.
struct result http_server_run(const struct http_server *s);

#endif
