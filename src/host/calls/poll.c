// SPDX-License-Identifier: Apache-2.0
// The one call that waits: for descriptors, for a time, or for unpark() and kick() of this slot.
#include "host/calls/calls.h"

#include <poll.h>
#include <stdint.h>
#include <sys/eventfd.h>

#define FDS_MAX (HOSTCALL_POLL_FDS_MAX / sizeof(struct host_pollfd))

// timeout_ns: relative; UINT64_MAX waits without end.
long hostcall_do_poll(struct host_thread *t, uint64_t timeout_ns, const void *fds, size_t fds_size,
                      void *ready, size_t ready_capacity)
{
    struct pollfd native[FDS_MAX + 1];
    size_t count = fds_size / sizeof(struct host_pollfd);
    if (ready_capacity < count * sizeof(struct host_pollfd))
        return -EINVAL;
    for (size_t i = 0; i < count; i++) {
        struct host_pollfd asked;
        memcpy(&asked, (const char *)fds + i * sizeof(asked), sizeof(asked));
        native[i] = (struct pollfd){(int)asked.fd, (short)asked.events, 0};
    }
    native[count] = (struct pollfd){t->event_fd, POLLIN, 0};
    struct timespec timeout = {(time_t)(timeout_ns / 1000000000u),
                               (long)(timeout_ns % 1000000000u)};
    int found = ppoll(native, count + 1, timeout_ns == UINT64_MAX ? NULL : &timeout, NULL);
    if (found < 0)
        return errno == EINTR ? 0 : -errno;
    if (native[count].revents != 0) {
        eventfd_t unused;
        (void)eventfd_read(t->event_fd, &unused);
        found--;
    }
    for (size_t i = 0; i < count; i++) {
        struct host_pollfd answer = {(uint32_t)native[i].fd, (uint16_t)native[i].events,
                                     (uint16_t)native[i].revents};
        memcpy((char *)ready + i * sizeof(answer), &answer, sizeof(answer));
    }
    return found;
}
