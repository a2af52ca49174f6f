// SPDX-License-Identifier: Apache-2.0
#include "host/calls/calls.h"

#include <asm/termbits.h>
#include <sys/ioctl.h>

// `what` is Linux's request number.
long hostcall_do_tty_get(struct host_thread *t, uint32_t fd, uint32_t what, void *data,
                         size_t data_capacity)
{
    (void)t;
    uint8_t answer[64] = {0};
    size_t size = 0;
    if (what == TCGETS)
        size = sizeof(struct termios);
    if (what == TIOCGWINSZ)
        size = sizeof(struct winsize);
    if (size == 0 || size > data_capacity)
        return -EINVAL;
    if (ioctl((int)fd, what, answer) < 0)
        return -errno;
    memcpy(data, answer, size);
    return (long)size;
}
