// SPDX-License-Identifier: Apache-2.0
// Signals: what is pending, who takes it, and the default actions (signal(7)). The frame on the program's
// stack is sigframe.c.
#include "kernel/task/signal.h"

#include "kernel/hostcall/stubs.h"
#include "kernel/loader/patch.h"
#include "kernel/mm/mm.h"
#include "kernel/syscall/syscall.h"

static struct ksigaction actions[SIGNAL_COUNT + 1];
static struct signal_queue process_pending;
static unsigned
    queued_count; // of real-time signals behind the first, as RLIMIT_SIGPENDING limits them

#define QUEUED_MAX  4096u

#define UNBLOCKABLE (SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP))
#define IGNORED_BY_DEFAULT \
    (SIGNAL_BIT(SIGCHLD) | SIGNAL_BIT(SIGURG) | SIGNAL_BIT(SIGWINCH) | SIGNAL_BIT(SIGCONT))
// There is no shell that could continue a stopped enclave: stop signals do nothing.
#define STOP_SIGNALS \
    (SIGNAL_BIT(SIGSTOP) | SIGNAL_BIT(SIGTSTP) | SIGNAL_BIT(SIGTTIN) | SIGNAL_BIT(SIGTTOU))

struct ksigaction *signal_action(int signal)
{
    return &actions[signal];
}

static bool ignored(int signal)
{
    uint64_t handler = actions[signal].handler;
    if (handler == (uint64_t)SIG_IGN)
        return true;
    return handler == (uint64_t)SIG_DFL &&
           (SIGNAL_BIT(signal) & (IGNORED_BY_DEFAULT | STOP_SIGNALS));
}

// A standard signal that is pending already is merged; a real-time one queues up.
static long enqueue(struct signal_queue *q, int signal, const siginfo_t *info)
{
    if (!(q->set & SIGNAL_BIT(signal))) {
        q->set |= SIGNAL_BIT(signal);
        q->info[signal] = *info;
        return 0;
    }
    if (signal < SIGRTMIN)
        return 0;
    struct queued_signal *s = queued_count < QUEUED_MAX ? kzalloc(sizeof *s) : NULL;
    if (!s)
        return info->si_code == SI_USER ? 0 : -EAGAIN;
    s->info = *info;
    s->info.si_signo = signal;
    struct queued_signal **end = &q->more;
    while (*end)
        end = &(*end)->next;
    *end = s;
    queued_count++;
    return 0;
}

// The next of the kind moves up; false: there is none.
static bool next_of_kind(struct signal_queue *q, int signal)
{
    for (struct queued_signal **at = &q->more; *at; at = &(*at)->next) {
        struct queued_signal *s = *at;
        if (s->info.si_signo != signal)
            continue;
        q->info[signal] = s->info;
        *at = s->next;
        kfree(s);
        queued_count--;
        return true;
    }
    return false;
}

void signals_drop(struct task *t)
{
    for (struct queued_signal *s = t->pending.more, *next; s; s = next) {
        next = s->next;
        kfree(s);
        queued_count--;
    }
    t->pending.more = NULL;
    t->pending.set = 0;
}

bool signal_deliverable(const struct task *t)
{
    return (t->pending.set | process_pending.set) & ~t->blocked;
}

static int dequeue(struct signal_queue *q, sigset set, siginfo_t *ret)
{
    set &= q->set;
    if (!set)
        return 0;
    int signal = __builtin_ctzl(set) + 1;
    *ret = q->info[signal];
    if (!next_of_kind(q, signal))
        q->set &= ~SIGNAL_BIT(signal);
    return signal;
}

int signal_take(struct task *t, sigset set, siginfo_t *ret)
{
    int signal = dequeue(&t->pending, set, ret);
    return signal ? signal : dequeue(&process_pending, set, ret);
}

sigset signal_pending_set(const struct task *t)
{
    return t->pending.set | process_pending.set;
}

static siginfo_t make_info(int signal, int code)
{
    siginfo_t info;
    memset(&info, 0, sizeof info);
    info.si_signo = signal;
    info.si_code = code;
    if (code <= 0) {
        info._sifields._kill._pid = process_pid();
        info._sifields._kill._uid = 0;
    }
    return info;
}

