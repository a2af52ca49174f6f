// SPDX-License-Identifier: Apache-2.0
#include "image/scan.h"

#include <stdlib.h>
#include <string.h>

#include <Zydis/Zydis.h>

#include "image/scan_elf.h"

#define SITES_MAX       (1u << 20)
#define INSTRUCTION_MAX 15
#define NEIGHBOURS      16    // instructions before and after a site that a window may take in
#define TABLE_MAX       4096u // entries of a jump table

struct scanner {
    ZydisDecoder decoder;
    struct scan_elf elf;
    struct scan_sites found;
    size_t capacity;
};

struct instruction {
    uint64_t address;
    uint8_t size;
    bool movable;  // may be executed elsewhere: not relative, no control flow
    bool sets_eax; // mov eax, imm32
    uint8_t site;  // enum site_kind; 0: none
};

struct sweep {     // what the first pass learnt of a function
    bool clean;    // every byte decoded
    bool indirect; // has a jump through a register or a table
    bool sites;
};

static bool decode(const struct scanner *s, uint64_t address, uint64_t end,
                   ZydisDecodedInstruction *ret)
{
    uint64_t size = MIN(end - address, (uint64_t)INSTRUCTION_MAX);
    struct span bytes = scan_bytes(&s->elf, address, size);
    return bytes.data && ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&s->decoder, NULL, bytes.data,
                                                                    bytes.size, ret));
}

static uint8_t site_kind_of(const ZydisDecodedInstruction *i)
{
    if (i->length != SITE_INSTRUCTION_SIZE)
        return 0;
    return i->mnemonic == ZYDIS_MNEMONIC_SYSCALL ? SITE_SYSCALL
           : i->mnemonic == ZYDIS_MNEMONIC_CPUID ? SITE_CPUID
                                                 : 0;
}

static bool is_movable(const ZydisDecodedInstruction *i)
{
    switch (i->meta.category) {
    case ZYDIS_CATEGORY_CALL:
    case ZYDIS_CATEGORY_RET:
    case ZYDIS_CATEGORY_COND_BR:
    case ZYDIS_CATEGORY_UNCOND_BR:
    case ZYDIS_CATEGORY_SYSCALL:
    case ZYDIS_CATEGORY_SYSRET:
    case ZYDIS_CATEGORY_INTERRUPT:
    case ZYDIS_CATEGORY_SYSTEM:
        return false;
    default:
        break;
    }
    return !(i->attributes & ZYDIS_ATTRIB_IS_RELATIVE) && i->mnemonic != ZYDIS_MNEMONIC_CPUID &&
           i->mnemonic != ZYDIS_MNEMONIC_UD2 && i->mnemonic != ZYDIS_MNEMONIC_HLT;
}

static bool is_rip_relative(const ZydisDecodedInstruction *i)
{
    return (i->attributes & ZYDIS_ATTRIB_HAS_MODRM) && i->raw.modrm.mod == 0 &&
           i->raw.modrm.rm == 5;
}

// Entries of a table of 32-bit distances, as compilers make for a switch in position-independent
// code: every place in the function that they may mean counts as a target.
static void mark_table(struct scanner *s, uint64_t table, const struct scan_function *f)
{
    for (uint64_t k = 0; k < TABLE_MAX; k++) {
        struct span entry = scan_bytes(&s->elf, table + 4 * k, 4);
        if (!entry.data)
            return;
        uint64_t target = table + (uint64_t)(int64_t)(int32_t)load_le32(entry.data);
        if (target < f->start || target >= f->end)
            return;
        scan_mark_target(&s->elf, target);
    }
}

// Everything that an instruction says about places in the code.
static void note_targets(struct scanner *s, const struct scan_function *f, uint64_t address,
                         const ZydisDecodedInstruction *i)
{
    uint64_t next = address + i->length;
    for (unsigned k = 0; k < 2; k++) {
        if (i->raw.imm[k].size == 0)
            continue;
        uint64_t value = i->raw.imm[k].value.u;
        if (i->raw.imm[k].is_relative)
            scan_mark_target(&s->elf, next + (uint64_t)i->raw.imm[k].value.s);
        else if (i->raw.imm[k].size >= 32)
            scan_mark_target(&s->elf, value);
    }
    if (i->mnemonic == ZYDIS_MNEMONIC_LEA && is_rip_relative(i)) {
        uint64_t place = next + (uint64_t)i->raw.disp.value;
        scan_mark_target(&s->elf, place);
        if (!scan_code(&s->elf, place, 1))
            mark_table(s, place, f);
    }
}

// The first pass over a function: targets, and whether it is worth a second one.
static struct sweep sweep_function(struct scanner *s, const struct scan_function *f)
{
    struct sweep sweep = {.clean = true, .indirect = f->landing_pads};
    ZydisDecodedInstruction i;
    for (uint64_t at = f->start; at < f->end; at += i.length) {
        if (!decode(s, at, f->end, &i)) {
            sweep.clean = false;
            break;
        }
        sweep.sites = sweep.sites || site_kind_of(&i);
        if (i.mnemonic == ZYDIS_MNEMONIC_JMP && i.raw.imm[0].size == 0 && !is_rip_relative(&i))
            sweep.indirect = true;
        note_targets(s, f, at, &i);
    }
    return sweep;
}

