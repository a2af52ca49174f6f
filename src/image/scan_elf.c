// SPDX-License-Identifier: Apache-2.0
#include "image/scan_elf.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#define FUNCTIONS_MAX (1u << 22)

// DWARF pointer encoding that x86-64 toolchains use (LSB Core, "DWARF Extensions").
#define ENC_PCREL_SDATA4 0x1b

static bool read_at(struct span file, uint64_t offset, void *ret, size_t size)
{
    if (offset > file.size || size > file.size - offset)
        return false;
    memcpy(ret, file.data + offset, size);
    return true;
}

struct scan_segment *scan_code(struct scan_elf *e, uint64_t address, uint64_t size)
{
    for (uint32_t i = 0; i < e->segment_count; i++) {
        struct scan_segment *s = &e->segment[i];
        if (s->executable && address >= s->address && address - s->address <= s->size &&
            size <= s->size - (address - s->address))
            return s;
    }
    return NULL;
}

struct span scan_bytes(const struct scan_elf *e, uint64_t address, uint64_t size)
{
    for (uint32_t i = 0; i < e->segment_count; i++) {
        const struct scan_segment *s = &e->segment[i];
        if (address >= s->address && address - s->address <= s->size &&
            size <= s->size - (address - s->address))
            return SPAN(e->file.data + s->offset + (address - s->address), size);
    }
    return SPAN(NULL, 0);
}

void scan_mark_target(struct scan_elf *e, uint64_t address)
{
    struct scan_segment *s = scan_code(e, address, 1);
    if (s)
        s->target[(address - s->address) / 8] |= (uint8_t)(1u << (address - s->address) % 8);
}

bool scan_is_target(struct scan_elf *e, uint64_t address)
{
    struct scan_segment *s = scan_code(e, address, 1);
    return s && (s->target[(address - s->address) / 8] >> (address - s->address) % 8 & 1);
}

static struct result add_function(struct scan_elf *e, uint64_t start, uint64_t size, bool pads)
{
    scan_mark_target(e, start);
    if (size == 0 || !scan_code(e, start, size))
        return RESULT_OK;
    if (e->function_count == e->function_capacity) {
        size_t capacity = e->function_capacity ? 2 * e->function_capacity : 1024;
        struct scan_function *more =
            capacity <= FUNCTIONS_MAX ? realloc(e->function, capacity * sizeof *more) : NULL;
        REQUIRE(more, ERR_MEMORY, "program has too many functions");
        e->function = more;
        e->function_capacity = capacity;
    }
    e->function[e->function_count++] = (struct scan_function){start, start + size, pads};
    return RESULT_OK;
}

static struct result load_segments(struct scan_elf *e, const Elf64_Ehdr *h)
{
    for (uint32_t i = 0; i < h->e_phnum; i++) {
        Elf64_Phdr p;
        if (!read_at(e->file, h->e_phoff + (uint64_t)i * sizeof p, &p, sizeof p))
            break;
        if (p.p_type != PT_LOAD || p.p_filesz == 0)
            continue;
        REQUIRE(e->segment_count < SCAN_SEGMENTS_MAX && p.p_offset <= e->file.size &&
                    p.p_filesz <= e->file.size - p.p_offset && p.p_vaddr <= INT64_MAX,
                ERR_UNSUPPORTED, "program has segments that no loader takes");
        struct scan_segment *s = &e->segment[e->segment_count++];
        *s = (struct scan_segment){p.p_vaddr, p.p_offset, p.p_filesz, p.p_flags & PF_X, NULL};
        if (!s->executable)
            continue;
        s->target = calloc(p.p_filesz / 8 + 1, 1);
        REQUIRE(s->target, ERR_MEMORY, "out of memory");
    }
    for (uint32_t i = 0; i < e->segment_count; i++) {
        if (e->segment[i].executable)
            return RESULT_OK;
    }
    return fail(ERR_UNSUPPORTED, "not a program");
}

