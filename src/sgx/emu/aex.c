// SPDX-License-Identifier: Apache-2.0
// Asynchronous exit (SDM volume 3D, "Asynchronous Exit"): the state of the enclave goes from the signal
// frame to SSA[CSSA], and the frame becomes the host's. Runs in the signal handler with the host's FS.
#include "sgx/emu/raw.h"

#include <string.h>

#define XSAVE_LEGACY_SIZE 512u
#define XSAVE_HEADER_SIZE 64u
#define XSAVE_SW_RESERVED 464u // the kernel's own words in a signal frame's image
#define FCW_INITIAL       0x037fu
#define MXCSR_INITIAL     0x1f80u
#define RFLAGS_TF         0x100u
#define FP_XSTATE_MAGIC1_ 0x46505853u

// The kernel's fpstate is an XSAVE image in standard format; without the magic, an FXSAVE image alone.
static uint64_t *frame_xstate_bv(const ucontext_t *uc)
{
    uint8_t *image = (uint8_t *)uc->uc_mcontext.fpregs;
    if (load_le32(image + XSAVE_SW_RESERVED) != FP_XSTATE_MAGIC1_)
        return NULL;
    return (uint64_t *)(void *)(image + XSAVE_LEGACY_SIZE);
}

static void save_extended(const struct sgx_enclave *e, const ucontext_t *uc, uint64_t frame)
{
    const uint8_t *image = (const uint8_t *)uc->uc_mcontext.fpregs;
    const uint64_t *bv = frame_xstate_bv(uc);
    uint64_t header[XSAVE_HEADER_SIZE / 8] = {(bv ? *bv : 3) & e->secs.attributes.xfrm};
    uint8_t legacy[XSAVE_LEGACY_SIZE];
    memcpy(legacy, image, XSAVE_SW_RESERVED);
    memset(legacy + XSAVE_SW_RESERVED, 0, sizeof legacy - XSAVE_SW_RESERVED);
    raw_copy(frame, legacy, sizeof legacy);
    raw_copy(frame + XSAVE_LEGACY_SIZE, header, sizeof header);
    for (unsigned i = 2; bv && i < SGX_EMU_XCOMPONENTS; i++)
        if (e->secs.attributes.xfrm >> i & 1)
            raw_copy(frame + e->xcomponent[i].offset, image + e->xcomponent[i].offset,
                     e->xcomponent[i].size);
}

static uint32_t exitinfo(const struct sgx_enclave *e, const struct sgx_emu_aex *why)
{
    bool has_exinfo = e->secs.miscselect & SGX_MISC_EXINFO;
    if (why->interrupt)
        return 0;
    switch (why->vector) {
    case SGX_VECTOR_DE:
    case SGX_VECTOR_DB:
    case SGX_VECTOR_BP:
    case SGX_VECTOR_BR:
    case SGX_VECTOR_UD:
    case SGX_VECTOR_MF:
    case SGX_VECTOR_AC:
    case SGX_VECTOR_XM:
        break;
    case SGX_VECTOR_GP:
    case SGX_VECTOR_PF:
        if (has_exinfo)
            break;
        return 0;
    default:
        return 0;
    }
    return SGX_EXITINFO_VALID | (uint32_t)why->exit_type << 8 | why->vector;
}

static void save_general(struct sgx_emu_thread *t, const struct sgx_emu_regs *r,
                         const struct sgx_emu_aex *why)
{
    const struct sgx_enclave *e = t->enclave;
    struct sgx_gprsgx g;
    raw_read(&g, t->ssa_gpr, sizeof g); // URSP, URBP and AEXNOTIFY stay
    g.rax = r->rax, g.rcx = r->rcx, g.rdx = r->rdx, g.rbx = r->rbx;
    g.rsp = r->rsp, g.rbp = r->rbp, g.rsi = r->rsi, g.rdi = r->rdi;
    g.r8 = r->r8, g.r9 = r->r9, g.r10 = r->r10, g.r11 = r->r11;
    g.r12 = r->r12, g.r13 = r->r13, g.r14 = r->r14, g.r15 = r->r15;
    g.rflags = r->rflags & ~(uint64_t)RFLAGS_TF;
    g.rip = r->rip;
    g.exitinfo = exitinfo(e, why);
    memset(g.reserved, 0, sizeof g.reserved);
    g.fsbase = r->fsbase;
    g.gsbase = r->gsbase;
    raw_copy(t->ssa_gpr, &g, sizeof g);
    if (e->secs.miscselect & SGX_MISC_EXINFO) {
        struct sgx_exinfo x = {0};
        if (g.exitinfo & SGX_EXITINFO_VALID) {
            x.maddr = why->vector == SGX_VECTOR_PF ? why->address : 0;
            x.errcd = why->error_code;
        }
        raw_copy(t->ssa_gpr - sizeof x, &x, sizeof x);
    }
}

void sgx_emu_uc_host(struct sgx_emu_thread *t, ucontext_t *uc, const char *rip)
{
    uc->uc_mcontext.gregs[REG_RIP] = (greg_t)rip;
    t->sig_fs = t->host_fs;
    t->sig_gs = t->host_gs;
    t->inside = 0;
}

void sgx_emu_aex(struct sgx_emu_thread *t, ucontext_t *uc, const struct sgx_emu_regs *regs,
                 const struct sgx_emu_aex *why)
{
    struct sgx_enclave *e = t->enclave;
    struct sgx_emu_tcs *tcs = t->tcs;
    uint64_t frame_size = (uint64_t)e->secs.ssa_frame_size * SGX_PAGE_SIZE;
    save_extended(e, uc, t->ssa_gpr + sizeof(struct sgx_gprsgx) - frame_size);
    save_general(t, regs, why);
    sgx_emu_count(&e->stats.aex);
    t->aex_vector = why->interrupt ? SGX_RUN_INTERRUPT : why->vector;
    t->aex_error_code = why->interrupt ? 0 : (uint16_t)why->error_code;
    t->aex_address =
        !why->interrupt && why->vector == SGX_VECTOR_PF ? why->address & ~SGX_EMU_PAGE_MASK : 0;
    t->kick_pending = 0;
    t->fault_pending = 0;

    // The synthetic state. XSTATE_BV without XFRM's bits gives those components their initial values.
    greg_t *g = uc->uc_mcontext.gregs;
    memset(g, 0, (REG_RIP + 1) * sizeof *g);
    g[REG_RAX] = ENCLU_ERESUME;
    g[REG_RBX] = (greg_t)tcs->address;
    g[REG_RCX] = (greg_t)tcs->aep;
    g[REG_RSP] = (greg_t)t->leaf_stack;
    g[REG_RBP] = (greg_t)t->leaf_stack;
    g[REG_EFL] = 0x202;
    uint64_t *bv = frame_xstate_bv(uc);
    if (bv)
        *bv &= ~e->secs.attributes.xfrm;
    uc->uc_mcontext.fpregs->cwd = FCW_INITIAL;
    uc->uc_mcontext.fpregs->mxcsr = MXCSR_INITIAL;
    sgx_emu_uc_host(t, uc, sgx_emu_aexed);
    tcs->cssa++;
    atomic_store_explicit(&tcs->busy, false, memory_order_release);
}
