// SPDX-License-Identifier: Apache-2.0
// Exceptions become signals with the number, code and address that Linux gives.
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "show.h"

static sigjmp_buf jump;
static volatile int number, code;
static void *volatile address;
static volatile long trap_number, error;

static void caught(int n, siginfo_t *info, void *context)
{
    const ucontext_t *u = context;
    number = n;
    code = info->si_code;
    address = info->si_addr;
    trap_number = u->uc_mcontext.gregs[REG_TRAPNO];
    error = u->uc_mcontext.gregs[REG_ERR];
    siglongjmp(jump, 1);
}

static void report(const char *what, const void *expected)
{
    printf("%-24s signal %d code %d trap %ld", what, number, code, trap_number);
    if (trap_number == 14)
        printf(" error %ld", error & ~1l); // without P: a page may not be there yet
    if (expected)
        printf(" address %s", address == expected ? "right" : "wrong");
    printf("\n");
}

static int zero;

int main(void)
{
    static const int all[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
    for (unsigned i = 0; i < sizeof all / sizeof *all; i++)
        sigaction(all[i], &(struct sigaction){.sa_sigaction = caught, .sa_flags = SA_SIGINFO},
                  NULL);
    char *none = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *read_only = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (!sigsetjmp(jump, 1))
        *(volatile char *)none = 1;
    report("write PROT_NONE", none);
    if (!sigsetjmp(jump, 1))
        (void)*(volatile char *)(none + 17);
    report("read PROT_NONE", none + 17);
    if (!sigsetjmp(jump, 1))
        *(volatile char *)(read_only + 5) = 1;
    report("write PROT_READ", read_only + 5);
    munmap(none, 4096);
    if (!sigsetjmp(jump, 1))
        (void)*(volatile char *)none;
    report("read unmapped", none);
    if (!sigsetjmp(jump, 1))
        (void)*(volatile int *)wrong_pointer;
    report("near null", (void *)16);
    if (!sigsetjmp(jump, 1))
        (void)*(volatile int *)0x8000000000000000ul;
    report("non-canonical", NULL);
    if (!sigsetjmp(jump, 1))
        ((void (*)(void))read_only)();
    report("run PROT_READ", read_only);
    if (!sigsetjmp(jump, 1)) {
        int d = zero;
        __asm__ volatile("cltd\n\tidivl %0" ::"r"(d), "a"(1) : "edx");
    }
    report("division", NULL);
    if (!sigsetjmp(jump, 1))
        __asm__ volatile("ud2");
    report("ud2", NULL);
    if (!sigsetjmp(jump, 1))
        __asm__ volatile("int3");
    report("int3", NULL);
    if (!sigsetjmp(jump, 1))
        __asm__ volatile("hlt");
    report("hlt", NULL);
    if (!sigsetjmp(jump, 1)) {
        uint32_t mxcsr = 0x1f80 & ~0x200u; // divide by zero unmasked
        __asm__ volatile(
            "ldmxcsr %0\n\txorps %%xmm0, %%xmm0\n\tmovss %1, %%xmm1\n\tdivss %%xmm0, %%xmm1" ::"m"(
                mxcsr),
            "m"((float){1})
            : "xmm0", "xmm1");
    }
    report("SSE division", NULL);
    return 0;
}
