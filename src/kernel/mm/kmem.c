// SPDX-License-Identifier: Apache-2.0
// Kernel memory: pages from [KERNEL_HEAP, KERNEL_BASE), and small objects cut from them by power-of-two
// size classes. Every object is zero when handed out and wiped when it comes back.
//
// - A free run of pages is kept by size class of powers of two (a buddy without merging across classes is
//   enough: kernel objects are few kinds); freed runs are reused, never given back to the host.
#include "kernel/mm/mm.h"

#define SMALL_MIN_SHIFT 4  // 16 bytes
#define SMALL_MAX_SHIFT 11 // 2048 bytes
#define LARGE_SHIFTS    28 // up to 2^27 pages
#define ACCEPT_AHEAD    (16 * PAGE_SIZE)

// Before every small object's page: nothing; the class of a pointer is found by its page's header byte.
struct page_info {
    uint8_t shift; // small: object size is 1 << shift; large: 128 + log2(pages)
};

struct free_object {
    struct free_object *next;
};

static struct free_object *small_free[SMALL_MAX_SHIFT + 1];
static struct free_object *large_free[LARGE_SHIFTS];
static uint64_t heap_next = KERNEL_HEAP;     // never handed out from here on
static uint64_t heap_accepted = KERNEL_HEAP; // accepted up to here

// One byte for each page of the kernel's dynamic memory that is in use, itself at the end of that memory.
#define INFO_BASE (KERNEL_BASE - (KERNEL_BASE - KERNEL_HEAP) / PAGE_SIZE)
static uint8_t info_page_accepted[((KERNEL_BASE - INFO_BASE) / PAGE_SIZE + 7) / 8];

static struct page_info *info_of(uint64_t address)
{
    return (struct page_info *)(INFO_BASE + (address - KERNEL_HEAP) / PAGE_SIZE);
}

static long ensure_info(uint64_t address)
{
    uint64_t page = align_down((uint64_t)info_of(address), PAGE_SIZE);
    uint64_t index = (page - INFO_BASE) / PAGE_SIZE;
    if (info_page_accepted[index / 8] & (1u << index % 8))
        return 0;
    if (epc_charge(PAGE_SIZE) < 0)
        return -ENOMEM;
    epc_accept_raw(page);
    info_page_accepted[index / 8] |= (uint8_t)(1u << index % 8);
    return 0;
}

static unsigned log2_up(size_t n)
{
    return n <= 1 ? 0 : 64 - (unsigned)__builtin_clzl(n - 1);
}

static void *fresh_pages(size_t count)
{
    uint64_t start = heap_next, size = count * PAGE_SIZE, end = start + size;
    if (size > INFO_BASE - start)
        return NULL;
    if (ensure_info(start) < 0)
        return NULL;
    if (end > heap_accepted) {
        uint64_t target = MIN(align_up(end, ACCEPT_AHEAD), INFO_BASE);
        if (epc_charge(target - heap_accepted) < 0) {
            target = end;
            if (epc_charge(target - heap_accepted) < 0)
                return NULL;
        }
        for (; heap_accepted < target; heap_accepted += PAGE_SIZE)
            epc_accept_raw(heap_accepted);
    }
    heap_next = end;
    return (void *)start;
}

void *kpages_alloc(size_t count)
{
    unsigned shift = log2_up(count);
    if (shift >= LARGE_SHIFTS)
        return NULL;
    struct free_object *p = large_free[shift];
    if (p) {
        large_free[shift] = p->next;
        p->next = NULL; // the rest is zero already
    } else {
        p = fresh_pages(1ull << shift);
    }
    if (p)
        info_of((uint64_t)p)->shift = (uint8_t)(128 + shift);
    return p;
}

void kpages_free(void *p, size_t count)
{
    if (!p)
        return;
    unsigned shift = log2_up(count);
    ASSERT(info_of((uint64_t)p)->shift == 128 + shift);
    wipe(p, count * PAGE_SIZE);
    ((struct free_object *)p)->next = large_free[shift];
    large_free[shift] = p;
}

static bool refill(unsigned shift)
{
    uint8_t *page = kpages_alloc(1);
    if (!page)
        return false;
    info_of((uint64_t)page)->shift = (uint8_t)shift;
    for (size_t at = PAGE_SIZE; at > 0; at -= 1ul << shift) {
        struct free_object *o = (struct free_object *)(page + at - (1ul << shift));
        o->next = small_free[shift];
        small_free[shift] = o;
    }
    return true;
}

void *kzalloc(size_t size)
{
    if (size > 1ul << SMALL_MAX_SHIFT)
        return kpages_alloc((size + PAGE_SIZE - 1) / PAGE_SIZE);
    unsigned shift = MAX(log2_up(size), (unsigned)SMALL_MIN_SHIFT);
    if (!small_free[shift] && !refill(shift))
        return NULL;
    struct free_object *o = small_free[shift];
    small_free[shift] = o->next;
    o->next = NULL;
    return o;
}

static size_t object_size(void *p)
{
    uint8_t shift = info_of((uint64_t)p)->shift;
    return shift >= 128 ? PAGE_SIZE << (shift - 128) : 1ul << shift;
}

void kfree(void *p)
{
    if (!p)
        return;
    size_t size = object_size(p);
    if (size >= PAGE_SIZE) {
        kpages_free(p, size / PAGE_SIZE);
        return;
    }
    unsigned shift = info_of((uint64_t)p)->shift;
    wipe(p, size);
    ((struct free_object *)p)->next = small_free[shift];
    small_free[shift] = p;
}

void *krealloc(void *p, size_t size)
{
    if (!p)
        return kzalloc(size);
    size_t old = object_size(p);
    if (size <= old)
        return p;
    void *q = kzalloc(size);
    if (!q)
        return NULL;
    memcpy(q, p, old);
    kfree(p);
    return q;
}

char *kstrdup(const char *s)
{
    size_t n = strlen(s) + 1;
    char *copy = kzalloc(n);
    if (copy)
        memcpy(copy, s, n);
    return copy;
}
