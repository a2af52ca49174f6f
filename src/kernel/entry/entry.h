// SPDX-License-Identifier: Apache-2.0
// What assembly gives to the rest of the kernel, and what it calls.
#ifndef KERNEL_ENTRY_H
#define KERNEL_ENTRY_H

#include "kernel/entry/percpu.h"
#include "kernel/lib/lib.h"

// entry.S
long hostcall_exit(void);
_Noreturn void hostcall_exit_for_ever(void);
_Noreturn void enclave_panic_exit(uint64_t code);
_Noreturn void frame_return(struct trap_frame *frame);
void syscall_entry(void);
void cpuid_entry(void);
void exception_continue(void);
extern const uint8_t copy_user_end[], copy_user_fault[];
extern const uint8_t syscall_return[], syscall_return_end[], frame_return_begun[],
    frame_return_end[];
void kernel_xsave(void *area);
void kernel_xrstor(const void *area);

// Called by entry.S. Frames are the current thread's.
_Noreturn void enclave_thread_start(uint64_t tcs, uint64_t area, uint64_t area_size);
void exception_note(uint64_t tcs, uint64_t event);
// 0: only rax changed; else frame_return() must restore everything.
int trap_syscall(struct trap_frame *frame);
void trap_cpuid(struct trap_frame *frame);
void trap_exception(struct trap_frame *frame);

// cpuid.c: the CPU that programs see, the same everywhere.
void cpuid_answer(uint32_t leaf, uint32_t subleaf, uint32_t ret[4]);

// lock.c: the kernel lock. task_block() and the entry points take and drop it; nothing else does.
void kernel_lock(void);
void kernel_unlock(void);
void kernel_unpark(uint32_t slot); // the slot's task leaves task_block(), once the lock is free

// Seal-key source and CPU features as told at boot (kernel/main.c).
extern uint64_t boot_cpu_features;
extern bool kernel_stats_wanted; // BOOT_STATS
extern bool syscall_quiet;       // BOOT_QUIET
void kernel_log_stats(void);

// One thread gave up: none goes on in the kernel. Looked at after each host call and at each entry.
extern bool enclave_dead;

// Panic codes, RSI at EXIT_PANIC.
enum panic_code {
    PANIC_CODE_BUG = 1,
    PANIC_CODE_NESTED = 2,
    PANIC_CODE_ENTRY = 3, // the host entered a thread that was not asked for
};

#endif
