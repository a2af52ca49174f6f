// SPDX-License-Identifier: Apache-2.0
// EENTER and ERESUME (SDM volume 3D): their checks, and what __vdso_sgx_enter_enclave tells its caller.
#include "sgx/emu/raw.h"

#define RFLAGS_TF 0x100ull
#define RFLAGS_USER \
    0x240dd5ull // CF PF AF ZF SF DF OF AC ID; TF, IOPL, NT and RF are not the enclave's
#define RFLAGS_FIXED      0x202ull
#define XSAVE_LEGACY_SIZE 512u
#define XSAVE_HEADER_SIZE 64u
#define MXCSR_OFFSET      24u
#define MXCSR_RESERVED    0xffff0000u
#define CANONICAL_END     (1ull << 47)

static bool refuse_page(uint64_t address, struct sgx_emu_fault *ret)
{
    *ret = (struct sgx_emu_fault){SGX_VECTOR_PF, SGX_PFEC_SGX | SGX_PFEC_P | SGX_PFEC_U, address};
    return false;
}

static bool refuse(struct sgx_emu_fault *ret)
{
    sgx_emu_gp(ret);
    return false;
}

static bool tcs_usable(const struct sgx_enclave *e, uint64_t address, struct sgx_emu_fault *ret)
{
    if (address % SGX_PAGE_SIZE || !e->initialized)
        return refuse(ret);
    if (address >= e->end || *sgx_emu_epcm(e, address) != EPCM_TCS)
        return refuse_page(address, ret);
    return true;
}

// The frame's pages must be readable and writable regular ones.
static bool frame_usable(struct sgx_enclave *e, const struct sgx_emu_tcs *tcs, uint32_t index,
                         uint64_t *ret_frame, struct sgx_emu_fault *ret)
{
    uint64_t size = (uint64_t)e->secs.ssa_frame_size * SGX_PAGE_SIZE;
    uint64_t frame = tcs->ossa + index * size;
    for (uint64_t at = frame; at < frame + size; at += SGX_PAGE_SIZE)
        if (!sgx_emu_operand(e, at, SGX_PAGE_SIZE, SGX_SECINFO_R | SGX_SECINFO_W, ret))
            return false;
    *ret_frame = frame;
    return true;
}

static uint64_t frame_gpr(const struct sgx_enclave *e, uint64_t frame)
{
    return frame + (uint64_t)e->secs.ssa_frame_size * SGX_PAGE_SIZE - sizeof(struct sgx_gprsgx);
}

// The host's RSP and RBP, noted for an AEX. They are a thread's same at every entry, so that enter() may be
// called at any depth: the enclave leaves with those of the EENTER, perhaps after an ERESUME from elsewhere.
static void note_host_stack(struct sgx_emu_thread *t, uint64_t gpr)
{
    t->ssa_gpr = gpr;
    raw_copy(gpr + offsetof(struct sgx_gprsgx, ursp), &t->leaf_stack, 8);
    raw_copy(gpr + offsetof(struct sgx_gprsgx, urbp), &t->leaf_stack, 8);
}

static bool eenter(struct sgx_enclave *e, struct sgx_emu_thread *t, const struct sgx_run *run,
                   struct sgx_emu_fault *ret)
{
    struct sgx_emu_tcs *tcs = t->tcs;
    uint64_t frame;
    if (tcs->cssa >= tcs->nssa)
        return refuse(ret);
    if (!frame_usable(e, tcs, tcs->cssa, &frame, ret))
        return false;
    struct sgx_emu_regs *r = &t->regs;
    r->rax = tcs->cssa;
    r->rbx = tcs->address;
    r->rcx = (uint64_t)sgx_emu_exited;
    r->rdi = run->rdi;
    r->rsi = run->rsi;
    r->rdx = run->rdx;
    r->r8 = run->r8;
    r->r9 = run->r9;
    r->r10 = r->r11 = r->r12 = r->r13 = r->r14 = r->r15 = 0;
    r->rip = tcs->oentry;
    r->rflags = RFLAGS_FIXED;
    r->fsbase = tcs->ofsbase;
    r->gsbase = tcs->ogsbase;
    r->rsp = r->rbp = t->leaf_stack;
    note_host_stack(t, frame_gpr(e, frame));
    t->xsave = 0;
    return true;
}

// XRSTOR of the image must not fault (SDM volume 1, "XRSTOR", standard form).
static bool image_valid(const struct sgx_enclave *e, uint64_t frame)
{
    uint8_t header[XSAVE_HEADER_SIZE];
    uint32_t mxcsr;
    raw_read(header, frame + XSAVE_LEGACY_SIZE, sizeof header);
    raw_read(&mxcsr, frame + MXCSR_OFFSET, sizeof mxcsr);
    return (load_le64(header) & ~e->secs.attributes.xfrm) == 0 &&
           is_zero(header + 8, sizeof header - 8) && !(mxcsr & MXCSR_RESERVED);
}

