// SPDX-License-Identifier: Apache-2.0
// AF_INET and AF_INET6 sockets: the host has them; the kernel keeps blocking, timeouts and signals.
//
// - Host sockets never block. A blocking operation tries, waits on the descriptor in task_block(),
//   tries again.
// - The network is the adversary's: what matters here is that sizes, addresses and error numbers from the
//   host are in range. Data are as good as what authenticates them (TLS).
#include "kernel/net/inet.h"

#include <asm/socket.h>
#include <linux/in.h>

#include "kernel/hostcall/stubs.h"
#include "kernel/poll/poll.h"

#define HOST_FLAGS (MSG_DONTWAIT | MSG_NOSIGNAL)
#define ARM_READ   (POLL_READ | POLL_ALWAYS)

// 0: look again. `ret_ready` says whether the host claims events.
static long inet_wait(struct file *f, uint32_t events, uint64_t deadline, bool *ret_ready)
{
    struct host_pollfd fd = {inet_of(f)->fd, (uint16_t)events, 0};
    struct wait_entry entry;
    wait_add(&entry, &f->waitq);
    long r = task_block(&fd, 1, deadline);
    wait_remove(&entry);
    *ret_ready = fd.revents != 0;
    return *ret_ready ? 0 : socket_wait_result(r, deadline);
}

// After an operation said EAGAIN: arms the edge and waits, or gives up.
static long inet_again(struct file *f, uint32_t events, unsigned flags, uint64_t timeout,
                       uint64_t *deadline)
{
    bool ready;
    poll_rearm(f, events | POLL_ALWAYS);
    if (socket_nonblocking(f, flags))
        return -EAGAIN;
    if (!*deadline)
        *deadline = socket_deadline(timeout);
    return inet_wait(f, events, *deadline, &ready);
}

static long inet_bind(struct file *f, const struct address *a)
{
    return host_sock_bind(inet_of(f)->fd, a->bytes, a->size);
}

static long inet_listen(struct file *f, int backlog)
{
    long r = host_sock_listen(inet_of(f)->fd, (uint32_t)MAX(backlog, 0));
    if (r == 0)
        inet_of(f)->base.listening = true;
    poll_event(f, ~0u);
    return r;
}

static const struct socket_ops inet_ops;

static long inet_file(const struct socket *like, uint32_t fd, struct file **ret)
{
    struct inet_socket *s = kzalloc(sizeof(*s));
    if (s) {
        *s = (struct inet_socket){
            .base = {.ops = &inet_ops,
                     .family = like->family,
                     .type = like->type,
                     .protocol = like->protocol},
            .fd = fd,
        };
        *ret = socket_file_new(&s->base, 0);
        if (*ret)
            return 0;
        kfree(s);
    }
    host_file_close(fd);
    return -ENOMEM;
}

static long inet_accept(struct file *f, struct file **ret, struct address *ret_peer)
{
    struct inet_socket *s = inet_of(f);
    uint64_t deadline = 0;
    struct file *accepted;
    for (;;) {
        struct address peer = {0};
        size_t size = 0;
        long fd = host_sock_accept(s->fd, peer.bytes, sizeof(peer.bytes), &size);
        if (fd >= 0) {
            peer.size = (uint32_t)size;
            poll_rearm(f, ARM_READ);
            long r = inet_file(&s->base, (uint32_t)fd, &accepted);
            if (r == 0 && (r = address_check_host((unsigned)s->base.family, &peer)) < 0)
                file_unref(accepted);
            if (r < 0)
                return r;
            *ret = accepted;
            *ret_peer = peer;
            return 0;
        }
        if (fd != -EAGAIN)
            return fd;
        fd = inet_again(f, POLLIN, 0, s->base.receive_timeout, &deadline);
        if (fd < 0)
            return fd;
    }
}

static long inet_connect_wait(struct file *f)
{
    struct inet_socket *s = inet_of(f);
    uint64_t deadline = socket_deadline(s->base.send_timeout);
    bool ready = false;
    while (!ready) {
        long r = inet_wait(f, POLLOUT, deadline, &ready);
        if (r < 0)
            return r == -EAGAIN ? -EINPROGRESS : r;
    }
    s->connecting = false;
    uint32_t error = 0;
    long r = inet_get_option(f, SOL_SOCKET, SO_ERROR, &error);
    s->connected = r >= 0 && error == 0;
    return r < 0 ? r : -(long)error;
}

