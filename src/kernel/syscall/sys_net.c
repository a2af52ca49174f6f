// SPDX-License-Identifier: Apache-2.0
// Socket system calls: decoding of what the program gave, and its answers.
//
// - Each record of user memory is copied in once and checked there; buffers are range-checked here.
// - The socket's file is referenced for the time of the call, since most calls may block.
#include <asm/socket.h>
#include <linux/time.h>

#include "kernel/net/net.h"
#include "kernel/syscall/syscall.h"

#define IOV_MAX      1024u
#define MESSAGES_MAX 1024u
#define TRANSFER_MAX 0x7ffff000u // bytes a call, as Linux's MAX_RW_COUNT
#define TYPE_FLAGS   (SOCK_NONBLOCK | SOCK_CLOEXEC)

static long socket_get(uint64_t fd, struct file **ret)
{
    struct file *f = fd_get((int)fd);
    if (!f)
        return -EBADF;
    if (!file_is_socket(f))
        return -ENOTSOCK;
    *ret = file_ref(f);
    return 0;
}

static long install(struct file *f, unsigned flags)
{
    return fd_install(f, 0, flags & SOCK_CLOEXEC);
}

static long address_get(const struct file *f, uint64_t user, int size, struct address *ret)
{
    uint8_t raw[ADDRESS_MAX];
    if (size < 0 || (unsigned)size > sizeof(raw))
        return -EINVAL;
    long r = copy_from_user(raw, user, (size_t)size);
    if (r < 0)
        return r;
    return address_decode((unsigned)socket_of(f)->family, SPAN(raw, (size_t)size), ret);
}

// As much of the address as the program has room for, and its full size.
static long address_put(const struct address *a, uint64_t user, uint64_t user_size)
{
    int capacity, size = (int)a->size;
    if (!user)
        return 0;
    long r = copy_from_user(&capacity, user_size, sizeof(capacity));
    if (r < 0)
        return r;
    if (capacity < 0)
        return -EINVAL;
    r = copy_to_user(user, a->bytes, (size_t)MIN(capacity, size));
    return r < 0 ? r : copy_to_user(user_size, &size, sizeof(size));
}

SYSCALL(socket)
{
    struct file *f;
    int type = (int)a[1];
    if (type & ~(SOCK_TYPE_MASK | TYPE_FLAGS))
        return -EINVAL;
    long r = socket_create((int)a[0], type, (int)a[2], &f);
    return r < 0 ? r : install(f, (unsigned)type);
}

SYSCALL(socketpair)
{
    struct file *f[2];
    int fds[2], type = (int)a[1];
    if (type & ~(SOCK_TYPE_MASK | TYPE_FLAGS))
        return -EINVAL;
    if (!user_range_ok(a[3], sizeof(fds)))
        return -EFAULT;
    long r = socket_pair((int)a[0], type, (int)a[2], f);
    if (r < 0)
        return r;
    fds[0] = (int)(r = install(f[0], (unsigned)type));
    if (r < 0) {
        file_unref(f[1]);
        return r;
    }
    fds[1] = (int)(r = install(f[1], (unsigned)type));
    if (r >= 0)
        r = copy_to_user(a[3], fds, sizeof(fds));
    if (r < 0) {
        fd_close(fds[0]);
        if (fds[1] >= 0)
            fd_close(fds[1]);
    }
    return MIN(r, 0);
}

static long with_address(const uint64_t *a, bool connecting)
{
    struct file *f;
    struct address address;
    long r = socket_get(a[0], &f);
    if (r < 0)
        return r;
    r = address_get(f, a[1], (int)a[2], &address);
    if (r == 0 && connecting && address.family == AF_UNIX && address.size == 2)
        r = -EINVAL;
    if (r == 0 && !connecting && address.family == AF_UNSPEC)
        r = -EAFNOSUPPORT;
    if (r == 0)
        r = connecting ? socket_of(f)->ops->connect(f, &address)
                       : socket_of(f)->ops->bind(f, &address);
    file_unref(f);
    return r;
}

SYSCALL(bind)
{
    return with_address(a, false);
}

SYSCALL(connect)
{
    return with_address(a, true);
}

