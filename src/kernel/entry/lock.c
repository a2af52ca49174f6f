// SPDX-License-Identifier: Apache-2.0
// The kernel lock. Who finds it taken spins for about a microsecond and then waits in the host, since the
// holder may have lost its CPU. Hold times are short: a thread that waits for anything else has dropped it.
//
// - The host's part is one counting semaphore; it can only delay, or wake too early, which is looked at.
// - `waking` keeps the number of wake-ups under way at one, so that no unlock pays for another's.
#include "kernel/entry/entry.h"

#include "kernel/hostcall/stubs.h"

#define SPINS 40u

static _Atomic bool locked, waking;
static _Atomic uint32_t waiters;

static bool try_lock(void)
{
    return !locked && !__atomic_exchange_n(&locked, true, __ATOMIC_SEQ_CST);
}

void kernel_lock(void)
{
    for (unsigned i = 0; i < SPINS; i++) {
        if (try_lock())
            return;
        __asm__ volatile("pause");
    }
    waiters++;
    while (!try_lock()) {
        (void)host_lock_wait();
        waking = false;
    }
    waiters--;
}

void kernel_unlock(void)
{
    locked = false;
    if (waiters && !__atomic_exchange_n(&waking, true, __ATOMIC_SEQ_CST))
        (void)host_lock_wake();
}
