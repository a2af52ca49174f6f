// SPDX-License-Identifier: Apache-2.0
// The named policies, as bytes: src/attest/policies/*.yaml. The paths start at the top folder.
    .section .rodata
    .balign 16
    .globl attest_policy_strict_text, attest_policy_strict_end
    .globl attest_policy_standard_text, attest_policy_standard_end
    .hidden attest_policy_strict_text, attest_policy_strict_end
    .hidden attest_policy_standard_text, attest_policy_standard_end
attest_policy_strict_text:
    .incbin "src/attest/policies/strict.yaml"
attest_policy_strict_end:
    .byte 0
attest_policy_standard_text:
    .incbin "src/attest/policies/standard.yaml"
attest_policy_standard_end:
    .byte 0
    .section .note.GNU-stack, "", @progbits
