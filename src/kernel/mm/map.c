// SPDX-License-Identifier: Apache-2.0
// mmap, munmap, mprotect, mremap, brk, madvise, msync: the semantics of Linux's mm/mmap.c on VMAs.
//
// - There is one process: what MAP_SHARED means is in shared.c.
// - Memory is charged when pages come in, not when they are mapped.
#include "kernel/mm/mm.h"

#include "kernel/loader/patch.h"
#include "kernel/vfs/node.h"

#define MMAP_TOP (USER_END - (256ull << 20))
#define MMAP_LOW (64ull << 20)

static uint64_t brk_start, brk_end;

static bool range_valid(uint64_t address, uint64_t size)
{
    return address % PAGE_SIZE == 0 && address >= ENCLAVE_GUARD && size <= USER_END &&
           address <= USER_END - size;
}

long mm_unmap(uint64_t address, uint64_t size)
{
    size = align_up(size, PAGE_SIZE);
    if (!size || !range_valid(address, size))
        return -EINVAL;
    uint64_t end = address + size;
    if (vma_split(address) < 0 || vma_split(end) < 0)
        return -ENOMEM;
    for (struct vma *v; (v = vma_find_from(address)) && v->start < end;) {
        uint64_t start = v->start, stop = v->end;
        mm_write_back(v, start, stop);
        vma_remove(v);
        epc_release(start, stop);
    }
    return 0;
}

static long choose_address(uint64_t hint, uint64_t size, int flags, uint64_t *ret)
{
    if (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) {
        if (!range_valid(hint, size))
            return hint % PAGE_SIZE ? -EINVAL : -ENOMEM;
        const struct vma *v = vma_find_from(hint);
        if ((flags & MAP_FIXED_NOREPLACE) && v && v->start < hint + size)
            return -EEXIST;
        *ret = hint;
        return flags & MAP_FIXED_NOREPLACE ? 0 : mm_unmap(hint, size);
    }
    hint = align_down(hint, PAGE_SIZE);
    if (hint && range_valid(hint, size)) {
        const struct vma *v = vma_find_from(hint);
        if (!v || v->start >= hint + size) {
            *ret = hint;
            return 0;
        }
    }
    *ret = vma_find_gap(size, MMAP_LOW, MMAP_TOP, true);
    return *ret ? 0 : -ENOMEM;
}

// As on a file system that is mounted noexec: the host's code would be in the enclave.
static bool executable(const struct file *file)
{
    return !file->node || !(file->node->fs->flags & FS_UNTRUSTED);
}

static long check_file(const struct file *file, int prot, int flags)
{
    int access = file->flags & O_ACCMODE;
    if ((prot & PROT_EXEC) && !executable(file))
        return -EPERM;
    if (file->flags & O_PATH)
        return -EBADF;
    if (access == O_WRONLY || ((flags & MAP_SHARED) && (prot & PROT_WRITE) && access != O_RDWR))
        return -EACCES;
    return file->ops->read && file->ops->size ? 0 : -ENODEV;
}

long mm_map(uint64_t address, uint64_t size, int prot, int flags, struct file *file,
            uint64_t offset)
{
    if (!size || offset % PAGE_SIZE)
        return -EINVAL;
    int type = flags & MAP_TYPE;
    if (type != MAP_SHARED && type != MAP_PRIVATE && type != MAP_SHARED_VALIDATE)
        return -EINVAL;
    if (size > USER_END)
        return -ENOMEM;
    size = align_up(size, PAGE_SIZE);
    long r = file ? check_file(file, prot, flags) : 0;
    if (r < 0)
        return r;
    uint64_t start;
    r = choose_address(address, size, flags, &start);
    if (r < 0)
        return r;
    struct vma v = {
        .start = start,
        .end = start + size,
        .prot = prot,
        .flags = (type == MAP_PRIVATE ? MAP_PRIVATE : MAP_SHARED) |
                 (flags & (MAP_STACK | MAP_NORESERVE)),
        .file = file ? file_ref(file) : NULL,
        .offset = file ? offset : 0,
    };
    if (file && (v.flags & MAP_SHARED))
        mm_shared_mapped();
    if (file && (prot & PROT_EXEC))
        v.patches = patch_set_for(file, start, offset, size);
    r = vma_insert(&v);
    if (r < 0) {
        file_unref(v.file);
        return r;
    }
    if (flags & (MAP_POPULATE | MAP_LOCKED))
        (void)mm_populate(start, start + size);
    return (long)start;
}

