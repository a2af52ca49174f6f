// SPDX-License-Identifier: Apache-2.0
// What a system call leaves alone: every general register but rax, rcx and r11, all vector registers,
// the flags,
// and the 128 bytes below the stack pointer (the red zone). Nothing here may use a libc between setting
// and looking.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

struct state {
    uint64_t gpr[12]; // rbx rbp r12 r13 r14 r15 rdi rsi rdx r10 r8 r9
    uint64_t ymm[16][4];
    uint64_t red_zone[16];
    uint64_t flags, rax, rcx, r11, next; // next: address behind the syscall instruction
};

// void run(struct state *in, struct state *out, uint64_t number, uint64_t flags)
// Loads everything from *in, makes the system call, stores everything in *out.
void run(const struct state *in, struct state *out, uint64_t number, uint64_t flags);

#define LOAD_YMM(n)  "vmovdqu 96+32*" #n "(%rax), %ymm" #n "\n\t"
#define STORE_YMM(n) "vmovdqu %ymm" #n ", 96+32*" #n "(%rax)\n\t"
#define ALL(X)       X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)
#define LOAD_RED(n)  "mov 608+8*" #n "(%rax), %rbx\n\tmov %rbx, -128+8*" #n "(%rsp)\n\t"
#define STORE_RED(n) "mov -128+8*" #n "(%rsp), %rbx\n\tmov %rbx, 608+8*" #n "(%rax)\n\t"

__asm__(".text\n.globl run\n.type run, @function\nrun:\n\t"
        "push %rbx\n\tpush %rbp\n\tpush %r12\n\tpush %r13\n\tpush %r14\n\tpush %r15\n\t"
        "mov %rsi, saved_out(%rip)\n\tmov %rdx, saved_number(%rip)\n\t"
        "push %rcx\n\tpopfq\n\t"
        "mov %rdi, %rax\n\t" ALL(LOAD_YMM) ALL(
            LOAD_RED) "mov 0(%rax), %rbx\n\tmov 8(%rax), %rbp\n\tmov 16(%rax), %r12\n\tmov "
                      "24(%rax), %r13\n\t"
                      "mov 32(%rax), %r14\n\tmov 40(%rax), %r15\n\tmov 48(%rax), %rdi\n\tmov "
                      "56(%rax), %rsi\n\t"
                      "mov 64(%rax), %rdx\n\tmov 72(%rax), %r10\n\tmov 80(%rax), %r8\n\tmov "
                      "88(%rax), %r9\n\t"
                      "mov saved_number(%rip), %rax\n\t"
                      "syscall\n"
                      "1:\tmov %rax, saved_rax(%rip)\n\t"
                      "mov saved_out(%rip), %rax\n\t"
                      "mov %rbx, 0(%rax)\n\tmov %rbp, 8(%rax)\n\tmov %r12, 16(%rax)\n\tmov %r13, "
                      "24(%rax)\n\t"
                      "mov %r14, 32(%rax)\n\tmov %r15, 40(%rax)\n\tmov %rdi, 48(%rax)\n\tmov %rsi, "
                      "56(%rax)\n\t"
                      "mov %rdx, 64(%rax)\n\tmov %r10, 72(%rax)\n\tmov %r8, 80(%rax)\n\tmov %r9, "
                      "88(%rax)\n\t" ALL(STORE_YMM) ALL(
                          STORE_RED) "mov %rcx, 752(%rax)\n\tmov %r11, 760(%rax)\n\t"
                                     "lea 1b(%rip), %rbx\n\tmov %rbx, 768(%rax)\n\t"
                                     "pushfq\n\tpop %rbx\n\tmov %rbx, 736(%rax)\n\t"
                                     "mov saved_rax(%rip), %rbx\n\tmov %rbx, 744(%rax)\n\t"
                                     "cld\n\tvzeroupper\n\t"
                                     "pop %r15\n\tpop %r14\n\tpop %r13\n\tpop %r12\n\tpop "
                                     "%rbp\n\tpop %rbx\n\tret\n"
                                     ".size run, . - run\n"
                                     ".local saved_out, saved_number, saved_rax\n.comm saved_out, "
                                     "8\n.comm saved_number, 8\n.comm saved_rax, 8\n");

