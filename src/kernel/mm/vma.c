// SPDX-License-Identifier: Apache-2.0
// The mappings of the program: one array sorted by address. Programs have hundreds, so that a search is
// some ten steps and an insertion one short memmove.
#include "kernel/mm/mm.h"

#define VMA_MAX 65536u

static struct vma *vmas;
static unsigned count, capacity;

unsigned vma_count(void)
{
    return count;
}

struct vma *vma_at(unsigned index)
{
    return &vmas[index];
}

// The index of the first mapping that ends above the address.
static unsigned lower_bound(uint64_t address)
{
    unsigned low = 0, high = count;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        if (vmas[middle].end <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct vma *vma_find_from(uint64_t address)
{
    unsigned i = lower_bound(address);
    return i < count ? &vmas[i] : NULL;
}

struct vma *vma_find(uint64_t address)
{
    struct vma *v = vma_find_from(address);
    return v && v->start <= address ? v : NULL;
}

static bool mergeable(const struct vma *a, const struct vma *b)
{
    return a->end == b->start && !a->file && !b->file && a->prot == b->prot &&
           a->flags == b->flags && a->name == b->name;
}

long vma_insert(const struct vma *v)
{
    unsigned i = lower_bound(v->start);
    ASSERT(v->start < v->end && (i == count || vmas[i].start >= v->end));
    if (i > 0 && mergeable(&vmas[i - 1], v)) {
        vmas[i - 1].end = v->end;
        return 0;
    }
    if (count == capacity) {
        if (capacity >= VMA_MAX)
            return -ENOMEM;
        unsigned larger = capacity ? capacity * 2 : 256;
        struct vma *grown = krealloc(vmas, larger * sizeof *vmas);
        if (!grown)
            return -ENOMEM;
        vmas = grown;
        capacity = larger;
    }
    memmove(&vmas[i + 1], &vmas[i], (count - i) * sizeof *vmas);
    vmas[i] = *v;
    count++;
    return 0;
}

void vma_remove(struct vma *v)
{
    unsigned i = (unsigned)(v - vmas);
    struct file *file = v->file;
    count--;
    memmove(v, v + 1, (count - i) * sizeof *vmas);
    file_unref(file);
}

long vma_split(uint64_t address)
{
    struct vma *v = vma_find(address);
    if (!v || v->start == address)
        return 0;
    struct vma upper = *v;
    upper.start = address;
    upper.offset += address - v->start;
    if (upper.file)
        file_ref(upper.file);
    uint64_t end = v->end;
    v->end = address;
    // Not by vma_insert(): that would merge the halves again.
    upper.name = v->name;
    const char *name = v->name;
    v->name = "";
    long r = vma_insert(&upper);
    v = vma_find(address - 1);
    v->name = name;
    if (r < 0) {
        v->end = end;
        file_unref(upper.file);
    }
    return r;
}

uint64_t vma_find_gap(uint64_t size, uint64_t low, uint64_t high, bool top_down)
{
    if (size > high - low)
        return 0;
    if (!top_down) {
        uint64_t at = low;
        for (unsigned i = lower_bound(low); i < count && vmas[i].start < high; i++) {
            if (vmas[i].start >= at && vmas[i].start - at >= size)
                return at;
            at = MAX(at, vmas[i].end);
        }
        return high > at && high - at >= size ? at : 0;
    }
    uint64_t top = high;
    unsigned i = lower_bound(high);
    if (i < count && vmas[i].start < high)
        top = vmas[i].start;
    while (i > 0) {
        const struct vma *below = &vmas[--i];
        if (below->end <= low)
            break;
        if (below->end <= top && top - below->end >= size)
            return top - size;
        top = MIN(top, below->start);
    }
    return top >= low + size ? top - size : 0;
}
