// SPDX-License-Identifier: Apache-2.0
// Offsets that switch.S and the stubs share with C; thread.c asserts them.
#ifndef SGX_EMU_LAYOUT_H
#define SGX_EMU_LAYOUT_H

// A thread's block: 64 KiB, aligned, so that a signal handler finds it from its stack pointer. The
// alternate signal stack comes first, struct sgx_emu_thread last, and outside the stack that the kernel
// knows: while RSP points into the structure, a signal still goes to the stack's top.
#define SGX_EMU_BLOCK_SIZE  65536
#define SGX_EMU_STACK_SIZE  61440
#define SGX_EMU_STUB_SIZE   128 // one patched ENCLU site's code
#define SGX_EMU_KIND_EXITED 1   // what sgx_emu_switch() returns
#define SGX_EMU_KIND_AEX    2

#define T_RAX               0
#define T_RCX               8
#define T_RDX               16
#define T_RBX               24
#define T_RBP               32
#define T_RSI               40
#define T_RDI               48
#define T_R8                56
#define T_R9                64
#define T_R10               72
#define T_R11               80
#define T_R12               88
#define T_R13               96
#define T_R14               104
#define T_R15               112
#define T_RIP               120 // from here an IRETQ frame: RIP CS RFLAGS RSP SS
#define T_RFLAGS            136
#define T_RSP               144
#define T_FSBASE            160
#define T_GSBASE            168
#define T_HOST_RSP          176
#define T_HOST_FS           192
#define T_HOST_GS           200
#define T_LEAF_STACK        216
#define T_XSAVE             224
#define T_XFRM              232
#define T_EXIT_RSP          240
#define T_EXIT_RBP          248
#define T_EXIT_RDI          256
#define T_EXIT_RSI          264
#define T_EXIT_RDX          272
#define T_EXIT_R8           280
#define T_EXIT_R9           288
#define T_KICK_PENDING      296 // both are read as one 64-bit word
#define T_FAULT_PENDING     300
#define T_SIG_FS            304
#define T_SIG_GS            312
#define T_HOST_MXCSR        320
#define T_HOST_FCW          324
#define T_INSIDE            328
#define T_SITE              336

#define UC_STACK_SP         16 // ucontext_t.uc_stack.ss_sp

#endif
