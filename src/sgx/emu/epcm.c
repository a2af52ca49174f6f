// SPDX-License-Identifier: Apache-2.0
// The EPC map: one entry a page, a lock, and the host's page protection that follows it. Extending the
// protection is lazy: EACCEPT and EMODPE change the entry alone, and the first touch repairs the whole run
// of pages around it with one mprotect. Restricting is immediate.
//
// General registers only: patched ENCLUs call this with the enclave's vector registers live.
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("general-regs-only"))), apply_to = function)
#else
#pragma GCC target("general-regs-only")
#endif
#include "sgx/emu/raw.h"

#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>

#define SPINS_MAX            200u
#define RUN_PAGES_MAX        16384u // that one repair looks at, in each direction
#define POPULATE_SIZE_MAX    (64u * 1024)
#define MADV_POPULATE_WRITE_ 23 // Linux 5.14; without it the pages fault in one by one

void sgx_emu_lock(struct sgx_enclave *e)
{
    for (unsigned spins = 0; atomic_flag_test_and_set_explicit(&e->epcm_lock, memory_order_acquire);
         spins++) {
        __builtin_ia32_pause();
        if (spins % SPINS_MAX == SPINS_MAX - 1)
            raw_syscall(SYS_sched_yield, 0, 0, 0, 0);
    }
}

void sgx_emu_unlock(struct sgx_enclave *e)
{
    atomic_flag_clear_explicit(&e->epcm_lock, memory_order_release);
}

static int host_protection(unsigned rwx)
{
    return (rwx & SGX_SECINFO_R ? PROT_READ : 0) | (rwx & SGX_SECINFO_W ? PROT_WRITE : 0) |
           (rwx & SGX_SECINFO_X ? PROT_EXEC : 0);
}

void sgx_emu_protect(struct sgx_enclave *e, uint64_t start, uint64_t end, unsigned rwx)
{
    long r = raw_syscall(SYS_mprotect, (long)start, (long)(end - start), host_protection(rwx), 0);
    if (r != 0) { // out of mappings: nothing that the enclave could be told
        static const char text[] = "sgx/emu: mprotect failed (vm.max_map_count?)\n";
        raw_syscall(SYS_write, 2, (long)text, sizeof text - 1, 0);
        abort();
    }
    for (uint64_t a = start; a < end; a += SGX_PAGE_SIZE) {
        uint16_t *entry = sgx_emu_epcm(e, a);
        *entry = (uint16_t)((*entry & ~EPCM_HOST) | rwx << EPCM_HOST_SHIFT);
    }
}

static bool lags(uint16_t entry, unsigned rwx)
{
    return sgx_emu_effective(entry) == rwx && entry >> EPCM_HOST_SHIFT != rwx;
}

// Gives the page its effective protection, and its neighbours that wait for the same.
static void repair(struct sgx_enclave *e, uint64_t page)
{
    unsigned rwx = sgx_emu_effective(*sgx_emu_epcm(e, page));
    if (!lags(*sgx_emu_epcm(e, page), rwx))
        return; // another thread was faster
    uint64_t start = page, end = page + SGX_PAGE_SIZE;
    uint64_t lowest = page / SGX_PAGE_SIZE > RUN_PAGES_MAX + SGX_EMU_FIRST_PAGE / SGX_PAGE_SIZE
                          ? page - RUN_PAGES_MAX * (uint64_t)SGX_PAGE_SIZE
                          : SGX_EMU_FIRST_PAGE;
    uint64_t highest = MIN(e->end, page + RUN_PAGES_MAX * (uint64_t)SGX_PAGE_SIZE);
    while (start > lowest && lags(*sgx_emu_epcm(e, start - SGX_PAGE_SIZE), rwx))
        start -= SGX_PAGE_SIZE;
    while (end < highest && lags(*sgx_emu_epcm(e, end), rwx))
        end += SGX_PAGE_SIZE;
    sgx_emu_protect(e, start, end, rwx);
    // A short run is a cluster that the kernel is about to fill: all at once costs less than a fault a page.
    if ((rwx & SGX_SECINFO_W) && end - start <= POPULATE_SIZE_MAX)
        raw_syscall(SYS_madvise, (long)start, (long)(end - start), MADV_POPULATE_WRITE_, 0);
}

void sgx_emu_augment(struct sgx_enclave *e, uint64_t address)
{
    *sgx_emu_epcm(e, address) = EPCM_REG | EPCM_PENDING | SGX_SECINFO_R | SGX_SECINFO_W;
}

static uint32_t error_code(unsigned rwx, uint32_t more)
{
    return SGX_PFEC_U | more | (rwx & SGX_SECINFO_W ? SGX_PFEC_W : 0) |
           (rwx & SGX_SECINFO_X ? SGX_PFEC_I : 0);
}

static bool resolve(struct sgx_enclave *e, uint64_t address, unsigned rwx,
                    struct sgx_emu_fault *ret)
{
    ret->vector = SGX_VECTOR_PF;
    ret->address = address;
    ret->error_code = error_code(rwx, 0);
    if (address < SGX_EMU_FIRST_PAGE)
        return false; // no mapping there, as with the driver
    if (*sgx_emu_epcm(e, address) == 0)
        sgx_emu_augment(e, address);
    if ((sgx_emu_effective(*sgx_emu_epcm(e, address)) & rwx) == rwx) {
        repair(e, align_down(address, SGX_PAGE_SIZE));
        return true;
    }
    bool mapping = sgx_emu_unmapped(*sgx_emu_epcm(e, address)) & rwx;
    ret->error_code = error_code(rwx, mapping ? SGX_PFEC_P : SGX_PFEC_P | SGX_PFEC_SGX);
    return false;
}

bool sgx_emu_resolve(struct sgx_enclave *e, uint64_t address, unsigned rwx,
                     struct sgx_emu_fault *ret)
{
    sgx_emu_lock(e);
    bool ok = resolve(e, address, rwx, ret);
    sgx_emu_unlock(e);
    return ok;
}

bool sgx_emu_operand(struct sgx_enclave *e, uint64_t address, uint64_t alignment, unsigned rwx,
                     struct sgx_emu_fault *ret)
{
    if (address % alignment || address >= e->end) {
        sgx_emu_gp(ret);
        return false;
    }
    // The usual case without the lock: EPCM and host agree already.
    uint16_t entry = __atomic_load_n(sgx_emu_epcm(e, address), __ATOMIC_RELAXED);
    if ((sgx_emu_effective(entry) & rwx) == rwx && (entry >> EPCM_HOST_SHIFT & rwx) == rwx)
        return true;
    return sgx_emu_resolve(e, address, rwx, ret);
}

void sgx_emu_poke(struct sgx_enclave *e, uint64_t address, const void *from, size_t size)
{
    if (raw_syscall(SYS_pwrite64, e->mem_fd, (long)from, (long)size, (long)address) == (long)size)
        return;
    // No /proc: open the pages for a moment.
    uint64_t start = align_down(address, SGX_PAGE_SIZE);
    unsigned rwx = *sgx_emu_epcm(e, start) >> EPCM_HOST_SHIFT;
    sgx_emu_protect(e, start, start + SGX_PAGE_SIZE, SGX_SECINFO_R | SGX_SECINFO_W);
    raw_copy(address, from, size);
    sgx_emu_protect(e, start, start + SGX_PAGE_SIZE, rwx);
}

#ifdef __clang__
#pragma clang attribute pop
#endif
