// SPDX-License-Identifier: Apache-2.0
// AF_UNIX sockets inside the enclave: life, names, connections. Messages: unix_data.c.
#include "kernel/net/unix.h"

#include <asm/socket.h>

#include "kernel/poll/poll.h"

static struct list names = LIST_INIT(names);
static const struct socket_ops unix_ops;

void unix_get(struct unix_socket *s)
{
    s->refs++;
}

void unix_put(struct unix_socket *s)
{
    if (s && --s->refs == 0)
        kfree(s);
}

void unix_event(struct unix_socket *s, uint32_t bits)
{
    if (s->file)
        poll_event(s->file, bits);
}

static struct unix_socket *unix_new(int type)
{
    struct unix_socket *s = kzalloc(sizeof(*s));
    if (!s)
        return NULL;
    s->base = (struct socket){.ops = &unix_ops, .family = AF_UNIX, .type = type};
    s->refs = 1;
    list_init(&s->queue);
    list_init(&s->in_names);
    list_init(&s->pending);
    list_init(&s->in_pending);
    waitq_init(&s->room);
    return s;
}

// The end of a socket that has no file any more (or never had one).
static void unix_close(struct unix_socket *s)
{
    struct unix_socket *peer = s->peer;
    bool unread = !list_empty(&s->queue);
    s->peer = NULL;
    s->file = NULL;
    list_remove(&s->in_names);
    unix_node_unref(s->node);
    s->node = NULL;
    list_for_each_safe(end, &s->pending, struct unix_socket, in_pending)
    {
        list_remove(&end->in_pending);
        if (end->peer)
            end->peer->error = ECONNRESET;
        unix_close(end);
    }
    if (peer && peer->peer == s) {
        peer->peer = NULL;
        if (!unix_is_dgram(s) && unread)
            peer->error = ECONNRESET;
        unix_event(peer, ~0u);
        waitq_wake(&peer->room, ~0u);
        unix_put(s);
    }
    unix_put(peer);
    list_for_each_safe(message, &s->queue, struct unix_message, node)
    {
        list_remove(&message->node);
        unix_message_free(message);
    }
    waitq_wake(&s->room, ~0u);
    unix_put(s);
}

static void unix_release(struct file *f)
{
    unix_close(unix_of(f));
}

static bool address_is_path(const struct address *a)
{
    return a->size > 2 && a->bytes[2];
}

long unix_find(const struct address *name, int type, struct unix_socket **ret)
{
    struct node *node = NULL;
    long r = address_is_path(name) ? unix_path_find((const char *)name->bytes + 2, &node) : 0;
    if (r < 0)
        return r;
    unix_node_unref(node); // the bound socket holds it, if there is one
    list_for_each(s, &names, struct unix_socket, in_names)
    {
        bool same =
            node ? s->node == node
                 : s->name.size == name->size && !memcmp(s->name.bytes, name->bytes, name->size);
        if (same && s->base.type != type)
            return -EPROTOTYPE;
        if (same) {
            *ret = s;
            return 0;
        }
    }
    return -ECONNREFUSED;
}

static long unix_autobind(struct address *ret)
{
    static uint32_t next;
    for (unsigned tries = 0; tries < 0x100000; tries++) {
        struct unix_socket *other;
        char text[8];
        kformat(text, sizeof(text), "%05x", next++ & 0xfffff);
        *ret = (struct address){.size = 2 + 1 + 5};
        ret->family = AF_UNIX;
        memcpy(ret->bytes + 3, text, 5);
        if (unix_find(ret, SOCK_STREAM, &other) == -ECONNREFUSED)
            return 0;
    }
    return -ENOSPC;
}

static long unix_bind(struct file *f, const struct address *a)
{
    struct unix_socket *s = unix_of(f), *other;
    struct address name = *a;
    long r = 0;
    if (s->name.size)
        return a->size == 2 ? 0 : -EINVAL;
    if (a->size == 2)
        r = unix_autobind(&name);
    else if (address_is_path(a))
        r = unix_path_make((const char *)a->bytes + 2, &s->node);
    else if (unix_find(a, s->base.type, &other) != -ECONNREFUSED)
        r = -EADDRINUSE;
    if (r < 0)
        return r == -EEXIST ? -EADDRINUSE : r;
    s->name = name;
    list_add_tail(&names, &s->in_names);
    return 0;
}