long mm_protect(uint64_t address, uint64_t size, int prot)
{
    size = align_up(size, PAGE_SIZE);
    if (address % PAGE_SIZE)
        return -EINVAL;
    if (!size)
        return 0;
    if (!range_valid(address, size))
        return -ENOMEM;
    uint64_t end = address + size;
    for (uint64_t at = address; at < end;) { // all of it must be mapped
        const struct vma *v = vma_find(at);
        if (!v)
            return -ENOMEM;
        if ((prot & PROT_WRITE) && v->file && (v->flags & MAP_SHARED) &&
            (v->file->flags & O_ACCMODE) != O_RDWR)
            return -EACCES;
        if ((prot & PROT_EXEC) && v->file && !executable(v->file))
            return -EACCES;
        at = v->end;
    }
    if (vma_split(address) < 0 || vma_split(end) < 0)
        return -ENOMEM;
    for (struct vma *v = vma_find(address); v && v->start < end; v = vma_find(v->end)) {
        if (!(prot & PROT_WRITE))
            mm_write_back(v, v->start, v->end);
        v->prot = prot;
        long r = epc_protect(v->start, v->end, prot);
        if (r < 0)
            return r;
    }
    return 0;
}

static long remap_move(const struct vma *old, uint64_t from, uint64_t old_size, uint64_t new_size,
                       int flags, uint64_t new_address)
{
    struct vma v = *old; // the array may move
    int map_flags = (v.flags & (MAP_SHARED | MAP_PRIVATE)) | (v.file ? 0 : MAP_ANONYMOUS);
    if (flags & MREMAP_FIXED)
        map_flags |= MAP_FIXED;
    uint64_t offset = v.offset + (from - v.start);
    if (v.file)
        file_ref(v.file);
    long to = mm_map(flags & MREMAP_FIXED ? new_address : 0, new_size,
                     v.prot | PROT_WRITE | PROT_READ, map_flags, v.file, offset);
    file_unref(v.file);
    if (to < 0)
        return to;
    for (uint64_t page = 0; page < MIN(old_size, new_size); page += PAGE_SIZE) {
        if (!(page_state(from + page) & PROT_READ))
            continue;
        long r = mm_populate((uint64_t)to + page, (uint64_t)to + page + PAGE_SIZE);
        if (r < 0) {
            (void)mm_unmap((uint64_t)to, new_size);
            return r;
        }
        memcpy((void *)((uint64_t)to + page), (void *)(from + page), PAGE_SIZE);
    }
    long r = mm_protect((uint64_t)to, new_size, v.prot);
    if (r == 0)
        r = mm_unmap(from, old_size);
    return r < 0 ? r : to;
}

long mm_remap(uint64_t old, uint64_t old_size, uint64_t new_size, int flags, uint64_t new_address)
{
    old_size = align_up(old_size, PAGE_SIZE);
    new_size = align_up(new_size, PAGE_SIZE);
    if (old % PAGE_SIZE || !new_size || (flags & ~(MREMAP_MAYMOVE | MREMAP_FIXED)) ||
        ((flags & MREMAP_FIXED) && !(flags & MREMAP_MAYMOVE)))
        return -EINVAL;
    if (old_size > USER_END || new_size > USER_END)
        return -EINVAL;
    struct vma *v = vma_find(old);
    if (!v || old_size > v->end - old)
        return -EFAULT;
    if (flags & MREMAP_FIXED) {
        if (!range_valid(new_address, new_size) ||
            (new_address < old + old_size && old < new_address + new_size))
            return -EINVAL;
        return remap_move(v, old, old_size, new_size, flags, new_address);
    }
    if (new_size <= old_size) {
        long r = new_size < old_size ? mm_unmap(old + new_size, old_size - new_size) : 0;
        return r < 0 ? r : (long)old;
    }
    const struct vma *above = vma_find_from(v->end);
    uint64_t limit = above ? above->start : MMAP_TOP;
    if (old + old_size == v->end && old + new_size <= limit) {
        v->end = old + new_size;
        return (long)old;
    }
    return flags & MREMAP_MAYMOVE ? remap_move(v, old, old_size, new_size, flags, 0) : -ENOMEM;
}

