// SPDX-License-Identifier: Apache-2.0
// AF_UNIX: messages from one socket's sender into the other's queue.
#include "kernel/net/unix.h"
#include "kernel/poll/poll.h"

#define PIECE_MAX 32768u // of a stream, per message

void unix_message_free(struct unix_message *m)
{
    rights_free(m->rights);
    kfree(m);
}

bool unix_writable(const struct unix_socket *s)
{
    return !s->peer || s->peer->queued * 4 <= UNIX_QUEUE_MAX;
}

bool unix_at_end(const struct unix_socket *s)
{
    return s->shut_read || (s->connected && (!s->peer || s->peer->shut_write));
}

// Sleeps until the target may have room. The sender's own file wakes it too (its peer went away).
static long unix_wait_room(struct file *f, struct unix_socket *target, unsigned flags,
                           uint64_t *deadline)
{
    struct wait_entry room, own;
    if (socket_nonblocking(f, flags)) {
        poll_rearm(f, POLL_WRITE);
        return -EAGAIN;
    }
    if (!*deadline)
        *deadline = socket_deadline(unix_of(f)->base.send_timeout);
    unix_get(target);
    wait_add(&room, &target->room);
    wait_add(&own, &f->waitq);
    long r = task_block(NULL, 0, *deadline);
    wait_remove(&own);
    wait_remove(&room);
    unix_put(target);
    return socket_wait_result(r, *deadline);
}

// Where a message goes now: no reference. The state may change whenever the sender sleeps.
static long unix_target(struct unix_socket *s, const struct message *m, struct unix_socket **ret)
{
    if (s->shut_write)
        return -EPIPE;
    if (m->address.size && !unix_is_dgram(s))
        return s->connected ? -EISCONN : -EOPNOTSUPP;
    struct unix_socket *target = s->peer;
    long r = m->address.size ? unix_find(&m->address, s->base.type, &target) : 0;
    if (r < 0)
        return r;
    if (!target)
        return s->connected ? (unix_is_dgram(s) ? -ECONNREFUSED : -EPIPE) : -ENOTCONN;
    if (!target->file && unix_is_dgram(s))
        return -ECONNREFUSED;
    if (target->shut_read)
        return -EPIPE;
    // A datagram socket that is connected hears its peer only.
    if (unix_is_dgram(s) && target->peer && target->peer != s)
        return -EPERM;
    *ret = target;
    return 0;
}

static long unix_message_new(struct unix_socket *s, struct message *m, size_t size,
                             struct unix_message **ret)
{
    struct unix_message *message = kzalloc(sizeof(*message) + size);
    if (!message)
        return -ENOMEM;
    long r = user_io_get(&m->io, message->data, size);
    if (r < 0) {
        kfree(message);
        return r;
    }
    message->size = (uint32_t)size;
    message->from = s->name;
    message->rights = m->rights;
    m->rights = NULL;
    *ret = message;
    return 0;
}

// One message, or one piece of a stream. 1: it went; 0: look again.
static long unix_send_piece(struct file *f, struct message *m, unsigned flags, uint64_t *deadline)
{
    struct unix_socket *s = unix_of(f), *target;
    bool stream = s->base.type == SOCK_STREAM;
    struct unix_message *message;
    long r = unix_target(s, m, &target);
    if (r < 0)
        return r;
    size_t room = target->queued < UNIX_QUEUE_MAX ? UNIX_QUEUE_MAX - target->queued : 0;
    size_t size = stream ? MIN(MIN(m->io.left, room), PIECE_MAX) : m->io.left;
    if (size > UNIX_QUEUE_MAX - 32)
        return -EMSGSIZE;
    if (room == 0 || size > room)
        return unix_wait_room(f, target, flags, deadline);
    r = unix_message_new(s, m, size, &message);
    if (r < 0)
        return r;
    // The copy did not sleep: the target is the same.
    list_add_tail(&target->queue, &message->node);
    // Empty datagrams count too, or a queue of them would have no end.
    target->queued += (uint32_t)size + (stream ? 0 : 1);
    user_io_advance(&m->io, size);
    unix_event(target, POLL_READ);
    return 1;
}

