// SPDX-License-Identifier: Apache-2.0
// Every way into the kernel and out of it.
//
//   enclave_entry       EENTER (OENTRY): a new thread, the return from a host call, or an exception
//   hostcall_leave      EEXIT for a host call; returns when the host enters again
//   syscall_entry       a patched `syscall`: rcx = where to return
//   cpuid_entry         a patched CPUID: rdx = where to return (CPUID overwrites rdx anyway)
//   exception_continue  what ERESUME continues with after stage 1 rewrote the SSA frame
//   frame_return        back to the program with the registers of a trap_frame
//
// Intel SDM vol. 3D: on EENTER RAX = CSSA, RBX = TCS, RCX = the address after ENCLU, all else is the
// host's. IRET and SYSRET do not exist in an enclave: frame_return jumps through memory.
#include "abi/sgx/offsets.h"
#include "kernel/entry/enclu.h"
#include "kernel/entry/percpu.h"

    .section .text.entry, "ax"
    .globl enclave_entry
    .type enclave_entry, @function
enclave_entry:
    cld
    cmp $1, %rax
    je exception_entry
    ja nested_entry
    // CSSA = 0.
    mov %rsp, %gs:PC_HOST_RSP
    mov %rbp, %gs:PC_HOST_RBP
    mov %rcx, %gs:PC_EXIT_TARGET
    cmpq $0, %gs:PC_HOSTCALL_RSP
    jne hostcall_return
    // A fresh thread. The measured page at GS is zero the first time: the TCS in RBX says where things are.
    lea (THREAD_STACK + THREAD_STACK_SIZE - EXCEPTION_STACK_SIZE)(%rbx), %rsp
    pushq $2
    popfq
    lea initial_xstate(%rip), %r8
    mov $XSTATE_MASK, %eax
    xor %edx, %edx
    xrstor64 (%r8)
    mov %rsi, %rdx // area size
    mov %rdi, %rsi // area address
    mov %rbx, %rdi // TCS
    xor %ebp, %ebp
    call enclave_thread_start
    ud2

// An exception: note it and let ERESUME continue (kernel/entry/exception.c). Registers are the host's.
exception_entry:
    mov %rsp, %r10
    mov %rbp, %r11
    mov %rcx, %r12
    lea (THREAD_STACK + THREAD_STACK_SIZE)(%rbx), %rsp
    pushq $2
    popfq
    push %r10
    push %r11
    push %r12
    sub $8, %rsp
    // exception_note(tcs, event); rdi holds the event already.
    mov %rdi, %rsi
    mov %rbx, %rdi
    call exception_note // general registers only, so vector state needs no care
    add $8, %rsp
    pop %rbx
    pop %rbp
    pop %rsp
    mov $EXIT_RESUME_REASON, %edi
    jmp clear_and_exit

nested_entry:
    mov $PANIC_NESTED, %esi
    mov %rcx, %rbx
    mov $EXIT_PANIC_REASON, %edi
    jmp clear_and_exit_keep_rsi

// RBX = target, RSP and RBP = the host's, RDI = reason.
clear_and_exit:
    xor %esi, %esi
clear_and_exit_keep_rsi:
    xor %ecx, %ecx
    xor %edx, %edx
    xor %r8d, %r8d
    xor %r9d, %r9d
    xor %r10d, %r10d
    xor %r11d, %r11d
    xor %r12d, %r12d
    xor %r13d, %r13d
    xor %r14d, %r14d
    xor %r15d, %r15d
    ENCLU 4
    ud2

// long hostcall_exit(void): everything but the area's content, which the caller reads itself.
    .globl hostcall_exit
    .type hostcall_exit, @function
hostcall_exit:
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    mov $XSTATE_MASK, %eax
    xor %edx, %edx
    xsave64 %gs:PC_XSTATE_HOST
    lea initial_xstate(%rip), %r8
    xrstor64 (%r8)
    rdfsbase %rax
    mov %rax, %gs:PC_FS_BASE
    mov %rsp, %gs:PC_HOSTCALL_RSP
    mov %gs:PC_EXIT_TARGET, %rbx
    mov %gs:PC_HOST_RBP, %rbp
    mov %gs:PC_HOST_RSP, %rsp
    mov $EXIT_HOSTCALL_REASON, %edi
    jmp clear_and_exit

