// SPDX-License-Identifier: Apache-2.0
#include "shim.h"

#include "kernel/loader/patch.h"
#include "kernel/mm/mm.h"

extern void *realloc(void *p, size_t size);
extern void *calloc(size_t n, size_t size);
extern void free(void *p);
extern _Noreturn void abort(void);

uint64_t shim_released_pages;

void *krealloc(void *p, size_t size)
{
    return realloc(p, size);
}

void *kzalloc(size_t size)
{
    return calloc(1, size);
}

void kfree(void *p)
{
    free(p);
}

void klog(const char *format, ...)
{
    (void)format;
}

void panic(const char *format, ...)
{
    (void)format;
    abort();
}

uint8_t page_state(uint64_t address)
{
    (void)address;
    return 0;
}

void epc_release(uint64_t start, uint64_t end)
{
    shim_released_pages += (end - start) / PAGE_SIZE;
}

long epc_protect(uint64_t start, uint64_t end, int prot)
{
    (void)start, (void)end, (void)prot;
    return 0;
}

long mm_populate(uint64_t start, uint64_t end)
{
    (void)start, (void)end;
    return 0;
}

struct file *file_ref(struct file *f)
{
    return f;
}

void file_unref(struct file *f)
{
    (void)f;
}

long vfs_path(struct file *f, char *ret, size_t capacity)
{
    (void)f, (void)ret, (void)capacity;
    return 0;
}

struct patch_set *patch_set_for(struct file *f, uint64_t address, uint64_t offset, uint64_t size)
{
    (void)f, (void)address, (void)offset, (void)size;
    return NULL;
}

void patch_reset(void)
{
}

struct shim_page shim_page(uint64_t address)
{
    const struct vma *v = vma_find(address);
    return (struct shim_page){v ? v->prot : -1};
}

unsigned shim_vma_count(void)
{
    return vma_count();
}

int shim_sorted(void)
{
    for (unsigned i = 0; i < vma_count(); i++)
        if (vma_at(i)->start >= vma_at(i)->end || (i && vma_at(i - 1)->end > vma_at(i)->start))
            return 0;
    return 1;
}

long shim_map_flags(uint64_t address, uint64_t size, int prot, int flags, uint64_t offset)
{
    return mm_map(address, size, prot, flags, NULL, offset);
}

long shim_map(uint64_t address, uint64_t size, int prot, int fixed)
{
    return mm_map(address, size, prot, MAP_PRIVATE | MAP_ANONYMOUS | (fixed ? MAP_FIXED : 0), NULL,
                  0);
}

long shim_unmap(uint64_t address, uint64_t size)
{
    return mm_unmap(address, size);
}

long shim_protect(uint64_t address, uint64_t size, int prot)
{
    return mm_protect(address, size, prot);
}

long shim_remap(uint64_t old, uint64_t old_size, uint64_t new_size, int may_move)
{
    return mm_remap(old, old_size, new_size, may_move ? MREMAP_MAYMOVE : 0, 0);
}

uint64_t shim_brk(uint64_t address)
{
    return mm_brk(address);
}

void shim_set_brk(uint64_t start)
{
    mm_set_brk(start);
}

void shim_reset(void)
{
    mm_reset();
}

int shim_format(char *buffer, unsigned long capacity, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = kvformat(buffer, capacity, format, args);
    va_end(args);
    return n;
}

void mm_write_back(const struct vma *v, uint64_t start, uint64_t end)
{
    (void)v, (void)start, (void)end;
}

void mm_shared_mapped(void)
{
}