static long inet_connect(struct file *f, const struct address *a)
{
    struct inet_socket *s = inet_of(f);
    // The host's socket, which saw a nonblocking connect, would say 0 once more.
    if (s->connected && a->family != AF_UNSPEC)
        return -EISCONN;
    long r = host_sock_connect(s->fd, a->bytes, a->size);
    poll_event(f, ~0u);
    // A blocking connect that a signal interrupted goes on waiting.
    if (r == -EINPROGRESS || (r == -EALREADY && s->connecting)) {
        s->connecting = true;
        return socket_nonblocking(f, 0) ? r : inet_connect_wait(f);
    }
    if (r == -EISCONN && s->connecting)
        r = 0;
    s->connecting = false;
    s->connected = r == 0 && s->base.type == SOCK_STREAM && a->family != AF_UNSPEC;
    return r;
}

static long inet_name(struct file *f, bool peer, struct address *ret)
{
    struct inet_socket *s = inet_of(f);
    struct address a = {0};
    size_t size = 0;
    long r = host_sock_name(s->fd, peer, a.bytes, sizeof(a.bytes), &size);
    a.size = (uint32_t)size;
    if (r == 0)
        r = address_check_host((unsigned)s->base.family, &a);
    if (r == 0)
        *ret = a;
    return r;
}

static long inet_send(struct file *f, struct message *m, unsigned flags)
{
    struct inet_socket *s = inet_of(f);
    bool stream = s->base.type == SOCK_STREAM;
    uint8_t *bounce = socket_bounce();
    uint64_t deadline = 0;
    size_t done = 0;
    long r = bounce ? 0 : -ENOMEM;
    if (!stream && m->io.left > BOUNCE_SIZE)
        return -EMSGSIZE;
    while (r == 0 && (m->io.left > 0 || (!stream && !done))) {
        size_t n = MIN(m->io.left, BOUNCE_SIZE);
        bool more = flags & MSG_MORE || (stream && n < m->io.left);
        r = user_io_get(&m->io, bounce, n);
        if (r < 0)
            break;
        unsigned host_flags =
            HOST_FLAGS | (flags & (MSG_OOB | MSG_DONTROUTE)) | (more ? MSG_MORE : 0u);
        long sent = host_sock_send(s->fd, host_flags, bounce, n, m->address.bytes, m->address.size);
        if (sent >= 0 && n > 0 && (sent == 0 || (!stream && (size_t)sent != n))) {
            r = -EIO; // no host's send does that
        } else if (sent >= 0) {
            user_io_advance(&m->io, (size_t)sent);
            done += (size_t)sent;
            if ((size_t)sent < n)
                poll_rearm(f, POLL_WRITE);
            if (!stream)
                return sent;
        } else if (sent == -EAGAIN) {
            r = inet_again(f, POLLOUT, flags, s->base.send_timeout, &deadline);
        } else {
            r = sent;
        }
    }
    if (done)
        return (long)done;
    if (r < 0 && r != -EAGAIN)
        poll_rearm(f, POLL_ALWAYS);
    if (r == -EPIPE && stream && !(flags & MSG_NOSIGNAL))
        task_raise(SIGPIPE);
    return r;
}

static long inet_receive_datagram(struct file *f, struct message *m, unsigned flags)
{
    struct inet_socket *s = inet_of(f);
    uint8_t *bounce = socket_bounce();
    uint64_t deadline = 0;
    long r;
    if (!bounce)
        return -ENOMEM;
    for (;;) {
        struct address from = {0};
        size_t size = 0;
        r = host_sock_recv(s->fd, HOST_FLAGS | (flags & MSG_PEEK), bounce, BOUNCE_SIZE, from.bytes,
                           sizeof(from.bytes), &size);
        from.size = (uint32_t)size;
        if (r >= 0) {
            poll_rearm(f, ARM_READ);
            // After shutdown(SHUT_RD) the host says 0 and gives no address.
            if (size > 0 && address_check_host((unsigned)s->base.family, &from) < 0)
                return -EIO;
            m->address = from;
            break;
        }
        if (r != -EAGAIN)
            return r;
        r = inet_again(f, POLLIN, flags, s->base.receive_timeout, &deadline);
        if (r < 0)
            return r;
    }
    size_t n = MIN((size_t)r, m->io.left);
    if (n < (size_t)r)
        m->flags |= MSG_TRUNC;
    long copied = user_io_put(&m->io, bounce, n);
    if (copied < 0)
        return copied;
    return flags & MSG_TRUNC ? r : (long)n;
}