// _Noreturn void hostcall_exit_for_ever(void): the same, but the thread's stack is given up: the next entry
// of this TCS is a fresh one. The area holds the call.
    .globl hostcall_exit_for_ever
    .type hostcall_exit_for_ever, @function
hostcall_exit_for_ever:
    movq $0, %gs:PC_HOSTCALL_RSP
    mov $XSTATE_MASK, %eax
    xor %edx, %edx
    lea initial_xstate(%rip), %r8
    xrstor64 (%r8)
    mov %gs:PC_EXIT_TARGET, %rbx
    mov %gs:PC_HOST_RBP, %rbp
    mov %gs:PC_HOST_RSP, %rsp
    mov $EXIT_HOSTCALL_REASON, %edi
    jmp clear_and_exit

hostcall_return:
    mov %gs:PC_HOSTCALL_RSP, %rsp
    movq $0, %gs:PC_HOSTCALL_RSP
    or %rdx, %gs:PC_INTERRUPTED
    pushq $2
    popfq
    mov %gs:PC_FS_BASE, %rax
    wrfsbase %rax
    mov $XSTATE_MASK, %eax
    xor %edx, %edx
    xrstor64 %gs:PC_XSTATE_HOST
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    ret

// _Noreturn void enclave_panic_exit(uint64_t code)
    .globl enclave_panic_exit
    .type enclave_panic_exit, @function
enclave_panic_exit:
    mov %rdi, %rsi
    mov %gs:PC_EXIT_TARGET, %rbx
    mov %gs:PC_HOST_RBP, %rbp
    mov %gs:PC_HOST_RSP, %rsp
    mov $XSTATE_MASK, %eax
    xor %edx, %edx
    lea initial_xstate(%rip), %r8
    xrstor64 (%r8)
    mov $EXIT_PANIC_REASON, %edi
    jmp clear_and_exit_keep_rsi

// Stores the program's registers in a trap_frame on the kernel stack; rsp = frame after it.
.macro SAVE_FRAME cause
    mov %rsp, %gs:PC_USER_RSP
    mov %gs:PC_STACK_TOP, %rsp
    sub $TF_SIZE, %rsp
    mov %rax, TF_RAX(%rsp)
    mov %rbx, TF_RBX(%rsp)
    mov %rcx, TF_RCX(%rsp)
    mov %rdx, TF_RDX(%rsp)
    mov %rsi, TF_RSI(%rsp)
    mov %rdi, TF_RDI(%rsp)
    mov %rbp, TF_RBP(%rsp)
    mov %r8, TF_R8(%rsp)
    mov %r9, TF_R9(%rsp)
    mov %r10, TF_R10(%rsp)
    mov %r11, TF_R11(%rsp)
    mov %r12, TF_R12(%rsp)
    mov %r13, TF_R13(%rsp)
    mov %r14, TF_R14(%rsp)
    mov %r15, TF_R15(%rsp)
    mov %gs:PC_USER_RSP, %rax
    mov %rax, TF_RSP(%rsp)
    movq $\cause, TF_CAUSE(%rsp)
.endm

// All but rcx, rsp and rip, from the frame at rsp.
.macro RESTORE_FRAME
    mov TF_RAX(%rsp), %rax
    mov TF_RBX(%rsp), %rbx
    mov TF_RDX(%rsp), %rdx
    mov TF_RSI(%rsp), %rsi
    mov TF_RDI(%rsp), %rdi
    mov TF_RBP(%rsp), %rbp
    mov TF_R8(%rsp), %r8
    mov TF_R9(%rsp), %r9
    mov TF_R10(%rsp), %r10
    mov TF_R11(%rsp), %r11
    mov TF_R12(%rsp), %r12
    mov TF_R13(%rsp), %r13
    mov TF_R14(%rsp), %r14
    mov TF_R15(%rsp), %r15
