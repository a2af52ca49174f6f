// SPDX-License-Identifier: Apache-2.0
// Where the emulated CPU changes between host and enclave without a trap, and the entry of its signal
// handlers. RDI or RAX is the struct sgx_emu_thread; layout.h has the offsets. All of it lies between
// sgx_emu_code_begin and sgx_emu_code_end: signal.c knows by RIP that FS may be either side's there.
#include "sgx/emu/layout.h"

#define GLOBAL(name) .globl name; .hidden name; name

    .section .text.sgx_emu, "ax", @progbits
    .p2align 6
GLOBAL(sgx_emu_code_begin):

// int sgx_emu_switch(struct sgx_emu_thread *t): into the enclave with t->regs, and back by EEXIT or AEX.
    .globl sgx_emu_switch
    .type sgx_emu_switch, @function
sgx_emu_switch:
    push %rbp
    push %rbx
    push %r12
    push %r13
    push %r14
    push %r15
    pushfq
    stmxcsr T_HOST_MXCSR(%rdi)
    fnstcw T_HOST_FCW(%rdi)
    mov %rsp, T_HOST_RSP(%rdi)
    mov T_XSAVE(%rdi), %rcx
    test %rcx, %rcx
    jz sgx_emu_resume
    mov T_XFRM(%rdi), %eax
    mov T_XFRM+4(%rdi), %edx
    xrstor64 (%rcx)

// t->regs and the vector registers are the enclave's. IRETQ takes RIP, RFLAGS and RSP from the structure:
// nothing is written to the enclave's stack.
GLOBAL(sgx_emu_resume):
    cmpq $0, T_KICK_PENDING(%rdi)
    jne 2f
    mov T_FSBASE(%rdi), %rax
    wrfsbase %rax
    mov T_GSBASE(%rdi), %rax
    wrgsbase %rax
    lea T_RIP(%rdi), %rsp
    mov T_RAX(%rdi), %rax
    mov T_RCX(%rdi), %rcx
    mov T_RDX(%rdi), %rdx
    mov T_RBX(%rdi), %rbx
    mov T_RBP(%rdi), %rbp
    mov T_RSI(%rdi), %rsi
    mov T_R8(%rdi), %r8
    mov T_R9(%rdi), %r9
    mov T_R10(%rdi), %r10
    mov T_R11(%rdi), %r11
    mov T_R12(%rdi), %r12
    mov T_R13(%rdi), %r13
    mov T_R14(%rdi), %r14
    mov T_R15(%rdi), %r15
    movl $1, T_INSIDE(%rdi)
    mov T_RDI(%rdi), %rdi
    iretq
2:  ud2 // the handler performs the AEX that waits
GLOBAL(sgx_emu_resume_end):

// A patched ENCLU other than EEXIT; t->site says which. RAX and the arithmetic flags are spent.
GLOBAL(sgx_emu_leaf):
    mov %rcx, T_RCX(%rax)
    mov %rdx, T_RDX(%rax)
    mov %rbx, T_RBX(%rax)
    mov %rbp, T_RBP(%rax)
    mov %rsi, T_RSI(%rax)
    mov %rdi, T_RDI(%rax)
    mov %r8, T_R8(%rax)
    mov %r9, T_R9(%rax)
    mov %r10, T_R10(%rax)
    mov %r11, T_R11(%rax)
    mov %r12, T_R12(%rax)
    mov %r13, T_R13(%rax)
    mov %r14, T_R14(%rax)
    mov %r15, T_R15(%rax)
    mov %rsp, T_RSP(%rax)
    rdfsbase %rcx
    mov %rcx, T_FSBASE(%rax)
    rdgsbase %rcx
    mov %rcx, T_GSBASE(%rax)
    mov T_LEAF_STACK(%rax), %rsp
    pushfq
    popq T_RFLAGS(%rax)
    pushq $0x202
    popfq
    mov T_HOST_FS(%rax), %rcx
    wrfsbase %rcx
    mov T_HOST_GS(%rax), %rcx
    wrgsbase %rcx
    movl $0, T_INSIDE(%rax)
    mov %rax, %rbx
    mov %rax, %rdi
    call sgx_emu_fast_leaf
    mov %rbx, %rdi
    jmp sgx_emu_resume

// A patched EEXIT. To anywhere but our own return address it is performed by the signal handler.
GLOBAL(sgx_emu_eexit):
    lea sgx_emu_exited(%rip), %rcx
    cmp %rcx, %rbx
    jne 3f
    mov T_HOST_FS(%rax), %rcx
    wrfsbase %rcx
    mov T_HOST_GS(%rax), %rcx
    wrgsbase %rcx
    jmp sgx_emu_exited_found
3:  mov $4, %eax
GLOBAL(sgx_emu_aep):
    .byte 0x0f, 0x01, 0xd7 // ENCLU: the address that stands for AEP, and the one after it

// EEXIT brings the thread here, FS and GS being the host's again.
GLOBAL(sgx_emu_exited):
    mov sgx_emu_self@gottpoff(%rip), %rcx
    mov %fs:(%rcx), %rax
sgx_emu_exited_found:
    movl $0, T_INSIDE(%rax)
    mov %rdi, T_EXIT_RDI(%rax)
    mov %rsi, T_EXIT_RSI(%rax)
    mov %rdx, T_EXIT_RDX(%rax)
    mov %r8, T_EXIT_R8(%rax)
    mov %r9, T_EXIT_R9(%rax)
    mov %rsp, T_EXIT_RSP(%rax)
    mov %rbp, T_EXIT_RBP(%rax)
    mov $SGX_EMU_KIND_EXITED, %edx
    jmp 4f
// An AEX brings the thread here by sigreturn.
GLOBAL(sgx_emu_aexed):
    mov sgx_emu_self@gottpoff(%rip), %rcx
    mov %fs:(%rcx), %rax
    mov $SGX_EMU_KIND_AEX, %edx
4:  mov T_HOST_RSP(%rax), %rsp
    ldmxcsr T_HOST_MXCSR(%rax)
    fldcw T_HOST_FCW(%rax)
    mov %edx, %eax
    popfq
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbx
    pop %rbp
    ret
    .size sgx_emu_switch, . - sgx_emu_switch

// void sgx_emu_signal_entry(int, siginfo_t *, void *): FS may be the enclave's, so nothing that needs
// thread-local storage runs before it is restored. The kernel notes the thread's alternate stack in the
// ucontext: when it is the one that RSP is on, the block around it is ours.
    .globl sgx_emu_signal_entry
    .type sgx_emu_signal_entry, @function
sgx_emu_signal_entry:
    mov %rsp, %rbx
    and $-SGX_EMU_BLOCK_SIZE, %rbx
    cmp %rbx, UC_STACK_SP(%rdx)
    jne sgx_emu_host_signal
    add $SGX_EMU_STACK_SIZE, %rbx
    rdfsbase %rax
    rdgsbase %rcx
    mov T_HOST_FS(%rbx), %r8
    wrfsbase %r8
    mov T_HOST_GS(%rbx), %r8
    wrgsbase %r8
    sub $8, %rsp
    mov %rax, T_SIG_FS(%rbx)
    mov %rcx, T_SIG_GS(%rbx)
    mov %rbx, %rcx
    call sgx_emu_signal
    mov T_SIG_FS(%rbx), %rax
    wrfsbase %rax
    mov T_SIG_GS(%rbx), %rax
    wrgsbase %rax
    add $8, %rsp
    ret
    .size sgx_emu_signal_entry, . - sgx_emu_signal_entry
GLOBAL(sgx_emu_code_end):
    .section .note.GNU-stack, "", @progbits
