// SPDX-License-Identifier: Apache-2.0
// kernel.elf as an enclave takes it: a fixed-address ELF64 executable whose PT_LOAD segments lie,
// page-aligned, ascending and never writable and executable at once, in [KERNEL_BASE, PARAMS_BASE).
// Pure.
#ifndef IMAGE_KERNEL_ELF_H
#define IMAGE_KERNEL_ELF_H

#include "base/bytes.h"
#include "base/result.h"

#define KERNEL_ELF_SEGMENTS_MAX 16u

struct kernel_segment {
    uint64_t address;
    uint64_t size; // in memory, whole pages
    struct span content;
    uint64_t secinfo_flags; // SGX_SECINFO_R, _W, _X
};

struct kernel_elf {
    uint64_t entry;
    uint32_t segment_count;
    struct kernel_segment segment[KERNEL_ELF_SEGMENTS_MAX];
};

struct result kernel_elf_parse(struct span file, struct kernel_elf *ret);

// The link addresses of the kernel's ENCLU instructions (note "cloister", type 1, in section
// .note.cloister.enclu), for the emulator. Writes at most `capacity`; *ret_count is how many there
// are.
struct result kernel_elf_enclu_sites(struct span file, uint64_t *ret_sites, size_t capacity,
                                     size_t *ret_count);

#endif
