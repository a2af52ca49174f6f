// SPDX-License-Identifier: Apache-2.0
// What the kernel keeps per TCS, at GS:0 (the page THREAD_LOCAL of the slot), and the frame in which a
// program's registers lie while the kernel works for it. Shared with assembly: offsets are asserted.
#ifndef KERNEL_PERCPU_H
#define KERNEL_PERCPU_H

// Offsets into struct percpu.
#define PC_SELF          0
#define PC_STACK_TOP     8
#define PC_USER_RSP      16
#define PC_USER_RIP      24
#define PC_HOSTCALL_RSP  32
#define PC_HOST_RSP      40
#define PC_HOST_RBP      48
#define PC_EXIT_TARGET   56
#define PC_FS_BASE       64
#define PC_STATE         72
#define PC_EXC_TOP       80
#define PC_SCRATCH       88
#define PC_RETURN_FRAME  120
#define PC_INTERRUPTED   136
#define PC_XSTATE_HOST   1024 // state of the program while in the host; 1024 bytes
#define PC_XSTATE_KERNEL 2048 // state of the program inside kernel_fpu_begin … end; 1024 bytes

// Offsets into struct trap_frame.
#define TF_RAX      0
#define TF_RBX      8
#define TF_RCX      16
#define TF_RDX      24
#define TF_RSI      32
#define TF_RDI      40
#define TF_RBP      48
#define TF_R8       56
#define TF_R9       64
#define TF_R10      72
#define TF_R11      80
#define TF_R12      88
#define TF_R13      96
#define TF_R14      104
#define TF_R15      112
#define TF_RIP      120
#define TF_RSP      128
#define TF_RFLAGS   136
#define TF_CAUSE    144
#define TF_SIZE     192

#define XSTATE_MASK 7 // x87, SSE, AVX: ENCLAVE_XFRM
#define XSTATE_SIZE 832

#ifndef __ASSEMBLER__

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/enclave.h"
#include "abi/sgx/arch.h"

struct task;
struct trap_frame;

enum percpu_state {
    PERCPU_NEVER = 0, // measured as zero
    PERCPU_IDLE,      // its thread ended; enters anew when asked for
    PERCPU_RUNNING,
};

struct percpu {
    struct percpu *self;
    uint64_t stack_top;
    uint64_t user_rsp;
    uint64_t user_rip;
    uint64_t hostcall_rsp; // not 0: the thread is in the host
    uint64_t host_rsp;
    uint64_t host_rbp;
    uint64_t exit_target; // where EEXIT goes: the address after the host's ENCLU
    uint64_t fs_base;     // the program's, while in the host
    uint64_t state;       // enum percpu_state
    uint64_t exception_top;
    uint64_t scratch;
    struct task *task;
    uint32_t slot;
    uint32_t fpu_depth;
    uint64_t area;                   // struct hostcall_area in untrusted memory
    struct trap_frame *return_frame; // what the last return restores its registers from
    uint64_t area_size;
    uint64_t interrupted; // a kick came while the kernel ran: look at the timers on the way out
    uint8_t padding[1024 - 144];
    uint8_t xstate_host[1024] __attribute__((aligned(64)));
    uint8_t xstate_kernel[1024] __attribute__((aligned(64)));
};
_Static_assert(offsetof(struct percpu, stack_top) == PC_STACK_TOP, "percpu");
_Static_assert(offsetof(struct percpu, hostcall_rsp) == PC_HOSTCALL_RSP, "percpu");
_Static_assert(offsetof(struct percpu, exit_target) == PC_EXIT_TARGET, "percpu");
_Static_assert(offsetof(struct percpu, state) == PC_STATE, "percpu");
_Static_assert(offsetof(struct percpu, scratch) == PC_SCRATCH, "percpu");
_Static_assert(offsetof(struct percpu, return_frame) == PC_RETURN_FRAME, "percpu");
_Static_assert(offsetof(struct percpu, interrupted) == PC_INTERRUPTED, "percpu");
_Static_assert(offsetof(struct percpu, xstate_host) == PC_XSTATE_HOST, "percpu");
_Static_assert(offsetof(struct percpu, xstate_kernel) == PC_XSTATE_KERNEL, "percpu");
_Static_assert(sizeof(struct percpu) <= 4096, "percpu is one page");

// Why the kernel was entered (trap_frame.cause).
enum trap_cause {
    CAUSE_SYSCALL = 0x100,
    CAUSE_CPUID = 0x101,
    CAUSE_INTERRUPT = 0x102,
    // below 0x100: the exception's vector
};

struct trap_frame {
    uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp;
    uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
    uint64_t rip, rsp, rflags;
    uint64_t cause;
    uint64_t address;    // of a #PF
    uint64_t error_code; // of a #PF or #GP
    uint64_t orig_rax;   // the system call's number, for restarts; ~0: none
    uint64_t reserved[2];
};
_Static_assert(offsetof(struct trap_frame, rip) == TF_RIP, "trap_frame");
_Static_assert(offsetof(struct trap_frame, cause) == TF_CAUSE, "trap_frame");
_Static_assert(sizeof(struct trap_frame) == TF_SIZE, "trap_frame");

static inline struct percpu *percpu(void)
{
    struct percpu *p;
    __asm__("mov %%gs:0, %0" : "=r"(p));
    return p;
}

#endif
#endif
