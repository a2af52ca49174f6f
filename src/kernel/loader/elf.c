// SPDX-License-Identifier: Apache-2.0
// ELF segments become mappings; pages come in when they are touched.
#include "kernel/loader/elf.h"

#include "kernel/mm/mm.h"

static long read_exactly(struct file *f, void *buffer, size_t size, uint64_t offset)
{
    for (size_t done = 0; done < size;) {
        long r = f->ops->read(f, (uint8_t *)buffer + done, size - done, offset + done);
        if (r < 0)
            return r;
        if (r == 0)
            return -ENOEXEC;
        done += (size_t)r;
    }
    return 0;
}

static bool header_ok(const Elf64_Ehdr *h)
{
    return memcmp(h->e_ident, ELFMAG, SELFMAG) == 0 && h->e_ident[EI_CLASS] == ELFCLASS64 &&
           h->e_ident[EI_DATA] == ELFDATA2LSB && h->e_machine == EM_X86_64 &&
           (h->e_type == ET_EXEC || h->e_type == ET_DYN) && h->e_phentsize == sizeof(Elf64_Phdr) &&
           h->e_phnum > 0 && h->e_phnum <= ELF_SEGMENTS_MAX;
}

static bool segment_ok(const Elf64_Phdr *p)
{
    return p->p_filesz <= p->p_memsz && p->p_memsz <= USER_END &&
           p->p_vaddr <= USER_END - p->p_memsz &&
           p->p_vaddr % PAGE_SIZE == p->p_offset % PAGE_SIZE && p->p_offset < 1ull << 40;
}

long elf_read(struct file *f, struct elf_plan *ret)
{
    long r = read_exactly(f, &ret->header, sizeof ret->header, 0);
    if (r < 0)
        return r;
    if (!header_ok(&ret->header))
        return -ENOEXEC;
    r = read_exactly(f, ret->segments, ret->header.e_phnum * sizeof(Elf64_Phdr),
                     ret->header.e_phoff);
    if (r < 0)
        return r;
    ret->interpreter[0] = '\0';
    bool loads = false;
    for (unsigned i = 0; i < ret->header.e_phnum; i++) {
        const Elf64_Phdr *p = &ret->segments[i];
        if (p->p_type == PT_LOAD) {
            if (!segment_ok(p))
                return -ENOEXEC;
            loads = true;
        }
        if (p->p_type == PT_INTERP) {
            if (p->p_filesz < 2 || p->p_filesz > sizeof ret->interpreter)
                return -ENOEXEC;
            r = read_exactly(f, ret->interpreter, p->p_filesz, p->p_offset);
            if (r < 0)
                return r;
            if (ret->interpreter[p->p_filesz - 1] != '\0')
                return -ENOEXEC;
        }
    }
    return loads ? 0 : -ENOEXEC;
}

static int segment_prot(const Elf64_Phdr *p)
{
    return (p->p_flags & PF_R ? PROT_READ : 0) | (p->p_flags & PF_W ? PROT_WRITE : 0) |
           (p->p_flags & PF_X ? PROT_EXEC : 0);
}

// The bytes of the last file page that lie beyond p_filesz are zero, then anonymous pages follow.
static long map_bss(const Elf64_Phdr *p, uint64_t base)
{
    uint64_t file_end = base + p->p_vaddr + p->p_filesz, end = base + p->p_vaddr + p->p_memsz;
    uint64_t page_end = align_up(file_end, PAGE_SIZE);
    if (file_end % PAGE_SIZE && (p->p_flags & PF_W)) {
        long r = mm_populate(align_down(file_end, PAGE_SIZE), page_end);
        if (r < 0)
            return r;
        memset((void *)file_end, 0, page_end - file_end); // all of the page, as Linux does
    }
    if (align_up(end, PAGE_SIZE) <= page_end)
        return 0;
    long r = mm_map(page_end, align_up(end, PAGE_SIZE) - page_end, segment_prot(p),
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, NULL, 0);
    return r < 0 ? r : 0;
}

static long map_segment(struct file *f, const Elf64_Phdr *p, uint64_t base)
{
    uint64_t skew = p->p_vaddr % PAGE_SIZE, start = base + p->p_vaddr - skew;
    if (start < ENCLAVE_GUARD)
        return -ENOEXEC;
    if (p->p_filesz) {
        long r = mm_map(start, p->p_filesz + skew, segment_prot(p), MAP_PRIVATE | MAP_FIXED, f,
                        p->p_offset - skew);
        if (r < 0)
            return r;
    }
    return p->p_memsz > p->p_filesz || !p->p_filesz ? map_bss(p, base) : 0;
}

long elf_map(struct file *f, const struct elf_plan *plan, uint64_t hint, struct elf_image *ret)
{
    uint64_t low = ~0ull, high = 0;
    for (unsigned i = 0; i < plan->header.e_phnum; i++) {
        const Elf64_Phdr *p = &plan->segments[i];
        if (p->p_type != PT_LOAD)
            continue;
        low = MIN(low, align_down(p->p_vaddr, PAGE_SIZE));
        high = MAX(high, align_up(p->p_vaddr + p->p_memsz, PAGE_SIZE));
    }
    uint64_t base = 0;
    if (plan->header.e_type == ET_DYN) { // room for all of it, then the segments over it
        long at = mm_map(hint, high - low, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, NULL, 0);
        if (at < 0)
            return at;
        base = (uint64_t)at - low;
    }
    *ret = (struct elf_image){.base = base,
                              .entry = base + plan->header.e_entry,
                              .end = base + high,
                              .header_count = plan->header.e_phnum};
    for (unsigned i = 0; i < plan->header.e_phnum; i++) {
        const Elf64_Phdr *p = &plan->segments[i];
        if (p->p_type != PT_LOAD)
            continue;
        long r = map_segment(f, p, base);
        if (r < 0)
            return r;
        if (plan->header.e_phoff >= p->p_offset && plan->header.e_phoff < p->p_offset + p->p_filesz)
            ret->headers = base + p->p_vaddr + (plan->header.e_phoff - p->p_offset);
    }
    memcpy(ret->interpreter, plan->interpreter, sizeof ret->interpreter);
    return 0;
}
