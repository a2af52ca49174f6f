// SPDX-License-Identifier: Apache-2.0
// Constants of abi/enclave.h and abi/hostcall/hostcall.h that assembly needs, as plain numbers;
// kernel/entry/exception.c asserts that they agree.
#ifndef ABI_SGX_OFFSETS_H
#define ABI_SGX_OFFSETS_H

#define EXCEPTION_STACK_SIZE 0x1000
#define EXIT_HOSTCALL_REASON 1
#define EXIT_RESUME_REASON   2
#define EXIT_PANIC_REASON    3
#define PANIC_NESTED         2
#ifdef __ASSEMBLER__
#define THREAD_STACK      0x20000
#define THREAD_STACK_SIZE 0x10000
#endif

#endif