SYSCALL(listen)
{
    struct file *f;
    long r = socket_get(a[0], &f);
    if (r < 0)
        return r;
    r = socket_of(f)->ops->listen(f, (int)a[1]);
    file_unref(f);
    return r;
}

SYSCALL(accept4)
{
    struct file *f, *accepted;
    struct address peer;
    unsigned flags = (unsigned)a[3];
    if (flags & ~(unsigned)TYPE_FLAGS)
        return -EINVAL;
    long r = socket_get(a[0], &f);
    if (r < 0)
        return r;
    r = socket_of(f)->ops->accept(f, &accepted, &peer);
    file_unref(f);
    if (r < 0)
        return r;
    accepted->flags |= flags & SOCK_NONBLOCK ? O_NONBLOCK : 0;
    if (peer.size == 0) { // an unnamed AF_UNIX socket
        peer.size = sizeof(peer.family);
        peer.family = AF_UNIX;
    }
    r = address_put(&peer, a[1], a[2]);
    if (r < 0) {
        file_unref(accepted);
        return r;
    }
    return install(accepted, flags);
}

SYSCALL(accept)
{
    uint64_t args[6] = {a[0], a[1], a[2], 0};
    return sys_accept4(args);
}

static long name_user(const uint64_t *a, bool peer)
{
    struct file *f;
    struct address address;
    if (!a[1])
        return -EFAULT;
    long r = socket_get(a[0], &f);
    if (r < 0)
        return r;
    r = socket_of(f)->ops->name(f, peer, &address);
    file_unref(f);
    return r < 0 ? r : address_put(&address, a[1], a[2]);
}

SYSCALL(getsockname)
{
    return name_user(a, false);
}

SYSCALL(getpeername)
{
    return name_user(a, true);
}

SYSCALL(shutdown)
{
    struct file *f;
    if (a[1] > SHUT_RDWR)
        return -EINVAL;
    long r = socket_get(a[0], &f);
    if (r < 0)
        return r;
    r = socket_of(f)->ops->shutdown(f, (int)a[1]);
    file_unref(f);
    return r;
}

SYSCALL(setsockopt)
{
    uint8_t value[OPTION_MAX];
    int size = (int)a[4];
    struct file *f;
    if (size < 0)
        return -EINVAL;
    size = MIN(size, (int)sizeof(value)); // no option that is known is longer
    long r = copy_from_user(value, a[3], (size_t)size);
    if (r < 0)
        return r;
    r = socket_get(a[0], &f);
    if (r < 0)
        return r;
    r = socket_set_option(f, (int)a[1], (int)a[2], SPAN(value, (size_t)size));
    file_unref(f);
    return r;
}

SYSCALL(getsockopt)
{
    uint8_t value[OPTION_MAX];
    int capacity;
    struct file *f;
    long r = copy_from_user(&capacity, a[4], sizeof(capacity));
    if (r < 0)
        return r;
    if (capacity < 0)
        return -EINVAL;
    r = socket_get(a[0], &f);
    if (r < 0)
        return r;
    r = socket_get_option(f, (int)a[1], (int)a[2], value);
    file_unref(f);
    if (r < 0)
        return r;
    capacity = (int)MIN(r, capacity);
    r = copy_to_user(a[3], value, (size_t)capacity);
    return r < 0 ? r : copy_to_user(a[4], &capacity, sizeof(capacity));
}

static long iovec_check(struct iovec *iov, unsigned count, struct user_io *ret)
{
    size_t total = 0;
    for (unsigned i = 0; i < count; i++) {
        if ((int64_t)iov[i].iov_len < 0)
            return -EINVAL;
        iov[i].iov_len = MIN(iov[i].iov_len, TRANSFER_MAX - total);
        if (iov[i].iov_len && !user_range_ok((uint64_t)iov[i].iov_base, iov[i].iov_len))
            return -EFAULT;
        total += iov[i].iov_len;
    }
    *ret = (struct user_io){.iov = iov, .count = count, .left = total};
    return 0;
}

SYSCALL(sendto)
{
    struct file *f;
    struct iovec iov = {(void *)a[1], a[2]};
    struct message m = {0};
    long r = iovec_check(&iov, 1, &m.io);
    if (r == 0)
        r = socket_get(a[0], &f);
    if (r < 0)
        return r;
    if (a[4])
        r = address_get(f, a[4], (int)a[5], &m.address);
    if (r == 0)
        r = socket_of(f)->ops->send(f, &m, (unsigned)a[3]);
    file_unref(f);
    return r;
}

