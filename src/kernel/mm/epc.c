// SPDX-License-Identifier: Apache-2.0
// Enclave pages (EDMM): EACCEPT, EACCEPTCOPY, EMODPE, and the host's part of EMODPR and EMODT.
// Intel SDM vol. 3D, "EACCEPT", "EACCEPTCOPY", "EMODPE". An absent page is augmented (EAUG) by the host's
// driver when EACCEPT touches it.
//
// - The state of each page of the program's range is one byte, in chunks made on first use.
// - What the host answers does not matter: EACCEPT compares every attribute, and a mismatch ends the
//   enclave, since no honest host brings it about.
#include "kernel/mm/mm.h"

#include "kernel/entry/enclu.h"
#include "kernel/hostcall/stubs.h"

#define CHUNK_PAGES 4096u
#define CHUNK_COUNT (USER_END / PAGE_SIZE / CHUNK_PAGES)

static uint8_t *chunks[CHUNK_COUNT];
static uint64_t budget, used, peak; // bytes

_Static_assert(PROT_READ == SGX_SECINFO_R && PROT_WRITE == SGX_SECINFO_W &&
                   PROT_EXEC == SGX_SECINFO_X,
               "Linux's PROT bits are SECINFO's");

void epc_set_budget(uint64_t bytes)
{
    budget = bytes;
}

uint64_t epc_used(void)
{
    return used;
}

uint64_t epc_peak(void)
{
    return peak;
}

long epc_charge(uint64_t bytes)
{
    if (used + bytes > budget)
        return -ENOMEM;
    used += bytes;
    peak = MAX(peak, used);
    return 0;
}

void epc_uncharge(uint64_t bytes)
{
    used -= bytes;
}

uint8_t page_state(uint64_t address)
{
    const uint8_t *chunk = chunks[address / PAGE_SIZE / CHUNK_PAGES];
    return chunk ? chunk[address / PAGE_SIZE % CHUNK_PAGES] : 0;
}

static long set_page_state(uint64_t address, uint8_t state)
{
    uint8_t **chunk = &chunks[address / PAGE_SIZE / CHUNK_PAGES];
    if (!*chunk)
        *chunk = kpages_alloc(1);
    if (!*chunk)
        return -ENOMEM;
    (*chunk)[address / PAGE_SIZE % CHUNK_PAGES] = state;
    return 0;
}

static void leaf_accept(uint64_t page, uint64_t flags)
{
    struct sgx_secinfo secinfo = {.flags = flags};
    uint64_t code = enclu_eaccept(&secinfo, (void *)page, NULL);
    if (code != SGX_SUCCESS)
        panic("EACCEPT of %lx: the host gave other page attributes (code %lu)", page, code);
}

static void leaf_extend(uint64_t page, int prot)
{
    struct sgx_secinfo secinfo = {.flags = SGX_SECINFO_REG | (uint64_t)prot};
    (void)enclu_emodpe(&secinfo, (void *)page, NULL);
}

// SGX has no write-only pages; and what can be executed can be read, as on Linux's x86 (the kernel does).
static int sgx_prot(int prot)
{
    prot &= PROT_READ | PROT_WRITE | PROT_EXEC;
    return prot ? prot | PROT_READ : 0;
}

void epc_accept_raw(uint64_t page)
{
    leaf_accept(page, SGX_SECINFO_REG | SGX_SECINFO_R | SGX_SECINFO_W | SGX_SECINFO_PENDING);
}

// RW as EAUG gives; what prot lacks is taken away by the caller for the whole range at once.
long epc_accept_zero(uint64_t start, uint64_t end, int prot)
{
    long r = epc_charge(end - start);
    if (r < 0)
        return r;
    for (uint64_t page = start; page < end; page += PAGE_SIZE) {
        if (set_page_state(page, PAGE_PRESENT | PROT_READ | PROT_WRITE) < 0) {
            epc_uncharge(end - page);
            return -ENOMEM;
        }
        epc_accept_raw(page);
    }
    return prot == (PROT_READ | PROT_WRITE) ? 0 : epc_protect(start, end, prot);
}

long epc_accept_copy(uint64_t page, const void *source, int prot)
{
    long r = epc_charge(PAGE_SIZE);
    if (r < 0)
        return r;
    int accepted = sgx_prot(prot);
    r = set_page_state(page, (uint8_t)(PAGE_PRESENT | accepted));
    if (r < 0) {
        epc_uncharge(PAGE_SIZE);
        return r;
    }
    struct sgx_secinfo secinfo = {.flags = SGX_SECINFO_REG | (uint64_t)accepted};
    uint64_t code = enclu_eacceptcopy(&secinfo, (void *)page, (void *)source);
    if (code != SGX_SUCCESS)
        panic("EACCEPTCOPY of %lx: the host gave other page attributes (code %lu)", page, code);
    return 0;
}

// Pages of one state in [start, end).
static void restrict_run(uint64_t start, uint64_t end, int prot)
{
    if (host_epc_restrict(start, end - start, (uint32_t)prot) < 0)
        panic("the host does not restrict the pages from %lx", start);
    for (uint64_t page = start; page < end; page += PAGE_SIZE)
        leaf_accept(page, SGX_SECINFO_REG | SGX_SECINFO_PR | (uint64_t)prot);
}

long epc_protect(uint64_t start, uint64_t end, int prot)
{
    prot = sgx_prot(prot);
    for (uint64_t page = start, next; page < end; page = next) {
        next = page + PAGE_SIZE;
        uint8_t state = page_state(page);
        if (!state)
            continue;
        while (next < end && page_state(next) == state)
            next += PAGE_SIZE;
        int old = state & 7;
        if (prot & ~old)
            for (uint64_t p = page; p < next; p += PAGE_SIZE)
                leaf_extend(p, old | prot);
        if (old & ~prot)
            restrict_run(page, next, prot);
        for (uint64_t p = page; p < next; p += PAGE_SIZE)
            (void)set_page_state(p, (uint8_t)(PAGE_PRESENT | prot)); // its chunk exists
    }
    return 0;
}

static void release_run(uint64_t start, uint64_t end)
{
    if (host_epc_trim(start, end - start) < 0)
        panic("the host does not trim the pages from %lx", start);
    for (uint64_t page = start; page < end; page += PAGE_SIZE)
        leaf_accept(page, SGX_SECINFO_TRIM | SGX_SECINFO_MODIFIED);
    if (host_epc_remove(start, end - start) < 0)
        panic("the host does not remove the pages from %lx", start);
}

void epc_release_raw(uint64_t start, uint64_t end)
{
    release_run(start, end);
}

void epc_release(uint64_t start, uint64_t end)
{
    for (uint64_t page = start, next; page < end; page = next) {
        next = page + PAGE_SIZE;
        if (!chunks[page / PAGE_SIZE / CHUNK_PAGES]) {
            next = align_down(page, CHUNK_PAGES * PAGE_SIZE) + CHUNK_PAGES * PAGE_SIZE;
            continue;
        }
        if (!page_state(page))
            continue;
        while (next < end && page_state(next))
            next += PAGE_SIZE;
        release_run(page, next);
        for (uint64_t p = page; p < next; p += PAGE_SIZE)
            (void)set_page_state(p, 0);
        epc_uncharge(next - page);
    }
}
