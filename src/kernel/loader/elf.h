// SPDX-License-Identifier: Apache-2.0
// Mapping an ELF program or its interpreter (System V ABI, AMD64 supplement).
#ifndef KERNEL_ELF_H
#define KERNEL_ELF_H

#include <linux/elf.h>

#include "kernel/vfs/file.h"

#define ELF_SEGMENTS_MAX 64u

// What was mapped.
struct elf_image {
    uint64_t base; // load bias
    uint64_t entry;
    uint64_t headers; // address of the program headers in memory, 0: not mapped
    uint16_t header_count;
    uint64_t end;          // above the last segment: where brk begins
    char interpreter[256]; // empty: static
};

// Checks the headers, without a mapping made. -ENOEXEC, -EIO.
struct elf_plan {
    Elf64_Ehdr header;
    Elf64_Phdr segments[ELF_SEGMENTS_MAX];
    char interpreter[256];
};
long elf_read(struct file *f, struct elf_plan *ret);
// Maps it; fixed addresses for ET_EXEC, `hint` or the kernel's choice for ET_DYN.
long elf_map(struct file *f, const struct elf_plan *plan, uint64_t hint, struct elf_image *ret);

#endif
