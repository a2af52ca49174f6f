// SPDX-License-Identifier: Apache-2.0
// Patching of system-call and CPUID sites; see patch.h.
#include "kernel/loader/patch.h"

#include "kernel/entry/entry.h"
#include "kernel/mm/mm.h"
#include "kernel/vfs/vfs.h"
#include "shield/sites.h"

#define SLOT_SIZE  80u
#define SLOT_ENTRY 72u // in a slot: the kernel's entry, read by the slot's jmp
#define REACH      (1ull << 30)
#define UD2_SECOND 0x0b
#define STUBS_NAME "[stubs]"

struct patch_set {
    struct patch_set *next;
    struct site_file sites;
    uint64_t address; // where `offset` of the file is mapped
    uint64_t offset;
    uint32_t first, count; // of the file's sites, those in the mapped range
    uint64_t stubs;        // address of the first slot; 0: no room near, everything stays trapped
};

static struct span table;
static bool have_table, patching;
static struct patch_set *sets;
static uint64_t patched;

void patch_boot(bool enabled)
{
    void *data;
    size_t size;
    if (erofs_read_file("/.cloister/sites", &data, &size) < 0)
        return;
    table = SPAN(data, size);
    if (!is_ok(sites_check(table)))
        panic("the table of system-call sites is malformed");
    have_table = true;
    patching = enabled;
}

uint64_t patch_count(void)
{
    return patched;
}

