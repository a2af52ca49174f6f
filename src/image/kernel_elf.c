// SPDX-License-Identifier: Apache-2.0
#include "image/kernel_elf.h"

#include <elf.h>
#include <string.h>

#include "abi/enclave.h"
#include "abi/sgx/arch.h"
#include "base/cursor.h"

_Static_assert(SGX_PAGE_SIZE == 4096, "pages");

// A structure of the file by value, so that its alignment there does not matter.
static bool read_at(struct span file, uint64_t offset, void *ret, size_t size)
{
    if (offset > file.size || size > file.size - offset)
        return false;
    memcpy(ret, file.data + offset, size);
    return true;
}

static struct result header_parse(struct span file, Elf64_Ehdr *ret)
{
    Elf64_Ehdr h;
    static const uint8_t ident[] = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT};
    REQUIRE(read_at(file, 0, &h, sizeof h) && memcmp(h.e_ident, ident, sizeof ident) == 0,
            ERR_INVALID, "kernel is not an ELF64 file");
    REQUIRE(h.e_type == ET_EXEC && h.e_machine == EM_X86_64 && h.e_version == EV_CURRENT,
            ERR_INVALID, "kernel is not a fixed-address x86-64 executable");
    REQUIRE(h.e_ehsize == sizeof h && h.e_phentsize == sizeof(Elf64_Phdr), ERR_INVALID,
            "kernel has headers of a wrong size");
    REQUIRE(h.e_phnum > 0 && h.e_phnum <= 2 * KERNEL_ELF_SEGMENTS_MAX, ERR_RANGE,
            "kernel has too few or too many program headers");
    *ret = h;
    return RESULT_OK;
}

static struct result segment_parse(struct span file, const Elf64_Phdr *p, uint64_t free_from,
                                   struct kernel_segment *ret)
{
    REQUIRE(p->p_vaddr % SGX_PAGE_SIZE == 0, ERR_INVALID, "kernel segment is not page-aligned");
    REQUIRE(p->p_filesz <= p->p_memsz && p->p_memsz > 0 && p->p_memsz <= PARAMS_BASE - KERNEL_BASE,
            ERR_RANGE, "kernel segment has a wrong size");
    uint64_t size = align_up(p->p_memsz, SGX_PAGE_SIZE);
    REQUIRE(p->p_vaddr >= free_from && p->p_vaddr < PARAMS_BASE && size <= PARAMS_BASE - p->p_vaddr,
            ERR_RANGE, "kernel segment is outside its range or out of order");
    REQUIRE(p->p_offset <= file.size && p->p_filesz <= file.size - p->p_offset, ERR_INVALID,
            "kernel segment is outside the file");
    REQUIRE((p->p_flags & ~(uint32_t)(PF_R | PF_W | PF_X)) == 0 && (p->p_flags & PF_R) &&
                (p->p_flags & (PF_W | PF_X)) != (PF_W | PF_X),
            ERR_DENIED, "kernel segment has forbidden permissions");
    *ret = (struct kernel_segment){
        .address = p->p_vaddr,
        .size = size,
        .content = SPAN(file.data + p->p_offset, p->p_filesz),
        .secinfo_flags = SGX_SECINFO_R | (p->p_flags & PF_W ? SGX_SECINFO_W : 0) |
                         (p->p_flags & PF_X ? SGX_SECINFO_X : 0),
    };
    return RESULT_OK;
}

static bool entry_is_code(const struct kernel_elf *k)
{
    for (uint32_t i = 0; i < k->segment_count; i++) {
        const struct kernel_segment *s = &k->segment[i];
        if (k->entry >= s->address && k->entry - s->address < s->content.size)
            return s->secinfo_flags & SGX_SECINFO_X;
    }
    return false;
}

