// SPDX-License-Identifier: Apache-2.0
// Signals of a process to itself: handlers, masks, siginfo, restart, alternate stacks, timers, vector state.
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "show.h"

static volatile int seen[65], last_code, last_value, order[8], order_count;
static volatile pid_t last_pid;

static void simple(int n)
{
    seen[n]++;
    if (order_count < 8)
        order[order_count++] = n;
}

static void with_info(int n, siginfo_t *info, void *context)
{
    (void)context;
    seen[n]++;
    last_code = info->si_code;
    last_value = info->si_value.sival_int;
    last_pid = info->si_pid;
}

static void install(int n, void (*handler)(int), int flags)
{
    struct sigaction a = {.sa_handler = handler, .sa_flags = flags};
    if (sigaction(n, &a, NULL) != 0)
        show("sigaction", -1);
}

static void basics(void)
{
    struct sigaction old;
    install(SIGUSR1, simple, 0);
    show("raise", raise(SIGUSR1));
    show("seen", seen[SIGUSR1]);
    show("kill self", kill(getpid(), SIGUSR1));
    show("seen", seen[SIGUSR1]);
    show("kill 0 probes", kill(getpid(), 0));
    show("kill of nobody", kill(0x3ffffff, SIGUSR1));
    show("bad number", kill(getpid(), 77));
    show("SIGKILL handler", sigaction(SIGKILL, &(struct sigaction){.sa_handler = simple}, NULL));
    show("old action", sigaction(SIGUSR1, NULL, &old));
    show("is ours", old.sa_handler == simple);
    install(SIGUSR2, simple, (int)SA_RESETHAND);
    raise(SIGUSR2);
    sigaction(SIGUSR2, NULL, &old);
    show("SA_RESETHAND", old.sa_handler == SIG_DFL);
    signal(SIGUSR2, SIG_IGN);
    show("ignored", raise(SIGUSR2));
    show("SIGCHLD default is ignored", raise(SIGCHLD));
    struct sigaction info = {.sa_sigaction = with_info, .sa_flags = SA_SIGINFO};
    sigaction(SIGRTMIN + 1, &info, NULL);
    sigaction(SIGUSR2, &info, NULL);
    show("sigqueue", sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = 4711}));
    show("value", last_value);
    show("SI_QUEUE", last_code == SI_QUEUE && last_pid == getpid());
    kill(getpid(), SIGUSR2);
    show("SI_USER", last_code == SI_USER && last_pid == getpid());
    raise(SIGUSR2);
    show("SI_TKILL", last_code == SI_TKILL);
}

static void masks(void)
{
    sigset_t set, old, pending;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGRTMIN + 1);
    show("block", sigprocmask(SIG_BLOCK, &set, &old));
    int before = seen[SIGUSR1], before_rt = seen[SIGRTMIN + 1];
    kill(getpid(), SIGUSR1);
    kill(getpid(), SIGUSR1);
    for (int i = 0; i < 3; i++)
        sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = i});
    show("not delivered", seen[SIGUSR1] - before);
    sigpending(&pending);
    show("pending", sigismember(&pending, SIGUSR1) * 10 + sigismember(&pending, SIGUSR2));
    show("unblock", sigprocmask(SIG_SETMASK, &old, NULL));
    show("standard signals merge", seen[SIGUSR1] - before);
    show("real-time signals queue", seen[SIGRTMIN + 1] - before_rt);
    show("last value", last_value);
    sigprocmask(SIG_BLOCK, &set, &old);
    kill(getpid(), SIGUSR1);
    siginfo_t info;
    struct timespec soon = {0, 10000000};
    show("sigtimedwait", sigtimedwait(&set, &info, &soon) == SIGUSR1);
    show("sigtimedwait empty", sigtimedwait(&set, &info, &soon));
    kill(getpid(), SIGUSR1);
    before = seen[SIGUSR1];
    show("sigsuspend", sigsuspend(&old));
    show("delivered", seen[SIGUSR1] - before);
    sigprocmask(SIG_SETMASK, &old, NULL);
    struct sigaction a = {.sa_handler = simple};
    sigaddset(&a.sa_mask, SIGUSR2);
    order_count = 0;
    install(SIGUSR2, simple, 0);
    sigaction(SIGUSR1, &a, NULL);
    sigfillset(&set);
    sigprocmask(SIG_BLOCK, &set, &old);
    raise(SIGUSR2);
    raise(SIGUSR1);
    sigprocmask(SIG_SETMASK, &old, NULL);
    show("both ran", order_count);
}

static void timers(void)
{
    struct itimerval v = {{0, 0}, {0, 20000}}, left;
    char c;
    int p[2];
    if (pipe(p) != 0)
        return;
    install(SIGALRM, simple, 0);
    show("setitimer", setitimer(ITIMER_REAL, &v, NULL));
    show("read is interrupted", read(p[0], &c, 1));
    show("seen", seen[SIGALRM]);
    setitimer(ITIMER_REAL, &v, NULL);
    struct timespec second = {5, 0}, rest;
    show("nanosleep is interrupted", nanosleep(&second, &rest));
    show("rest", rest.tv_sec);
    install(SIGALRM, simple, SA_RESTART);
    struct itimerval repeat = {{0, 10000}, {0, 10000}};
    seen[SIGALRM] = 0;
    setitimer(ITIMER_REAL, &repeat, NULL);
    while (seen[SIGALRM] < 5)
        ; // spins: the timer must interrupt running code
    show("interrupted a loop", seen[SIGALRM] >= 5);
    show("getitimer", getitimer(ITIMER_REAL, &left));
    show("interval", left.it_interval.tv_usec);
    setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
    show("alarm", (long)alarm(100));
    show("alarm again", (long)alarm(0));
    close(p[0]);
    close(p[1]);
}

