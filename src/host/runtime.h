// SPDX-License-Identifier: Apache-2.0
// The state of a run, shared by the files of host/. Private to the folder.
//
// Lock order: host.lock alone. It guards the states of threads and the outcome; counters are
// atomic.
#ifndef HOST_RUNTIME_H
#define HOST_RUNTIME_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "abi/enclave.h"
#include "abi/hostcall/calls.h"
#include "abi/hostcall/hostcall.h"
#include "host/launch.h"
#include "image/image.h"

enum thread_state {
    THREAD_NONE,    // no host thread yet
    THREAD_RUNNING, // in the enclave, or serving it
    THREAD_PARKED,  // the slot is free; the host thread waits for its next use
};

// One slot of the enclave and the host thread that enters it. The host thread lives as long as the
// process.
struct host_thread {
    struct host *host;
    uint32_t slot;
    enum thread_state state;
    bool spawn_pending; // the slot is wanted again before thread_exit has come out
    atomic_bool kicked; // told at the next return from a host call
    bool noting;        // inside for ENTRY_EXCEPTION or ENTRY_INTERRUPT
    bool exiting;       // thread_exit was called
    int event_fd;
    struct hostcall_area *area;
    pthread_t pthread;
    pthread_cond_t wanted;
    atomic_uint_least64_t calls[HOSTCALL_COUNT + 1];
};

// What host_launch() spends its time on, in this order.
enum host_phase { PHASE_OPEN, PHASE_CREATE, PHASE_ADD, PHASE_INIT, PHASE_START, PHASE_COUNT };

struct host {
    const struct sgx_platform *platform;
    struct sgx_enclave *enclave;
    const struct host_quoting *quoting;
    const uint8_t *configid;      // 64 bytes or NULL
    struct host_hostile *hostile; // NULL: an honest host
    struct image image;           // its mapping is what the kernel reads
    struct boot_info *boot;
    sem_t kernel_lock;              // threads of the kernel that wait for its lock
    int done_fd;                    // eventfd: the outcome is known
    int timer_fd;                   // timer_set
    uint64_t phase_ns[PHASE_COUNT]; // how long each took
    uint32_t thread_count;
    pthread_mutex_t lock;
    pthread_mutex_t quoting_lock;
    bool finished;
    struct host_outcome outcome;
    struct host_thread threads[THREADS_MAX];
};

// thread.c
struct result host_threads_init(struct host *host, uint32_t count);
// Lets a host thread enter `slot`: 0, -EINVAL or -EAGAIN.
long host_thread_start(struct host *host, uint32_t slot);
long host_thread_wake(struct host *host, uint32_t slot, bool interrupt);
// Records the outcome, the first one only, and stops this thread for ever.
_Noreturn void host_finish(struct host *host, enum host_end end, uint64_t value);

#endif
