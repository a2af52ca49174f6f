// SPDX-License-Identifier: Apache-2.0
// Reaches: address_decode, address_check_host, control_decode (kernel/net/decode.c).
// Input: one byte of family, one byte of address size, the address, then a control buffer.
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/net/decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
    if (!condition)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const unsigned families[] = {AF_UNIX, AF_INET, AF_INET6};
    struct address a, again, host = {0};
    int32_t fds[RIGHTS_MAX];
    unsigned count = 0;
    if (size < 2)
        return 0;
    unsigned family = families[data[0] % 3];
    size_t address_size = data[1] < size - 2 ? data[1] : size - 2;
    const uint8_t *raw = data + 2;
    if (address_decode(family, SPAN(raw, address_size), &a) == 0) {
        // The canonical form is a fixed point and fits.
        require(a.size >= 2 && a.size <= ADDRESS_MAX);
        if (a.size <= 110) {
            require(address_decode(family, SPAN(a.bytes, a.size), &again) == 0);
            require(again.size == a.size && memcmp(again.bytes, a.bytes, a.size) == 0);
        }
    }
    if (family != AF_UNIX && address_size <= sizeof(host.bytes)) {
        host.size = (uint32_t)address_size;
        memcpy(host.bytes, raw, address_size);
        if (address_check_host(family, &host) == 0)
            require(host.family == family);
    }
    if (control_decode(SPAN(raw + address_size, size - 2 - address_size), fds, &count) == 0)
        require(count <= RIGHTS_MAX);
    return 0;
}
