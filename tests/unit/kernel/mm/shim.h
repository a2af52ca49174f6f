// SPDX-License-Identifier: Apache-2.0
// The mappings as the test drives them: kernel headers and libc's do not go together in one file.
#ifndef TESTS_MM_SHIM_H
#define TESTS_MM_SHIM_H

#include <stdint.h>

// What a page of the window is, by the mappings and by what was asked of the page layer.
struct shim_page {
    int prot; // -1: not mapped
};
struct shim_page shim_page(uint64_t address);
unsigned shim_vma_count(void);
int shim_sorted(void); // the mappings are sorted and do not overlap

long shim_map(uint64_t address, uint64_t size, int prot, int fixed);
long shim_unmap(uint64_t address, uint64_t size);
long shim_protect(uint64_t address, uint64_t size, int prot);
long shim_remap(uint64_t old, uint64_t old_size, uint64_t new_size, int may_move);
long shim_map_flags(uint64_t address, uint64_t size, int prot, int flags, uint64_t offset);
uint64_t shim_brk(uint64_t address);
void shim_set_brk(uint64_t start);
void shim_reset(void);
extern uint64_t shim_released_pages;
int shim_format(char *buffer, unsigned long capacity, const char *format, ...);

#endif