static struct result load_symbols(struct scan_elf *e, const Elf64_Shdr *s)
{
    for (uint64_t i = 0; i < s->sh_size / sizeof(Elf64_Sym); i++) {
        Elf64_Sym symbol;
        if (!read_at(e->file, s->sh_offset + i * sizeof symbol, &symbol, sizeof symbol))
            break;
        unsigned type = ELF64_ST_TYPE(symbol.st_info);
        if (type == STT_FUNC || type == STT_GNU_IFUNC)
            GUARD(add_function(e, symbol.st_value, symbol.st_size, false));
        else if (type == STT_NOTYPE)
            scan_mark_target(e, symbol.st_value);
    }
    return RESULT_OK;
}

static void load_relocations(struct scan_elf *e, const Elf64_Shdr *s)
{
    for (uint64_t i = 0; i < s->sh_size / sizeof(Elf64_Rela); i++) {
        Elf64_Rela r;
        if (!read_at(e->file, s->sh_offset + i * sizeof r, &r, sizeof r))
            break;
        scan_mark_target(e, (uint64_t)r.r_addend);
    }
}

// What a CIE says of its FDEs.
struct cie {
    bool known; // FDE pointers are pcrel sdata4
    bool landing_pads;
    bool signal_frame; // its FDEs begin one byte before the function, for the unwinder's sake
};

static bool skip_leb(struct span s, size_t *at)
{
    while (*at < s.size && s.data[*at] & 0x80)
        ++*at;
    return (*at)++ < s.size;
}

// LSB Core, "Common Information Entry Format".
static struct cie parse_cie(const struct scan_elf *e, uint64_t address)
{
    const struct cie none = {.known = false};
    struct cie found = none;
    struct span head = scan_bytes(e, address, 4);
    if (!head.data)
        return none;
    struct span s = scan_bytes(e, address + 4, load_le32(head.data));
    if (s.size < 6 || load_le32(s.data) != 0)
        return none;
    const uint8_t *end = memchr(s.data + 5, 0, s.size - 5);
    if (s.data[5] != 'z' || !end)
        return none;
    const char *augmentation = (const char *)s.data + 6;
    size_t at = (size_t)(end - s.data) + 1;
    if (!skip_leb(s, &at) || !skip_leb(s, &at)) // alignment factors
        return none;
    if (!skip_leb(s, &at) || !skip_leb(s, &at)) // return register, augmentation size
        return none;
    for (; *augmentation; augmentation++) {
        if (at >= s.size)
            return none;
        if (*augmentation == 'R')
            found.known = s.data[at++] == ENC_PCREL_SDATA4;
        else if (*augmentation == 'L')
            found.landing_pads = s.data[at++] != 0xff;
        else if (*augmentation == 'P')
            at += (s.data[at] & 0xf) == 0xb || (s.data[at] & 0xf) == 3 ? 5 : 9;
        else if (*augmentation == 'S')
            found.signal_frame = true;
        else
            return none;
    }
    return found;
}

static struct result load_fde(struct scan_elf *e, uint64_t address)
{
    struct span s = scan_bytes(e, address, 16);
    if (!s.data)
        return RESULT_OK;
    uint64_t cie_address = address + 4 - load_le32(s.data + 4);
    struct cie cie = parse_cie(e, cie_address);
    if (!cie.known)
        return RESULT_OK;
    uint64_t start = address + 8 + (uint64_t)(int64_t)(int32_t)load_le32(s.data + 8);
    uint64_t size = load_le32(s.data + 12);
    if (cie.signal_frame && size > 0) {
        start++;
        size--;
    }
    return add_function(e, start, size, cie.landing_pads);
}

// The records of a section .eh_frame, one after another (LSB Core, "The .eh_frame section").
static struct result load_eh_frame(struct scan_elf *e, uint64_t address, uint64_t size)
{
    for (uint64_t at = 0; size - at >= 8;) {
        struct span head = scan_bytes(e, address + at, 8);
        uint64_t record = head.data ? load_le32(head.data) : 0;
        if (record < 4 || record > size - at - 4) // the end, or what is not of x86-64's form
            break;
        if (load_le32(head.data + 4) != 0)
            GUARD(load_fde(e, address + at));
        at += 4 + record;
    }
    return RESULT_OK;
}

