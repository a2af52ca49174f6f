// SPDX-License-Identifier: Apache-2.0
// Exceptions in two stages. Stage 1 (exception_note) runs at CSSA=1 on a stack of its own: it only copies
// the interrupted registers out of the SSA frame and points the frame at exception_continue, so that ERESUME
// carries on in the kernel at CSSA=0, where it may do anything a system call may.
//
// - It believes SSA.EXITINFO alone, never the host's word. The word is cleared once taken, so that a second
//   entry finds nothing; an entry while the kernel itself runs changes nothing.
// - A fault in kernel code ends the enclave, but in copy_user(), which is made for it.
#include "kernel/entry/entry.h"

#include "abi/hostcall/hostcall.h"
#include "abi/sgx/offsets.h"
#include "kernel/task/task_private.h"

_Static_assert(EXCEPTION_STACK_SIZE < THREAD_STACK_SIZE,
               "the exception stack is part of the stack");
_Static_assert(EXIT_HOSTCALL_REASON == EXIT_HOSTCALL && EXIT_RESUME_REASON == EXIT_RESUME &&
                   EXIT_PANIC_REASON == EXIT_PANIC,
               "offsets.h");
_Static_assert((int)PANIC_NESTED == PANIC_CODE_NESTED, "offsets.h");

#define SSA_FRAME_SIZE (SSA_FRAME_PAGES * SGX_PAGE_SIZE)
#define RFLAGS_TF      (1ull << 8)
#define RFLAGS_KERNEL  2ull

static bool in_copy_user(uint64_t rip)
{
    return rip >= (uint64_t)&copy_user && rip < (uint64_t)copy_user_end;
}

static bool in_user(uint64_t rip)
{
    return rip < USER_END;
}

// The kernel jumped to a bad address (a program that does has a stack of its own).
static bool on_kernel_stack(uint64_t tcs, uint64_t rsp)
{
    return rsp > tcs + THREAD_STACK && rsp <= tcs + THREAD_STACK + THREAD_STACK_SIZE;
}

// On the way back to the program: its registers lie in percpu->return_frame, some are restored already.
static bool in_return(uint64_t rip)
{
    bool returning = (rip >= (uint64_t)syscall_return && rip < (uint64_t)syscall_return_end) ||
                     (rip >= (uint64_t)frame_return_begun && rip < (uint64_t)frame_return_end);
    return returning && in_user(percpu()->return_frame->rip);
}

static void fill_frame(struct trap_frame *frame, const struct sgx_gprsgx *g,
                       const struct sgx_exinfo *exinfo, uint64_t cause)
{
    *frame = (struct trap_frame){
        .rax = g->rax,
        .rbx = g->rbx,
        .rcx = g->rcx,
        .rdx = g->rdx,
        .rsi = g->rsi,
        .rdi = g->rdi,
        .rbp = g->rbp,
        .r8 = g->r8,
        .r9 = g->r9,
        .r10 = g->r10,
        .r11 = g->r11,
        .r12 = g->r12,
        .r13 = g->r13,
        .r14 = g->r14,
        .r15 = g->r15,
        .rip = g->rip,
        .rsp = g->rsp,
        .rflags = g->rflags & ~RFLAGS_TF,
        .cause = cause,
        .address = exinfo->maddr,
        .error_code = exinfo->errcd,
        .orig_rax = ~0ull,
    };
}

static void continue_with(struct sgx_gprsgx *g, struct trap_frame *frame)
{
    g->rip = (uint64_t)&exception_continue;
    g->rdi = g->rsp = (uint64_t)frame;
    g->rflags = RFLAGS_KERNEL;
}

// Where the kernel's own fault ends, at CSSA=0.
_Noreturn static void exception_in_kernel(const struct trap_frame *frame)
{
    percpu()->hostcall_rsp = 0; // the stack it points into is given up: no entry may return to it
    // The kernel's own text is public, what it works on is not: of data, the page alone.
    panic("exception %lu in the kernel at %lx, page %lx, from %lx", frame->cause, frame->rip,
          frame->address / SGX_PAGE_SIZE, frame->orig_rax);
}

// A host can bring about a fault anywhere, by its page tables, and can ERESUME after we gave up: so what was
// interrupted must not go on, and the host is not called from here, at CSSA=1, where EENTER comes back
// to another place.
static void fail_later(struct sgx_gprsgx *g, const struct sgx_exinfo *exinfo, uint64_t cause)
{
    uint64_t from = in_user(g->rip) ? *(const uint64_t *)g->rsp : 0; // on the kernel's stack
    struct trap_frame *frame = (struct trap_frame *)(percpu()->stack_top - TF_SIZE);
    fill_frame(frame, g, exinfo, cause);
    frame->orig_rax = from;
    continue_with(g, frame);
    g->rip = (uint64_t)&exception_in_kernel;
    g->rsp -= 8; // as a call leaves it
}

void exception_note(uint64_t tcs, uint64_t event)
{
    (void)event; // a hint; the SSA frame says what happened
    if (enclave_dead)
        enclave_panic_exit(PANIC_CODE_BUG);
    uint8_t *ssa = (uint8_t *)(tcs + THREAD_SSA);
    struct sgx_gprsgx *g = (struct sgx_gprsgx *)(ssa + SSA_FRAME_SIZE - sizeof *g);
    struct sgx_exinfo *exinfo = (struct sgx_exinfo *)((uint8_t *)g - sizeof *exinfo);
    uint32_t exitinfo = g->exitinfo;
    g->exitinfo = 0;
    bool valid = exitinfo & SGX_EXITINFO_VALID;
    uint64_t cause = valid ? (exitinfo & 0xff) : (uint64_t)CAUSE_INTERRUPT;

    uint64_t stack;
    if (in_user(g->rip) && !on_kernel_stack(tcs, g->rsp)) {
        stack = percpu()->stack_top;
    } else if (valid && cause == SGX_VECTOR_PF && in_copy_user(g->rip)) {
        stack = g->rsp & ~15ull;
    } else if (!valid && in_return(g->rip)) {
        // As if the interrupt had come one instruction after the return.
        struct trap_frame *frame = percpu()->return_frame;
        frame->cause = CAUSE_INTERRUPT;
        frame->orig_rax = ~0ull;
        continue_with(g, frame);
        return;
    } else if (!valid) {
        percpu()->interrupted = true; // it looks for signals and timers before it goes back
        return;
    } else {
        fail_later(g, exinfo, cause);
        return;
    }
    struct trap_frame *frame = (struct trap_frame *)(stack - TF_SIZE);
    fill_frame(frame, g, exinfo, cause);
    continue_with(g, frame);
}

// Stage 2, at CSSA=0.
void trap_exception(struct trap_frame *frame)
{
    bool user = in_user(frame->rip);
    if (user)
        kernel_lock(); // a fault in copy_user() holds it already
    task_exception(frame);
    while (user) {
        if (percpu()->interrupted) { // a kick came while the kernel ran
            percpu()->interrupted = false;
            timers_run();
        }
        task_prepare_return(frame);
        kernel_unlock();
        if (!percpu()->interrupted)
            return;
        kernel_lock();
    }
}