static int wake[2];

static void *write_later(void *unused)
{
    (void)unused;
    nanosleep(&(struct timespec){0, 60000000}, NULL);
    return (void *)write(wake[1], "x", 1);
}

static void restart(void)
{
    pthread_t thread;
    char c = 0;
    sigset_t set;
    if (pipe(wake) != 0)
        return;
    install(SIGALRM, simple, SA_RESTART);
    sigemptyset(&set);
    sigaddset(&set, SIGALRM);
    pthread_sigmask(SIG_BLOCK, &set, NULL); // for the thread
    pthread_create(&thread, NULL, write_later, NULL);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    seen[SIGALRM] = 0;
    struct itimerval v = {{0, 0}, {0, 20000}};
    setitimer(ITIMER_REAL, &v, NULL);
    show("SA_RESTART read", read(wake[0], &c, 1));
    show("seen", seen[SIGALRM]);
    pthread_join(thread, NULL);
}

static char *alternate;
static volatile int on_alternate;
static sigjmp_buf jump;

static void overflow_handler(int n, siginfo_t *info, void *context)
{
    (void)n, (void)info, (void)context;
    char here;
    on_alternate = &here >= alternate && &here < alternate + 65536;
    siglongjmp(jump, 1);
}

static void stack_handler(int n)
{
    (void)n;
    char here;
    stack_t s;
    on_alternate = &here >= alternate && &here < alternate + 65536;
    sigaltstack(NULL, &s);
    on_alternate += (s.ss_flags & SS_ONSTACK) ? 10 : 0;
}

static volatile int depth_max = 1 << 30;

__attribute__((noinline)) static int deep(int n)
{
    volatile char fill[512];
    fill[0] = (char)n;
    return n >= depth_max ? 0 : deep(n + 1) + fill[0];
}

static void alternate_stack(void)
{
    alternate = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    stack_t s = {.ss_sp = alternate, .ss_size = 65536}, old;
    show("sigaltstack", sigaltstack(&s, &old));
    show("was off", old.ss_flags == SS_DISABLE);
    show("too small", sigaltstack(&(stack_t){.ss_sp = alternate, .ss_size = 100}, NULL));
    install(SIGUSR1, stack_handler, SA_ONSTACK);
    raise(SIGUSR1);
    show("on the alternate stack", on_alternate);
    install(SIGUSR1, stack_handler, 0);
    raise(SIGUSR1);
    show("on the ordinary stack", on_alternate);
    struct sigaction a = {.sa_sigaction = overflow_handler, .sa_flags = SA_ONSTACK | SA_SIGINFO};
    sigaction(SIGSEGV, &a, NULL);
    if (!sigsetjmp(jump, 1))
        deep(0);
    show("stack overflow", on_alternate);
}

// What the interrupted code has in its vector registers and flags comes back; the handler's changes do not.
static void vector_handler(int n)
{
    (void)n;
    uint64_t garbage[4] = {~0ull, ~0ull, ~0ull, ~0ull};
    __asm__ volatile("vmovdqu %0, %%ymm3\n\tvmovdqu %0, %%ymm15\n\tvzeroupper" ::"m"(garbage)
                     : "xmm3", "xmm15");
    uint32_t mxcsr = 0x1f80 | 0x6000;
    __asm__ volatile("ldmxcsr %0" ::"m"(mxcsr));
    seen[SIGUSR1]++;
}

static void vectors(void)
{
    if (!__builtin_cpu_supports("avx"))
        return;
    uint64_t in[4] = {1, 2, 3, 4}, out3[4], out15[4];
    uint32_t mxcsr = 0;
    install(SIGUSR1, vector_handler, 0);
    long r, pid = getpid();
    __asm__ volatile(
        "vmovdqu %[in], %%ymm3\n\tvmovdqu %[in], %%ymm15\n\t"
        "syscall\n\t"
        "vmovdqu %%ymm3, %[out3]\n\tvmovdqu %%ymm15, %[out15]\n\tstmxcsr %[mxcsr]\n\tvzeroupper"
        : "=a"(r), [out3] "=m"(out3), [out15] "=m"(out15), [mxcsr] "=m"(mxcsr)
        : "a"(62), "D"(pid), "S"(SIGUSR1), [in] "m"(in)
        : "rcx", "r11", "memory", "xmm3", "xmm15");
    show("kill", r);
    show("ymm3 kept", memcmp(in, out3, sizeof in) == 0);
    show("ymm15 kept", memcmp(in, out15, sizeof in) == 0);
    show("mxcsr kept", (mxcsr & 0xffc0) == 0x1f80);
}

static void edit_context(int n, siginfo_t *info, void *context)
{
    (void)n, (void)info;
    ucontext_t *u = context;
    u->uc_mcontext.gregs[REG_RBX] = 1234;
    sigaddset(&u->uc_sigmask, SIGUSR2);
}

static void contexts(void)
{
    struct sigaction a = {.sa_sigaction = edit_context, .sa_flags = SA_SIGINFO};
    sigset_t mask;
    sigaction(SIGUSR1, &a, NULL);
    long r, pid = getpid(), rbx;
    __asm__ volatile("mov $1, %%ebx\n\tsyscall\n\tmov %%rbx, %1"
                     : "=a"(r), "=r"(rbx)
                     : "a"(62), "D"(pid), "S"(SIGUSR1)
                     : "rcx", "r11", "memory", "rbx");
    show("register from the context", rbx);
    sigprocmask(SIG_SETMASK, NULL, &mask);
    show("mask from the context", sigismember(&mask, SIGUSR2));
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    basics();
    masks();
    timers();
    restart();
    alternate_stack();
    vectors();
    contexts();
    return 0;
}