void mm_set_brk(uint64_t start)
{
    brk_start = brk_end = align_up(start, PAGE_SIZE);
}

uint64_t mm_brk(uint64_t address)
{
    if (address < brk_start)
        return brk_end;
    uint64_t old = align_up(brk_end, PAGE_SIZE), target = align_up(address, PAGE_SIZE);
    if (target < old && mm_unmap(target, old - target) < 0)
        return brk_end;
    if (target > old) {
        const struct vma *above = vma_find_from(old);
        if (target > USER_END || (above && above->start < target))
            return brk_end;
        struct vma v = {.start = old,
                        .end = target,
                        .prot = PROT_READ | PROT_WRITE,
                        .flags = MAP_PRIVATE,
                        .name = "[heap]"};
        if (vma_insert(&v) < 0)
            return brk_end;
    }
    brk_end = address;
    return brk_end;
}

long mm_advise(uint64_t address, uint64_t size, int advice)
{
    if (address % PAGE_SIZE)
        return -EINVAL;
    uint64_t end = address + align_up(size, PAGE_SIZE);
    if (size > USER_END || end < address || end > USER_END)
        return -EINVAL;
    if (advice == MADV_POPULATE_READ || advice == MADV_POPULATE_WRITE)
        return mm_populate(address, end);
    if (advice != MADV_DONTNEED && advice != MADV_DONTNEED_LOCKED)
        return advice >= 0 && advice <= MADV_COLLAPSE ? 0 : -EINVAL;
    bool hole = false;
    for (uint64_t at = address; at < end;) {
        const struct vma *v = vma_find_from(at);
        if (!v || v->start >= end)
            return -ENOMEM;
        hole |= v->start > at;
        uint64_t start = MAX(at, v->start), stop = MIN(end, v->end);
        if (!(v->flags & MAP_SHARED))
            epc_release(start, stop);
        at = stop;
    }
    return hole ? -ENOMEM : 0;
}

long mm_sync(uint64_t address, uint64_t size)
{
    if (address % PAGE_SIZE || size > USER_END)
        return -EINVAL;
    uint64_t end = address + align_up(size, PAGE_SIZE);
    for (uint64_t at = address; at < end;) {
        const struct vma *v = vma_find(at);
        if (!v)
            return -ENOMEM;
        uint64_t stop = MIN(end, v->end);
        mm_write_back(v, MAX(at, v->start), stop);
        at = stop;
    }
    return 0;
}

void mm_sync_all(void)
{
    for (unsigned i = 0; i < vma_count(); i++)
        mm_write_back(vma_at(i), vma_at(i)->start, vma_at(i)->end);
}

void mm_reset(void)
{
    (void)mm_unmap(ENCLAVE_GUARD, USER_END - ENCLAVE_GUARD);
    brk_start = brk_end = 0;
    patch_reset();
}

long mm_maps_text(char **ret, size_t *ret_size)
{
    size_t capacity = (size_t)vma_count() * 160 + 4096, size = 0;
    char *text = kzalloc(capacity), *path = kzalloc(4096);
    if (!text || !path) {
        kfree(text);
        kfree(path);
        return -ENOMEM;
    }
    for (unsigned i = 0; i < vma_count() && size < capacity; i++) {
        const struct vma *v = vma_at(i);
        path[0] = '\0';
        if (v->file)
            (void)vfs_path(v->file, path, 4096);
        else if (v->name)
            kformat(path, 4096, "%s", v->name);
        int n = kformat(text + size, capacity - size, "%08lx-%08lx %c%c%c%c %08lx 00:00 0%s%s\n",
                        v->start, v->end, v->prot & PROT_READ ? 'r' : '-',
                        v->prot & PROT_WRITE ? 'w' : '-', v->prot & PROT_EXEC ? 'x' : '-',
                        v->flags & MAP_SHARED ? 's' : 'p', v->offset,
                        path[0] ? "                          " : "", path);
        size = MIN(capacity - 1, size + (size_t)n);
    }
    kfree(path);
    *ret = text;
    *ret_size = size;
    return 0;
}