static bool section_is(const struct scan_elf *e, const Elf64_Shdr *names, const Elf64_Shdr *s,
                       const char *name)
{
    char text[32] = "";
    size_t size = strlen(name) + 1;
    return size <= sizeof text && s->sh_name < names->sh_size &&
           read_at(e->file, names->sh_offset + s->sh_name, text, size) &&
           memcmp(text, name, size) == 0;
}

static struct result load_sections(struct scan_elf *e, const Elf64_Ehdr *h)
{
    Elf64_Shdr names = {0};
    (void)read_at(e->file, h->e_shoff + (uint64_t)h->e_shstrndx * sizeof names, &names,
                  sizeof names);
    for (uint32_t i = 0; i < h->e_shnum; i++) {
        Elf64_Shdr s;
        if (!read_at(e->file, h->e_shoff + (uint64_t)i * sizeof s, &s, sizeof s))
            break;
        if (s.sh_type == SHT_SYMTAB || s.sh_type == SHT_DYNSYM)
            GUARD(load_symbols(e, &s));
        else if (s.sh_type == SHT_RELA)
            load_relocations(e, &s);
        else if (section_is(e, &names, &s, ".eh_frame"))
            GUARD(load_eh_frame(e, s.sh_addr, s.sh_size));
    }
    return RESULT_OK;
}

// Words in data that are addresses of code: absolute function pointers and jump tables of
// fixed-address programs. (Relocated ones stand in the relocations.)
static void load_pointers(struct scan_elf *e)
{
    for (uint32_t i = 0; i < e->segment_count; i++) {
        const struct scan_segment *s = &e->segment[i];
        if (s->executable)
            continue;
        for (uint64_t at = align_up(s->address, 8) - s->address; at + 8 <= s->size; at += 8)
            scan_mark_target(e, load_le64(e->file.data + s->offset + at));
    }
}

static int compare_functions(const void *a, const void *b)
{
    const struct scan_function *x = a, *y = b;
    if (x->start != y->start)
        return x->start < y->start ? -1 : 1;
    return x->end > y->end ? -1 : x->end < y->end;
}

// Sorts, and drops what lies inside another (aliases, parts).
static void tidy_functions(struct scan_elf *e)
{
    qsort(e->function, e->function_count, sizeof *e->function, compare_functions);
    size_t kept = 0;
    for (size_t i = 0; i < e->function_count; i++) {
        struct scan_function *f = &e->function[i];
        if (kept && f->end <= e->function[kept - 1].end)
            e->function[kept - 1].landing_pads |= f->landing_pads;
        else
            e->function[kept++] = *f;
    }
    e->function_count = kept;
}

struct result scan_elf_open(struct span file, struct scan_elf *ret)
{
    Elf64_Ehdr h;
    static const uint8_t ident[] = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT};
    REQUIRE(read_at(file, 0, &h, sizeof h) && memcmp(h.e_ident, ident, sizeof ident) == 0 &&
                (h.e_type == ET_EXEC || h.e_type == ET_DYN) && h.e_machine == EM_X86_64 &&
                h.e_phentsize == sizeof(Elf64_Phdr) && h.e_phoff <= file.size &&
                h.e_shoff <= file.size,
            ERR_UNSUPPORTED, "not a program");
    struct scan_elf e = {.file = file};
    struct result result = load_segments(&e, &h);
    if (is_ok(result)) {
        scan_mark_target(&e, h.e_entry);
        load_pointers(&e);
        if (h.e_shentsize == sizeof(Elf64_Shdr))
            result = load_sections(&e, &h);
    }
    if (!is_ok(result)) {
        scan_elf_done(&e);
        return result;
    }
    if (e.function_count)
        tidy_functions(&e);
    *ret = e;
    return RESULT_OK;
}

void scan_elf_done(struct scan_elf *e)
{
    for (uint32_t i = 0; i < e->segment_count; i++)
        free(e->segment[i].target);
    free(e->function);
    *e = (struct scan_elf){.segment_count = 0};
}