// The first site at or above a file offset.
static uint32_t site_lower_bound(const struct site_file *f, uint64_t offset)
{
    uint32_t low = 0, high = f->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (site_at(f, middle).offset < offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static uint64_t reserve_stubs(uint64_t address, uint64_t size, uint32_t count)
{
    uint64_t bytes = align_up((uint64_t)count * SLOT_SIZE, PAGE_SIZE);
    uint64_t low = address > REACH ? address - REACH : PAGE_SIZE * 1024;
    uint64_t high = MIN(address + size + REACH, USER_END - (64ull << 20));
    uint64_t at = vma_find_gap(bytes, low, high, true);
    if (!at)
        return 0;
    struct vma v = {.start = at,
                    .end = at + bytes,
                    .prot = PROT_READ | PROT_EXEC,
                    .flags = MAP_PRIVATE,
                    .name = STUBS_NAME};
    return vma_insert(&v) < 0 ? 0 : at;
}

struct patch_set *patch_set_for(struct file *f, uint64_t address, uint64_t offset, uint64_t size)
{
    struct site_file sites;
    char *path = have_table ? kzalloc(4096) : NULL;
    long length = path ? vfs_path(f, path, 4096) : -1;
    bool found = length > 0 && sites_find(table, SPAN(path, (size_t)length), &sites);
    kfree(path);
    if (!found)
        return NULL;
    uint32_t first = site_lower_bound(&sites, offset);
    uint32_t count = site_lower_bound(&sites, offset + size) - first;
    struct patch_set *set = count ? kzalloc(sizeof *set) : NULL;
    if (!set)
        return NULL;
    *set = (struct patch_set){sets, sites, address, offset, first, count, 0};
    if (patching)
        set->stubs = reserve_stubs(address, size, count);
    sets = set;
    return set;
}

// rel32 of a jump or address at `from` (the end of its instruction).
static void put_rel32(uint8_t *at, uint64_t from, uint64_t to)
{
    store_le32(at, (uint32_t)(int32_t)(int64_t)(to - from));
}

static void make_stub(uint8_t *slot, uint64_t slot_address, const struct site *site,
                      const uint8_t *window, uint64_t window_end)
{
    static const uint8_t lea[2][3] = {{0x48, 0x8d, 0x0d},
                                      {0x48, 0x8d, 0x15}}; // rcx, rdx: [rip + …]
    uint64_t n = 0;
    memset(slot, 0xcc, SLOT_SIZE);
    memcpy(slot, window, site->instruction);
    n += site->instruction;
    memcpy(slot + n, lea[site->kind == SITE_CPUID], 3);
    store_le32(slot + n + 3, 6); // over the jmp
    n += 7;
    slot[n] = 0xff; // jmp *[rip + …]
    slot[n + 1] = 0x25;
    put_rel32(slot + n + 2, n + 6, SLOT_ENTRY);
    n += 6;
    uint32_t after = site->instruction + SITE_INSTRUCTION_SIZE;
    memcpy(slot + n, window + after, site->window_size - after);
    n += site->window_size - after;
    slot[n] = 0xe9;
    put_rel32(slot + n + 1, slot_address + n + 5, window_end);
    store_le64(slot + SLOT_ENTRY,
               (uint64_t)(site->kind == SITE_CPUID ? &cpuid_entry : &syscall_entry));
}

static bool patch_site(const struct patch_set *set, uint32_t index, const struct site *site,
                       uint8_t *window)
{
    uint64_t slot = set->stubs + (uint64_t)(index - set->first) * SLOT_SIZE;
    uint64_t address = set->address + (site->offset - set->offset);
    uint8_t code[SLOT_SIZE];
    make_stub(code, slot, site, window, address + site->window_size);
    if (copy_user((void *)slot, code, sizeof code) < 0)
        return false;
    memset(window, 0x90, site->window_size);
    window[0] = 0xe9;
    put_rel32(window + 1, address + 5, slot);
    patched++;
    return true;
}

// The slots of sites [first, end) become writable, and executable again afterwards.
static bool open_slots(const struct patch_set *set, uint32_t first, uint32_t end, bool writable)
{
    uint64_t start = align_down(set->stubs + (uint64_t)(first - set->first) * SLOT_SIZE, PAGE_SIZE);
    uint64_t stop = align_up(set->stubs + (uint64_t)(end - set->first) * SLOT_SIZE, PAGE_SIZE);
    if (!writable)
        return epc_protect(start, stop, PROT_READ | PROT_EXEC) == 0;
    for (uint64_t page = start; page < stop; page += PAGE_SIZE)
        if (!page_state(page) &&
            epc_accept_zero(page, page + PAGE_SIZE, PROT_READ | PROT_WRITE) < 0)
            return false;
    return epc_protect(start, stop, PROT_READ | PROT_WRITE) == 0;
}

void patch_apply(const struct patch_set *set, uint64_t file_offset, uint8_t *bytes, uint64_t size)
{
    if (!set)
        return;
    uint64_t low = file_offset > SITE_WINDOW_MAX ? file_offset - SITE_WINDOW_MAX : 0;
    uint32_t first = MAX(site_lower_bound(&set->sites, low), set->first);
    uint32_t end = MIN(site_lower_bound(&set->sites, file_offset + size), set->first + set->count);
    if (first >= end)
        return;
    bool open = set->stubs && open_slots(set, first, end, true);
    for (uint32_t i = first; i < end; i++) {
        struct site site = site_at(&set->sites, i);
        // A window that crosses the cluster's edge stays as it is: trapped.
        bool whole =
            site.offset >= file_offset && site.offset + site.window_size <= file_offset + size;
        if (open && whole && site.window_size >= SITE_WINDOW_MIN &&
            patch_site(set, i, &site, bytes + (site.offset - file_offset)))
            continue;
        uint64_t second = site.offset + site.instruction + 1;
        if (site.kind == SITE_CPUID && second >= file_offset && second < file_offset + size)
            bytes[second - file_offset] = UD2_SECOND;
    }
    if (open && !open_slots(set, first, end, false))
        panic("stubs could not be made executable");
}

bool patch_is_cpuid(uint64_t address)
{
    const struct vma *v = vma_find(address);
    if (!v || !v->patches)
        return false;
    uint64_t offset = v->offset + (address - v->start);
    const struct patch_set *set = v->patches;
    uint32_t i =
        site_lower_bound(&set->sites, offset > SITE_WINDOW_MAX ? offset - SITE_WINDOW_MAX : 0);
    for (; i < set->sites.count; i++) {
        struct site site = site_at(&set->sites, i);
        if (site.offset > offset)
            return false;
        if (site.kind == SITE_CPUID && site.offset + site.instruction == offset)
            return true;
    }
    return false;
}

void patch_reset(void)
{
    while (sets) {
        struct patch_set *next = sets->next;
        kfree(sets);
        sets = next;
    }
}
