// SPDX-License-Identifier: Apache-2.0
#include "kernel/net/decode.h"

#include <asm/errno.h>
#include <asm/socket.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/un.h>

#include "base/cursor.h"

#define SIN6_SIZE_MIN 24u // RFC 2133: without the scope id

static long inet_decode(struct reader *r, size_t size, struct address *ret)
{
    struct sockaddr_in in = {.sin_family = AF_INET};
    if (size < sizeof(in))
        return -EINVAL;
    take_bytes(r, &in.sin_port, sizeof(in.sin_port));
    take_bytes(r, &in.sin_addr, sizeof(in.sin_addr));
    *ret = (struct address){.size = sizeof(in)};
    __builtin_memcpy(ret->bytes, &in, sizeof(in));
    return 0;
}

static long inet6_decode(struct reader *r, size_t size, struct address *ret)
{
    struct sockaddr_in6 in = {.sin6_family = AF_INET6};
    if (size < SIN6_SIZE_MIN)
        return -EINVAL;
    take_bytes(r, &in.sin6_port, sizeof(in.sin6_port));
    take_bytes(r, &in.sin6_flowinfo, sizeof(in.sin6_flowinfo));
    take_bytes(r, &in.sin6_addr, sizeof(in.sin6_addr));
    if (size >= sizeof(in))
        take_bytes(r, &in.sin6_scope_id, sizeof(in.sin6_scope_id));
    *ret = (struct address){.size = sizeof(in)};
    __builtin_memcpy(ret->bytes, &in, sizeof(in));
    return 0;
}

static long unix_decode(struct reader *r, size_t size, struct address *ret)
{
    size_t name_size = size - sizeof(uint16_t);
    if (size > sizeof(struct sockaddr_un))
        return -EINVAL;
    struct address a = {.family = AF_UNIX};
    a.family = AF_UNIX;
    take_bytes(r, a.bytes + sizeof(uint16_t), name_size);
    if (name_size > 0 && a.bytes[2] != 0) {
        size_t length = 0;
        while (length < name_size && a.bytes[2 + length])
            length++;
        __builtin_memset(a.bytes + 2 + length, 0, name_size - length);
        name_size = length + 1;
    }
    a.size = (uint32_t)(sizeof(uint16_t) + name_size);
    *ret = a;
    return 0;
}

long address_decode(unsigned family, struct span raw, struct address *ret)
{
    struct reader r = reader_on(raw);
    if (raw.size < sizeof(uint16_t) || raw.size > ADDRESS_MAX)
        return -EINVAL;
    unsigned given = take_le16(&r);
    if (family == AF_UNIX)
        return given == AF_UNIX ? unix_decode(&r, raw.size, ret) : -EINVAL;
    if (given == AF_UNSPEC) {
        *ret = (struct address){.size = sizeof(struct sockaddr_in)};
        return 0;
    }
    if (given == AF_INET6 && family == AF_INET6)
        return inet6_decode(&r, raw.size, ret);
    return given == AF_INET ? inet_decode(&r, raw.size, ret) : -EAFNOSUPPORT;
}

long address_check_host(unsigned family, struct address *a)
{
    struct address checked;
    size_t size = family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
    if (a->size != size || a->family != family)
        return -EIO;
    if (address_decode(family, SPAN(a->bytes, a->size), &checked) < 0)
        return -EIO;
    *a = checked;
    return 0;
}

static long rights_decode(struct reader *r, size_t size, int32_t *ret_fds, unsigned *count)
{
    for (; size >= sizeof(int32_t); size -= sizeof(int32_t)) {
        if (*count == RIGHTS_MAX)
            return -EINVAL;
        ret_fds[(*count)++] = (int32_t)take_le32(r);
    }
    take_span(r, size);
    return 0;
}

long control_decode(struct span control, int32_t ret_fds[RIGHTS_MAX], unsigned *ret_count)
{
    struct reader r = reader_on(control);
    unsigned count = 0;
    while (reader_left(&r) >= sizeof(struct linux_cmsghdr)) {
        size_t left = reader_left(&r);
        uint64_t size = take_le64(&r);
        int32_t level = (int32_t)take_le32(&r);
        int32_t type = (int32_t)take_le32(&r);
        if (size < sizeof(struct linux_cmsghdr) || size > left)
            return -EINVAL;
        size -= sizeof(struct linux_cmsghdr);
        long error = 0;
        if (level == SOL_SOCKET && type == SCM_RIGHTS)
            error = rights_decode(&r, size, ret_fds, &count);
        else if (level == SOL_SOCKET &&
                 (type != SCM_CREDENTIALS || size != sizeof(struct linux_ucred)))
            error = -EINVAL;
        else
            take_span(&r, size);
        if (error)
            return error;
        // Records start at multiples of 8; the last may lack its padding.
        take_span(&r, MIN(reader_left(&r), (size_t)(align_up(size, 8) - size)));
    }
    *ret_count = count;
    return 0;
}
