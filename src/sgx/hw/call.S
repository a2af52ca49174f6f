// SPDX-License-Identifier: Apache-2.0
// The call of __vdso_sgx_enter_enclave, whose convention C cannot express: RDI, RSI, RDX, R8, R9 carry the
// enclave's values both ways, RBP and RSP survive only because the enclave restores them, and R12 to R15
// do not survive.
#include "sgx/hw/hw.h"

    .text
    .globl sgx_hw_call
    .type sgx_hw_call, @function
sgx_hw_call:
    push %rbp
    push %rbx
    push %r12
    push %r13
    push %r14
    push %r15
    mov %rdi, %rbx
    stmxcsr T_MXCSR(%rbx)
    mov %rsp, T_SAVED_RSP(%rbx)
    mov T_STACK(%rbx), %rsp
    sub $8, %rsp
    push T_RUN(%rbx) // the seventh argument
    mov T_RSI(%rbx), %rsi
    mov T_RDX(%rbx), %rdx
    mov T_FUNCTION(%rbx), %ecx
    mov T_R8(%rbx), %r8
    mov T_R9(%rbx), %r9
    mov T_RDI(%rbx), %rdi
    call *T_VDSO(%rbx) // RBX comes back: the vDSO keeps it on the stack
    mov %rdi, T_RDI(%rbx)
    mov %rsi, T_RSI(%rbx)
    mov %rdx, T_RDX(%rbx)
    mov %r8, T_R8(%rbx)
    mov %r9, T_R9(%rbx)
    movslq %eax, %rax
1:  mov T_SAVED_RSP(%rbx), %rsp
    cld
    ldmxcsr T_MXCSR(%rbx)
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbx
    pop %rbp
    ret
    .globl sgx_hw_interrupted
    .hidden sgx_hw_interrupted
sgx_hw_interrupted:
    mov $SGX_HW_INTERRUPTED, %eax
    jmp 1b
    .size sgx_hw_call, . - sgx_hw_call
    .section .note.GNU-stack, "", @progbits
