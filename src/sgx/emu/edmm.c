// SPDX-License-Identifier: Apache-2.0
// Dynamic memory: EACCEPT, EMODPE, EACCEPTCOPY (SDM volume 3D, instruction reference), and the driver's
// three ioctls (EMODPR, EMODT to TRIM, EREMOVE) with its preconditions.
//
// General registers only: patched ENCLUs call this with the enclave's vector registers live.
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("general-regs-only"))), apply_to = function)
#else
#pragma GCC target("general-regs-only")
#endif
#include "sgx/emu/raw.h"

#include <sys/mman.h>

static bool page_operand(const struct sgx_enclave *e, uint64_t page, struct sgx_emu_fault *ret)
{
    if (page % SGX_PAGE_SIZE == 0 && page < e->end)
        return true;
    sgx_emu_gp(ret);
    return false;
}

static bool page_fault(uint64_t page, struct sgx_emu_fault *ret)
{
    *ret = (struct sgx_emu_fault){SGX_VECTOR_PF, SGX_PFEC_SGX | SGX_PFEC_P | SGX_PFEC_U, page};
    return false;
}

// Below the first mapped page there is no EPC page and never will be.
static bool no_mapping(uint64_t page, struct sgx_emu_fault *ret)
{
    if (page >= SGX_EMU_FIRST_PAGE)
        return false;
    *ret = (struct sgx_emu_fault){SGX_VECTOR_PF, SGX_PFEC_U, page};
    return true;
}

// SECINFO at RBX: readable, known flags, reserved fields zero.
static bool take_secinfo(struct sgx_enclave *e, uint64_t address, uint64_t *ret_flags,
                         struct sgx_emu_fault *ret)
{
    struct sgx_secinfo s;
    if (!sgx_emu_operand(e, address, sizeof s, SGX_SECINFO_R, ret))
        return false;
    raw_read(&s, address, sizeof s);
    const uint64_t known =
        SGX_SECINFO_RWX | EPCM_PENDING | EPCM_MODIFIED | EPCM_PR | SGX_SECINFO_TYPE_MASK;
    uint64_t reserved = s.flags & ~known;
    for (size_t i = 0; i < sizeof s.reserved; i++)
        reserved |= s.reserved[i];
    if (reserved) {
        sgx_emu_gp(ret);
        return false;
    }
    *ret_flags = s.flags;
    return true;
}

static bool accept_form(uint64_t flags)
{
    switch (flags & SGX_SECINFO_TYPE_MASK) {
    case SGX_SECINFO_REG:
        return (flags & (EPCM_PR | EPCM_PENDING)) && !(flags & EPCM_MODIFIED);
    case SGX_SECINFO_TCS:
    case SGX_SECINFO_TRIM:
        return (flags & EPCM_MODIFIED) && !(flags & (EPCM_PR | EPCM_PENDING));
    default:
        return false;
    }
}

static bool eaccept(struct sgx_enclave *e, struct sgx_emu_regs *r, struct sgx_emu_fault *ret)
{
    uint64_t flags, page = r->rcx;
    if (!take_secinfo(e, r->rbx, &flags, ret) || !page_operand(e, page, ret))
        return false;
    if (no_mapping(page, ret))
        return false;
    if (!accept_form(flags)) {
        sgx_emu_gp(ret);
        return false;
    }
    sgx_emu_lock(e);
    uint16_t *entry = sgx_emu_epcm(e, page);
    if (*entry == 0)
        sgx_emu_augment(e, page);
    // PR is not compared. Every ioctl below completes its tracking: SGX_NOT_TRACKED cannot happen.
    const uint64_t compared = EPCM_FLAGS & ~(uint64_t)EPCM_PR;
    bool match = (*entry & compared) == (flags & compared) && !(flags >> 16);
    if (match)
        *entry &= (uint16_t) ~(EPCM_PENDING | EPCM_MODIFIED | EPCM_PR);
    sgx_emu_unlock(e);
    sgx_emu_leaf_result(r, match ? SGX_SUCCESS : SGX_PAGE_ATTRIBUTES_MISMATCH);
    return true;
}

