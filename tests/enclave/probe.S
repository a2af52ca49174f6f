// SPDX-License-Identifier: Apache-2.0
# SPDX-License-Identifier: Apache-2.0
# The probe enclave: position-independent code of one page that does what the test says in RDI. Included as
# text by tests/unit/sgx/probe_helper.c, so it is plain assembler.

    .macro ENCLU_SITE leaf
    .pushsection .probe_sites, "a"
    .quad 77f - probe_begin
    .popsection
77: .byte 0xb8
    .long \leaf
    .byte 0x0f, 0x01, 0xd7
    .endm

    .pushsection .probe_sites, "a"
    .globl probe_sites
probe_sites:
    .popsection

    .pushsection .rodata
    .p2align 12
    .globl probe_begin
probe_begin:
    # Entry, at any CSSA. The per-thread page at GS: 0 return address, 8 CSSA, 16 scratch.
    mov %rcx, %gs:0
    mov %rax, %gs:8
    lea probe_table(%rip), %r10
    movslq (%r10,%rdi,4), %r11
    add %r10, %r11
    jmp *%r11
probe_exit:
    mov %gs:0, %rbx
    ENCLU_SITE 4
probe_leaf_done:
    mov %rax, %rdi
    lahf
    movzbl %ah, %esi
    jmp probe_exit

c_state:
    mov %gs:8, %rdi
    mov %rbx, %rsi
    mov %gs:0, %rdx
    mov %rsp, %r8
    rdfsbase %r9
    jmp probe_exit
c_load:
    mov (%rsi), %rdi
    jmp probe_exit
c_store:
    mov %rdx, (%rsi)
    jmp probe_exit
c_ud2:
    mov $0x1111, %eax
    mov $0x2222, %r12d
    ud2
    jmp probe_exit
c_divide:
    xor %ecx, %ecx
    xor %edx, %edx
    mov $1, %eax
    div %ecx
    jmp probe_exit
c_int3:
    int3
    jmp probe_exit
c_syscall:
    mov $39, %eax
    syscall
    mov %rax, %rdi
    jmp probe_exit
c_int80:
    mov $20, %eax
    int $0x80
    mov %rax, %rdi
    jmp probe_exit
c_gp:
    mov $0x8000000000000000, %rax
    mov (%rax), %rax
    jmp probe_exit
c_jump:
    jmp *%rsi
c_ereport:
    mov %rsi, %rbx
    mov %rdx, %rcx
    mov %r8, %rdx
    ENCLU_SITE 0
    jmp probe_leaf_done
c_egetkey:
    mov %rsi, %rbx
    mov %rdx, %rcx
    ENCLU_SITE 1
    jmp probe_leaf_done
c_eaccept:
    mov %rsi, %rbx
    mov %rdx, %rcx
    ENCLU_SITE 5
    jmp probe_leaf_done
c_emodpe:
    mov %rsi, %rbx
    mov %rdx, %rcx
    ENCLU_SITE 6
    jmp probe_leaf_done
c_eacceptcopy:
    mov %rsi, %rbx
    mov %rdx, %rcx
    mov %r8, %rdx
    ENCLU_SITE 7
    jmp probe_leaf_done
c_spin:
    cmpb $0, (%rsi)
    je c_spin
    jmp probe_exit
c_copy:
    mov %rsi, %rdi
    mov %rdx, %rsi
    mov %r8, %rcx
    rep movsb
    jmp probe_exit

# YMM0-15 from RSI and numbers in the general registers; an exception; all of it to RDX.
c_registers:
    mov %rdx, %gs:16
    mov %rbp, %gs:24
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    vmovdqu 32*\n(%rsi), %ymm\n
    .endr
    mov $0x1001, %eax
    mov $0x1002, %ecx
    mov $0x1003, %edx
    mov $0x1004, %ebx
    mov $0x1005, %ebp
    mov $0x1006, %esi
    mov $0x1007, %edi
    .irp n, 8, 9, 10, 11, 12, 13, 14, 15
    mov $0x1000 + \n, %r\n
    .endr
    stc
    ud2
    mov %rax, %gs:0x100
    setc %al
    movzbl %al, %eax
    mov %rax, %gs:0x178
    mov %rcx, %gs:0x108
    mov %rdx, %gs:0x110
    mov %rbx, %gs:0x118
    mov %rbp, %gs:0x120
    mov %rsi, %gs:0x128
    mov %rdi, %gs:0x130
    .irp n, 8, 9, 10, 11, 12, 13, 14, 15
    mov %r\n, %gs:0x138 + (\n - 8) * 8
    .endr
    mov %rax, %gs:0x178
    mov %gs:16, %rdi
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    vmovdqu %ymm\n, 32*\n(%rdi)
    .endr
    rdgsbase %rsi
    add $0x100, %rsi
    add $512, %rdi
    mov $128, %ecx
    rep movsb
    mov %gs:24, %rbp
    vzeroupper
    jmp probe_exit

c_add:
    add %rdx, (%rsi)
    jmp probe_exit
c_exit_to:
    mov %rsi, %rbx
    mov %gs:0, %rdx
    ENCLU_SITE 4
c_eaccept_range:
    mov %rsi, %rbx
    mov %rdx, %rcx
1:  ENCLU_SITE 5
    test %eax, %eax
    jnz probe_leaf_done
    add $4096, %rcx
    dec %r8
    jnz 1b
    jmp probe_leaf_done
c_eacceptcopy_range:
    mov %rsi, %rbx
    mov %rdx, %rcx
    mov %r9, %rdx
1:  ENCLU_SITE 7
    test %eax, %eax
    jnz probe_leaf_done
    add $4096, %rcx
    dec %r8
    jnz 1b
    jmp probe_leaf_done
c_eaccept_other_gs:
    rdgsbase %r12
    mov $0x123456789000, %r13
    wrgsbase %r13
    mov %rsi, %rbx
    mov %rdx, %rcx
    ENCLU_SITE 5
    wrgsbase %r12
    jmp probe_leaf_done
c_touch_range:
    movb $1, (%rsi)
    add $4096, %rsi
    dec %rdx
    jnz c_touch_range
    jmp probe_exit
c_accept_spin:
    mov %rsi, %rbx
    mov %rdx, %rcx
1:  ENCLU_SITE 5
    cmp $19, %eax
    jne probe_leaf_done
    cmp %rsi, %rbx
    jne probe_leaf_done
    cmpb $0, (%r8)
    je 1b
    jmp probe_leaf_done
c_fsbase:
    wrfsbase %rsi
    ud2
    rdfsbase %rdi
    jmp probe_exit
c_leaf:
    mov %esi, %eax
    .byte 0x0f, 0x01, 0xd7
    jmp probe_leaf_done
c_exit_bad_rsp:
    add $16, %rsp
    jmp probe_exit

    .p2align 2
probe_table:
    .irp c, c_state, c_load, c_store, c_ud2, c_divide, c_int3, c_syscall, c_gp, c_jump, c_ereport, c_egetkey, c_eaccept, c_emodpe, c_eacceptcopy, c_spin, c_copy, c_registers, c_add, c_exit_to, c_eaccept_range, c_eacceptcopy_range, c_eaccept_other_gs, probe_exit, c_touch_range, c_accept_spin, c_fsbase, c_leaf, c_int80, c_exit_bad_rsp
    .long \c - probe_table
    .endr
    .globl probe_end
probe_end:
    .popsection
    .pushsection .probe_sites, "a"
    .globl probe_sites_end
probe_sites_end:
    .popsection
