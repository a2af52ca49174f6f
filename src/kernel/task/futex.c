// SPDX-License-Identifier: Apache-2.0
// futex(2): waiting on a word of the program's memory. Waiters are kept by address; the kernel lock makes the
// comparison and the sleep one step. Priority inheritance is not there (ENOSYS, as on kernels without it).
#include <linux/futex.h>

#include "kernel/mm/mm.h"
#include "kernel/syscall/syscall.h"
#include "kernel/task/clock.h"
#include "kernel/task/task_private.h"

#define BUCKETS 256u

struct futex_waiter {
    struct list node;
    uint64_t address;
    uint32_t bitset;
    struct task *task;
    bool woken;
};

static struct list buckets[BUCKETS];

static struct list *bucket(uint64_t address)
{
    struct list *b = &buckets[(address >> 2) * 0x9e3779b97f4a7c15ull >> 56];
    if (!b->next)
        list_init(b);
    return b;
}

static long wake(uint64_t address, unsigned count, uint32_t bitset)
{
    unsigned woken = 0;
    list_for_each_safe(w, bucket(address), struct futex_waiter, node)
    {
        if (woken == count)
            break;
        if (w->address != address || !(w->bitset & bitset))
            continue;
        list_remove(&w->node);
        w->woken = true;
        task_wake(w->task);
        woken++;
    }
    return woken;
}

long futex_wake_address(uint64_t address, unsigned count)
{
    return wake(address, count, FUTEX_BITSET_MATCH_ANY);
}

static long wait(uint64_t address, uint32_t expected, uint64_t deadline, uint32_t bitset)
{
    uint32_t value;
    if (copy_from_user(&value, address, sizeof value) < 0)
        return -EFAULT;
    if (value != expected)
        return -EAGAIN;
    struct futex_waiter w = {.address = address, .bitset = bitset, .task = current()};
    current()->woken = false;
    list_add_tail(bucket(address), &w.node);
    long r = 0;
    while (!w.woken && r == 0)
        r = task_block(NULL, 0, deadline);
    list_remove(&w.node);
    if (w.woken)
        return 0;
    return r == -EINTR ? (deadline == NEVER ? -ERESTARTSYS : -EINTR) : r;
}

static long requeue(uint64_t from, uint64_t to, unsigned wake_count, unsigned move_count)
{
    long woken = wake(from, wake_count, FUTEX_BITSET_MATCH_ANY), moved = 0;
    list_for_each_safe(w, bucket(from), struct futex_waiter, node)
    {
        if (moved == (long)move_count)
            break;
        if (w->address != from)
            continue;
        list_remove(&w->node);
        w->address = to;
        list_add_tail(bucket(to), &w->node);
        moved++;
    }
    return woken + moved;
}

static long wake_op(uint64_t address, unsigned count, uint64_t address2, unsigned count2,
                    uint32_t op)
{
    uint32_t old, argument = op >> 12 & 0xfff, compare = op & 0xfff, value;
    if (op >> 28 & FUTEX_OP_OPARG_SHIFT)
        argument = 1u << (argument & 31);
    if (copy_from_user(&old, address2, sizeof old) < 0)
        return -EFAULT;
    switch (op >> 28 & 7) {
    case FUTEX_OP_SET:
        value = argument;
        break;
    case FUTEX_OP_ADD:
        value = old + argument;
        break;
    case FUTEX_OP_OR:
        value = old | argument;
        break;
    case FUTEX_OP_ANDN:
        value = old & ~argument;
        break;
    case FUTEX_OP_XOR:
        value = old ^ argument;
        break;
    default:
        return -ENOSYS;
    }
    // The word is shared with running threads: an atomic exchange against the value that was computed from.
    // A page that is not writable, or a word across two, would be a fault of the kernel.
    if (address2 % 4 || !user_range_ok(address2, 4) || !(page_state(address2) & PROT_WRITE))
        return address2 % 4 ? -EINVAL : -EFAULT;
    if (!__atomic_compare_exchange_n((uint32_t *)address2, &old, value, false, __ATOMIC_SEQ_CST,
                                     __ATOMIC_SEQ_CST))
        return -EAGAIN;
    bool holds;
    switch (op >> 24 & 15) {
    case FUTEX_OP_CMP_EQ:
        holds = old == compare;
        break;
    case FUTEX_OP_CMP_NE:
        holds = old != compare;
        break;
    case FUTEX_OP_CMP_LT:
        holds = (int32_t)old < (int32_t)compare;
        break;
    case FUTEX_OP_CMP_LE:
        holds = (int32_t)old <= (int32_t)compare;
        break;
    case FUTEX_OP_CMP_GT:
        holds = (int32_t)old > (int32_t)compare;
        break;
    case FUTEX_OP_CMP_GE:
        holds = (int32_t)old >= (int32_t)compare;
        break;
    default:
        return -ENOSYS;
    }
    long r = futex_wake_address(address, count);
    return holds ? r + futex_wake_address(address2, count2) : r;
}

