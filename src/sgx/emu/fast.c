// SPDX-License-Identifier: Apache-2.0
// Fast mode: after EINIT, each listed `mov eax, leaf; enclu` gets a `jmp` over its first five bytes, to a
// stub of its own just outside ELRANGE. The three bytes of ENCLU stay: an enclave that resumes at ENCLU
// itself, after a fault of it, takes the trap.
//
// A stub finds its thread by the GS base, which is the thread's OGSBASE while kernel code runs; with any
// other GS base it executes the ENCLU and traps. It spends RAX and the arithmetic flags, which the leaves
// define (EMODPE leaves flags alone: there the patched site differs from the CPU). EREPORT and EGETKEY
// are not patched.
#include "sgx/emu/raw.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/cursor.h"

#define SITE_SIZE    8u
#define SITES_MAX    4096u
#define GS_PAGES_MAX (1u << 22) // how far apart the OGSBASEs may be
#define JMP_REACH    0x7ff00000ull

// The first bytes of the stubs' mapping: what every stub reads.
struct stub_data {
    uint64_t gs_low;
    uint64_t gs_count;
    uint64_t gs_table;
    uint64_t leaf;  // sgx_emu_leaf
    uint64_t eexit; // sgx_emu_eexit
};

struct result sgx_emu_enclu_sites(struct sgx_enclave *e, const uint64_t *offsets, size_t count)
{
    REQUIRE(!e->initialized, ERR_INVALID, "the enclave is initialized");
    REQUIRE(count <= SITES_MAX, ERR_RANGE, "too many ENCLU sites");
    struct sgx_emu_site *sites = calloc(count + 1, sizeof *sites);
    REQUIRE(sites, ERR_MEMORY, "out of memory");
    for (size_t i = 0; i < count; i++)
        sites[i].address = offsets[i];
    free(e->sites);
    e->sites = sites;
    e->site_count = count;
    return RESULT_OK;
}

static bool patchable(uint32_t leaf)
{
    return leaf >= ENCLU_EEXIT && leaf <= ENCLU_EACCEPTCOPY;
}

// Reads the site and checks that it is what the note says.
static struct result check_site(struct sgx_enclave *e, struct sgx_emu_site *site)
{
    uint8_t bytes[SITE_SIZE];
    struct sgx_emu_fault f;
    REQUIRE(site->address < e->end - SITE_SIZE, ERR_RANGE, "an ENCLU site is outside the enclave");
    REQUIRE(
        sgx_emu_operand(e, site->address, 1, SGX_SECINFO_R | SGX_SECINFO_X, &f) &&
            sgx_emu_operand(e, site->address + SITE_SIZE - 1, 1, SGX_SECINFO_R | SGX_SECINFO_X, &f),
        ERR_INVALID, "an ENCLU site is not in a code page");
    raw_read(bytes, site->address, sizeof bytes);
    site->leaf = load_le32(bytes + 1);
    REQUIRE(bytes[0] == 0xb8 && bytes[5] == 0x0f && bytes[6] == 0x01 && bytes[7] == 0xd7 &&
                site->leaf <= ENCLU_EACCEPTCOPY,
            ERR_INVALID, "an ENCLU site does not hold `mov eax, leaf; enclu`");
    return RESULT_OK;
}

static void put_relative(struct writer *w, const struct sgx_enclave *e, size_t field)
{
    uint64_t next = (uint64_t)(w->data + w->size) + 4;
    put_le32(w, (uint32_t)((uint64_t)e->stubs + field - next));
}

#define PUT(w, ...)                            \
    do {                                       \
        const uint8_t code_[] = {__VA_ARGS__}; \
        put_bytes(w, code_, sizeof code_);     \
    } while (0)

static void put_u32_after(struct writer *w, const uint8_t *opcode, size_t size, uint32_t value)
{
    put_bytes(w, opcode, size);
    put_le32(w, value);
}

static void write_stub(const struct sgx_enclave *e, uint32_t index, struct writer *w)
{
    const struct sgx_emu_site *site = &e->sites[index];
    PUT(w, 0xf3, 0x48, 0x0f, 0xae, 0xc8); // rdgsbase rax
    PUT(w, 0x48, 0x2b, 0x05);             // sub rax, [gs_low]
    put_relative(w, e, offsetof(struct stub_data, gs_low));
    PUT(w, 0x48, 0xc1, 0xc8, 12); // ror rax, 12
    PUT(w, 0x48, 0x3b, 0x05);     // cmp rax, [gs_count]
    put_relative(w, e, offsetof(struct stub_data, gs_count));
    PUT(w, 0x73, 0); // jae trap
    size_t above = w->size;
    PUT(w, 0x48, 0xc1, 0xe0, 3); // shl rax, 3
    PUT(w, 0x48, 0x03, 0x05);    // add rax, [gs_table]
    put_relative(w, e, offsetof(struct stub_data, gs_table));
    PUT(w, 0x48, 0x8b, 0x00); // mov rax, [rax]
    PUT(w, 0x48, 0x85, 0xc0); // test rax, rax
    PUT(w, 0x74, 0);          // jz trap
    size_t unknown = w->size;
    PUT(w, 0xc7, 0x80); // mov dword [rax + T_SITE], index
    put_le32(w, T_SITE);
    put_le32(w, index);
    PUT(w, 0xff, 0x25); // jmp [leaf or eexit]
    put_relative(w, e,
                 site->leaf == ENCLU_EEXIT ? offsetof(struct stub_data, eexit)
                                           : offsetof(struct stub_data, leaf));
    if (!w->failed) {
        w->data[above - 1] = (uint8_t)(w->size - above);
        w->data[unknown - 1] = (uint8_t)(w->size - unknown);
    }
    put_u32_after(w, (const uint8_t[]){0xb8}, 1, site->leaf); // trap: mov eax, leaf
    PUT(w, 0x0f, 0x01, 0xd7);                                 // enclu; goes on behind the site
    PUT(w, 0x0f, 0x0b);
}

