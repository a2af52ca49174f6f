// SPDX-License-Identifier: Apache-2.0
// The signal handlers: what made the enclave's thread trap, told from the signal frame, becomes a leaf
// performed, an access repaired, or an AEX. Faults of the host's own code go where they went before.
#include "sgx/emu/raw.h"

#include <signal.h>
#include <string.h>

#define TRAP_NO_DB         1
#define SYS_USER_DISPATCH_ 2 // si_code of SIGSYS from Syscall User Dispatch

struct sgx_enclave *sgx_emu_current;

static const int handled[] = {SIGILL, SIGSEGV, SIGBUS, SIGFPE, SIGTRAP, SIGSYS};
static struct sigaction previous[ARRAY_COUNT(handled)];
static struct sigaction previous_kick;

static void regs_from(const ucontext_t *uc, const struct sgx_emu_thread *t, struct sgx_emu_regs *r)
{
    const greg_t *g = uc->uc_mcontext.gregs;
    *r = (struct sgx_emu_regs){
        .rax = (uint64_t)g[REG_RAX],
        .rcx = (uint64_t)g[REG_RCX],
        .rdx = (uint64_t)g[REG_RDX],
        .rbx = (uint64_t)g[REG_RBX],
        .rbp = (uint64_t)g[REG_RBP],
        .rsi = (uint64_t)g[REG_RSI],
        .rdi = (uint64_t)g[REG_RDI],
        .r8 = (uint64_t)g[REG_R8],
        .r9 = (uint64_t)g[REG_R9],
        .r10 = (uint64_t)g[REG_R10],
        .r11 = (uint64_t)g[REG_R11],
        .r12 = (uint64_t)g[REG_R12],
        .r13 = (uint64_t)g[REG_R13],
        .r14 = (uint64_t)g[REG_R14],
        .r15 = (uint64_t)g[REG_R15],
        .rip = (uint64_t)g[REG_RIP],
        .rsp = (uint64_t)g[REG_RSP],
        .rflags = (uint64_t)g[REG_EFL],
        .fsbase = t->sig_fs,
        .gsbase = t->sig_gs,
    };
}

// What a leaf may have changed. RDX is an operand, never a result.
static void regs_to(const struct sgx_emu_regs *r, ucontext_t *uc)
{
    greg_t *g = uc->uc_mcontext.gregs;
    g[REG_RAX] = (greg_t)r->rax;
    g[REG_RIP] = (greg_t)r->rip;
    g[REG_EFL] = (greg_t)r->rflags;
}

static void raise_fault(struct sgx_emu_thread *t, ucontext_t *uc, const struct sgx_emu_regs *r,
                        const struct sgx_emu_fault *f)
{
    const struct sgx_emu_aex why = {
        .vector = f->vector,
        .exit_type = SGX_EXIT_TYPE_HARDWARE,
        .error_code = f->error_code,
        .address = f->address,
    };
    sgx_emu_aex(t, uc, r, &why);
}

static void interrupt(struct sgx_emu_thread *t, ucontext_t *uc, const struct sgx_emu_regs *r)
{
    const struct sgx_emu_aex why = {.interrupt = true};
    sgx_emu_aex(t, uc, r, &why);
}

// EEXIT: control goes to RBX, RCX becomes AEP, everything else is as the enclave left it.
static void eexit(struct sgx_emu_thread *t, ucontext_t *uc, const struct sgx_emu_regs *r)
{
    sgx_emu_uc_host(t, uc, (const char *)r->rbx);
    uc->uc_mcontext.gregs[REG_RCX] = (greg_t)t->tcs->aep;
}

static void enclu(struct sgx_emu_thread *t, ucontext_t *uc, struct sgx_emu_regs *r)
{
    struct sgx_enclave *e = t->enclave;
    struct sgx_emu_fault fault;
    bool done;
    switch ((uint32_t)r->rax) {
    case ENCLU_EEXIT:
        if (r->rbx < 1ull << 47 || r->rbx >= -(1ull << 47)) {
            eexit(t, uc, r);
            return;
        }
        sgx_emu_gp(&fault);
        done = false;
        break;
    case ENCLU_EREPORT:
    case ENCLU_EGETKEY:
        done = sgx_emu_report_or_key(e, r, &fault);
        break;
    default: // EENTER and ERESUME inside an enclave: #GP
        done = sgx_emu_edmm(e, r, &fault);
    }
    if (!done)
        raise_fault(t, uc, r, &fault);
    else if (t->kick_pending)
        interrupt(t, uc, r);
    else {
        regs_to(r, uc);
        t->inside = 1;
    }
}

static bool is_enclu(uint64_t rip)
{
    const volatile uint8_t *p = (const volatile uint8_t *)rip;
    return p[0] == 0x0f && p[1] == 0x01 && p[2] == 0xd7;
}

static void page_fault(struct sgx_emu_thread *t, ucontext_t *uc, const struct sgx_emu_regs *r)
{
    const greg_t *g = uc->uc_mcontext.gregs;
    uint32_t code = (uint32_t)g[REG_ERR] & (SGX_PFEC_P | SGX_PFEC_W | SGX_PFEC_U | SGX_PFEC_I);
    struct sgx_emu_fault f = {SGX_VECTOR_PF, code, (uint64_t)g[REG_CR2]};
    unsigned rwx = code & SGX_PFEC_I   ? SGX_SECINFO_X
                   : code & SGX_PFEC_W ? SGX_SECINFO_W
                                       : SGX_SECINFO_R;
    if (f.address < t->enclave->end && sgx_emu_resolve(t->enclave, f.address, rwx, &f))
        t->inside = 1; // again
    else
        raise_fault(t, uc, r, &f);
}