static bool emodpe(struct sgx_enclave *e, struct sgx_emu_regs *r, struct sgx_emu_fault *ret)
{
    uint64_t flags, page = r->rcx;
    if (!page_operand(e, page, ret) || !take_secinfo(e, r->rbx, &flags, ret))
        return false;
    if (no_mapping(page, ret))
        return false;
    sgx_emu_lock(e);
    uint16_t *entry = sgx_emu_epcm(e, page);
    if (*entry == 0)
        sgx_emu_augment(e, page);
    bool usable = (*entry & EPCM_TYPE) == EPCM_REG && !(*entry & (EPCM_PENDING | EPCM_MODIFIED));
    unsigned rwx = (*entry | (unsigned)flags) & EPCM_RWX;
    bool legal = !(rwx & SGX_SECINFO_W) || (rwx & SGX_SECINFO_R);
    if (usable && legal)
        *entry |= (uint16_t)rwx;
    sgx_emu_unlock(e);
    if (!usable)
        return page_fault(page, ret);
    if (!legal)
        sgx_emu_gp(ret);
    return legal;
}

static bool eacceptcopy(struct sgx_enclave *e, struct sgx_emu_regs *r, struct sgx_emu_fault *ret)
{
    uint64_t flags, page = r->rcx, source = r->rdx;
    if (!page_operand(e, page, ret) || !page_operand(e, source, ret) ||
        !take_secinfo(e, r->rbx, &flags, ret))
        return false;
    if ((flags & SGX_SECINFO_TYPE_MASK) != SGX_SECINFO_REG ||
        ((flags & SGX_SECINFO_W) && !(flags & SGX_SECINFO_R))) {
        sgx_emu_gp(ret);
        return false;
    }
    if (no_mapping(page, ret) || !sgx_emu_operand(e, source, SGX_PAGE_SIZE, SGX_SECINFO_R, ret))
        return false;
    sgx_emu_lock(e);
    uint16_t *entry = sgx_emu_epcm(e, page);
    if (*entry == 0)
        sgx_emu_augment(e, page);
    bool match = (*entry & (EPCM_TYPE | EPCM_PENDING | EPCM_MODIFIED | EPCM_RWX)) ==
                 (EPCM_REG | EPCM_PENDING | SGX_SECINFO_R | SGX_SECINFO_W);
    if (match) {
        sgx_emu_poke(e, page, (const void *)source, SGX_PAGE_SIZE);
        *entry = (uint16_t)((*entry & EPCM_HOST) | EPCM_REG | (flags & EPCM_RWX));
    }
    sgx_emu_unlock(e);
    sgx_emu_leaf_result(r, match ? SGX_SUCCESS : SGX_PAGE_ATTRIBUTES_MISMATCH);
    return true;
}

bool sgx_emu_edmm(struct sgx_enclave *e, struct sgx_emu_regs *r, struct sgx_emu_fault *ret)
{
    bool done = false;
    switch ((uint32_t)r->rax) {
    case ENCLU_EACCEPT:
        sgx_emu_count(&e->stats.eaccept);
        done = eaccept(e, r, ret);
        break;
    case ENCLU_EMODPE:
        sgx_emu_count(&e->stats.emodpe);
        done = emodpe(e, r, ret);
        break;
    case ENCLU_EACCEPTCOPY:
        sgx_emu_count(&e->stats.eacceptcopy);
        done = eacceptcopy(e, r, ret);
        break;
    default:
        sgx_emu_gp(ret);
    }
    if (done)
        r->rip += 3;
    return done;
}

void sgx_emu_fast_leaf(struct sgx_emu_thread *t)
{
    const struct sgx_emu_site *site = &t->enclave->sites[t->site];
    t->regs.rax = site->leaf;
    t->regs.rip = site->address + 5; // of the ENCLU behind the `mov`
    if (!sgx_emu_edmm(t->enclave, &t->regs, &t->fault))
        t->fault_pending = 1;
}

// --- the driver's ioctls ---------------------------------------------------------------------------

static struct result check_range(const struct sgx_enclave *e, uint64_t offset, uint64_t size)
{
    uint64_t end;
    REQUIRE(e->initialized, ERR_INVALID, "the enclave is not initialized");
    REQUIRE(size && offset % SGX_PAGE_SIZE == 0 && size % SGX_PAGE_SIZE == 0 &&
                !add_overflows(offset, size, &end) && offset >= SGX_EMU_FIRST_PAGE && end <= e->end,
            ERR_RANGE, "not whole pages inside the enclave");
    return RESULT_OK;
}