// The table of threads by GS base. Without TCSs, or with OGSBASEs far apart, there is none.
static struct result make_gs_table(struct sgx_enclave *e)
{
    uint64_t low = UINT64_MAX, high = 0;
    for (size_t i = 0; i < e->tcs_count; i++) {
        low = MIN(low, e->tcs[i].ogsbase);
        high = MAX(high, e->tcs[i].ogsbase);
    }
    uint64_t count = e->tcs_count ? (high - low) / SGX_PAGE_SIZE + 1 : 0;
    if (count == 0 || count > GS_PAGES_MAX)
        return RESULT_OK;
    void *p = mmap(NULL, count * sizeof *e->gs_table, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    REQUIRE(p != MAP_FAILED, ERR_MEMORY, "out of memory");
    e->gs_table = p;
    e->gs_low = low;
    e->gs_count = count;
    return RESULT_OK;
}

static struct result map_stubs(struct sgx_enclave *e)
{
    size_t size = align_up(SGX_EMU_STUB_SIZE * (e->site_count + 1), SGX_PAGE_SIZE);
    void *p = mmap((void *)e->end, size, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    REQUIRE(p == (void *)e->end, ERR_MEMORY, "no room for the trampoline behind ELRANGE");
    e->stubs = p;
    e->stubs_size = size;
    const struct stub_data data = {
        .gs_low = e->gs_low,
        .gs_count = e->gs_count,
        .gs_table = (uint64_t)e->gs_table,
        .leaf = (uint64_t)sgx_emu_leaf,
        .eexit = (uint64_t)sgx_emu_eexit,
    };
    _Static_assert(sizeof data <= SGX_EMU_STUB_SIZE, "stub data");
    memcpy(p, &data, sizeof data);
    return RESULT_OK;
}

static struct result write_stubs(struct sgx_enclave *e)
{
    for (size_t i = 0; i < e->site_count; i++) {
        if (!patchable(e->sites[i].leaf))
            continue;
        struct writer w = writer_on(e->stubs + SGX_EMU_STUB_SIZE * (i + 1), SGX_EMU_STUB_SIZE);
        write_stub(e, (uint32_t)i, &w);
        REQUIRE(!w.failed, ERR_RANGE, "an ENCLU stub is too large");
    }
    REQUIRE(mprotect(e->stubs, e->stubs_size, PROT_READ | PROT_EXEC) == 0, ERR_IO,
            "cannot make the trampoline executable");
    return RESULT_OK;
}

static void patch_site(struct sgx_enclave *e, size_t index)
{
    const struct sgx_emu_site *site = &e->sites[index];
    uint64_t stub = (uint64_t)e->stubs + SGX_EMU_STUB_SIZE * (index + 1);
    if (!patchable(site->leaf) || stub - site->address > JMP_REACH)
        return;
    uint8_t jmp[5] = {0xe9};
    store_le32(jmp + 1, (uint32_t)(stub - (site->address + sizeof jmp)));
    // A site at a page's end is written in two pieces: each page has its own protection.
    size_t first = MIN(sizeof jmp, SGX_PAGE_SIZE - site->address % SGX_PAGE_SIZE);
    sgx_emu_poke(e, site->address, jmp, first);
    if (first < sizeof jmp)
        sgx_emu_poke(e, site->address + first, jmp + first, sizeof jmp - first);
}

struct result sgx_emu_fast_prepare(struct sgx_enclave *e)
{
    for (size_t i = 0; i < e->site_count; i++)
        GUARD(check_site(e, &e->sites[i]));
    if (e->trap_mode || e->site_count == 0)
        return RESULT_OK;
    GUARD(make_gs_table(e));
    if (!e->gs_table)
        return RESULT_OK;
    GUARD(map_stubs(e));
    GUARD(write_stubs(e));
    for (size_t i = 0; i < e->site_count; i++)
        patch_site(e, i);
    return RESULT_OK;
}

void sgx_emu_fast_bind(struct sgx_enclave *e, struct sgx_emu_thread *t)
{
    if (e->gs_table)
        e->gs_table[(t->tcs->ogsbase - e->gs_low) / SGX_PAGE_SIZE] = t;
}

uint64_t sgx_emu_fast_origin(const struct sgx_enclave *e, uint64_t rip)
{
    uint64_t at = rip - (uint64_t)e->stubs;
    if (!e->stubs || at < SGX_EMU_STUB_SIZE || at >= e->stubs_size)
        return 0;
    size_t index = at / SGX_EMU_STUB_SIZE - 1;
    return index < e->site_count ? e->sites[index].address + 5 : 0;
}

void sgx_emu_fast_done(struct sgx_enclave *e)
{
    if (e->stubs)
        munmap(e->stubs, e->stubs_size);
    if (e->gs_table)
        munmap(e->gs_table, e->gs_count * sizeof *e->gs_table);
    free(e->sites);
    e->stubs = NULL;
    e->gs_table = NULL;
    e->sites = NULL;
}
