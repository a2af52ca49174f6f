// SPDX-License-Identifier: Apache-2.0
// TCP with deadlines: names, connections, listeners, and a byte transport for plain HTTP. All sockets are
// non-blocking; whoever uses one waits with net_wait().
#ifndef OS_NET_H
#define OS_NET_H

#include "wire/http.h"

#define NET_HOST_SIZE 256u
#define NET_PORT_SIZE 6u

struct net_url {
    bool tls;
    char host[NET_HOST_SIZE]; // without brackets
    char port[NET_PORT_SIZE];
    char authority[NET_HOST_SIZE + NET_PORT_SIZE + 3]; // as written, for the Host field
};

// "http://HOST[:PORT][/]" or "https://…"; no path, no user.
struct result net_url_parse(const char *text, struct net_url *ret);

// Milliseconds of CLOCK_MONOTONIC.
int64_t net_now(void);

// Waits for POLLIN or POLLOUT until `deadline` (net_now's clock). ERR_STALE: too late.
struct result net_wait(int fd, short events, int64_t deadline);

struct result net_connect(const struct net_url *url, int64_t deadline, int *ret_fd);

// "ADDRESS:PORT"; ADDRESS is IPv4 or [IPv6]; port 0: any free one.
struct result net_listen(const char *where, int *ret_fd, unsigned *ret_port);

struct net_stream {
    int fd;
    int64_t deadline;
};
// `stream` lives as long as the transport.
struct http_transport net_transport(struct net_stream *stream);

#endif