long signal_send(struct task *t, int signal, const siginfo_t *info)
{
    if (signal < 0 || signal > SIGNAL_COUNT)
        return -EINVAL;
    if (signal == 0)
        return 0;
    siginfo_t made = make_info(signal, SI_USER);
    if (!info)
        info = &made;
    if (t) {
        if (ignored(signal) && !(t->blocked & SIGNAL_BIT(signal)))
            return 0;
        long r = enqueue(&t->pending, signal, info);
        task_poke(t);
        return r;
    }
    if (ignored(signal))
        return 0;
    long r = enqueue(&process_pending, signal, info);
    if (r < 0)
        return r;
    if (!(current()->blocked & SIGNAL_BIT(signal)))
        return 0; // the sender takes it on its way out
    for (unsigned i = 0; i < task_slots(); i++) {
        struct task *other = task_by_slot(i);
        if (other && !(other->blocked & SIGNAL_BIT(signal))) {
            task_poke(other);
            break;
        }
    }
    return 0;
}

void process_signal(int signal)
{
    (void)signal_send(NULL, signal, NULL);
}

void task_raise(int signal)
{
    (void)signal_send(current(), signal, NULL);
}

// A fault of the program itself: it can be neither ignored nor blocked.
void signal_force(struct task *t, int signal, int code, uint64_t address)
{
    siginfo_t info = make_info(signal, code);
    info._sifields._sigfault._addr = (void *)address;
    struct ksigaction *action = &actions[signal];
    if ((t->blocked & SIGNAL_BIT(signal)) || action->handler == (uint64_t)SIG_IGN) {
        action->handler = (uint64_t)SIG_DFL;
        t->blocked &= ~SIGNAL_BIT(signal);
    }
    t->pending.set &= ~SIGNAL_BIT(signal);
    (void)enqueue(&t->pending, signal, &info);
}

void signals_reset_on_exec(void)
{
    for (int s = 1; s <= SIGNAL_COUNT; s++)
        if (actions[s].handler != (uint64_t)SIG_IGN)
            actions[s] = (struct ksigaction){0};
    current()->altstack_flags = SS_DISABLE;
    current()->altstack_base = current()->altstack_size = 0;
}

// What a system call that was interrupted returns, once it is known whether a handler runs.
static void finish_interrupted(struct trap_frame *frame, const struct ksigaction *action)
{
    if (frame->orig_rax == ~0ull || (long)frame->rax != -ERESTARTSYS)
        return;
    if (action && !(action->flags & SA_RESTART)) {
        frame->rax = (uint64_t)-EINTR;
    } else {
        // Again, as a patched call would enter: rcx says where it returns to.
        frame->rax = frame->orig_rax;
        frame->rcx = frame->rip;
        frame->rip = (uint64_t)&syscall_entry;
    }
    frame->orig_rax = ~0ull;
}

void task_prepare_return(struct trap_frame *frame)
{
    struct task *t = current();
    siginfo_t info;
    int signal;
    while ((signal = signal_take(t, ~t->blocked, &info))) {
        struct ksigaction action = actions[signal];
        if (ignored(signal))
            continue;
        if (action.handler == (uint64_t)SIG_DFL) {
            if (info.si_code > 0 && !syscall_quiet)
                // Pages alone, as the CPU tells the host no more of an enclave's addresses.
                klog("signal %d ends the program: in page %lx, address in page %lx", signal,
                     frame->rip >> 12, (uint64_t)info._sifields._sigfault._addr >> 12);
            process_exit(128 + signal);
        }
        finish_interrupted(frame, &action);
        if (action.flags & SA_RESETHAND)
            actions[signal].handler = (uint64_t)SIG_DFL;
        sigset saved = t->restore_blocked ? t->saved_blocked : t->blocked;
        t->restore_blocked = false;
        if (signal_frame_push(frame, signal, &action, &info, saved) < 0)
            process_exit(128 + SIGSEGV); // no stack to run the handler on
        t->blocked |= action.mask & ~UNBLOCKABLE;
        if (!(action.flags & SA_NODEFER))
            t->blocked |= SIGNAL_BIT(signal);
    }
    if (t->restore_blocked) {
        t->blocked = t->saved_blocked;
        t->restore_blocked = false;
    }
    finish_interrupted(frame, NULL);
}

void task_sigmask_swap(const uint64_t *new_mask, uint64_t *ret_old)
{
    struct task *t = current();
    if (ret_old)
        *ret_old = t->blocked;
    t->blocked = *new_mask & ~UNBLOCKABLE;
}

