// SPDX-License-Identifier: Apache-2.0
// The kernel lock: a ticket lock, so that no thread starves. Hold times are short, since a thread that
// waits in the host has dropped it. A thread that spins for long lets the host run another.
#include "kernel/entry/entry.h"

#include "kernel/hostcall/stubs.h"

static _Atomic uint32_t next_ticket, now_serving;

void kernel_lock(void)
{
    uint32_t ticket = next_ticket++;
    for (unsigned spins = 0; now_serving != ticket; spins++) {
        if (spins > 4000) {
            spins = 0;
            (void)host_yield();
        }
        __asm__ volatile("pause");
    }
}

void kernel_unlock(void)
{
    now_serving++;
}