_Static_assert(sizeof(struct state) == 776, "offsets of the assembly");

#define DF           0x400u
#define AC           0x40000u
#define STATUS_FLAGS 0x8d5u // CF PF AF ZF SF OF

static void check(const char *name, uint64_t number, const uint64_t argument[6], uint64_t flags)
{
    static struct state in, out;
    uint64_t *word = (uint64_t *)&in, seed = 88172645463325252ull + number;
    for (size_t i = 0; i < sizeof in / 8; i++) {
        seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
        word[i] = seed;
    }
    memcpy(in.gpr + 6, argument, 48);
    memset(&out, 0, sizeof out);
    run(&in, &out, number, flags);
    printf("%-14s", name);
    static const char *const names[12] = {"rbx", "rbp", "r12", "r13", "r14", "r15",
                                          "rdi", "rsi", "rdx", "r10", "r8",  "r9"};
    for (int i = 0; i < 12; i++)
        if (in.gpr[i] != out.gpr[i])
            printf(" %s", names[i]);
    for (int i = 0; i < 16; i++)
        if (memcmp(in.ymm[i], out.ymm[i], 32) != 0)
            printf(" ymm%d", i);
    for (int i = 0; i < 16; i++)
        if (in.red_zone[i] != out.red_zone[i])
            printf(" red%d", i);
    if ((flags ^ out.flags) & (DF | STATUS_FLAGS))
        printf(" flags");
    printf(" | rcx %s", out.rcx == out.next ? "next" : "other");
    printf(" r11 %s", ((out.r11 ^ flags) & (DF | STATUS_FLAGS)) == 0 ? "flags" : "other");
    printf(" | %s\n", (int64_t)out.rax < 0 ? "error" : "ok");
}

int main(void)
{
    if (!__builtin_cpu_supports("avx")) {
        puts("no AVX");
        return 0;
    }
    static char buffer[5000];
    struct {
        uint64_t seconds, nanoseconds;
    } time = {0, 1000000};
    const uint64_t none[6] = {0}, bad[6] = {99, 0, 0, 0, 0, 0};
    for (int i = 0; i < 2; i++) {
        uint64_t flags = i ? 0x202 | DF | STATUS_FLAGS : 0x202;
        check("getppid", SYS_getppid, none, flags);
        check("close", SYS_close, bad, flags);
        check("unknown", 999, none, flags);
        check("getrandom", SYS_getrandom, (const uint64_t[6]){(uintptr_t)buffer, 300}, flags);
        check("nanosleep", SYS_nanosleep, (const uint64_t[6]){(uintptr_t)&time}, flags);
        check("gettime", SYS_clock_gettime, (const uint64_t[6]){1, (uintptr_t)buffer}, flags);
        check("mmap", SYS_mmap,
              (const uint64_t[6]){0, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                                  ~0ull, 0},
              flags);
        check("uname", SYS_uname, (const uint64_t[6]){(uintptr_t)buffer}, flags);
        check("open", SYS_open, (const uint64_t[6]){(uintptr_t) "/data/text", 0}, flags);
        check("read", SYS_read, (const uint64_t[6]){3, (uintptr_t)buffer, sizeof buffer}, flags);
        check("write", SYS_write, (const uint64_t[6]){1, (uintptr_t) "", 0}, flags);
        check("sigmask", SYS_rt_sigprocmask, (const uint64_t[6]){0, 0, (uintptr_t)buffer, 8},
              flags);
        check("raise", SYS_tkill, (const uint64_t[6]){(uint64_t)getpid(), 17}, flags);
        check("futex", SYS_futex, (const uint64_t[6]){(uintptr_t)buffer, 1, 1}, flags);
        fflush(stdout);
    }
    return 0;
}
