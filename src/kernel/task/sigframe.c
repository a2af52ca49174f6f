// SPDX-License-Identifier: Apache-2.0
// The signal frame on the program's stack, as x86-64 Linux lays it out (arch/x86/include/asm/sigframe.h,
// uapi/asm/sigcontext.h): return address, ucontext, siginfo; above it the XSAVE image with Linux's
// software-reserved words.
#include <asm/sigcontext.h>

#include "kernel/mm/mm.h"
#include "kernel/syscall/syscall.h"
#include "kernel/task/signal.h"

#define RED_ZONE       128
#define FRAME_XSTATE   (XSTATE_SIZE + 4) // with FP_XSTATE_MAGIC2 behind it
#define SW_RESERVED    464               // in the XSAVE image
#define MXCSR_MASK     0xffffu
#define RFLAGS_PROGRAM 0x250dd5ull // CF PF AF ZF SF TF(cleared below) DF OF AC ID
#define ERROR_CODE     0x7fffu     // without the bit that says SGX: programs know Linux's
#define RFLAGS_TF      (1ull << 8)

extern const uint8_t initial_xstate[];

struct signal_context {
    uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
    uint64_t rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, rflags;
    uint16_t cs, gs, fs, ss;
    uint64_t error_code, trap_number, oldmask, cr2, fpstate;
    uint64_t reserved[8];
};

struct rt_frame {
    uint64_t return_address;
    struct {
        uint64_t flags, link;
        uint64_t stack_base;
        uint32_t stack_flags, pad;
        uint64_t stack_size;
        struct signal_context context;
        uint64_t mask;
    } uc;
    siginfo_t info;
};
_Static_assert(offsetof(struct rt_frame, uc.context) == 48, "ucontext");
_Static_assert(sizeof(struct signal_context) == 256, "sigcontext");
_Static_assert(offsetof(struct rt_frame, uc.mask) == 304, "ucontext.uc_sigmask");

static bool on_altstack(const struct task *t, uint64_t rsp)
{
    return t->altstack_size && rsp > t->altstack_base && rsp - t->altstack_base <= t->altstack_size;
}

static long push_xstate(uint64_t address)
{
    uint8_t image[FRAME_XSTATE] __attribute__((aligned(64)));
    memset(image, 0, sizeof image);
    kernel_xsave(image);
    store_le32(image + SW_RESERVED, FP_XSTATE_MAGIC1);
    store_le32(image + SW_RESERVED + 4, FRAME_XSTATE);
    store_le64(image + SW_RESERVED + 8, XSTATE_MASK);
    store_le32(image + SW_RESERVED + 16, XSTATE_SIZE);
    store_le32(image + XSTATE_SIZE, FP_XSTATE_MAGIC2);
    return copy_to_user(address, image, sizeof image);
}

long signal_frame_push(struct trap_frame *frame, int signal, const struct ksigaction *action,
                       const siginfo_t *info, sigset saved)
{
    struct task *t = current();
    uint64_t rsp = frame->rsp - RED_ZONE;
    if ((action->flags & SA_ONSTACK) && t->altstack_size && !on_altstack(t, frame->rsp))
        rsp = t->altstack_base + t->altstack_size;
    uint64_t fpstate = align_down(rsp - FRAME_XSTATE, 64);
    uint64_t at = align_down(fpstate - sizeof(struct rt_frame), 16) - 8;
    if (push_xstate(fpstate) < 0)
        return -EFAULT;
    struct rt_frame f = {
        .return_address = action->restorer,
        .uc = {.flags = 7, // UC_FP_XSTATE, SS saved, strict restore
               .stack_base = t->altstack_base,
               .stack_flags =
                   t->altstack_size ? (on_altstack(t, frame->rsp) ? SS_ONSTACK : 0) : SS_DISABLE,
               .stack_size = t->altstack_size,
               .context = {frame->r8,
                           frame->r9,
                           frame->r10,
                           frame->r11,
                           frame->r12,
                           frame->r13,
                           frame->r14,
                           frame->r15,
                           frame->rdi,
                           frame->rsi,
                           frame->rbp,
                           frame->rbx,
                           frame->rdx,
                           frame->rax,
                           frame->rcx,
                           frame->rsp,
                           frame->rip,
                           frame->rflags,
                           .cs = 0x33,
                           .ss = 0x2b,
                           .error_code = frame->error_code & ERROR_CODE,
                           .trap_number = frame->cause < 32 ? frame->cause : 0,
                           .cr2 = frame->address,
                           .fpstate = fpstate,
                           .oldmask = saved},
               .mask = saved},
        .info = *info,
    };
    if (copy_to_user(at, &f, sizeof f) < 0)
        return -EFAULT;
    frame->rdi = (uint64_t)signal;
    frame->rsi = at + offsetof(struct rt_frame, info);
    frame->rdx = at + offsetof(struct rt_frame, uc);
    frame->rax = 0;
    frame->rsp = at;
    frame->rip = action->handler;
    frame->rflags &= ~(uint64_t)0x500; // TF, DF
    kernel_xrstor(initial_xstate);
    return 0;
}

static long restore_xstate(uint64_t address)
{
    uint8_t image[XSTATE_SIZE] __attribute__((aligned(64)));
    if (address == 0) {
        kernel_xrstor(initial_xstate);
        return 0;
    }
    if (copy_from_user(image, address, sizeof image) < 0)
        return -EFAULT;
    // What XRSTOR refuses would be a fault in the kernel (SDM vol. 1, 13.8).
    store_le64(image + 512, load_le64(image + 512) & XSTATE_MASK);
    memset(image + 520, 0, 56);
    store_le32(image + 24, load_le32(image + 24) & MXCSR_MASK);
    kernel_xrstor(image);
    return 0;
}

long signal_return(struct trap_frame *frame)
{
    struct task *t = current();
    struct rt_frame f;
    // The handler's `ret` has taken the return address off the stack.
    if (copy_from_user(&f, frame->rsp - 8, sizeof f) < 0 ||
        restore_xstate(f.uc.context.fpstate) < 0)
        return -EFAULT;
    const struct signal_context *c = &f.uc.context;
    *frame = (struct trap_frame){
        .rax = c->rax,
        .rbx = c->rbx,
        .rcx = c->rcx,
        .rdx = c->rdx,
        .rsi = c->rsi,
        .rdi = c->rdi,
        .rbp = c->rbp,
        .r8 = c->r8,
        .r9 = c->r9,
        .r10 = c->r10,
        .r11 = c->r11,
        .r12 = c->r12,
        .r13 = c->r13,
        .r14 = c->r14,
        .r15 = c->r15,
        .rip = c->rip,
        .rsp = c->rsp,
        .rflags = (c->rflags & RFLAGS_PROGRAM & ~RFLAGS_TF) | 0x202,
        .cause = CAUSE_SYSCALL,
        .orig_rax = ~0ull,
    };
    t->blocked = f.uc.mask & ~(SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP));
    t->altstack_base = f.uc.stack_base;
    t->altstack_size = f.uc.stack_flags & SS_DISABLE ? 0 : f.uc.stack_size;
    return 0;
}