static long futex_deadline(uint64_t user_timeout, bool absolute, bool realtime, uint64_t *ret)
{
    *ret = NEVER;
    if (!user_timeout)
        return 0;
    uint64_t ns;
    long r = timespec_from_user(user_timeout, &ns);
    if (r < 0)
        return r;
    if (!absolute)
        *ret = deadline_after(ns);
    else if (realtime)
        *ret = deadline_from_realtime(ns);
    else
        *ret = ns;
    return 0;
}

SYSCALL(futex)
{
    uint64_t address = a[0], address2 = a[4];
    int op = (int)a[1] & FUTEX_CMD_MASK;
    uint32_t value = (uint32_t)a[2], value3 = (uint32_t)a[5];
    if (address % 4 || !user_range_ok(address, 4))
        return address % 4 ? -EINVAL : -EFAULT;
    uint64_t deadline;
    long r;
    switch (op) {
    case FUTEX_WAIT:
    case FUTEX_WAIT_BITSET:
        r = futex_deadline(a[3], op == FUTEX_WAIT_BITSET, a[1] & FUTEX_CLOCK_REALTIME, &deadline);
        if (r < 0)
            return r;
        if (op == FUTEX_WAIT)
            value3 = FUTEX_BITSET_MATCH_ANY;
        return value3 ? wait(address, value, deadline, value3) : -EINVAL;
    case FUTEX_WAKE:
        return futex_wake_address(address, value);
    case FUTEX_WAKE_BITSET:
        return value3 ? wake(address, value, value3) : -EINVAL;
    case FUTEX_CMP_REQUEUE: {
        uint32_t now;
        if (copy_from_user(&now, address, sizeof now) < 0)
            return -EFAULT;
        if (now != value3)
            return -EAGAIN;
        return requeue(address, address2, value, (unsigned)a[3]);
    }
    case FUTEX_REQUEUE:
        return requeue(address, address2, value, (unsigned)a[3]);
    case FUTEX_WAKE_OP:
        r = -EAGAIN;
        for (int attempt = 0; attempt < 64 && r == -EAGAIN; attempt++)
            r = wake_op(address, value, address2, (unsigned)a[3], value3);
        return r;
    default:
        return -ENOSYS;
    }
}

// The robust list (set_robust_list(2)): mutexes that the dying thread held are marked and one waiter woken.
void futex_exit(struct task *t)
{
    struct robust_list_head head;
    if (!t->robust_list || copy_from_user(&head, t->robust_list, sizeof head) < 0)
        return;
    uint64_t entry = (uint64_t)head.list.next;
    for (unsigned n = 0; n < ROBUST_LIST_LIMIT && (entry & ~1ull) != t->robust_list; n++) {
        uint64_t node = entry & ~1ull, word = node + (uint64_t)head.futex_offset, next;
        uint32_t value;
        if (copy_from_user(&next, node, sizeof next) < 0 ||
            copy_from_user(&value, word, sizeof value) < 0)
            return;
        if ((value & FUTEX_TID_MASK) == (uint32_t)t->tid) {
            value = (value & FUTEX_WAITERS) | FUTEX_OWNER_DIED;
            if (copy_to_user(word, &value, sizeof value) < 0)
                return;
            (void)futex_wake_address(word, 1);
        }
        entry = next;
    }
}
