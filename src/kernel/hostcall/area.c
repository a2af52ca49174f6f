// SPDX-License-Identifier: Apache-2.0
// The thread's area, and the round trip.
#include "kernel/entry/entry.h"
#include "kernel/hostcall/hostcall.h"

struct hostcall_area *hostcall_area_current(void)
{
    return (struct hostcall_area *)percpu()->area;
}

long hostcall_leave(void)
{
    (void)hostcall_exit();
    if (enclave_dead)
        enclave_panic_exit(PANIC_CODE_BUG);
    return (long)host_load((struct host_ptr){percpu()->area + offsetof(struct hostcall_area, ret)});
}
