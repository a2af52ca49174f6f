// SPDX-License-Identifier: Apache-2.0
// Host threads: each enters its slot of the enclave again and again and does what the enclave asks
// for.
#include "host/runtime.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "host/dispatch.h"
#include "host/hostile.h"

#define STACK_SIZE (256u * 1024)

_Noreturn void host_finish(struct host *host, enum host_end end, uint64_t value)
{
    pthread_mutex_lock(&host->lock);
    if (!host->finished) {
        host->finished = true;
        host->outcome = (struct host_outcome){end, value};
        (void)eventfd_write(host->done_fd, 1);
    }
    pthread_mutex_unlock(&host->lock);
    for (;;)
        pause();
}

static void serve(struct host_thread *t)
{
    uint64_t number = t->area->number;
    if (number <= HOSTCALL_COUNT)
        atomic_fetch_add_explicit(&t->calls[number], 1, memory_order_relaxed);
    host_dispatch(t, t->area);
    if (t->host->hostile)
        host_hostile_answer(t->host->hostile, number, t->area);
}

// Decides what ENCLU comes next from how the thread left; false: the slot is free.
static bool handle_exit(struct host_thread *t, struct sgx_run *run)
{
    if (run->function == ENCLU_ERESUME) {
        bool interrupt = run->exception_vector == SGX_RUN_INTERRUPT;
        if (interrupt && t->noting) { // the kernel takes note of an exception: that comes first
            atomic_store(&t->kicked, true);
            return true;
        }
        if (interrupt)
            atomic_store(&t->kicked, false); // it has arrived
        t->noting = true;
        run->function = ENCLU_EENTER;
        run->rdi = interrupt ? ENTRY_INTERRUPT : ENTRY_EXCEPTION;
        return true;
    }
    if (run->function != ENCLU_EEXIT)
        host_finish(t->host, HOST_CRASHED, run->exception_vector);
    switch (run->rdi) {
    case EXIT_RESUME:
        t->noting = atomic_exchange(&t->kicked, false); // a kick that came while it was outside
        run->function = t->noting ? ENCLU_EENTER : ENCLU_ERESUME;
        run->rdi = ENTRY_INTERRUPT;
        return true;
    case EXIT_HOSTCALL:
        serve(t);
        run->function = ENCLU_EENTER;
        run->rdi = (uintptr_t)t->area;
        run->rsi = sizeof(*t->area);
        run->rdx = atomic_exchange(&t->kicked, false);
        return !t->exiting;
    default:
        host_finish(t->host, HOST_PANICKED, run->rsi);
    }
}

// From the slot's first EENTER to its thread_exit.
static void run_slot(struct host_thread *t)
{
    struct sgx_run run = {
        .tcs = ENCLAVE_BASE + THREADS_BASE + t->slot * THREAD_STRIDE + THREAD_TCS,
        .function = ENCLU_EENTER,
        .rdi = (uintptr_t)t->area,
        .rsi = sizeof(*t->area),
    };
    do {
        if (!is_ok(t->host->platform->enter(t->host->enclave, &run)))
            host_finish(t->host, HOST_CRASHED, 0);
    } while (handle_exit(t, &run));
}

static void *thread_main(void *context)
{
    struct host_thread *t = context;
    struct host *host = t->host;
    if (!is_ok(host->platform->thread_setup(host->enclave)))
        host_finish(host, HOST_CRASHED, 0);
    for (;;) {
        run_slot(t);
        pthread_mutex_lock(&host->lock);
        t->exiting = false;
        t->state = THREAD_PARKED;
        while (!t->spawn_pending)
            pthread_cond_wait(&t->wanted, &host->lock);
        t->spawn_pending = false;
        t->state = THREAD_RUNNING;
        pthread_mutex_unlock(&host->lock);
    }
    return NULL;
}

static long create(struct host_thread *t)
{
    t->area = mmap(NULL, sizeof(*t->area), PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (t->area == MAP_FAILED)
        return -EAGAIN;
    if (t->slot == 0) {
        t->area->boot.address = (uintptr_t)t->host->boot;
        t->area->boot.size = sizeof(*t->host->boot);
    }
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_SIZE);
    t->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    t->state = THREAD_RUNNING;
    if (t->event_fd >= 0 && pthread_create(&t->pthread, &attr, thread_main, t) == 0) {
        pthread_attr_destroy(&attr);
        return 0;
    }
    pthread_attr_destroy(&attr);
    if (t->event_fd >= 0)
        close(t->event_fd);
    munmap(t->area, sizeof(*t->area));
    t->state = THREAD_NONE;
    return -EAGAIN;
}

long host_thread_start(struct host *host, uint32_t slot)
{
    if (slot >= host->thread_count)
        return -EINVAL;
    struct host_thread *t = &host->threads[slot];
    long ret = 0;
    pthread_mutex_lock(&host->lock);
    if (t->state == THREAD_NONE) {
        ret = create(t);
    } else {
        t->spawn_pending = true;
        pthread_cond_signal(&t->wanted);
    }
    pthread_mutex_unlock(&host->lock);
    return ret;
}

long host_thread_wake(struct host *host, uint32_t slot, bool interrupt)
{
    if (slot >= host->thread_count)
        return -EINVAL;
    struct host_thread *t = &host->threads[slot];
    pthread_mutex_lock(&host->lock);
    bool exists = t->state != THREAD_NONE;
    pthread_mutex_unlock(&host->lock);
    if (!exists)
        return -EINVAL;
    (void)eventfd_write(t->event_fd, 1);
    if (interrupt) {
        atomic_store(&t->kicked, true); // for the case that the thread is not inside
        host->platform->kick(host->enclave, t->pthread);
    }
    return 0;
}

struct result host_threads_init(struct host *host, uint32_t count)
{
    REQUIRE(count >= 1 && count <= THREADS_MAX, ERR_RANGE, "the number of threads is out of range");
    host->thread_count = count;
    REQUIRE(sem_init(&host->kernel_lock, 0, 0) == 0, ERR_MEMORY, "cannot make a semaphore");
    for (uint32_t i = 0; i < count; i++) {
        host->threads[i].host = host;
        host->threads[i].slot = i;
        host->threads[i].event_fd = -1;
        REQUIRE(pthread_cond_init(&host->threads[i].wanted, NULL) == 0, ERR_MEMORY,
                "cannot make a condition variable");
    }
    return RESULT_OK;
}