.endm

    .globl syscall_entry
    .type syscall_entry, @function
syscall_entry:
    SAVE_FRAME 0x100
    mov %rcx, TF_RIP(%rsp)
    pushfq
    pop %rax
    cld
    mov %rax, TF_RFLAGS(%rsp)
    mov %rax, TF_R11(%rsp)
    mov %rsp, %rdi
    call trap_syscall
    // Nothing but rax changed: the short way back. rcx and r11 are the return address and the flags, as
    // after SYSCALL; the arithmetic flags are not restored, as no compiler relies on them.
    test %eax, %eax
    mov %rsp, %rdi
    jnz frame_return
    mov %rdi, %gs:PC_RETURN_FRAME
    .globl syscall_return
syscall_return: // from here to syscall_return_end an interrupt counts as one after the jump
    RESTORE_FRAME
    mov TF_RIP(%rsp), %rcx
    mov TF_RSP(%rsp), %rsp
    jmp *%rcx
    .globl syscall_return_end
syscall_return_end:

    .globl cpuid_entry
    .type cpuid_entry, @function
cpuid_entry:
    SAVE_FRAME 0x101
    mov %rdx, TF_RIP(%rsp)
    pushfq
    pop %rax
    cld
    mov %rax, TF_RFLAGS(%rsp)
    mov %rsp, %rdi
    call trap_cpuid
    mov %rsp, %rdi
    jmp frame_return

// ERESUME lands here with rdi = the trap_frame that stage 1 filled, rsp = rdi, on the kernel's stack.
    .globl exception_continue
    .type exception_continue, @function
exception_continue:
    mov %rdi, %rbx
    call trap_exception
    mov %rbx, %rdi

// _Noreturn void frame_return(struct trap_frame *)
    .globl frame_return
    .type frame_return, @function
frame_return:
    mov %rdi, %gs:PC_RETURN_FRAME
    .globl frame_return_begun
frame_return_begun:
    mov TF_RIP(%rdi), %rax
    mov %rax, %gs:PC_USER_RIP
    mov TF_RSP(%rdi), %rax
    mov %rax, %gs:PC_USER_RSP
    mov %rdi, %rsp
    pushq TF_RFLAGS(%rdi)
    popfq
    mov TF_RCX(%rsp), %rcx
    RESTORE_FRAME
    mov %gs:PC_USER_RSP, %rsp
    jmp *%gs:PC_USER_RIP
    .globl frame_return_end
frame_return_end:

// long copy_user(void *dst, const void *src, size_t n): 0 or -EFAULT. A fault between the two labels is
// served (the page is brought in) or ends at copy_user_fault.
    .text
    .globl copy_user, copy_user_end, copy_user_fault
    .type copy_user, @function
copy_user:
    mov %rdx, %rcx
    rep movsb
copy_user_end:
    xor %eax, %eax
    ret
copy_user_fault:
    mov $-14, %rax
    ret

// void kernel_xsave(void *area), kernel_xrstor(const void *area)
    .globl kernel_xsave, kernel_xrstor
kernel_xsave:
    mov $XSTATE_MASK, %eax
    xor %edx, %edx
    xsave64 (%rdi)
    ret
kernel_xrstor:
    mov $XSTATE_MASK, %eax
    xor %edx, %edx
    xrstor64 (%rdi)
    ret

    .section .note.cloister.head, "a", @note // see kernel.ld
    .long 9, enclu_sites_size, 1
    .asciz "cloister"
    .balign 4

    .section .rodata
    .balign 64
    .globl initial_xstate
initial_xstate: // XSTATE_BV = 0: every component in its initial state; FCW and MXCSR as the ABI has them
    .word 0x37f
    .fill 22, 1, 0
    .long 0x1f80
    .long 0xffff
    .fill XSTATE_SIZE - 32, 1, 0
    .section .note.GNU-stack, "", @progbits