long unix_send(struct file *f, struct message *m, unsigned flags)
{
    struct unix_socket *s = unix_of(f);
    bool stream = s->base.type == SOCK_STREAM;
    uint64_t deadline = 0;
    size_t all = m->io.left;
    long r = 0;
    if (flags & MSG_OOB)
        return -EOPNOTSUPP;
    if (stream && all == 0)
        return 0;
    while (r == 0 || (r > 0 && m->io.left > 0))
        r = unix_send_piece(f, m, flags, &deadline);
    if (m->io.left < all || r > 0)
        return (long)(all - m->io.left);
    if (r == -EPIPE && stream && !(flags & MSG_NOSIGNAL))
        task_raise(SIGPIPE);
    return r;
}

static void unix_consumed(struct unix_socket *s, uint32_t bytes)
{
    s->queued -= bytes;
    waitq_wake(&s->room, ~0u);
    if (s->peer && unix_writable(s->peer))
        unix_event(s->peer, POLL_WRITE);
    if (s->file)
        poll_rearm(s->file, POLL_READ);
}

static void unix_take_rights(struct unix_message *from, struct message *m, unsigned flags)
{
    if (flags & MSG_PEEK || m->rights)
        return;
    m->rights = from->rights;
    from->rights = NULL;
}

// Copies what is queued; stops before a message that brings files when some came already.
static long unix_drain_stream(struct unix_socket *s, struct message *m, unsigned flags)
{
    size_t done = 0;
    list_for_each_safe(message, &s->queue, struct unix_message, node)
    {
        if (m->io.left == 0 || (message->rights && done))
            break;
        uint32_t n = (uint32_t)MIN(m->io.left, (size_t)(message->size - message->at));
        long r = user_io_put(&m->io, message->data + message->at, n);
        if (r < 0)
            return done ? (long)done : r;
        user_io_advance(&m->io, n);
        done += n;
        bool had_rights = message->rights != NULL;
        unix_take_rights(message, m, flags);
        if (!(flags & MSG_PEEK)) {
            message->at += n;
            if (message->at == message->size) {
                list_remove(&message->node);
                unix_message_free(message);
            }
            unix_consumed(s, n);
        }
        if (had_rights)
            break;
    }
    return (long)done;
}

static long unix_take_message(struct unix_socket *s, struct message *m, unsigned flags)
{
    struct unix_message *message = list_first(&s->queue, struct unix_message, node);
    uint32_t size = message->size, n = (uint32_t)MIN(m->io.left, (size_t)size);
    long r = user_io_put(&m->io, message->data, n);
    if (r < 0)
        return r;
    if (unix_is_dgram(s))
        m->address = message->from;
    if (n < size)
        m->flags |= MSG_TRUNC;
    unix_take_rights(message, m, flags);
    if (!(flags & MSG_PEEK)) {
        list_remove(&message->node);
        unix_message_free(message);
        unix_consumed(s, size + 1);
    }
    return flags & MSG_TRUNC ? size : n;
}

static long unix_wait_data(struct file *f, unsigned flags, uint64_t *deadline)
{
    poll_rearm(f, POLL_READ);
    if (socket_nonblocking(f, flags))
        return -EAGAIN;
    if (!*deadline)
        *deadline = socket_deadline(unix_of(f)->base.receive_timeout);
    return socket_wait_result(waitq_sleep(&f->waitq, *deadline), *deadline);
}

long unix_receive(struct file *f, struct message *m, unsigned flags)
{
    struct unix_socket *s = unix_of(f);
    bool stream = s->base.type == SOCK_STREAM;
    bool whole = stream && flags & MSG_WAITALL && !(flags & MSG_PEEK);
    uint64_t deadline = 0;
    size_t done = 0;
    long r = 0;
    if (flags & MSG_OOB)
        return -EOPNOTSUPP;
    if (flags & MSG_ERRQUEUE)
        return -EAGAIN;
    if (!unix_is_dgram(s) && !s->connected)
        return stream ? -EINVAL : -ENOTCONN;
    while (m->io.left > 0 || !stream) {
        if (!list_empty(&s->queue)) {
            if (!stream)
                return unix_take_message(s, m, flags);
            r = unix_drain_stream(s, m, flags);
            if (r < 0)
                break;
            done += (size_t)r;
            if (!whole || m->rights)
                break;
            continue;
        }
        if (s->error) {
            r = -s->error;
            s->error = 0;
            break;
        }
        if (unix_at_end(s))
            break;
        r = unix_wait_data(f, flags, &deadline);
        if (r < 0)
            break;
    }
    return done ? (long)done : r;
}