static long unix_listen(struct file *f, int backlog)
{
    struct unix_socket *s = unix_of(f);
    if (unix_is_dgram(s))
        return -EOPNOTSUPP;
    if (!s->name.size || s->connected)
        return -EINVAL;
    s->base.listening = true;
    s->backlog = (unsigned)MIN(MAX(backlog, 0), 4096);
    waitq_wake(&s->room, ~0u);
    return 0;
}

static void unix_join(struct unix_socket *a, struct unix_socket *b)
{
    unix_get(a);
    unix_get(b);
    a->peer = b;
    b->peer = a;
    a->connected = b->connected = true;
}

// The first connection that waits, its file still to be made.
static long unix_accept(struct file *f, struct file **ret, struct address *ret_peer)
{
    struct unix_socket *s = unix_of(f);
    if (unix_is_dgram(s))
        return -EOPNOTSUPP;
    if (!s->base.listening)
        return -EINVAL;
    uint64_t deadline = 0;
    while (list_empty(&s->pending)) {
        poll_rearm(f, POLL_READ);
        if (s->shut_read)
            return -EINVAL;
        if (socket_nonblocking(f, 0))
            return -EAGAIN;
        if (!deadline)
            deadline = socket_deadline(s->base.receive_timeout);
        long r = socket_wait_result(waitq_sleep(&f->waitq, deadline), deadline);
        if (r < 0)
            return r;
    }
    struct unix_socket *end = list_first(&s->pending, struct unix_socket, in_pending);
    struct file *accepted = socket_file_new(&end->base, 0);
    if (!accepted)
        return -ENOMEM;
    list_remove(&end->in_pending);
    s->pending_count--;
    end->file = accepted;
    waitq_wake(&s->room, ~0u);
    poll_rearm(f, POLL_READ);
    *ret = accepted;
    *ret_peer = end->peer ? end->peer->name : (struct address){0};
    return 0;
}

static long unix_wait_backlog(struct file *f, struct unix_socket *listener, uint64_t *deadline)
{
    if (socket_nonblocking(f, 0))
        return -EAGAIN;
    if (!*deadline)
        *deadline = socket_deadline(unix_of(f)->base.send_timeout);
    unix_get(listener);
    long r = socket_wait_result(waitq_sleep(&listener->room, *deadline), *deadline);
    unix_put(listener);
    return r;
}

static long unix_connect_dgram(struct unix_socket *s, const struct address *a)
{
    struct unix_socket *target = NULL;
    if (a->family != AF_UNSPEC) {
        long r = unix_find(a, s->base.type, &target);
        if (r < 0)
            return r;
        if (target->peer && target->peer != s)
            return -EPERM;
        unix_get(target);
    }
    struct unix_socket *old = s->peer;
    s->peer = target;
    unix_put(old);
    unix_event(s, ~0u);
    return 0;
}

static long unix_connect(struct file *f, const struct address *a)
{
    struct unix_socket *s = unix_of(f), *listener;
    uint64_t deadline = 0;
    if (unix_is_dgram(s))
        return unix_connect_dgram(s, a);
    for (;;) {
        if (s->base.listening || s->connected)
            return s->connected ? -EISCONN : -EINVAL;
        long r = unix_find(a, s->base.type, &listener);
        if (r < 0)
            return r;
        if (!listener->base.listening || listener->shut_read)
            return -ECONNREFUSED;
        if (listener->pending_count <= listener->backlog)
            break;
        r = unix_wait_backlog(f, listener, &deadline);
        if (r < 0)
            return r;
    }
    struct unix_socket *end = unix_new(s->base.type);
    if (!end)
        return -ENOMEM;
    end->name = listener->name;
    unix_join(s, end);
    list_add_tail(&listener->pending, &end->in_pending);
    listener->pending_count++;
    unix_event(listener, POLL_READ);
    poll_event(f, ~0u);
    return 0;
}

static long unix_name(struct file *f, bool peer, struct address *ret)
{
    const struct unix_socket *s = unix_of(f);
    if (peer && !s->peer)
        return -ENOTCONN;
    *ret = peer ? s->peer->name : s->name;
    if (!ret->size) {
        ret->size = sizeof(ret->family);
        ret->family = AF_UNIX;
    }
    return 0;
}

static long unix_shutdown(struct file *f, int how)
{
    struct unix_socket *s = unix_of(f);
    if (!unix_is_dgram(s) && !s->connected && !s->base.listening)
        return -ENOTCONN;
    s->shut_read |= how != SHUT_WR;
    s->shut_write |= how != SHUT_RD;
    poll_event(f, ~0u);
    if (s->peer) {
        unix_event(s->peer, ~0u);
        waitq_wake(&s->peer->room, ~0u);
    }
    waitq_wake(&s->room, ~0u);
    return 0;
}