SYSCALL(recvfrom)
{
    struct file *f;
    struct iovec iov = {(void *)a[1], a[2]};
    struct message m = {0};
    long r = iovec_check(&iov, 1, &m.io);
    if (r == 0)
        r = socket_get(a[0], &f);
    if (r < 0)
        return r;
    r = socket_of(f)->ops->receive(f, &m, (unsigned)a[3]);
    file_unref(f);
    rights_free(m.rights);
    if (r < 0)
        return r;
    long put = address_put(&m.address, a[4], a[5]);
    return put < 0 ? put : r;
}

// The vectors of a message: an allocation of the caller's to free.
static long message_io(const struct linux_msghdr *h, struct iovec **ret_iov, struct user_io *ret)
{
    if (h->iov_count > IOV_MAX)
        return -EMSGSIZE;
    unsigned count = (unsigned)h->iov_count;
    struct iovec *iov = kzalloc(count * sizeof(*iov) + 1);
    if (!iov)
        return -ENOMEM;
    long r = count ? copy_from_user(iov, h->iov, count * sizeof(*iov)) : 0;
    if (r == 0)
        r = iovec_check(iov, count, ret);
    if (r < 0)
        kfree(iov);
    else
        *ret_iov = iov;
    return r;
}

static long rights_from_fds(const int32_t *fds, unsigned count, struct rights **ret)
{
    if (count == 0)
        return 0;
    struct rights *rights = kzalloc(sizeof(*rights) + count * sizeof(rights->files[0]));
    if (!rights)
        return -ENOMEM;
    for (unsigned i = 0; i < count; i++) {
        struct file *file = fd_get(fds[i]);
        if (!file) {
            rights_free(rights);
            return -EBADF;
        }
        rights->files[rights->count++] = file_ref(file);
    }
    *ret = rights;
    return 0;
}

static long control_get(const struct file *f, const struct linux_msghdr *h, struct rights **ret)
{
    int32_t fds[RIGHTS_MAX];
    unsigned count = 0;
    if (h->control_size == 0 || !h->control)
        return 0;
    if (h->control_size > CONTROL_MAX)
        return -ENOBUFS;
    uint8_t *control = kzalloc(h->control_size);
    if (!control)
        return -ENOMEM;
    long r = copy_from_user(control, h->control, h->control_size);
    if (r == 0)
        r = control_decode(SPAN(control, h->control_size), fds, &count);
    kfree(control);
    if (r < 0)
        return r;
    if (count && socket_of(f)->family != AF_UNIX)
        return 0; // other families ignore it, as on Linux
    return rights_from_fds(fds, count, ret);
}

static long send_message(struct file *f, const struct linux_msghdr *h, unsigned flags)
{
    struct message m = {0};
    struct iovec *iov = NULL;
    long r = message_io(h, &iov, &m.io);
    if (r < 0)
        return r;
    if (h->name && h->name_size)
        r = address_get(f, h->name, h->name_size, &m.address);
    if (r == 0)
        r = control_get(f, h, &m.rights);
    if (r == 0)
        r = socket_of(f)->ops->send(f, &m, flags);
    rights_free(m.rights);
    kfree(iov);
    return r;
}

// Installs the files that came and writes their record; what finds no room is dropped and MSG_CTRUNC says so.
static long control_put(struct linux_msghdr *h, struct message *m, unsigned flags)
{
    struct linux_cmsghdr c = {.level = SOL_SOCKET, .type = SCM_RIGHTS};
    uint64_t room = h->control ? h->control_size : 0, used = 0;
    h->control_size = 0;
    if (!m->rights)
        return 0;
    unsigned fit = room > sizeof(c) ? (unsigned)MIN((room - sizeof(c)) / 4, m->rights->count) : 0;
    unsigned done = 0;
    for (; done < fit; done++) {
        long fd = fd_install(file_ref(m->rights->files[done]), 0, flags & MSG_CMSG_CLOEXEC);
        int32_t number = (int32_t)fd;
        if (fd < 0)
            break;
        long r = copy_to_user(h->control + sizeof(c) + 4ull * done, &number, sizeof(number));
        if (r < 0) {
            fd_close(fd);
            return r;
        }
    }
    if (done < m->rights->count)
        m->flags |= MSG_CTRUNC;
    if (done == 0)
        return 0;
    c.size = sizeof(c) + 4ull * done;
    used = MIN(align_up(c.size, 8), room);
    h->control_size = used;
    return copy_to_user(h->control, &c, sizeof(c));
}

