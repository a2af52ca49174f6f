// SPDX-License-Identifier: Apache-2.0
// A socket on the host, for inet.c and options.c.
#ifndef KERNEL_NET_INET_H
#define KERNEL_NET_INET_H

#include <linux/tcp.h>

#include "kernel/net/net.h"

struct inet_socket {
    struct socket base;
    uint32_t fd;
    bool connecting;
    bool connected; // a stream whose connect() succeeded here
    // SO_LINGER with a time stays here: it would make the host's close() block under the kernel lock.
    int32_t linger[2];
};

static inline struct inet_socket *inet_of(const struct file *f)
{
    return (struct inet_socket *)f->priv;
}

#endif
