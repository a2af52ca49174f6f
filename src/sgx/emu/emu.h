// SPDX-License-Identifier: Apache-2.0
// The emulator's own header: the model of one enclave and of a logical processor, and, by file, the functions
// that act on them. README.md tells how it works.
#ifndef SGX_EMU_EMU_H
#define SGX_EMU_EMU_H

#include <signal.h>
#include <stdatomic.h>
#include <ucontext.h>

#include "abi/sgx/arch.h"
#include "base/bytes.h"
#include "base/result.h"
#include "sgx/emu/keys.h"
#include "sgx/emu/layout.h"
#include "sgx/measure.h"
#include "sgx/platform.h"

// ELRANGE starts at 0 and its first bytes are never mapped (the system's vm.mmap_min_addr).
#define SGX_EMU_FIRST_PAGE 0x10000ull
#define SGX_EMU_PAGE_MASK  (SGX_PAGE_SIZE - 1ull)

// An EPCM entry has SECINFO.FLAGS' layout in its low bits (RWX, PENDING, MODIFIED, PR, page type), so that
// EACCEPT compares numbers; 0 is a page that is not there. The host's protection, which lags behind EPCM and
// never exceeds it, stands above.
#define EPCM_FLAGS    0x073fu
#define EPCM_RWX      0x0007u
#define EPCM_PENDING  0x0008u
#define EPCM_MODIFIED 0x0010u
#define EPCM_PR       0x0020u
#define EPCM_MAX_NO_W \
    0x0040u // the driver maps a page that was added with EADD's permissions at most
#define EPCM_MAX_NO_X   0x0080u
#define EPCM_TYPE       0x0700u
#define EPCM_TCS        0x0100u
#define EPCM_REG        0x0200u
#define EPCM_TRIM       0x0400u
#define EPCM_HOST_SHIFT 12
#define EPCM_HOST       0x7000u

struct sgx_emu_fault {
    uint8_t vector;
    uint32_t error_code;
    uint64_t address;
};

struct sgx_emu_regs {
    uint64_t rax, rcx, rdx, rbx, rbp, rsi, rdi;
    uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
    uint64_t rip, cs, rflags, rsp, ss;
    uint64_t fsbase, gsbase;
};

// What the CPU keeps of a TCS; nobody can read it.
struct sgx_emu_tcs {
    uint64_t address;
    uint64_t flags;
    uint64_t ossa;
    uint64_t oentry;
    uint64_t aep;
    uint64_t ofsbase;
    uint64_t ogsbase;
    uint32_t nssa;
    uint32_t cssa;
    atomic_bool busy;
};

// A logical processor: a host thread that may enter.
struct sgx_emu_thread {
    struct sgx_emu_regs regs; // of the enclave, while host code runs in between
    uint64_t host_rsp, unused1, host_fs, host_gs;
    uint64_t ssa_gpr; // GPRSGX of the frame that an AEX would fill
    uint64_t leaf_stack;
    uint64_t xsave, xfrm; // what to XRSTOR on the way in; 0: nothing
    uint64_t exit_rsp, exit_rbp, exit_rdi, exit_rsi, exit_rdx, exit_r8, exit_r9;
    uint32_t kick_pending, fault_pending;
    uint64_t sig_fs, sig_gs; // FS and GS base to return to from the signal handler
    uint32_t host_mxcsr;
    uint16_t host_fcw, unused;
    uint32_t inside; // enclave code runs, or a stub before it has saved anything
    uint32_t unused2;
    uint32_t site; // index of the patched ENCLU that is being performed
    // C alone from here.
    struct sgx_enclave *enclave;
    struct sgx_emu_tcs *tcs;
    struct sgx_emu_fault fault; // that of fault_pending
    uint16_t aex_vector;        // what the last AEX tells the host
    uint16_t aex_error_code;
    uint64_t aex_address;
};

struct sgx_emu_site {
    uint64_t address;
    uint32_t leaf;
};