void task_sigmask_restore_later(uint64_t old)
{
    struct task *t = current();
    t->saved_blocked = old;
    t->restore_blocked = true;
}

// --- exceptions of the program ---------------------------------------------------------------------------

static const struct {
    uint8_t vector;
    uint8_t signal;
    int code;
} fault_signals[] = {
    {SGX_VECTOR_DE, SIGFPE, FPE_INTDIV}, {SGX_VECTOR_DB, SIGTRAP, TRAP_TRACE},
    {SGX_VECTOR_BP, SIGTRAP, SI_KERNEL}, {SGX_VECTOR_BR, SIGSEGV, SI_KERNEL},
    {SGX_VECTOR_UD, SIGILL, ILL_ILLOPN}, {SGX_VECTOR_GP, SIGSEGV, SI_KERNEL},
    {SGX_VECTOR_MF, SIGFPE, FPE_FLTINV}, {SGX_VECTOR_AC, SIGBUS, BUS_ADRALN},
    {SGX_VECTOR_XM, SIGFPE, FPE_FLTINV},
};

static uint64_t trapped_syscalls, trapped_cpuids;

void trapped_counts(uint64_t *ret_syscalls, uint64_t *ret_cpuids)
{
    *ret_syscalls = trapped_syscalls;
    *ret_cpuids = trapped_cpuids;
}

// SYSCALL and CPUID are illegal in an enclave: what #UD means is in the two bytes at RIP.
static bool emulate_instruction(struct trap_frame *frame)
{
    uint8_t code[2];
    if (copy_from_user(code, frame->rip, sizeof code) < 0)
        return false;
    if (code[0] == 0x0f && code[1] == 0x05) {
        trapped_syscalls++;
        frame->rip += 2;
        frame->rcx = frame->rip;
        frame->r11 = frame->rflags;
        syscall_run(frame);
        return true;
    }
    if (code[0] == 0x0f && (code[1] == 0xa2 || (code[1] == 0x0b && patch_is_cpuid(frame->rip)))) {
        trapped_cpuids++;
        frame->rip += 2;
        trap_cpuid(frame);
        return true;
    }
    return false;
}

// Which floating-point exception it was: pending and not masked, in the order of Linux's
// fpu__exception_code().
static int float_code(uint64_t vector)
{
    static const struct {
        uint8_t flags;
        uint8_t code;
    } codes[] = {{0x01, FPE_FLTINV},
                 {0x04, FPE_FLTDIV},
                 {0x08, FPE_FLTOVF},
                 {0x12, FPE_FLTUND},
                 {0x20, FPE_FLTRES}};
    uint32_t mxcsr;
    uint16_t control, status;
    __asm__ volatile("stmxcsr %0\n\tfnstcw %1\n\tfnstsw %2"
                     : "=m"(mxcsr), "=m"(control), "=m"(status));
    uint32_t flags =
        vector == SGX_VECTOR_XM ? mxcsr & ~(mxcsr >> 7) : (uint32_t)(status & ~control);
    for (unsigned i = 0; i < ARRAY_COUNT(codes); i++)
        if (flags & codes[i].flags)
            return codes[i].code;
    return FPE_FLTINV;
}

void task_exception(struct trap_frame *frame)
{
    struct task *t = current();
    bool user = frame->rip < USER_END;
    if (user)
        t->frame = frame;
    if (frame->cause == CAUSE_INTERRUPT) {
        timers_run();
        return;
    }
    if (frame->cause == SGX_VECTOR_PF) {
        int code, signal = mm_fault(frame->address, frame->error_code, &code);
        if (signal == 0)
            return;
        if (!user)
            frame->rip = (uint64_t)copy_user_fault;
        else
            signal_force(t, signal, code, frame->address);
        return;
    }
    if (frame->cause == SGX_VECTOR_UD && emulate_instruction(frame))
        return;
    for (unsigned i = 0; i < ARRAY_COUNT(fault_signals); i++)
        if (fault_signals[i].vector == frame->cause) {
            bool is_float = frame->cause == SGX_VECTOR_MF || frame->cause == SGX_VECTOR_XM;
            signal_force(t, fault_signals[i].signal,
                         is_float ? float_code(frame->cause) : fault_signals[i].code, frame->rip);
            return;
        }
    panic("unknown exception %lu of the program", frame->cause);
}
