// SPDX-License-Identifier: Apache-2.0
// Tasks: one per TCS slot; their start, end and waiting. All under the kernel lock.
#include "kernel/task/task_private.h"

#include <linux/sched.h>

#include "kernel/hostcall/stubs.h"
#include "kernel/mm/mm.h"
#include "kernel/vfs/vfs.h"

#define FIRST_TID 1 // the process is pid 1 in its enclave

static struct task *tasks[THREADS_MAX];
static unsigned slot_count, alive_count;
static int next_tid = FIRST_TID;
static bool spawn_requested[THREADS_MAX];

bool process_is_init;

void tasks_boot(unsigned slots)
{
    slot_count = slots;
    struct task *t = kzalloc(sizeof *t);
    if (!t)
        panic("out of memory at the start");
    t->cpu = percpu();
    t->tid = next_tid++;
    t->alive = true;
    t->cpu->task = t;
    tasks[0] = t;
    alive_count = 1;
}

unsigned task_slots(void)
{
    return slot_count;
}

unsigned task_count(void)
{
    return alive_count;
}

struct task *task_by_slot(unsigned slot)
{
    return slot < slot_count && tasks[slot] && tasks[slot]->alive ? tasks[slot] : NULL;
}

struct task *task_by_tid(int tid)
{
    for (unsigned i = 0; i < slot_count; i++)
        if (tasks[i] && tasks[i]->alive && tasks[i]->tid == tid)
            return tasks[i];
    return NULL;
}

int task_tid(void)
{
    return current()->tid;
}

int process_pid(void)
{
    return FIRST_TID;
}

static struct percpu *slot_percpu(unsigned slot)
{
    return (struct percpu *)(THREADS_BASE + slot * THREAD_STRIDE + THREAD_LOCAL);
}

static int free_slot(void)
{
    for (unsigned i = 0; i < slot_count; i++)
        if (!tasks[i] || !tasks[i]->alive)
            return (int)i;
    return -1;
}

long task_clone(const struct trap_frame *frame, uint64_t flags, uint64_t stack, uint64_t parent_tid,
                uint64_t child_tid, uint64_t tls)
{
    const uint64_t thread = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD;
    if ((flags & thread) != thread)
        return -ENOSYS; // a new process: not in one enclave
    int slot = free_slot();
    if (slot < 0) {
        static bool told;
        if (!told)
            klog("no free thread: the manifest's `threads` is %u", slot_count);
        told = true;
        return -EAGAIN;
    }
    struct task *t = tasks[slot] ? tasks[slot] : kzalloc(sizeof *t);
    if (!t)
        return -ENOMEM;
    tasks[slot] = t;
    memset(t, 0, sizeof *t);
    t->cpu = slot_percpu((unsigned)slot);
    t->tid = next_tid++;
    t->blocked = current()->blocked;
    t->start = *frame;
    t->start.rax = 0;
    t->start.rsp = stack ? stack : frame->rsp;
    t->start.orig_rax = ~0ull;
    uint64_t fs_base;
    __asm__ volatile("rdfsbase %0" : "=r"(fs_base));
    t->start_fs_base = flags & CLONE_SETTLS ? tls : fs_base;
    t->clear_child_tid = flags & CLONE_CHILD_CLEARTID ? child_tid : 0;
    memcpy(t->name, current()->name, sizeof t->name);
    kernel_xsave(t->start_xstate);
    uint32_t tid = (uint32_t)t->tid;
    if ((flags & CLONE_PARENT_SETTID) && copy_to_user(parent_tid, &tid, sizeof tid) < 0)
        return -EFAULT;
    if ((flags & CLONE_CHILD_SETTID) && copy_to_user(child_tid, &tid, sizeof tid) < 0)
        return -EFAULT;
    t->alive = true;
    alive_count++;
    spawn_requested[slot] = true;
    long r = host_thread_spawn((uint32_t)slot);
    if (r < 0) {
        spawn_requested[slot] = false;
        t->alive = false;
        alive_count--;
        return r;
    }
    return (long)tid;
}

