// SPDX-License-Identifier: Apache-2.0
// Options of internet sockets that pass to the host: those in the table, with exactly their size. Options
// that would bring ancillary data (packet information, error queues, time stamps) are not in it: no host
// call carries it.
#include <asm/socket.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/tcp.h>
#include <linux/udp.h>

#include "kernel/hostcall/stubs.h"
#include "kernel/net/inet.h"
#include "kernel/poll/poll.h"

#define LINUX_ERRNO_MAX 133 // EHWPOISON: what is above means something to the kernel alone

enum access { SET = 1, GET = 2, BOTH = 3 };

struct option {
    int16_t level, name;
    uint8_t size;
    uint8_t access;
};

// clang-format off
static const struct option options[] = {
    {SOL_SOCKET, SO_REUSEADDR, 4, BOTH}, {SOL_SOCKET, SO_REUSEPORT, 4, BOTH}, {SOL_SOCKET, SO_KEEPALIVE, 4, BOTH},
    {SOL_SOCKET, SO_BROADCAST, 4, BOTH}, {SOL_SOCKET, SO_DONTROUTE, 4, BOTH}, {SOL_SOCKET, SO_OOBINLINE, 4, BOTH},
    {SOL_SOCKET, SO_SNDBUF, 4, BOTH}, {SOL_SOCKET, SO_RCVBUF, 4, BOTH}, {SOL_SOCKET, SO_SNDBUFFORCE, 4, SET},
    {SOL_SOCKET, SO_RCVBUFFORCE, 4, SET}, {SOL_SOCKET, SO_LINGER, 8, BOTH}, {SOL_SOCKET, SO_PRIORITY, 4, BOTH},
    {SOL_SOCKET, SO_RCVLOWAT, 4, BOTH}, {SOL_SOCKET, SO_INCOMING_CPU, 4, GET}, {SOL_SOCKET, SO_ERROR, 4, GET},
    {SOL_TCP, TCP_NODELAY, 4, BOTH}, {SOL_TCP, TCP_MAXSEG, 4, BOTH}, {SOL_TCP, TCP_CORK, 4, BOTH},
    {SOL_TCP, TCP_KEEPIDLE, 4, BOTH}, {SOL_TCP, TCP_KEEPINTVL, 4, BOTH}, {SOL_TCP, TCP_KEEPCNT, 4, BOTH},
    {SOL_TCP, TCP_SYNCNT, 4, BOTH}, {SOL_TCP, TCP_LINGER2, 4, BOTH}, {SOL_TCP, TCP_DEFER_ACCEPT, 4, BOTH},
    {SOL_TCP, TCP_WINDOW_CLAMP, 4, BOTH}, {SOL_TCP, TCP_QUICKACK, 4, BOTH}, {SOL_TCP, TCP_USER_TIMEOUT, 4, BOTH},
    {SOL_TCP, TCP_FASTOPEN, 4, BOTH}, {SOL_TCP, TCP_NOTSENT_LOWAT, 4, BOTH}, {SOL_TCP, TCP_CONGESTION, 16, GET},
    {SOL_IP, IP_TOS, 4, BOTH}, {SOL_IP, IP_TTL, 4, BOTH}, {SOL_IP, IP_MTU_DISCOVER, 4, BOTH},
    {SOL_IP, IP_MTU, 4, GET}, {SOL_IP, IP_FREEBIND, 4, BOTH}, {SOL_IP, IP_BIND_ADDRESS_NO_PORT, 4, BOTH},
    {SOL_IP, IP_MULTICAST_TTL, 4, BOTH}, {SOL_IP, IP_MULTICAST_LOOP, 4, BOTH}, {SOL_IP, IP_MULTICAST_IF, 4, BOTH},
    {SOL_IP, IP_ADD_MEMBERSHIP, 8, SET}, {SOL_IP, IP_DROP_MEMBERSHIP, 8, SET},
    {SOL_IPV6, IPV6_V6ONLY, 4, BOTH}, {SOL_IPV6, IPV6_UNICAST_HOPS, 4, BOTH}, {SOL_IPV6, IPV6_TCLASS, 4, BOTH},
    {SOL_IPV6, IPV6_MTU_DISCOVER, 4, BOTH}, {SOL_IPV6, IPV6_MTU, 4, BOTH}, {SOL_IPV6, IPV6_DONTFRAG, 4, BOTH},
    {SOL_IPV6, IPV6_MULTICAST_HOPS, 4, BOTH}, {SOL_IPV6, IPV6_MULTICAST_LOOP, 4, BOTH},
    {SOL_IPV6, IPV6_MULTICAST_IF, 4, BOTH}, {SOL_IPV6, IPV6_ADD_MEMBERSHIP, 20, SET},
    {SOL_IPV6, IPV6_DROP_MEMBERSHIP, 20, SET},
};
// clang-format on

static const struct option *option_find(int level, int name, unsigned access)
{
    for (unsigned i = 0; i < ARRAY_COUNT(options); i++) {
        if (options[i].level == level && options[i].name == name && options[i].access & access)
            return &options[i];
    }
    return NULL;
}

static long linger_set(struct inet_socket *s, struct span value)
{
    int32_t linger[2];
    memcpy(linger, value.data, sizeof(linger));
    if (linger[0] && linger[1] > 0) {
        static const int32_t off[2];
        memcpy(s->linger, linger, sizeof(linger));
        return host_sock_setopt(s->fd, SOL_SOCKET, SO_LINGER, off, sizeof(off));
    }
    memset(s->linger, 0, sizeof(s->linger));
    return host_sock_setopt(s->fd, SOL_SOCKET, SO_LINGER, linger, sizeof(linger));
}

long inet_set_option(struct file *f, int level, int name, struct span value)
{
    const struct option *o = option_find(level, name, SET);
    if (!o)
        return -ENOPROTOOPT;
    if (value.size < o->size)
        return -EINVAL;
    if (level == SOL_SOCKET && name == SO_LINGER)
        return linger_set(inet_of(f), value);
    return host_sock_setopt(inet_of(f)->fd, (uint32_t)level, (uint32_t)name, value.data, o->size);
}

long inet_get_option(struct file *f, int level, int name, void *ret)
{
    struct inet_socket *s = inet_of(f);
    const struct option *o = option_find(level, name, GET);
    uint8_t value[OPTION_MAX] = {0};
    if (!o)
        return -ENOPROTOOPT;
    if (level == SOL_SOCKET && name == SO_LINGER && s->linger[0]) {
        memcpy(ret, s->linger, sizeof(s->linger));
        return sizeof(s->linger);
    }
    long r = host_sock_getopt(s->fd, (uint32_t)level, (uint32_t)name, value, o->size);
    if (r < 0)
        return r;
    if (r != o->size && name != TCP_CONGESTION)
        return -EIO;
    if (level == SOL_SOCKET && name == SO_ERROR) {
        if (load_le32(value) > LINUX_ERRNO_MAX)
            return -EIO;
        poll_rearm(f, POLLERR);
    }
    memcpy(ret, value, (size_t)r);
    return r;
}
