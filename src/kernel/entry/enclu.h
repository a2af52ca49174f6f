// SPDX-License-Identifier: Apache-2.0
// The one form in which the kernel executes ENCLU: the eight bytes `mov eax, leaf; enclu`, each listed in
// the ELF note that kernel.ld makes, so that the emulator may replace it (docs/ABI.md).
#ifndef KERNEL_ENCLU_H
#define KERNEL_ENCLU_H

#ifdef __ASSEMBLER__
// clang-format off

.macro ENCLU leaf
    .pushsection .note.cloister.sites, "a", @note
    .quad 77f
    .popsection
77: .byte 0xb8
    .long \leaf
    .byte 0x0f, 0x01, 0xd7
.endm
// clang-format on

#else

#include "abi/sgx/arch.h"

#define ENCLU_ASM(leaf)                                                         \
    ".pushsection .note.cloister.sites, \"a\", @note\n.quad 77f\n.popsection\n" \
    "77: .byte 0xb8\n.long " #leaf "\n.byte 0x0f, 0x01, 0xd7\n"

// RAX as the leaf left it: 0 or an SGX error code.
#define DEFINE_ENCLU(name, leaf)                                                     \
    static inline uint64_t enclu_##name(const void *rbx, const void *rcx, void *rdx) \
    {                                                                                \
        uint64_t rax;                                                                \
        __asm__ volatile(ENCLU_ASM(leaf)                                             \
                         : "=a"(rax)                                                 \
                         : "b"(rbx), "c"(rcx), "d"(rdx)                              \
                         : "memory", "cc");                                          \
        return rax;                                                                  \
    }

DEFINE_ENCLU(ereport, 0)     // RBX TARGETINFO, RCX REPORTDATA, RDX REPORT
DEFINE_ENCLU(egetkey, 1)     // RBX KEYREQUEST, RCX key
DEFINE_ENCLU(eaccept, 5)     // RBX SECINFO, RCX page
DEFINE_ENCLU(emodpe, 6)      // RBX SECINFO, RCX page
DEFINE_ENCLU(eacceptcopy, 7) // RBX SECINFO, RCX destination, RDX source
#undef DEFINE_ENCLU

#endif
#endif