_Noreturn void task_start(struct percpu *cpu)
{
    if (cpu->slot >= slot_count)
        enclave_panic_exit(PANIC_CODE_ENTRY);
    kernel_lock();
    // Under the lock: of a host that enters and says that it did not, task_clone() believes the word.
    if (!spawn_requested[cpu->slot]) {
        kernel_unlock();
        enclave_panic_exit(PANIC_CODE_ENTRY);
    }
    spawn_requested[cpu->slot] = false;
    struct task *t = tasks[cpu->slot];
    cpu->task = t;
    struct trap_frame frame __attribute__((aligned(16))) = t->start;
    t->frame = &frame;
    __asm__ volatile("wrfsbase %0" : : "r"(t->start_fs_base));
    kernel_xrstor(t->start_xstate);
    task_prepare_return(&frame);
    kernel_unlock();
    frame_return(&frame);
}

_Noreturn void task_exit(void)
{
    struct task *t = current();
    futex_exit(t);
    if (t->clear_child_tid) {
        uint32_t zero = 0;
        if (copy_to_user(t->clear_child_tid, &zero, sizeof zero) == 0)
            (void)futex_wake_address(t->clear_child_tid, 1);
    }
    if (alive_count == 1)
        process_exit(0);
    signals_drop(t);
    struct percpu *cpu = t->cpu;
    alive_count--;
    cpu->task = NULL;
    cpu->state = PERCPU_IDLE;
    t->alive = false;
    kernel_unlock(); // the slot may be given away now, but nobody enters it before we have left
    struct hostcall_area *area = hostcall_area_current();
    host_store((struct host_ptr){(uint64_t)&area->number}, HOSTCALL_THREAD_EXIT);
    hostcall_exit_for_ever();
}

_Noreturn void process_exit(int status)
{
    mm_sync_all();
    vfs_sync_all(true);
    kernel_log_stats();
    host_exit_process(status);
}

void wait_add(struct wait_entry *entry, struct waitq *q)
{
    entry->task = current();
    entry->task->woken = false;
    list_add_tail(&q->waiters, &entry->node);
}

void wait_remove(struct wait_entry *entry)
{
    list_remove(&entry->node);
}

void task_wake(struct task *t)
{
    if (t->woken)
        return;
    t->woken = true;
    if (t->in_block)
        kernel_unpark(t->cpu->slot);
}

void task_poke(struct task *t)
{
    if (t == current())
        return;
    if (t->in_block)
        task_wake(t);
    else
        (void)host_kick(t->cpu->slot);
}

void waitq_wake(struct waitq *q, unsigned count)
{
    list_for_each(entry, &q->waiters, struct wait_entry, node)
    {
        if (count == 0)
            break;
        if (entry->task->woken)
            continue;
        task_wake(entry->task);
        count--;
    }
}

bool task_signal_pending(void)
{
    return signal_deliverable(current());
}

long task_block(struct host_pollfd *fds, unsigned count, uint64_t deadline_ns)
{
    struct task *t = current();
    if (signal_deliverable(t))
        return -EINTR;
    uint64_t timeout = NEVER;
    if (deadline_ns != NEVER) {
        uint64_t now = clock_ns(CLOCK_MONOTONIC);
        timeout = deadline_ns > now ? deadline_ns - now : 0;
    }
    if (t->woken)
        timeout = 0; // still ask the host about the descriptors
    size_t size = count * sizeof *fds;
    struct host_pollfd *ready = count ? kzalloc(size) : NULL;
    if (count && !ready)
        return -ENOMEM;
    t->in_block = true;
    kernel_unlock();
    long r = host_poll(timeout, fds, size, ready, size);
    kernel_lock();
    t->in_block = false;
    for (unsigned i = 0; i < count; i++) // POLLERR, POLLHUP and POLLNVAL come unasked
        fds[i].revents = r > 0 ? ready[i].revents & (fds[i].events | 0x38) : 0;
    kfree(ready);
    bool woken = t->woken;
    t->woken = false;
    timers_run();
    if (signal_deliverable(t))
        return -EINTR;
    if (woken || r > 0)
        return 0;
    if (deadline_ns != NEVER && clock_ns(CLOCK_MONOTONIC) >= deadline_ns)
        return -ETIMEDOUT;
    return 0;
}

long waitq_sleep(struct waitq *q, uint64_t deadline_ns)
{
    struct wait_entry entry;
    wait_add(&entry, q);
    long r = task_block(NULL, 0, deadline_ns);
    wait_remove(&entry);
    return r;
}