// A trap that enclave code caused. t->inside is 0 meanwhile: the handler itself must not fault.
static void enclave_trap(int sig, ucontext_t *uc, struct sgx_emu_thread *t, struct sgx_emu_regs *r)
{
    struct sgx_emu_aex why = {.exit_type = SGX_EXIT_TYPE_HARDWARE};
    if (sig == SIGILL && is_enclu(r->rip)) {
        uint64_t origin = sgx_emu_fast_origin(t->enclave, r->rip);
        if (origin)
            r->rip = origin;
        enclu(t, uc, r);
        return;
    }
    if (sig == SIGSYS) {
        // SYSCALL inside an enclave is #UD. The kernel has restored RAX; RCX and R11 are lost.
        sgx_emu_count(&t->enclave->stats.trapped_syscalls);
        r->rip -= 2;
        why.vector = SGX_VECTOR_UD;
        sgx_emu_aex(t, uc, r, &why);
        return;
    }
    why.vector = (uint8_t)uc->uc_mcontext.gregs[REG_TRAPNO];
    if (why.vector == SGX_VECTOR_PF) {
        page_fault(t, uc, r);
        return;
    }
    if (why.vector == SGX_VECTOR_BP) {
        why.exit_type = SGX_EXIT_TYPE_SOFTWARE;
        r->rip -= 1; // in an enclave INT3 is a fault
    }
    if (why.vector == SGX_VECTOR_GP)
        why.error_code = (uint32_t)uc->uc_mcontext.gregs[REG_ERR];
    sgx_emu_aex(t, uc, r, &why);
}

static bool within(uint64_t rip, const char *begin, const char *end)
{
    return rip >= (uint64_t)begin && rip < (uint64_t)end;
}

static bool in_stubs(const struct sgx_enclave *e, uint64_t rip)
{
    return e->stubs && rip - (uint64_t)e->stubs < e->stubs_size;
}

void sgx_emu_signal(int sig, siginfo_t *info, ucontext_t *uc, struct sgx_emu_thread *t)
{
    uint64_t rip = (uint64_t)uc->uc_mcontext.gregs[REG_RIP];
    bool kick = sig == sgx_emu_kick_signal();
    if (within(rip, sgx_emu_resume, sgx_emu_resume_end)) {
        // The enclave's registers are in t->regs, complete, and it is as if the next instruction were
        // its own.
        t->inside = 0;
        if (t->fault_pending)
            raise_fault(t, uc, &t->regs, &t->fault);
        else if (kick || sig == SIGILL)
            interrupt(t, uc, &t->regs);
        else // IRETQ refused the state that ERESUME loaded
            raise_fault(t, uc, &t->regs, &(struct sgx_emu_fault){SGX_VECTOR_GP, 0, 0});
        return;
    }
    bool code = within(rip, sgx_emu_code_begin, sgx_emu_code_end);
    if (kick && (code || !t->inside || in_stubs(t->enclave, rip))) {
        t->kick_pending = 1; // looked at before the enclave goes on
        return;
    }
    if (!t->inside || (code && rip != (uint64_t)sgx_emu_aep)) {
        sgx_emu_host_signal(sig, info, uc);
        return;
    }
    struct sgx_emu_regs r;
    regs_from(uc, t, &r);
    t->inside = 0;
    if (kick)
        interrupt(t, uc, &r);
    else
        enclave_trap(sig, uc, t, &r);
}

void sgx_emu_host_signal(int sig, siginfo_t *info, ucontext_t *uc)
{
    if (sig == sgx_emu_kick_signal())
        return;
    for (size_t i = 0; i < ARRAY_COUNT(handled); i++) {
        if (handled[i] != sig)
            continue;
        if (previous[i].sa_flags & SA_SIGINFO)
            previous[i].sa_sigaction(sig, info, uc);
        else if (previous[i].sa_handler != SIG_DFL && previous[i].sa_handler != SIG_IGN)
            previous[i].sa_handler(sig);
        else
            sigaction(sig, &previous[i], NULL); // the instruction faults again, now for real
    }
}

struct result sgx_emu_signals_install(struct sgx_enclave *e)
{
    struct sigaction a = {.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    a.sa_sigaction = sgx_emu_signal_entry;
    sigemptyset(&a.sa_mask);
    sigaddset(&a.sa_mask, sgx_emu_kick_signal());
    sgx_emu_current = e;
    for (size_t i = 0; i < ARRAY_COUNT(handled); i++)
        REQUIRE(sigaction(handled[i], &a, &previous[i]) == 0, ERR_IO,
                "cannot install a signal handler");
    a.sa_flags |= SA_RESTART;
    REQUIRE(sigaction(sgx_emu_kick_signal(), &a, &previous_kick) == 0, ERR_IO,
            "cannot install a signal handler");
    return RESULT_OK;
}

void sgx_emu_signals_remove(void)
{
    for (size_t i = 0; i < ARRAY_COUNT(handled); i++)
        sigaction(handled[i], &previous[i], NULL);
    // The kick stays handled: one that is under way must not end the process.
    sgx_emu_current = NULL;
}
