// SPDX-License-Identifier: Apache-2.0
// Sockets. struct file (ops socket_file_ops) -> struct socket -> family: internet sockets on the host
// (inet.c) and AF_UNIX inside the enclave (unix.c).
//
// - Operations may block; the caller holds a reference to the file across them.
// - Program buffers were range-checked (struct user_io); addresses were decoded (decode.h).
// - One bounce buffer serves the copies between program and host: it is used between a copy and a host
//   call, never across task_block().
#ifndef KERNEL_NET_NET_H
#define KERNEL_NET_NET_H

#include <linux/uio.h>

#include "kernel/net/decode.h"
#include "kernel/vfs/file.h"

#define BOUNCE_SIZE 131072u // what one host call carries
#define OPTION_MAX  128u

// Where in the program's buffers the next byte goes or comes from.
struct user_io {
    const struct iovec *iov; // kernel memory; the buffers are range-checked
    unsigned count;
    size_t offset; // in iov[0]
    size_t left;   // in all
};

// Copy without moving on; n <= left. 0 or -EFAULT.
long user_io_get(const struct user_io *io, void *dst, size_t n);
long user_io_put(const struct user_io *io, const void *src, size_t n);
void user_io_advance(struct user_io *io, size_t n);

// Open files in a message (SCM_RIGHTS); each is a reference.
struct rights {
    unsigned count;
    struct file *files[];
};
void rights_free(struct rights *r); // takes NULL

struct message {
    struct user_io io;
    struct address address; // send: the destination, or none; receive: the sender, or none
    struct rights *rights;  // send: taken over on success; receive: the caller's from now on
    unsigned flags;         // receive: MSG_TRUNC
};

struct socket;

struct socket_ops {
    long (*bind)(struct file *f, const struct address *a);
    long (*listen)(struct file *f, int backlog);
    long (*accept)(struct file *f, struct file **ret, struct address *ret_peer);
    long (*connect)(struct file *f, const struct address *a);
    long (*name)(struct file *f, bool peer, struct address *ret);
    long (*send)(struct file *f, struct message *m, unsigned flags);
    long (*receive)(struct file *f, struct message *m, unsigned flags);
    long (*shutdown)(struct file *f, int how);
    long (*set_option)(struct file *f, int level, int name, struct span value);
    // Writes at most OPTION_MAX bytes; their number.
    long (*get_option)(struct file *f, int level, int name, void *ret);
    long (*pending)(struct file *f); // bytes to read
    uint32_t (*poll)(struct file *f);
    int (*host_fd)(struct file *f);
    void (*release)(struct file *f); // frees the struct socket
};

struct socket {
    const struct socket_ops *ops;
    int family, type, protocol;
    bool listening;
    uint64_t receive_timeout, send_timeout; // ns; 0: none
    uint64_t inode;
};

bool file_is_socket(const struct file *f);
struct socket *socket_of(const struct file *f);

// type: with SOCK_NONBLOCK, without SOCK_CLOEXEC.
long socket_create(int family, int type, int protocol, struct file **ret);
long socket_pair(int family, int type, int protocol, struct file *ret[2]);
long socket_set_option(struct file *f, int level, int name, struct span value);
long socket_get_option(struct file *f, int level, int name, void *ret);
// One call per vector, for readv and writev: a datagram is one message.
long socket_read_vector(struct file *f, const struct iovec *iov, unsigned count);
long socket_write_vector(struct file *f, const struct iovec *iov, unsigned count);

// For the families.
struct file *socket_file_new(struct socket *s, int flags);
bool socket_nonblocking(const struct file *f, unsigned flags);
uint64_t socket_deadline(uint64_t timeout);
// What a system call returns for what task_block() said; 0: look again.
long socket_wait_result(long blocked, uint64_t deadline);
uint8_t *socket_bounce(void); // BOUNCE_SIZE bytes; NULL: no memory

long inet_create(int family, int type, int protocol, struct socket **ret);
long unix_create(int type, int protocol, struct socket **ret);
void unix_set_file(struct socket *s, struct file *f); // once there is one
long unix_pair(int type, int protocol, struct file *ret[2]);

// options.c: what passes to the host.
long inet_set_option(struct file *f, int level, int name, struct span value);
long inet_get_option(struct file *f, int level, int name, void *ret);

#endif