static struct result restrict_pages(struct sgx_enclave *e, uint64_t start, uint64_t end,
                                    unsigned rwx)
{
    uint64_t run = start; // pages from here on wait for protection `pending`
    unsigned pending = 0;
    struct result r = RESULT_OK;
    uint64_t a = start;
    for (; a < end; a += SGX_PAGE_SIZE) {
        uint16_t *entry = sgx_emu_epcm(e, a);
        if ((*entry & EPCM_TYPE) != EPCM_REG) {
            r = *entry ? fail(ERR_INVALID, "EMODPR takes regular pages only")
                       : fail(ERR_NOT_FOUND, "no such page in the enclave");
            break;
        }
        if (*entry & (EPCM_PENDING | EPCM_MODIFIED)) {
            r = fail(ERR_INVALID, "SGX_PAGE_NOT_MODIFIABLE");
            break;
        }
        *entry = (uint16_t)((*entry & ~(EPCM_RWX & ~rwx)) | EPCM_PR);
        unsigned now = sgx_emu_effective(*entry); // what was extended before comes along
        if (now != pending) {
            if (run < a)
                sgx_emu_protect(e, run, a, pending);
            run = a;
            pending = now;
        }
    }
    if (run < a)
        sgx_emu_protect(e, run, a, pending);
    return r;
}

struct result sgx_emu_restrict(struct sgx_enclave *e, uint64_t offset, uint64_t size, uint64_t rwx)
{
    GUARD(check_range(e, offset, size));
    REQUIRE(!(rwx & ~SGX_SECINFO_RWX) && (!(rwx & SGX_SECINFO_W) || (rwx & SGX_SECINFO_R)),
            ERR_INVALID, "not a set of page permissions");
    sgx_emu_lock(e);
    struct result r = restrict_pages(e, offset, offset + size, (unsigned)rwx);
    sgx_emu_unlock(e);
    return r;
}

struct result sgx_emu_trim(struct sgx_enclave *e, uint64_t offset, uint64_t size)
{
    GUARD(check_range(e, offset, size));
    struct result r = RESULT_OK;
    uint64_t a = offset;
    sgx_emu_lock(e);
    for (; a < offset + size; a += SGX_PAGE_SIZE) {
        uint16_t *entry = sgx_emu_epcm(e, a);
        bool type = (*entry & EPCM_TYPE) == EPCM_REG || (*entry & EPCM_TYPE) == EPCM_TCS;
        if (!type || (*entry & (EPCM_PENDING | EPCM_MODIFIED))) {
            r = *entry == 0 ? fail(ERR_NOT_FOUND, "no such page in the enclave")
                : type      ? fail(ERR_INVALID, "SGX_PAGE_NOT_MODIFIABLE")
                            : fail(ERR_INVALID, "EMODT takes regular and TCS pages only");
            break;
        }
        *entry = (uint16_t)((*entry & EPCM_HOST) | EPCM_TRIM | EPCM_MODIFIED);
    }
    if (a > offset)
        sgx_emu_protect(e, offset, a, 0);
    sgx_emu_unlock(e);
    return r;
}

struct result sgx_emu_remove(struct sgx_enclave *e, uint64_t offset, uint64_t size)
{
    GUARD(check_range(e, offset, size));
    struct result r = RESULT_OK;
    uint64_t a = offset;
    sgx_emu_lock(e);
    for (; a < offset + size; a += SGX_PAGE_SIZE) {
        uint16_t entry = *sgx_emu_epcm(e, a);
        if ((entry & EPCM_TYPE) != EPCM_TRIM || (entry & EPCM_MODIFIED)) {
            r = entry ? fail(ERR_DENIED, "the page is not trimmed and accepted")
                      : fail(ERR_NOT_FOUND, "no such page in the enclave");
            break;
        }
        *sgx_emu_epcm(e, a) = 0; // the host's protection is none since it was trimmed
    }
    if (a > offset && raw_syscall(SYS_madvise, (long)offset, (long)(a - offset), MADV_DONTNEED, 0))
        r = fail(ERR_IO, "cannot free the pages");
    sgx_emu_unlock(e);
    return r;
}

#ifdef __clang__
#pragma clang attribute pop
#endif