// Whether [first, last] may be one window around `site`: whole movable instructions, entered at the
// start alone, within one page, behind the window before.
static bool window_fits(struct scanner *s, const struct instruction *list, size_t first,
                        size_t last, size_t site, uint64_t free_from)
{
    uint64_t start = list[first].address, end = list[last].address + list[last].size;
    if (start < free_from || end - start < SITE_WINDOW_MIN || end - start > SITE_WINDOW_MAX ||
        start / SITE_PAGE_SIZE != (end - 1) / SITE_PAGE_SIZE)
        return false;
    for (size_t i = first; i <= last; i++) {
        if (i != site && !list[i].movable)
            return false;
        for (uint64_t at = list[i].address + (i == first); at < list[i].address + list[i].size;
             at++) {
            if (scan_is_target(&s->elf, at))
                return false;
        }
    }
    return true;
}

// The best window: as few instructions as possible, those before the site first. A function with
// jumps of unknown aim gets a window only where the number is loaded right before the call.
static struct site choose_window(struct scanner *s, const struct instruction *list, size_t count,
                                 size_t site, const struct sweep *sweep, uint64_t free_from)
{
    struct site chosen = {
        .offset = list[site].address, .kind = list[site].site, .window_size = SITE_WINDOW_TRAP};
    if (!sweep->clean)
        return chosen;
    for (size_t extra = 1; extra <= NEIGHBOURS; extra++) {
        for (size_t before = MIN(extra, site) + 1; before-- > 0;) {
            size_t after = extra - before;
            if (site + after >= count)
                continue;
            bool known = before == 1 && after == 0 && list[site - 1].sets_eax;
            if (sweep->indirect && !known)
                continue;
            if (!window_fits(s, list, site - before, site + after, site, free_from))
                continue;
            const struct instruction *first = &list[site - before], *last = &list[site + after];
            chosen.offset = first->address;
            chosen.window_size = (uint8_t)(last->address + last->size - first->address);
            chosen.instruction = (uint8_t)(list[site].address - first->address);
            return chosen;
        }
    }
    return chosen;
}

static struct result add_site(struct scanner *s, struct site site)
{
    const struct scan_segment *code = scan_code(&s->elf, site.offset, site.window_size);
    REQUIRE(code, ERR_INVALID, "site is outside the code");
    if (s->found.count == s->capacity) {
        size_t capacity = s->capacity ? 2 * s->capacity : 256;
        struct site *more =
            capacity <= SITES_MAX ? realloc(s->found.site, capacity * sizeof *more) : NULL;
        REQUIRE(more, ERR_MEMORY, "program has too many system-call sites");
        s->found.site = more;
        s->capacity = capacity;
    }
    site.offset = code->offset + (site.offset - code->address);
    s->found.site[s->found.count++] = site;
    return RESULT_OK;
}

// The second pass: instructions into `list`, then a window for each site.
static struct result place_windows(struct scanner *s, const struct scan_function *f,
                                   const struct sweep *sweep, struct instruction *list,
                                   uint64_t *free_from)
{
    size_t count = 0;
    ZydisDecodedInstruction i;
    for (uint64_t at = f->start; at < f->end && decode(s, at, f->end, &i); at += i.length) {
        list[count++] = (struct instruction){
            .address = at,
            .size = i.length,
            .movable = is_movable(&i),
            .sets_eax = i.mnemonic == ZYDIS_MNEMONIC_MOV && i.length == 5 && i.opcode == 0xb8,
            .site = site_kind_of(&i),
        };
    }
    for (size_t k = 0; k < count; k++) {
        if (!list[k].site || list[k].address < *free_from)
            continue;
        struct site site = choose_window(s, list, count, k, sweep, *free_from);
        *free_from = site.offset + site.window_size;
        GUARD(add_site(s, site));
    }
    return RESULT_OK;
}

static struct result scan_functions(struct scanner *s, struct sweep *sweeps)
{
    struct scan_elf *e = &s->elf;
    uint64_t longest = 0;
    for (size_t i = 0; i < e->function_count; i++) {
        sweeps[i] = sweep_function(s, &e->function[i]);
        if (sweeps[i].sites)
            longest = MAX(longest, e->function[i].end - e->function[i].start);
    }
    // Overlapping ranges mean that somebody is wrong about a boundary: trap, rather.
    for (size_t i = 1; i < e->function_count; i++) {
        if (e->function[i].start < e->function[i - 1].end)
            sweeps[i].clean = sweeps[i - 1].clean = false;
    }
    struct instruction *list = calloc(longest + 1, sizeof *list);
    REQUIRE(list, ERR_MEMORY, "out of memory");
    struct result result = RESULT_OK;
    uint64_t free_from = 0;
    for (size_t i = 0; is_ok(result) && i < e->function_count; i++) {
        if (sweeps[i].sites)
            result = place_windows(s, &e->function[i], &sweeps[i], list, &free_from);
    }
    free(list);
    return result;
}

static int compare_sites(const void *a, const void *b)
{
    const struct site *x = a, *y = b;
    return x->offset < y->offset ? -1 : x->offset > y->offset;
}

struct result scan_program(struct span file, struct scan_sites *ret)
{
    struct scanner s = {.capacity = 0};
    REQUIRE(ZYAN_SUCCESS(
                ZydisDecoderInit(&s.decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64)),
            ERR_UNSUPPORTED, "disassembler does not start");
    GUARD(scan_elf_open(file, &s.elf));
    struct sweep *sweeps = calloc(s.elf.function_count + 1, sizeof *sweeps);
    struct result result = sweeps ? scan_functions(&s, sweeps) : fail(ERR_MEMORY, "out of memory");
    free(sweeps);
    scan_elf_done(&s.elf);
    if (!is_ok(result)) {
        free(s.found.site);
        return result;
    }
    if (s.found.count)
        qsort(s.found.site, s.found.count, sizeof *s.found.site, compare_sites);
    *ret = s.found;
    return RESULT_OK;
}