struct result kernel_elf_parse(struct span file, struct kernel_elf *ret)
{
    Elf64_Ehdr h;
    GUARD(header_parse(file, &h));
    struct kernel_elf k = {.entry = h.e_entry};
    uint64_t free_from = KERNEL_BASE;
    for (uint32_t i = 0; i < h.e_phnum; i++) {
        Elf64_Phdr p;
        uint64_t offset;
        REQUIRE(!add_overflows(h.e_phoff, (uint64_t)i * sizeof p, &offset) &&
                    read_at(file, offset, &p, sizeof p),
                ERR_INVALID, "kernel's program headers are outside the file");
        bool ignored = p.p_type == PT_NULL || p.p_type == PT_NOTE || p.p_type == PT_PHDR ||
                       p.p_type == PT_GNU_STACK || p.p_type == PT_GNU_PROPERTY ||
                       p.p_type == PT_GNU_RELRO || p.p_type == PT_GNU_EH_FRAME;
        if (ignored)
            continue;
        REQUIRE(p.p_type == PT_LOAD, ERR_UNSUPPORTED, "kernel has an unknown program header");
        REQUIRE(k.segment_count < KERNEL_ELF_SEGMENTS_MAX, ERR_RANGE,
                "kernel has too many segments");
        struct kernel_segment *s = &k.segment[k.segment_count++];
        GUARD(segment_parse(file, &p, free_from, s));
        free_from = s->address + s->size;
    }
    REQUIRE(entry_is_code(&k), ERR_INVALID, "kernel's entry point is not in its code");
    *ret = k;
    return RESULT_OK;
}

#define NOTE_ENCLU 1u
#define NOTE_NAME  "cloister" // and its NUL

struct collected {
    uint64_t *sites;
    size_t capacity;
    size_t count;
};

// The notes of one section (ELF gABI, "Note Section": three words, name and descriptor padded to
// 4).
static struct result collect_notes(struct span section, struct collected *c)
{
    struct reader r = reader_on(section);
    while (reader_left(&r) > 0) {
        size_t name_size = take_le32(&r), desc_size = take_le32(&r);
        uint32_t type = take_le32(&r);
        struct span name = take_span(&r, name_size);
        (void)take_span(&r, align_up(name_size, 4) - name_size);
        struct span desc = take_span(&r, desc_size);
        size_t padding = align_up(desc_size, 4) - desc_size;
        (void)take_span(&r, MIN(padding, reader_left(&r)));
        REQUIRE(!r.failed, ERR_INVALID, "a note of the kernel is cut short");
        if (type != NOTE_ENCLU || name_size != sizeof NOTE_NAME ||
            memcmp(name.data, NOTE_NAME, name_size) != 0)
            continue;
        REQUIRE(desc_size % 8 == 0, ERR_INVALID, "a note of the kernel has a wrong size");
        for (size_t at = 0; at < desc_size; at += 8, c->count++) {
            if (c->count < c->capacity)
                c->sites[c->count] = load_le64(desc.data + at);
        }
    }
    return RESULT_OK;
}

struct result kernel_elf_enclu_sites(struct span file, uint64_t *ret_sites, size_t capacity,
                                     size_t *ret_count)
{
    Elf64_Ehdr h;
    GUARD(header_parse(file, &h));
    struct collected c = {ret_sites, capacity, 0};
    REQUIRE(h.e_shnum == 0 || h.e_shentsize == sizeof(Elf64_Shdr), ERR_INVALID,
            "kernel has headers of a wrong size");
    for (uint32_t i = 0; i < h.e_shnum; i++) {
        Elf64_Shdr s;
        uint64_t offset;
        REQUIRE(!add_overflows(h.e_shoff, (uint64_t)i * sizeof s, &offset) &&
                    read_at(file, offset, &s, sizeof s),
                ERR_INVALID, "kernel's section headers are outside the file");
        if (s.sh_type != SHT_NOTE)
            continue;
        REQUIRE(s.sh_offset <= file.size && s.sh_size <= file.size - s.sh_offset, ERR_INVALID,
                "kernel's section is outside the file");
        GUARD(collect_notes(SPAN(file.data + s.sh_offset, s.sh_size), &c));
    }
    *ret_count = c.count;
    return RESULT_OK;
}