static long receive_message(struct file *f, struct linux_msghdr *h, unsigned flags)
{
    struct message m = {0};
    struct iovec *iov = NULL;
    if (h->name_size < 0)
        return -EINVAL;
    long r = message_io(h, &iov, &m.io);
    if (r < 0)
        return r;
    long size = socket_of(f)->ops->receive(f, &m, flags);
    kfree(iov);
    if (size < 0)
        return size;
    r = control_put(h, &m, flags);
    rights_free(m.rights);
    if (r == 0 && h->name)
        r = copy_to_user(h->name, m.address.bytes, MIN((size_t)h->name_size, m.address.size));
    h->name_size = (int32_t)m.address.size;
    h->flags = m.flags | (flags & MSG_CMSG_CLOEXEC);
    return r < 0 ? r : size;
}

// What recvmsg changes in the program's header.
static long header_put(uint64_t user, const struct linux_msghdr *h)
{
    long r = h->name
                 ? copy_to_user(user + offsetof(struct linux_msghdr, name_size), &h->name_size, 4)
                 : 0;
    if (r == 0)
        r = copy_to_user(user + offsetof(struct linux_msghdr, control_size), &h->control_size, 8);
    if (r == 0)
        r = copy_to_user(user + offsetof(struct linux_msghdr, flags), &h->flags, 4);
    return r;
}

static long message_user(struct file *f, uint64_t user, unsigned flags, bool sending)
{
    struct linux_msghdr h;
    long r = copy_from_user(&h, user, sizeof(h));
    if (r < 0)
        return r;
    if (sending)
        return send_message(f, &h, flags);
    r = receive_message(f, &h, flags);
    if (r < 0)
        return r;
    long put = header_put(user, &h);
    return put < 0 ? put : r;
}

static long message_call(const uint64_t *a, bool sending)
{
    struct file *f;
    long r = socket_get(a[0], &f);
    if (r < 0)
        return r;
    r = message_user(f, a[1], (unsigned)a[2], sending);
    file_unref(f);
    return r;
}

SYSCALL(sendmsg)
{
    return message_call(a, true);
}

SYSCALL(recvmsg)
{
    return message_call(a, false);
}

static long messages_call(const uint64_t *a, uint64_t deadline, bool sending)
{
    struct file *f;
    unsigned count = MIN((unsigned)a[2], MESSAGES_MAX), flags = (unsigned)a[3], done = 0;
    long r = socket_get(a[0], &f);
    if (r < 0)
        return r;
    while (done < count) {
        uint64_t user = a[1] + done * sizeof(struct linux_mmsghdr);
        r = message_user(f, user, flags & ~(unsigned)MSG_WAITFORONE, sending);
        if (r < 0)
            break;
        uint32_t size = (uint32_t)r;
        r = copy_to_user(user + offsetof(struct linux_mmsghdr, size), &size, sizeof(size));
        if (r < 0)
            break;
        done++;
        if (flags & MSG_WAITFORONE)
            flags |= MSG_DONTWAIT;
        if (deadline != NEVER && clock_ns(CLOCK_MONOTONIC) >= deadline)
            break;
    }
    file_unref(f);
    return done ? (long)done : r;
}

SYSCALL(sendmmsg)
{
    return messages_call(a, NEVER, true);
}

// As on Linux, the timeout is looked at after each message only.
SYSCALL(recvmmsg)
{
    int64_t t[2];
    if (!a[4])
        return messages_call(a, NEVER, false);
    long r = copy_from_user(t, a[4], sizeof(t));
    if (r < 0)
        return r;
    if (t[0] < 0 || t[1] < 0 || t[1] >= 1000000000)
        return -EINVAL;
    uint64_t ns = (uint64_t)MIN(t[0], 1000000000) * 1000000000ull + (uint64_t)t[1];
    return messages_call(a, clock_ns(CLOCK_MONOTONIC) + ns, false);
}
