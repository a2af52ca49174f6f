// SPDX-License-Identifier: Apache-2.0
#include "host/calls/calls.h"

#include <time.h>

_Static_assert(sizeof(struct timespec) == HOSTCALL_CLOCK_GET_TIME_MAX, "timespec");

long hostcall_do_clock_get(struct host_thread *t, uint32_t clock, void *time, size_t time_capacity)
{
    (void)t;
    struct timespec now;
    if (clock_gettime((clockid_t)clock, &now) < 0)
        return -errno;
    memcpy(time, &now, time_capacity);
    return 0;
}
