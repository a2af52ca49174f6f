// SPDX-License-Identifier: Apache-2.0
// System-call sites of a file and how its text is patched on the way in (docs/formats/image.md, `sites`).
// The table is pinned by FSPF_TAG; it says which windows of whole instructions may become a jump.
//
// - patch_set_for() at mmap of an executable file mapping reserves room for its stubs near it.
// - patch_apply() changes a private copy of text before it is mapped, and writes the stubs it jumps to.
//
// A stub: the window's instructions before the site; lea rcx (CPUID: rdx), [its own end]; jmp to the kernel's
// entry; the window's instructions after the site; jmp back. It writes no stack: the red zone is the
// program's.
#ifndef KERNEL_PATCH_H
#define KERNEL_PATCH_H

#include "kernel/lib/lib.h"
#include "kernel/vfs/file.h"

struct patch_set;

// Reads /.cloister/sites; without the file nothing is patched.
void patch_boot(bool enabled);
// Sites of the file in its range [offset, offset+size) that is to be mapped at `address`. NULL: none.
struct patch_set *patch_set_for(struct file *f, uint64_t address, uint64_t offset, uint64_t size);
void patch_apply(const struct patch_set *set, uint64_t file_offset, uint8_t *bytes, uint64_t size);
// True when the bytes at `address` were a CPUID that the table knows.
bool patch_is_cpuid(uint64_t address);
void patch_reset(void); // execve: all mappings are gone
uint64_t patch_count(void);

#endif
