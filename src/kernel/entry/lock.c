// SPDX-License-Identifier: Apache-2.0
// The kernel lock, and the wake-ups that wait for its release. Who finds it taken spins for about a
// microsecond and then waits in the host, since the
// holder may have lost its CPU. Hold times are short: a thread that waits for anything else has dropped it.
//
// - The host's part is one counting semaphore; it can only delay, or wake too early, which is looked at.
// - `waking` keeps the number of wake-ups under way at one, so that no unlock pays for another's.
#include "kernel/entry/entry.h"

#include "kernel/hostcall/stubs.h"

#define SPINS 40u

static bool locked, waking; // by __atomic operations alone
static uint32_t waiters;

static bool try_lock(void)
{
    return !__atomic_load_n(&locked, __ATOMIC_RELAXED) &&
           !__atomic_exchange_n(&locked, true, __ATOMIC_SEQ_CST);
}

void kernel_lock(void)
{
    for (unsigned i = 0; i < SPINS; i++) {
        if (try_lock())
            return;
        __asm__ volatile("pause");
    }
    __atomic_add_fetch(&waiters, 1, __ATOMIC_SEQ_CST);
    while (!try_lock()) {
        (void)host_lock_wait();
        __atomic_store_n(&waking, false, __ATOMIC_SEQ_CST);
    }
    __atomic_sub_fetch(&waiters, 1, __ATOMIC_SEQ_CST);
}

// Wake-ups cost an exit each: they are done when the lock is free again.
_Static_assert(THREADS_MAX <= 256, "a slot fits a byte");
static uint8_t unpark_slots[THREADS_MAX];
static unsigned unpark_count;

void kernel_unpark(uint32_t slot)
{
    if (unpark_count == THREADS_MAX)
        (void)host_unpark(slot);
    else
        unpark_slots[unpark_count++] = (uint8_t)slot;
}

void kernel_unlock(void)
{
    uint8_t slots[THREADS_MAX];
    unsigned count = unpark_count;
    unpark_count = 0;
    memcpy(slots, unpark_slots, count);
    __atomic_store_n(&locked, false, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&waiters, __ATOMIC_SEQ_CST) &&
        !__atomic_exchange_n(&waking, true, __ATOMIC_SEQ_CST))
        (void)host_lock_wake();
    for (unsigned i = 0; i < count; i++)
        (void)host_unpark(slots[i]);
}
