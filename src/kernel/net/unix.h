// SPDX-License-Identifier: Apache-2.0
// AF_UNIX inside the enclave, for unix.c (connections, names) and unix_data.c (messages).
//
// - A socket lives while its file, its peer or a sleeping sender refers to it. `file` is NULL before accept()
//   and after the file is gone.
// - Abstract names live in a table of this enclave. A path name is a file of type socket in the file system,
//   and means something as long as the socket that made it is open.
#ifndef KERNEL_NET_UNIX_H
#define KERNEL_NET_UNIX_H

#include "kernel/net/net.h"

#define UNIX_QUEUE_MAX 212992u // bytes, as Linux's default

struct unix_message {
    struct list node;
    struct rights *rights;
    struct address from;
    uint32_t size, at; // at: read so far
    uint8_t data[];
};

struct unix_socket {
    struct socket base;
    unsigned refs;
    struct file *file;
    struct unix_socket *peer; // a reference
    struct list queue;        // struct unix_message
    uint32_t queued;
    bool connected; // is or was one end of a connection
    bool shut_read, shut_write;
    int error;            // ECONNRESET, told once
    struct address name;  // size 0: unbound
    struct list in_names; // when bound
    struct node *node;    // of a path name; a reference
    struct waitq room;    // who waits to send to or connect to this socket
    struct list pending;  // listening: ends that wait for accept()
    struct list in_pending;
    unsigned pending_count, backlog;
};

static inline struct unix_socket *unix_of(const struct file *f)
{
    return (struct unix_socket *)f->priv;
}

static inline bool unix_is_dgram(const struct unix_socket *s)
{
    return s->base.type == SOCK_DGRAM;
}

void unix_get(struct unix_socket *s);
void unix_put(struct unix_socket *s); // takes NULL
void unix_event(struct unix_socket *s, uint32_t bits);
// The socket bound to the name. -ECONNREFUSED, -EPROTOTYPE (another type), or what the path gives.
long unix_find(const struct address *name, int type, struct unix_socket **ret);
// unix_name.c: the file of a path name; a reference.
struct node;
long unix_path_make(const char *path, struct node **ret);
long unix_path_find(const char *path, struct node **ret);
void unix_node_unref(struct node *n);
void unix_credentials(struct linux_ucred *ret); // everybody's: there is one process
void unix_message_free(struct unix_message *m);

bool unix_writable(const struct unix_socket *s);
bool unix_at_end(const struct unix_socket *s); // no more can come
long unix_send(struct file *f, struct message *m, unsigned flags);
long unix_receive(struct file *f, struct message *m, unsigned flags);

#endif