static uint32_t unix_poll(struct file *f)
{
    const struct unix_socket *s = unix_of(f);
    bool gone = s->connected && !s->peer;
    bool end_of_input = s->shut_read || gone || (s->peer && s->connected && s->peer->shut_write);
    bool end_of_output = s->shut_write || gone || (s->peer && s->connected && s->peer->shut_read);
    uint32_t bits = s->error ? POLLERR : 0;
    if (s->base.listening)
        return list_empty(&s->pending) ? 0 : POLL_READ;
    if (!list_empty(&s->queue) || end_of_input)
        bits |= POLL_READ;
    if (end_of_input)
        bits |= POLLRDHUP;
    if ((end_of_input && end_of_output) || (!unix_is_dgram(s) && !s->connected))
        bits |= POLLHUP;
    if (unix_writable(s))
        bits |= POLL_WRITE;
    return bits;
}

static long unix_pending(struct file *f)
{
    const struct unix_socket *s = unix_of(f);
    long total = 0;
    list_for_each(message, &s->queue, struct unix_message, node)
    {
        total += message->size - message->at;
        if (s->base.type != SOCK_STREAM)
            break;
    }
    return total;
}

static long unix_set_option(struct file *f, int level, int name, struct span value)
{
    (void)f;
    if (level != SOL_SOCKET)
        return -EOPNOTSUPP;
    switch (name) {
    case SO_REUSEADDR: // without meaning here, as on Linux
    case SO_KEEPALIVE:
    case SO_BROADCAST:
    case SO_SNDBUF: // queues have one size
    case SO_RCVBUF:
    case SO_PRIORITY:
        return value.size < sizeof(int) ? -EINVAL : 0;
    default:
        return -ENOPROTOOPT;
    }
}

static long unix_get_option(struct file *f, int level, int name, void *ret)
{
    struct unix_socket *s = unix_of(f);
    struct linux_ucred cred = {0, ~0u, ~0u};
    int value = 0;
    if (level != SOL_SOCKET)
        return -EOPNOTSUPP;
    switch (name) {
    case SO_PEERCRED:
        if (s->connected)
            unix_credentials(&cred);
        memcpy(ret, &cred, sizeof(cred));
        return sizeof(cred);
    case SO_ERROR:
        value = s->error;
        s->error = 0;
        break;
    case SO_SNDBUF:
    case SO_RCVBUF:
        value = UNIX_QUEUE_MAX;
        break;
    case SO_REUSEADDR:
    case SO_KEEPALIVE:
    case SO_BROADCAST:
    case SO_PRIORITY:
        break;
    default:
        return -ENOPROTOOPT;
    }
    memcpy(ret, &value, sizeof(value));
    return sizeof(value);
}

static const struct socket_ops unix_ops = {
    .bind = unix_bind,
    .listen = unix_listen,
    .accept = unix_accept,
    .connect = unix_connect,
    .name = unix_name,
    .send = unix_send,
    .receive = unix_receive,
    .shutdown = unix_shutdown,
    .set_option = unix_set_option,
    .get_option = unix_get_option,
    .pending = unix_pending,
    .poll = unix_poll,
    .release = unix_release,
};

static long unix_check(int type, int protocol)
{
    if (type != SOCK_STREAM && type != SOCK_DGRAM && type != SOCK_SEQPACKET)
        return -ESOCKTNOSUPPORT;
    return protocol && protocol != AF_UNIX ? -EPROTONOSUPPORT : 0;
}

long unix_create(int type, int protocol, struct socket **ret)
{
    long r = unix_check(type, protocol);
    struct unix_socket *s = r == 0 ? unix_new(type) : NULL;
    if (r == 0 && !s)
        r = -ENOMEM;
    if (r == 0)
        *ret = &s->base;
    return r;
}

void unix_set_file(struct socket *s, struct file *f)
{
    ((struct unix_socket *)s)->file = f;
}

long unix_pair(int type, int protocol, struct file *ret[2])
{
    struct file *f[2] = {NULL, NULL};
    for (int i = 0; i < 2; i++) {
        long r = socket_create(AF_UNIX, type, protocol, &f[i]);
        if (r < 0) {
            file_unref(f[0]);
            return r;
        }
    }
    unix_join(unix_of(f[0]), unix_of(f[1]));
    memcpy(ret, f, sizeof(f));
    return 0;
}