static bool eresume(struct sgx_enclave *e, struct sgx_emu_thread *t, struct sgx_emu_fault *ret)
{
    struct sgx_emu_tcs *tcs = t->tcs;
    uint64_t frame;
    if (tcs->cssa == 0)
        return refuse(ret);
    if (!frame_usable(e, tcs, tcs->cssa - 1, &frame, ret))
        return false;
    struct sgx_gprsgx g;
    raw_read(&g, frame_gpr(e, frame), sizeof g);
    bool canonical = (g.fsbase < CANONICAL_END || g.fsbase >= -CANONICAL_END) &&
                     (g.gsbase < CANONICAL_END || g.gsbase >= -CANONICAL_END) &&
                     (g.rip < CANONICAL_END || g.rip >= -CANONICAL_END);
    if (!canonical || !image_valid(e, frame))
        return refuse(ret);
    struct sgx_emu_regs *r = &t->regs;
    const uint64_t cs = r->cs, ss = r->ss;
    *r = (struct sgx_emu_regs){
        .rax = g.rax,
        .rcx = g.rcx,
        .rdx = g.rdx,
        .rbx = g.rbx,
        .rbp = g.rbp,
        .rsi = g.rsi,
        .rdi = g.rdi,
        .r8 = g.r8,
        .r9 = g.r9,
        .r10 = g.r10,
        .r11 = g.r11,
        .r12 = g.r12,
        .r13 = g.r13,
        .r14 = g.r14,
        .r15 = g.r15,
        .rip = g.rip,
        .cs = cs,
        .rflags = (g.rflags & RFLAGS_USER & ~RFLAGS_TF) | RFLAGS_FIXED,
        .rsp = g.rsp,
        .ss = ss,
        .fsbase = g.fsbase,
        .gsbase = g.gsbase,
    };
    note_host_stack(t, frame_gpr(e, frame));
    t->xsave = frame;
    t->xfrm = e->secs.attributes.xfrm;
    tcs->cssa--;
    return true;
}

// The part of the entry that may be refused. On success the TCS is busy.
static bool prepare(struct sgx_enclave *e, struct sgx_emu_thread *t, const struct sgx_run *run,
                    struct sgx_emu_fault *ret)
{
    if (!tcs_usable(e, run->tcs, ret))
        return false;
    t->tcs = sgx_emu_tcs_find(e, run->tcs);
    if (!t->tcs || atomic_exchange_explicit(&t->tcs->busy, true, memory_order_acquire))
        return refuse(ret);
    bool ok = run->function == ENCLU_EENTER ? eenter(e, t, run, ret) : eresume(e, t, ret);
    if (ok)
        t->tcs->aep = (uint64_t)sgx_emu_aep;
    else
        atomic_store_explicit(&t->tcs->busy, false, memory_order_release);
    return ok;
}

static struct result exited(struct sgx_emu_thread *t, struct sgx_run *run)
{
    atomic_store_explicit(&t->tcs->busy, false, memory_order_release);
    sgx_emu_count(&t->enclave->stats.eexit);
    // The vDSO returns by them: with other values the host would have jumped astray.
    REQUIRE(t->exit_rsp == t->leaf_stack && t->exit_rbp == t->leaf_stack, ERR_INVALID,
            "the enclave left with another RSP or RBP than it was entered with");
    run->function = ENCLU_EEXIT;
    run->rdi = t->exit_rdi;
    run->rsi = t->exit_rsi;
    run->rdx = t->exit_rdx;
    run->r8 = t->exit_r8;
    run->r9 = t->exit_r9;
    return RESULT_OK;
}

struct result sgx_emu_enter(struct sgx_enclave *e, struct sgx_run *run)
{
    struct sgx_emu_thread *t = sgx_emu_self;
    struct sgx_emu_fault f;
    REQUIRE(t && t->enclave == e, ERR_INVALID, "the thread is not set up for this enclave");
    REQUIRE(run->function == ENCLU_EENTER || run->function == ENCLU_ERESUME, ERR_INVALID,
            "neither EENTER nor ERESUME");
    t->kick_pending = 0;
    t->fault_pending = 0;
    if (!prepare(e, t, run, &f)) {
        run->exception_vector = f.vector;
        run->exception_error_code = (uint16_t)f.error_code;
        run->exception_addr = f.address;
        return RESULT_OK; // function stays: the entry itself faulted
    }
    sgx_emu_count(run->function == ENCLU_EENTER ? &e->stats.eenter : &e->stats.eresume);
    sgx_emu_fast_bind(e, t);
    if (sgx_emu_switch(t) == SGX_EMU_KIND_EXITED)
        return exited(t, run);
    run->function = ENCLU_ERESUME;
    run->exception_vector = t->aex_vector;
    run->exception_error_code = t->aex_error_code;
    run->exception_addr = t->aex_address;
    return RESULT_OK;
}
