// SPDX-License-Identifier: Apache-2.0
// ECREATE, EADD with EEXTEND, EINIT (SDM volume 3D, ENCLS leaves; Linux's driver), and the platform's table.
#include "sgx/emu/raw.h"

#include <cpuid.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include "crypto/sha256.h"
#include "sgx/sigstruct.h"

#define SIZE_MAX_LOG2       36u // CPUID.12H.0:EDX[15:8] of this CPU
#define TCS_MAX             4096u
#define HWCAP2_FSGSBASE_BIT 2u
#define XSAVE_BASE_SIZE     576u
#define XFRM_KNOWN          0x2e7ull // x87, SSE, AVX, AVX-512, PKRU
#define FLAGS_ALLOWED \
    (SGX_FLAGS_DEBUG | SGX_FLAGS_MODE64BIT | SGX_FLAGS_PROVISIONKEY | SGX_FLAGS_KSS)

static struct {
    char *state_dir;
    bool trap_mode;
} settings;

// --- ECREATE ---------------------------------------------------------------------------------------

static uint64_t host_xcr0(void)
{
    uint32_t a, d;
    __asm__("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
    return (uint64_t)d << 32 | a;
}

static void lay_out_xsave(struct sgx_enclave *e)
{
    e->xsave_size = XSAVE_BASE_SIZE;
    for (unsigned i = 2; i < SGX_EMU_XCOMPONENTS; i++) {
        unsigned size, offset, c, d;
        if (!(e->secs.attributes.xfrm >> i & 1))
            continue;
        __cpuid_count(0xd, i, size, offset, c, d);
        e->xcomponent[i].offset = offset;
        e->xcomponent[i].size = size;
        e->xsave_size = MAX(e->xsave_size, (uint64_t)offset + size);
    }
}

static struct result check_secs(const struct sgx_secs *s)
{
    struct sgx_secs rest = *s;
    bool kss = s->attributes.flags & SGX_FLAGS_KSS;
    rest.size = rest.base = 0;
    rest.ssa_frame_size = rest.miscselect = 0;
    rest.attributes = (struct sgx_attributes){0, 0};
    memset(rest.configid, 0, sizeof rest.configid);
    rest.configsvn = 0;
    REQUIRE(is_zero(&rest, sizeof rest), ERR_INVALID, "a field of SECS must be zero");
    REQUIRE(s->base == 0, ERR_UNSUPPORTED, "ELRANGE starts at address 0");
    REQUIRE(s->size > SGX_EMU_FIRST_PAGE && !(s->size & (s->size - 1)) &&
                s->size <= 1ull << SIZE_MAX_LOG2,
            ERR_RANGE, "SECS.SIZE is not a power of two within the limits");
    REQUIRE(!(s->attributes.flags & ~FLAGS_ALLOWED), ERR_DENIED,
            "SECS.ATTRIBUTES has a flag that is not allowed");
    REQUIRE(s->attributes.flags & SGX_FLAGS_MODE64BIT, ERR_UNSUPPORTED, "not a 64-bit enclave");
    REQUIRE(kss || (is_zero(s->configid, sizeof s->configid) && s->configsvn == 0), ERR_INVALID,
            "CONFIGID and CONFIGSVN need ATTRIBUTES.KSS");
    REQUIRE((s->attributes.xfrm & 3) == 3 && !(s->attributes.xfrm & ~(host_xcr0() & XFRM_KNOWN)),
            ERR_UNSUPPORTED, "SECS.ATTRIBUTES.XFRM is not within this CPU's XCR0");
    REQUIRE(!(s->miscselect & ~SGX_MISC_EXINFO), ERR_INVALID, "unknown bit in SECS.MISCSELECT");
    REQUIRE(s->ssa_frame_size > 0 && s->ssa_frame_size < 256, ERR_RANGE, "SECS.SSAFRAMESIZE");
    return RESULT_OK;
}

static struct result map_elrange(struct sgx_enclave *e)
{
    size_t size = e->end - SGX_EMU_FIRST_PAGE;
    void *p = mmap((void *)SGX_EMU_FIRST_PAGE, size, PROT_NONE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
    if (p != MAP_FAILED && p != (void *)SGX_EMU_FIRST_PAGE)
        munmap(p, size);
    REQUIRE(p == (void *)SGX_EMU_FIRST_PAGE, ERR_MEMORY,
            "ELRANGE is not free (an enclave exists, or the program is not a PIE)");
    // Pages come one by one; with large ones behind them the host's part of each is shorter. A hint.
    (void)madvise(p, size, MADV_HUGEPAGE);
    void *epcm = mmap(NULL, e->end / SGX_PAGE_SIZE * sizeof *e->epcm, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (epcm == MAP_FAILED) {
        munmap(p, size);
        return fail(ERR_MEMORY, "out of memory");
    }
    e->epcm = epcm;
    return RESULT_OK;
}

static struct result open_platform(struct sgx_enclave *e)
{
    REQUIRE(getauxval(AT_HWCAP2) & HWCAP2_FSGSBASE_BIT, ERR_UNSUPPORTED,
            "the CPU or the kernel lacks FSGSBASE");
    GUARD(sgx_emu_platform_open(settings.state_dir, &e->platform));
    REQUIRE(getrandom(e->report_keyid, sizeof e->report_keyid, 0) == sizeof e->report_keyid, ERR_IO,
            "the system gives no random bytes");
    e->mem_fd = open("/proc/self/mem", O_RDWR | O_CLOEXEC); // -1: slower ways exist
    return RESULT_OK;
}

static void destroy(struct sgx_enclave *e)
{
    if (!e)
        return;
    if (sgx_emu_current == e)
        sgx_emu_signals_remove();
    if (sgx_emu_self && sgx_emu_self->enclave == e)
        sgx_emu_self->enclave = NULL;
    sgx_emu_fast_done(e);
    if (e->epcm) {
        munmap((void *)SGX_EMU_FIRST_PAGE, e->end - SGX_EMU_FIRST_PAGE);
        munmap(e->epcm, e->end / SGX_PAGE_SIZE * sizeof *e->epcm);
    }
    if (e->mem_fd >= 0)
        close(e->mem_fd);
    sgx_emu_platform_free(e->platform);
    free(e->tcs);
    free(e);
}

static struct result create(const struct sgx_secs *secs, struct sgx_enclave **ret)
{
    GUARD(check_secs(secs));
    struct sgx_enclave *e = calloc(1, sizeof *e);
    REQUIRE(e, ERR_MEMORY, "out of memory");
    e->secs = *secs;
    e->end = secs->size;
    e->mem_fd = -1;
    e->trap_mode = settings.trap_mode;
    atomic_flag_clear(&e->epcm_lock);
    lay_out_xsave(e);
    uint64_t needed = e->xsave_size + sizeof(struct sgx_gprsgx) +
                      (secs->miscselect & SGX_MISC_EXINFO ? sizeof(struct sgx_exinfo) : 0);
    struct result r = needed <= (uint64_t)secs->ssa_frame_size * SGX_PAGE_SIZE
                          ? RESULT_OK
                          : fail(ERR_RANGE, "SECS.SSAFRAMESIZE is too small for XFRM");
    if (is_ok(r))
        r = open_platform(e);
    if (is_ok(r))
        r = map_elrange(e);
    if (is_ok(r))
        r = sgx_emu_signals_install(e);
    if (!is_ok(r)) {
        destroy(e);
        return r;
    }
    sgx_measure_ecreate(&e->measure, secs->ssa_frame_size, secs->size);
    *ret = e;
    return RESULT_OK;
}

// --- EADD, EEXTEND ---------------------------------------------------------------------------------

static struct result check_secinfo(uint64_t flags)
{
    uint64_t type = flags & SGX_SECINFO_TYPE_MASK, rwx = flags & SGX_SECINFO_RWX;
    REQUIRE(!(flags & ~(SGX_SECINFO_TYPE_MASK | SGX_SECINFO_RWX)) &&
                (type == SGX_SECINFO_REG || type == SGX_SECINFO_TCS) &&
                (!(rwx & SGX_SECINFO_W) || (rwx & SGX_SECINFO_R)) &&
                (type == SGX_SECINFO_REG || rwx == 0),
            ERR_INVALID, "SECINFO.FLAGS is not what EADD takes");
    return RESULT_OK;
}

static struct result add_tcs(struct sgx_enclave *e, uint64_t address, const uint8_t *page)
{
    struct sgx_tcs s;
    memcpy(&s, page, sizeof s);
    REQUIRE(!(s.flags & ~SGX_TCS_DBGOPTIN) && is_zero(s.reserved, sizeof s.reserved), ERR_INVALID,
            "a reserved field of a TCS is set");
    REQUIRE(!(s.ossa % SGX_PAGE_SIZE) && !(s.ofsbase % SGX_PAGE_SIZE) &&
                !(s.ogsbase % SGX_PAGE_SIZE),
            ERR_INVALID, "TCS.OSSA, OFSBASE or OGSBASE is not page-aligned");
    uint64_t frames = (uint64_t)s.nssa * e->secs.ssa_frame_size * SGX_PAGE_SIZE;
    REQUIRE(s.ossa < e->end && frames <= e->end - s.ossa && s.oentry < e->end &&
                s.ofsbase < e->end && s.ogsbase < e->end,
            ERR_RANGE, "a field of a TCS points outside the enclave");
    REQUIRE(e->tcs_count < TCS_MAX, ERR_RANGE, "too many TCSs");
    if (e->tcs_count == e->tcs_capacity) {
        size_t capacity = MAX(16u, 2 * e->tcs_capacity);
        struct sgx_emu_tcs *more = realloc(e->tcs, capacity * sizeof *more);
        REQUIRE(more, ERR_MEMORY, "out of memory");
        e->tcs = more;
        e->tcs_capacity = capacity;
    }
    struct sgx_emu_tcs *t = &e->tcs[e->tcs_count++];
    memset(t, 0, sizeof *t);
    t->address = address;
    t->flags = s.flags & ~SGX_TCS_DBGOPTIN;
    t->ossa = s.ossa;
    t->nssa = s.nssa;
    t->oentry = s.oentry;
    t->ofsbase = s.ofsbase;
    t->ogsbase = s.ogsbase;
    return RESULT_OK;
}

// Pages of zeros are there already; what is writable gets its protection at the first touch (epcm.c).
static void add_content(struct sgx_enclave *e, uint64_t offset, const uint8_t *pages, size_t size,
                        unsigned rwx)
{
    bool zero = true;
    for (size_t at = 0; zero && at < size; at += SGX_PAGE_SIZE)
        zero = is_zero(pages + at, SGX_PAGE_SIZE);
    if (zero && (rwx & SGX_SECINFO_W))
        return;
    sgx_emu_protect(e, offset, offset + size, SGX_SECINFO_R | SGX_SECINFO_W);
    if (!zero)
        raw_copy(offset, pages, size);
    if (rwx != (SGX_SECINFO_R | SGX_SECINFO_W))
        sgx_emu_protect(e, offset, offset + size, rwx);
}

static struct result add(struct sgx_enclave *e, uint64_t offset, const void *pages, size_t size,
                         uint64_t secinfo_flags, bool measure)
{
    uint64_t end;
    REQUIRE(!e->initialized, ERR_INVALID, "the enclave is initialized");
    REQUIRE(size && offset % SGX_PAGE_SIZE == 0 && size % SGX_PAGE_SIZE == 0 &&
                !add_overflows(offset, size, &end) && offset >= SGX_EMU_FIRST_PAGE && end <= e->end,
            ERR_RANGE, "not whole pages inside the enclave");
    GUARD(check_secinfo(secinfo_flags));
    for (uint64_t a = offset; a < end; a += SGX_PAGE_SIZE)
        REQUIRE(*sgx_emu_epcm(e, a) == 0, ERR_EXISTS, "the page is there already");
    bool is_tcs = (secinfo_flags & SGX_SECINFO_TYPE_MASK) == SGX_SECINFO_TCS;
    for (uint64_t a = offset; is_tcs && a < end; a += SGX_PAGE_SIZE)
        GUARD(add_tcs(e, a, (const uint8_t *)pages + (a - offset)));
    uint64_t unmapped = (secinfo_flags & SGX_SECINFO_W ? 0 : EPCM_MAX_NO_W) |
                        (secinfo_flags & SGX_SECINFO_X ? 0 : EPCM_MAX_NO_X);
    if (is_tcs)
        unmapped = 0;
    sgx_emu_lock(e);
    for (uint64_t a = offset; a < end; a += SGX_PAGE_SIZE)
        *sgx_emu_epcm(e, a) = (uint16_t)(secinfo_flags | unmapped);
    if (!is_tcs) // a TCS lives in the CPU
        add_content(e, offset, pages, size, secinfo_flags & EPCM_RWX);
    sgx_emu_unlock(e);
    sgx_measure_pages(&e->measure, offset, pages, size, secinfo_flags, measure);
    return RESULT_OK;
}

// --- EINIT -----------------------------------------------------------------------------------------

static int compare_tcs(const void *a, const void *b)
{
    uint64_t x = ((const struct sgx_emu_tcs *)a)->address;
    uint64_t y = ((const struct sgx_emu_tcs *)b)->address;
    return (x > y) - (x < y);
}

struct sgx_emu_tcs *sgx_emu_tcs_find(struct sgx_enclave *e, uint64_t address)
{
    size_t low = 0, high = e->tcs_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (e->tcs[middle].address == address)
            return &e->tcs[middle];
        if (e->tcs[middle].address < address)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

// The order of the SDM: structure, signature, measurement, attributes.
static struct result check_sigstruct(const struct sgx_enclave *e, const struct sgx_sigstruct *s,
                                     const uint8_t mrenclave[SGX_HASH_SIZE])
{
    const struct sgx_secs *c = &e->secs;
    bool kss = c->attributes.flags & SGX_FLAGS_KSS;
    GUARD(sgx_sigstruct_verify(s));
    REQUIRE(memcmp(s->enclavehash, mrenclave, SGX_HASH_SIZE) == 0, ERR_INTEGRITY,
            "SGX_INVALID_MEASUREMENT");
    REQUIRE(!((s->attributes.flags ^ c->attributes.flags) & s->attributemask.flags) &&
                !((s->attributes.xfrm ^ c->attributes.xfrm) & s->attributemask.xfrm) &&
                !((s->miscselect ^ c->miscselect) & s->miscmask) &&
                !((s->cet_attributes ^ c->cet_attributes) & s->cet_attributes_mask),
            ERR_DENIED, "SGX_INVALID_ATTRIBUTE");
    REQUIRE(kss || (is_zero(s->isvfamilyid, sizeof s->isvfamilyid) &&
                    is_zero(s->isvextprodid, sizeof s->isvextprodid)),
            ERR_INTEGRITY, "SGX_INVALID_SIG_STRUCT");
    return RESULT_OK;
}

static struct result init(struct sgx_enclave *e, const struct sgx_sigstruct *sigstruct)
{
    const struct sgx_sigstruct s = *sigstruct;
    uint8_t mrenclave[SGX_HASH_SIZE];
    REQUIRE(!e->initialized, ERR_INVALID, "the enclave is initialized");
    sgx_measure_value(&e->measure, mrenclave);
    GUARD(check_sigstruct(e, &s, mrenclave));
    memcpy(e->secs.mrenclave, mrenclave, sizeof mrenclave);
    sgx_mrsigner(&s, e->secs.mrsigner);
    e->secs.isvprodid = s.isvprodid;
    e->secs.isvsvn = s.isvsvn;
    memcpy(e->ids.isvextprodid, s.isvextprodid, sizeof s.isvextprodid);
    memcpy(e->ids.isvfamilyid, s.isvfamilyid, sizeof s.isvfamilyid);
    // SECS.PADDING: the padding of a valid signature is the same for every enclave.
    memset(e->ids.mrpadding, 0xff, sizeof e->ids.mrpadding);
    if (e->tcs_count)
        qsort(e->tcs, e->tcs_count, sizeof *e->tcs, compare_tcs);
    GUARD(sgx_emu_fast_prepare(e));
    e->secs.attributes.flags |= SGX_FLAGS_INIT;
    e->initialized = true;
    return RESULT_OK;
}

// --- the table -------------------------------------------------------------------------------------

static void stats(const struct sgx_enclave *e, struct sgx_stats *ret)
{
    *ret = e->stats;
}

static const struct sgx_platform emulated = {
    .name = "emulated",
    .emulated = true,
    .create = create,
    .add = add,
    .enclu_sites = sgx_emu_enclu_sites,
    .init = init,
    .thread_setup = sgx_emu_thread_setup,
    .enter = sgx_emu_enter,
    .kick = sgx_emu_kick,
    .restrict_permissions = sgx_emu_restrict,
    .trim = sgx_emu_trim,
    .remove = sgx_emu_remove,
    .stats = stats,
    .destroy = destroy,
};

const struct sgx_platform *sgx_platform_emulated(const struct sgx_emu_options *options)
{
    unsigned a, b = 0, c, d;
    free(settings.state_dir);
    settings.state_dir = options->state_dir ? strdup(options->state_dir) : NULL;
    settings.trap_mode = options->trap_mode;
    if (__get_cpuid_count(7, 0, &a, &b, &c, &d))
        sha256_select(b >> 29 & 1);
    return &emulated;
}
