// SPDX-License-Identifier: Apache-2.0
// Private to sgx/hw: what call.S and hw.c share.
#ifndef SGX_HW_HW_H
#define SGX_HW_HW_H

#define T_SAVED_RSP        0
#define T_STACK            8
#define T_VDSO             16
#define T_RUN              24
#define T_RDI              32
#define T_RSI              40
#define T_RDX              48
#define T_R8               56
#define T_R9               64
#define T_FUNCTION         72
#define T_MXCSR            76

#define SGX_HW_INTERRUPTED 1 // what sgx_hw_call() returns after a kick or a breakpoint

#ifndef __ASSEMBLER__

#include <stdint.h>

#include <asm/sgx.h>

struct sgx_hw_thread {
    uint64_t saved_rsp;
    uint64_t stack; // a small one of its own: the same RSP at every entry, whoever calls
    uint64_t vdso;
    struct sgx_enclave_run *run;
    uint64_t rdi, rsi, rdx, r8, r9; // in and out
    uint32_t function;
    uint32_t mxcsr;
    uint32_t vector; // why it was interrupted
    struct sgx_enclave_run run_space;
};

// Calls the vDSO's function. 0, a negative errno, or SGX_HW_INTERRUPTED.
long sgx_hw_call(struct sgx_hw_thread *t);
extern const char sgx_hw_interrupted[] __attribute__((visibility("hidden"))); // RBX = thread

#endif
#endif
