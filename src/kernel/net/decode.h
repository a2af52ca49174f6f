// SPDX-License-Identifier: Apache-2.0
// Checks on socket addresses and control messages, whoever gave them: the program or the host. Pure:
// bytes in,
// checked form out.
#ifndef KERNEL_NET_DECODE_H
#define KERNEL_NET_DECODE_H

#include "abi/linux/socket.h"
#include "base/bytes.h"

#define ADDRESS_MAX 128u // struct sockaddr_storage
#define RIGHTS_MAX  253u // as Linux's SCM_MAX_FD
#define CONTROL_MAX 4096u

// A checked socket address in canonical form: exact size, padding zero, unknown bytes gone.
struct address {
    uint32_t size; // 0: none
    union {
        uint16_t family;
        uint8_t bytes[ADDRESS_MAX];
    };
};

// What the program gave, for a socket of `family`. AF_UNSPEC (connect: forget the peer) passes for internet
// sockets; AF_INET passes for AF_INET6 sockets, where the host decides. Path names of AF_UNIX end at
// the first
// NUL; an address of the family alone asks for a name of the kernel's choice.
// -EINVAL, -EAFNOSUPPORT.
long address_decode(unsigned family, struct span raw, struct address *ret);

// What the host gave: a->size bytes that claim to be an address of `family`. -EIO when they are not.
long address_check_host(unsigned family, struct address *a);

// The descriptors of all SCM_RIGHTS records. Credentials are left to the kernel to state; levels other than
// SOL_SOCKET are skipped, as Linux does. -EINVAL.
long control_decode(struct span control, int32_t ret_fds[RIGHTS_MAX], unsigned *ret_count);

#endif
