// SPDX-License-Identifier: Apache-2.0
// Inside the task folder and for the entry code: the task itself, signals, futexes, threads.
#ifndef KERNEL_TASK_PRIVATE_H
#define KERNEL_TASK_PRIVATE_H

#include <linux/signal.h>

#include "abi/enclave.h"
#include "kernel/entry/entry.h"
#include "kernel/task/task.h"

// Linux's signal numbers are 1…64; a set is one word with bit (n-1) for signal n.
typedef uint64_t sigset;
#define SIGNAL_COUNT  64
#define SIGNAL_BIT(n) (1ull << ((n)-1))

struct queued_signal {
    struct queued_signal *next;
    siginfo_t info;
};

struct signal_queue {
    sigset set;
    siginfo_t info[SIGNAL_COUNT + 1]; // the first of each kind
    struct queued_signal *more;       // the others of real-time signals, oldest first
};

// As the kernel's struct sigaction (rt_sigaction's).
struct ksigaction {
    uint64_t handler;
    uint64_t flags;
    uint64_t restorer;
    sigset mask;
};

struct task {
    struct percpu *cpu; // of its slot
    int tid;
    bool alive;
    struct trap_frame *frame; // the program's registers, while the kernel works for it

    // Waiting.
    bool woken;    // since the last look
    bool in_block; // inside task_block(): needs an unpark to be woken

    // Signals.
    sigset blocked;
    sigset saved_blocked; // restored after sigsuspend/ppoll by the handler's return
    bool restore_blocked;
    struct signal_queue pending;
    uint64_t altstack_base, altstack_size;
    uint32_t altstack_flags;
    bool killed; // the process ends

    // Threads.
    uint64_t clear_child_tid;
    uint64_t robust_list, robust_list_size;
    char name[16];

    // What a new thread starts with.
    struct trap_frame start;
    uint64_t start_fs_base;
    uint8_t start_xstate[XSTATE_SIZE] __attribute__((aligned(64)));
};

extern bool process_is_init; // init still runs: it may read hints and open volumes

static inline struct task *current(void)
{
    return percpu()->task;
}

// task.c
void tasks_boot(unsigned slots);
struct task *task_by_slot(unsigned slot);
struct task *task_by_tid(int tid);
unsigned task_count(void);
unsigned task_slots(void);
long task_clone(const struct trap_frame *frame, uint64_t flags, uint64_t stack, uint64_t parent_tid,
                uint64_t child_tid, uint64_t tls);
_Noreturn void task_exit(void);
_Noreturn void process_exit(int status);       // as the shell sees it: 0…255, 128+n for a signal
_Noreturn void task_start(struct percpu *cpu); // a spawned slot's first steps
void task_wake(struct task *t);
void task_poke(struct task *t); // wakes it, or makes it leave the program, to look at its signals

// exceptions, signals
void task_exception(struct trap_frame *frame);
void task_prepare_return(struct trap_frame *frame); // delivers signals
void signal_force(struct task *t, int signal, int code, uint64_t address);
long signal_send(struct task *t, int signal, const siginfo_t *info); // NULL t: the process
bool signal_deliverable(const struct task *t);
void signals_reset_on_exec(void);
void signals_drop(struct task *t); // its end: what was pending for it alone
long signal_return(struct trap_frame *frame);
int signal_take(struct task *t, sigset set, siginfo_t *ret); // 0: none of the set is pending

// futex.c
long futex_wake_address(uint64_t address, unsigned count);
void futex_exit(struct task *t);

// clock.c
void timers_run(void); // an interrupt came: are alarms due?

#endif
