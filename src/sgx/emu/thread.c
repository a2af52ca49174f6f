// SPDX-License-Identifier: Apache-2.0
// Host threads that may enter: their block (alternate signal stack and state), their signal mask, the
// interception of SYSCALL inside ELRANGE, and the kick.
#include "sgx/emu/emu.h"

#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59
#define PR_SYS_DISPATCH_ON           1
#endif

#define SAME(field, offset) \
    _Static_assert(offsetof(struct sgx_emu_thread, field) == (offset), "layout.h: " #field)
SAME(regs.rax, T_RAX);
SAME(regs.rbx, T_RBX);
SAME(regs.r15, T_R15);
SAME(regs.rip, T_RIP);
SAME(regs.rflags, T_RFLAGS);
SAME(regs.rsp, T_RSP);
SAME(regs.fsbase, T_FSBASE);
SAME(regs.gsbase, T_GSBASE);
SAME(host_rsp, T_HOST_RSP);
SAME(host_gs, T_HOST_GS);
SAME(leaf_stack, T_LEAF_STACK);
SAME(xsave, T_XSAVE);
SAME(xfrm, T_XFRM);
SAME(exit_rsp, T_EXIT_RSP);
SAME(exit_r9, T_EXIT_R9);
SAME(kick_pending, T_KICK_PENDING);
SAME(fault_pending, T_FAULT_PENDING);
SAME(sig_fs, T_SIG_FS);
SAME(host_mxcsr, T_HOST_MXCSR);
SAME(host_fcw, T_HOST_FCW);
SAME(inside, T_INSIDE);
SAME(site, T_SITE);
_Static_assert(offsetof(ucontext_t, uc_stack.ss_sp) == UC_STACK_SP, "layout.h: ucontext");
_Static_assert(SGX_EMU_STACK_SIZE + sizeof(struct sgx_emu_thread) <= SGX_EMU_BLOCK_SIZE, "block");

_Thread_local struct sgx_emu_thread *sgx_emu_self;

static pthread_key_t exit_key;
static pthread_once_t exit_key_once = PTHREAD_ONCE_INIT;
static bool exit_key_made;

static void thread_exit(void *block)
{
    const stack_t off = {.ss_flags = SS_DISABLE};
    sgx_emu_self = NULL;
    sigaltstack(&off, NULL);
    munmap(block, SGX_EMU_BLOCK_SIZE);
}

static void make_exit_key(void)
{
    exit_key_made = pthread_key_create(&exit_key, thread_exit) == 0;
}

int sgx_emu_kick_signal(void)
{
    return SIGRTMIN + 8;
}

// A mapping aligned to its own size: twice as much, less the ends.
static uint8_t *map_block(void)
{
    uint8_t *p = mmap(NULL, 2 * SGX_EMU_BLOCK_SIZE, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        return NULL;
    size_t before = (size_t)(-(uintptr_t)p & (SGX_EMU_BLOCK_SIZE - 1));
    if (before)
        munmap(p, before);
    munmap(p + before + SGX_EMU_BLOCK_SIZE, SGX_EMU_BLOCK_SIZE - before);
    return p + before;
}

static struct result make_thread(void)
{
    pthread_once(&exit_key_once, make_exit_key);
    REQUIRE(exit_key_made, ERR_MEMORY, "out of thread-specific keys");
    uint8_t *block = map_block();
    REQUIRE(block, ERR_MEMORY, "out of memory");
    const stack_t stack = {.ss_sp = block, .ss_size = SGX_EMU_STACK_SIZE};
    if (sigaltstack(&stack, NULL) != 0 || pthread_setspecific(exit_key, block) != 0) {
        thread_exit(block);
        return fail(ERR_IO, "cannot set the alternate signal stack");
    }
    struct sgx_emu_thread *t = (struct sgx_emu_thread *)(void *)(block + SGX_EMU_STACK_SIZE);
    t->leaf_stack = (uint64_t)t;
    __asm__ volatile("rdfsbase %0" : "=r"(t->host_fs));
    __asm__ volatile("rdgsbase %0" : "=r"(t->host_gs));
    uint16_t cs, ss;
    __asm__("mov %%cs, %0" : "=r"(cs));
    __asm__("mov %%ss, %0" : "=r"(ss));
    t->regs.cs = cs;
    t->regs.ss = ss;
    sgx_emu_self = t;
    return RESULT_OK;
}

// Every signal that is not the CPU's word and not the kick is for another thread.
static void mask_signals(void)
{
    sigset_t all;
    sigfillset(&all);
    const int open[] = {SIGILL,  SIGSEGV, SIGBUS,  SIGFPE,
                        SIGTRAP, SIGSYS,  SIGABRT, sgx_emu_kick_signal()};
    for (size_t i = 0; i < ARRAY_COUNT(open); i++)
        sigdelset(&all, open[i]);
    pthread_sigmask(SIG_SETMASK, &all, NULL);
}

struct result sgx_emu_thread_setup(struct sgx_enclave *e)
{
    if (!sgx_emu_self)
        GUARD(make_thread());
    struct sgx_emu_thread *t = sgx_emu_self;
    if (t->enclave == e)
        return RESULT_OK;
    // Syscall User Dispatch: SYSCALL and INT 80h from outside the range that begins at ELRANGE's end raise
    // SIGSYS. Unlike a seccomp filter it ends at execve, so that programs at low addresses may be started.
    REQUIRE(prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, e->end, ~0ul - e->end, NULL) ==
                0,
            ERR_UNSUPPORTED, "the kernel lacks Syscall User Dispatch (Linux 5.11)");
    mask_signals();
    t->enclave = e;
    return RESULT_OK;
}

void sgx_emu_kick(struct sgx_enclave *e, pthread_t thread)
{
    (void)e;
    pthread_kill(thread, sgx_emu_kick_signal());
}
