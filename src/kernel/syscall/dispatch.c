// SPDX-License-Identifier: Apache-2.0
// From a frame to a handler and back. Both ways of a system call, patched and trapped, come here.
#include "kernel/syscall/syscall.h"

#include <asm/unistd.h>

#include "kernel/loader/patch.h"
#include "kernel/hostcall/stubs.h"
#include "kernel/mm/mm.h"
#include "kernel/syscall/names.h"
#include "kernel/task/signal.h"

#define X(name, status, gap) long sys_##name(const uint64_t *a);
#include "kernel/syscall/table.def"
#undef X

static const syscall_handler handlers[SYSCALL_LIMIT] = {
#define X(name, status, gap) [__NR_##name] = sys_##name,
#include "kernel/syscall/table.def"
#undef X
};

static const char *const names[SYSCALL_LIMIT] = {
#define X(number, name) [number] = #name,
    SYSCALL_NAMES(X)
#undef X
};

static uint8_t told[SYSCALL_LIMIT];
static uint64_t call_count;
bool syscall_quiet;

static long unknown(uint64_t number)
{
    if (number < SYSCALL_LIMIT && !told[number] && !syscall_quiet) {
        told[number] = 1;
        klog("system call %s is not there (ENOSYS)", names[number] ? names[number] : "?");
    }
    return -ENOSYS;
}

void syscall_run(struct trap_frame *frame)
{
    current()->frame = frame;
    call_count++;
    uint64_t number = frame->rax;
    const uint64_t a[6] = {frame->rdi, frame->rsi, frame->rdx, frame->r10, frame->r8, frame->r9};
    frame->orig_rax = number;
    long r = number < SYSCALL_LIMIT && handlers[number] ? handlers[number](a) : unknown(number);
    // sigreturn and execve write the frame themselves, and mark it by orig_rax.
    if (frame->orig_rax != ~0ull)
        frame->rax = (uint64_t)r;
}

int trap_syscall(struct trap_frame *frame)
{
    if (enclave_dead)
        enclave_panic_exit(PANIC_CODE_BUG);
    kernel_lock();
    syscall_run(frame);
    if (percpu()->interrupted) {
        percpu()->interrupted = false;
        timers_run();
    }
    bool whole = frame->orig_rax == ~0ull || signal_deliverable(current()) ||
                 current()->restore_blocked || (long)frame->rax == -ERESTARTSYS;
    if (whole)
        task_prepare_return(frame);
    kernel_unlock();
    return whole;
}

void trap_cpuid(struct trap_frame *frame)
{
    uint32_t r[4];
    cpuid_answer((uint32_t)frame->rax, (uint32_t)frame->rcx, r);
    frame->rax = r[0];
    frame->rbx = r[1];
    frame->rcx = r[2];
    frame->rdx = r[3];
}

void kernel_log_stats(void)
{
    if (!kernel_stats_wanted)
        return;
    uint64_t trapped, cpuids;
    trapped_counts(&trapped, &cpuids);
    klog("stats: system calls: %lu patched, %lu trapped; %lu sites patched; CPUID trapped: %lu",
         call_count - trapped, trapped, patch_count(), cpuids);
    klog("stats: memory: %lu KiB in use, %lu KiB at most", epc_used() / 1024, epc_peak() / 1024);
}