static long inet_receive_stream(struct file *f, struct message *m, unsigned flags)
{
    struct inet_socket *s = inet_of(f);
    uint8_t *bounce = socket_bounce();
    uint64_t deadline = 0;
    size_t done = 0;
    long r = bounce ? 0 : -ENOMEM;
    bool whole = flags & MSG_WAITALL && !(flags & MSG_PEEK) && !socket_nonblocking(f, flags);
    while (r == 0 && m->io.left > 0) {
        struct address from;
        size_t size = 0, n = MIN(m->io.left, BOUNCE_SIZE);
        r = host_sock_recv(s->fd, HOST_FLAGS | (flags & (MSG_PEEK | MSG_OOB)), bounce, n,
                           from.bytes, sizeof(from.bytes), &size);
        if (r == -EAGAIN && !(flags & MSG_OOB)) {
            r = inet_again(f, POLLIN, flags, s->base.receive_timeout, &deadline);
            continue;
        }
        if (r <= 0)
            break;
        poll_rearm(f, ARM_READ);
        n = (size_t)r;
        r = flags & MSG_TRUNC ? 0 : user_io_put(&m->io, bounce, n); // Linux: MSG_TRUNC discards
        if (r < 0)
            break;
        user_io_advance(&m->io, n);
        done += n;
        if (!whole)
            break;
    }
    return done ? (long)done : r;
}

static long inet_receive(struct file *f, struct message *m, unsigned flags)
{
    if (flags & MSG_ERRQUEUE)
        return -EAGAIN; // nothing ever gets there
    long r = inet_of(f)->base.type == SOCK_STREAM ? inet_receive_stream(f, m, flags)
                                                  : inet_receive_datagram(f, m, flags);
    if (r < 0 && r != -EAGAIN)
        poll_rearm(f, POLL_ALWAYS);
    return r;
}

static long inet_shutdown(struct file *f, int how)
{
    long r = host_sock_shutdown(inet_of(f)->fd, (uint32_t)how);
    poll_event(f, ~0u);
    return r;
}

static long inet_pending(struct file *f)
{
    return host_sock_pending(inet_of(f)->fd);
}

static int inet_host_fd(struct file *f)
{
    return (int)inet_of(f)->fd;
}

static void inet_release(struct file *f)
{
    host_file_close(inet_of(f)->fd);
    kfree(f->priv);
}

static const struct socket_ops inet_ops = {
    .bind = inet_bind,
    .listen = inet_listen,
    .accept = inet_accept,
    .connect = inet_connect,
    .name = inet_name,
    .send = inet_send,
    .receive = inet_receive,
    .shutdown = inet_shutdown,
    .set_option = inet_set_option,
    .get_option = inet_get_option,
    .pending = inet_pending,
    .host_fd = inet_host_fd,
    .release = inet_release,
};

long inet_create(int family, int type, int protocol, struct socket **ret)
{
    int natural = type == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP;
    if (type != SOCK_STREAM && type != SOCK_DGRAM)
        return -ESOCKTNOSUPPORT; // raw sockets
    if (protocol && protocol != natural)
        return -EPROTONOSUPPORT;
    struct inet_socket *s = kzalloc(sizeof(*s));
    if (!s)
        return -ENOMEM;
    long fd = host_sock_open((uint32_t)family, (uint32_t)type, (uint32_t)natural);
    if (fd < 0) {
        kfree(s);
        return fd;
    }
    *s = (struct inet_socket){
        .base = {.ops = &inet_ops, .family = family, .type = type, .protocol = natural},
        .fd = (uint32_t)fd,
    };
    *ret = &s->base;
    return 0;
}
