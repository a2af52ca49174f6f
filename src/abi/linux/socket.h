// SPDX-License-Identifier: Apache-2.0
// Linux's socket ABI as far as its uapi headers leave it out: families, types, message flags, msghdr and
// cmsghdr. Types and constants only. <asm/socket.h> has the SO_… names.
#ifndef ABI_LINUX_SOCKET_H
#define ABI_LINUX_SOCKET_H

#include <stdint.h>

#define AF_UNSPEC        0
#define AF_UNIX          1
#define AF_INET          2
#define AF_INET6         10

#define SOCK_STREAM      1
#define SOCK_DGRAM       2
#define SOCK_SEQPACKET   5
#define SOCK_TYPE_MASK   15
#define SOCK_NONBLOCK    04000
#define SOCK_CLOEXEC     02000000

#define SHUT_RD          0
#define SHUT_WR          1
#define SHUT_RDWR        2

#define MSG_OOB          0x1
#define MSG_PEEK         0x2
#define MSG_DONTROUTE    0x4
#define MSG_CTRUNC       0x8
#define MSG_TRUNC        0x20
#define MSG_DONTWAIT     0x40
#define MSG_EOR          0x80
#define MSG_WAITALL      0x100
#define MSG_CONFIRM      0x800
#define MSG_ERRQUEUE     0x2000
#define MSG_NOSIGNAL     0x4000
#define MSG_MORE         0x8000
#define MSG_WAITFORONE   0x10000
#define MSG_CMSG_CLOEXEC 0x40000000

#define SCM_RIGHTS       1
#define SCM_CREDENTIALS  2

#define SOL_IP           0
#define SOL_TCP          6
#define SOL_UDP          17
#define SOL_IPV6         41

struct linux_msghdr {
    uint64_t name;
    int32_t name_size;
    uint32_t pad0;
    uint64_t iov;
    uint64_t iov_count;
    uint64_t control;
    uint64_t control_size;
    uint32_t flags;
    uint32_t pad1;
};
_Static_assert(sizeof(struct linux_msghdr) == 56, "msghdr");

struct linux_mmsghdr {
    struct linux_msghdr header;
    uint32_t size;
    uint32_t pad;
};
_Static_assert(sizeof(struct linux_mmsghdr) == 64, "mmsghdr");

struct linux_cmsghdr {
    uint64_t size; // with this header
    int32_t level;
    int32_t type;
};
_Static_assert(sizeof(struct linux_cmsghdr) == 16, "cmsghdr");

struct linux_ucred {
    int32_t pid;
    uint32_t uid;
    uint32_t gid;
};

#endif
