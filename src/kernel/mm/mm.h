// SPDX-License-Identifier: Apache-2.0
// The program's address space: mappings (VMAs) in [ENCLAVE_GUARD, USER_END) and which of their pages the
// enclave holds.
//
// - mm/epc.c accepts, protects and returns pages (EDMM); nothing else executes those leaves.
// - mm/vma.c keeps the mappings, sorted; mm/fault.c brings pages in; mm/map.c is mmap and friends.
// - A page is absent until it is touched: then a cluster around it is accepted (anonymous) or copied in
//   with EACCEPTCOPY (file), so that no thread ever sees a page that is not verified yet.
#ifndef KERNEL_MM_H
#define KERNEL_MM_H

#include <linux/mman.h>

#include "abi/enclave.h"
#include "kernel/lib/lib.h"
#include "kernel/vfs/file.h"

#define PAGE_SIZE 4096ull

struct vma {
    uint64_t start, end;
    int prot;          // PROT_…
    int flags;         // MAP_SHARED or MAP_PRIVATE, MAP_ANONYMOUS, MAP_NORESERVE, MAP_STACK…
    struct file *file; // a reference; NULL: anonymous
    uint64_t offset;   // of `start` in the file
    struct patch_set
        *patches;     // system-call sites of the file, borrowed; NULL: none (loader/patch.h)
    const char *name; // "[heap]", "[stack]" for /proc/self/maps; NULL: from the file
};

// vma.c
struct vma *vma_find(uint64_t address);      // the one that holds the address, or NULL
struct vma *vma_find_from(uint64_t address); // the first that ends above the address, or NULL
long vma_insert(const struct vma *v);        // takes over the file reference; -ENOMEM
void vma_remove(struct vma *v);              // drops the file reference
long vma_split(uint64_t address);            // no mapping crosses `address` afterwards
uint64_t vma_find_gap(uint64_t size, uint64_t low, uint64_t high, bool top_down); // 0: none
unsigned vma_count(void);
struct vma *vma_at(unsigned index);

// epc.c. Whole pages. Page state of the program's range: 0 absent, else PAGE_PRESENT | PROT bits.
#define PAGE_PRESENT 8u
uint8_t page_state(uint64_t address);
void epc_set_budget(uint64_t bytes);
uint64_t epc_used(void), epc_peak(void);
long epc_accept_zero(uint64_t start, uint64_t end, int prot);      // absent → zeroed pages
long epc_accept_copy(uint64_t page, const void *source, int prot); // absent → a copy
long epc_protect(uint64_t start, uint64_t end, int prot);          // present pages in the range
void epc_release(uint64_t start, uint64_t end);                    // present pages become absent
// For the kernel's own pages (kmem.c), which have no state bytes.
long epc_charge(uint64_t bytes);
void epc_uncharge(uint64_t bytes);
void epc_accept_raw(uint64_t page);
void epc_release_raw(uint64_t start, uint64_t end);

// fault.c
long mm_populate(uint64_t start, uint64_t end); // brings in what is absent; -EFAULT, -ENOMEM, -EIO
// 0: handled. Else the signal to raise: SIGSEGV or SIGBUS, with its code.
int mm_fault(uint64_t address, uint64_t error_code, int *ret_code);

// shared.c: MAP_SHARED of files.
void mm_shared_mapped(void); // there is one now
void mm_write_back(const struct vma *v, uint64_t start,
                   uint64_t end); // nothing unless shared and writable
// Around ops->read and ops->write of a file that a path names.
void mm_shared_before_read(const struct file *f, uint64_t offset, uint64_t size);
void mm_shared_after_write(const struct file *f, uint64_t offset, uint64_t size);

// map.c
long mm_map(uint64_t address, uint64_t size, int prot, int flags, struct file *file,
            uint64_t offset);
long mm_unmap(uint64_t address, uint64_t size);
long mm_protect(uint64_t address, uint64_t size, int prot);
long mm_remap(uint64_t old, uint64_t old_size, uint64_t new_size, int flags, uint64_t new_address);
uint64_t mm_brk(uint64_t address);
void mm_set_brk(uint64_t start);
long mm_advise(uint64_t address, uint64_t size, int advice);
long mm_sync(uint64_t address, uint64_t size);
void mm_reset(void); // execve: everything goes
void mm_sync_all(void);
// Text of /proc/self/maps into kernel memory that the caller frees.
long mm_maps_text(char **ret, size_t *ret_size);

#endif