#define SGX_EMU_XCOMPONENTS 32u

struct sgx_enclave {
    struct sgx_secs secs;
    struct sgx_emu_ids ids;
    struct sgx_measure measure;
    bool initialized;
    bool trap_mode;
    uint64_t end; // of ELRANGE
    struct sgx_emu_platform *platform;
    uint8_t report_keyid[SGX_KEYID_SIZE];
    // epcm.c
    uint16_t *epcm; // one entry a page
    atomic_flag epcm_lock;
    int mem_fd; // /proc/self/mem, to write pages that are not mapped for writing
    // the XSAVE image that XFRM describes, standard format
    uint64_t xsave_size;
    struct {
        uint32_t offset, size;
    } xcomponent[SGX_EMU_XCOMPONENTS];
    // build.c: sorted by address after init
    struct sgx_emu_tcs *tcs;
    size_t tcs_count, tcs_capacity;
    // fast.c
    struct sgx_emu_site *sites;
    size_t site_count;
    uint8_t *stubs; // mapped at ELRANGE's end
    size_t stubs_size;
    struct sgx_emu_thread **gs_table; // by (GS base - gs_low) / page
    uint64_t gs_low;
    size_t gs_count;
    struct sgx_stats stats; // relaxed atomic additions
};

static inline void sgx_emu_count(uint64_t *counter)
{
    __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

// switch.S
int sgx_emu_switch(struct sgx_emu_thread *t);
void sgx_emu_signal_entry(int sig, siginfo_t *info, void *ucontext);
extern const char sgx_emu_code_begin[], sgx_emu_code_end[]; // all of the assembly
extern const char sgx_emu_resume[], sgx_emu_resume_end[];   // t->regs are complete
extern const char sgx_emu_aep[], sgx_emu_exited[], sgx_emu_aexed[];
extern const char sgx_emu_leaf[], sgx_emu_eexit[]; // where stubs jump to, RAX = thread

// thread.c
extern _Thread_local struct sgx_emu_thread *sgx_emu_self;
struct result sgx_emu_thread_setup(struct sgx_enclave *e);
void sgx_emu_kick(struct sgx_enclave *e, pthread_t thread);
int sgx_emu_kick_signal(void);

// signal.c
extern struct sgx_enclave *sgx_emu_current; // the one that the handlers serve
struct result sgx_emu_signals_install(struct sgx_enclave *e);
void sgx_emu_signals_remove(void);
void sgx_emu_signal(int sig, siginfo_t *info, ucontext_t *uc, struct sgx_emu_thread *t);
void sgx_emu_host_signal(int sig, siginfo_t *info, ucontext_t *uc);

// aex.c
struct sgx_emu_aex {
    bool interrupt;      // a signal, nothing that the enclave did
    uint8_t vector;      // otherwise
    uint8_t exit_type;   // SGX_EXIT_TYPE_…
    uint32_t error_code; // of #PF and #GP
    uint64_t address;    // of #PF, in full
};
void sgx_emu_aex(struct sgx_emu_thread *t, ucontext_t *uc, const struct sgx_emu_regs *regs,
                 const struct sgx_emu_aex *why);
// The state in which the host goes on; the caller sets RIP and what else it needs.
void sgx_emu_uc_host(struct sgx_emu_thread *t, ucontext_t *uc, const char *rip);

// enter.c
struct result sgx_emu_enter(struct sgx_enclave *e, struct sgx_run *run);

// epcm.c: general registers only; callable from a fast leaf
void sgx_emu_lock(struct sgx_enclave *e);
void sgx_emu_unlock(struct sgx_enclave *e);
static inline uint16_t *sgx_emu_epcm(const struct sgx_enclave *e, uint64_t address)
{
    return &e->epcm[address / SGX_PAGE_SIZE];
}
// What the driver's mapping forbids, of RWX.
static inline unsigned sgx_emu_unmapped(uint16_t entry)
{
    return entry >> 5 & (SGX_SECINFO_W | SGX_SECINFO_X);
}
// What EPCM and mapping let the enclave do now: RWX.
static inline unsigned sgx_emu_effective(uint16_t entry)
{
    bool usable = (entry & EPCM_TYPE) == EPCM_REG && !(entry & (EPCM_PENDING | EPCM_MODIFIED));
    return usable ? entry & EPCM_RWX & ~sgx_emu_unmapped(entry) : 0;
}
// Changes the host's protection of whole pages and the record of it. The lock is held.
void sgx_emu_protect(struct sgx_enclave *e, uint64_t start, uint64_t end, unsigned rwx);
// EAUG as Linux does it on a fault. The lock is held; the page is absent and in ELRANGE.
void sgx_emu_augment(struct sgx_enclave *e, uint64_t address);
// Explains the fault of an access `rwx` at an address in ELRANGE: true when EPCM allows it and it will
// succeed now; otherwise `ret` is what the CPU raises.
bool sgx_emu_resolve(struct sgx_enclave *e, uint64_t address, unsigned rwx,
                     struct sgx_emu_fault *ret);
// An operand of a leaf, within one page: checks alignment, ELRANGE and EPCM; afterwards the emulator may
// touch it.
bool sgx_emu_operand(struct sgx_enclave *e, uint64_t address, uint64_t alignment, unsigned rwx,
                     struct sgx_emu_fault *ret);
// Writes enclave memory whatever its protection.
void sgx_emu_poke(struct sgx_enclave *e, uint64_t address, const void *from, size_t size);

// Both take the leaf in RAX and advance RIP over ENCLU; false: `ret` is raised at ENCLU instead.
// edmm.c: EACCEPT, EMODPE, EACCEPTCOPY; general registers only
bool sgx_emu_edmm(struct sgx_enclave *e, struct sgx_emu_regs *r, struct sgx_emu_fault *ret);
void sgx_emu_fast_leaf(struct sgx_emu_thread *t); // called by switch.S
struct result sgx_emu_restrict(struct sgx_enclave *e, uint64_t offset, uint64_t size, uint64_t rwx);
struct result sgx_emu_trim(struct sgx_enclave *e, uint64_t offset, uint64_t size);
struct result sgx_emu_remove(struct sgx_enclave *e, uint64_t offset, uint64_t size);
// leaves.c: EREPORT, EGETKEY
bool sgx_emu_report_or_key(struct sgx_enclave *e, struct sgx_emu_regs *r,
                           struct sgx_emu_fault *ret);

// fast.c
struct result sgx_emu_enclu_sites(struct sgx_enclave *e, const uint64_t *offsets, size_t count);
struct result sgx_emu_fast_prepare(struct sgx_enclave *e);
void sgx_emu_fast_bind(struct sgx_enclave *e, struct sgx_emu_thread *t);
void sgx_emu_fast_done(struct sgx_enclave *e);
// The ENCLU that the stub at `rip` stands for, or 0.
uint64_t sgx_emu_fast_origin(const struct sgx_enclave *e, uint64_t rip);

// build.c
struct sgx_emu_tcs *sgx_emu_tcs_find(struct sgx_enclave *e, uint64_t address);

static inline void sgx_emu_gp(struct sgx_emu_fault *ret)
{
    *ret = (struct sgx_emu_fault){SGX_VECTOR_GP, 0, 0};
}

// Arithmetic flags after a leaf: ZF for an error, the others clear (SDM, "Flags Affected").
#define SGX_EMU_ARITHMETIC_FLAGS 0x8d5u
#define SGX_EMU_ZF               0x40u
static inline void sgx_emu_leaf_result(struct sgx_emu_regs *r, uint64_t code)
{
    r->rax = code;
    r->rflags = (r->rflags & ~(uint64_t)SGX_EMU_ARITHMETIC_FLAGS) | (code ? SGX_EMU_ZF : 0);
}

#endif
