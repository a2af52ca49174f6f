// SPDX-License-Identifier: Apache-2.0
// The platform port: what executes an enclave. The host side builds, enters and resizes enclaves through
// this table alone; there are three implementations, chosen at run time:
//
//   sgx/hw/   Linux's driver: /dev/sgx_enclave, its ioctls, __vdso_sgx_enter_enclave
//   sgx/emu/  the emulator: a CPU made of signals (docs: sgx/emu/README.md)
//   failing   every call answers ERR_UNSUPPORTED (sgx/failing.c); for tests of the callers
//
// One enclave a process: ELRANGE starts at address 0 (docs/ABI.md), so there is room for one.
// The trusted side has no port: the kernel executes real ENCLU everywhere.
#ifndef SGX_PLATFORM_H
#define SGX_PLATFORM_H

#include <pthread.h>

#include "abi/sgx/arch.h"
#include "base/result.h"

struct sgx_enclave; // one implementation's state

// What the host hands to ENCLU[EENTER] or [ERESUME] and finds after the thread has left the enclave.
// It is the vDSO's contract (arch/x86/include/uapi/asm/sgx.h), with the registers that our ABI uses:
// RDI, RSI, RDX, R8, R9 go in on EENTER and come out on EEXIT. All others are not kept by the enclave.
struct sgx_run {
    uint64_t tcs;      // in: linear address of the TCS
    uint32_t function; // in: ENCLU_EENTER or ENCLU_ERESUME; out: the leaf that was current:
                       //   ENCLU_EEXIT: the enclave left of itself; rdi… hold what it said
    //   ENCLU_ERESUME: asynchronous exit; exception_… say why (vector 0xffff: an
    //     interrupt, nothing to handle), and the frame waits in the SSA
    //   ENCLU_EENTER: the entry itself faulted
    uint16_t exception_vector;
    uint16_t exception_error_code;
    uint64_t exception_addr;
    uint64_t rdi, rsi, rdx, r8, r9; // in and out
};

#define SGX_RUN_INTERRUPT 0xffffu // exception_vector of an AEX by a signal

struct sgx_create_params {
    struct sgx_secs
        secs; // SIZE, BASEADDR, SSAFRAMESIZE, MISCSELECT, ATTRIBUTES, CONFIGID, CONFIGSVN
};

// Counters since creation, for `cloister run --stats`.
struct sgx_stats {
    uint64_t eenter, eresume, eexit, aex;
    uint64_t ereport, egetkey, eaccept, emodpe, eacceptcopy;
    uint64_t
        trapped_syscalls; // AEX with #UD at a `syscall` instruction; the emulator knows, hardware: 0
    uint64_t trapped_cpuid;
};

struct sgx_platform {
    const char *name; // "sgx", "emulated", "failing"
    bool emulated;

    // ECREATE from SIZE, BASEADDR, SSAFRAMESIZE, MISCSELECT, ATTRIBUTES, CONFIGID and CONFIGSVN; the rest
    // of `secs` must be zero. Reserves ELRANGE. `ret` is ended by destroy().
    struct result (*create)(const struct sgx_secs *secs, struct sgx_enclave **ret);
    // EADD of `size` bytes (whole pages) at `offset` from BASEADDR with SECINFO.FLAGS `secinfo_flags`
    // (page type included), and EEXTEND of all of it when `measure`.
    struct result (*add)(struct sgx_enclave *e, uint64_t offset, const void *pages, size_t size,
                         uint64_t secinfo_flags, bool measure);
    // Where the enclave's `mov eax, leaf; enclu` stand (the kernel's ELF note): `count` offsets from
    // BASEADDR. Optional, before init(). The emulator's fast mode patches them after EINIT; elsewhere it
    // changes nothing.
    struct result (*enclu_sites)(struct sgx_enclave *e, const uint64_t *offsets, size_t count);
    // EINIT. SGX's own refusals come back as ERR_INTEGRITY (signature, measurement) or ERR_DENIED
    // (attributes), with the SGX code's name in `why`.
    struct result (*init)(struct sgx_enclave *e, const struct sgx_sigstruct *sigstruct);
    // Readies the calling host thread for enter() (alternate signal stack, seccomp and such when
    // emulated). Idempotent. The undoing happens at the thread's exit.
    struct result (*thread_setup)(struct sgx_enclave *e);
    // Enters and returns when the thread leaves the enclave in any way. Not re-entrant on one thread.
    struct result (*enter)(struct sgx_enclave *e, struct sgx_run *run);
    // Makes `thread`, if it is inside the enclave, leave by an AEX that enter() reports with vector
    // SGX_RUN_INTERRUPT. No effect on a thread outside. The caller knows that the thread lives.
    void (*kick)(struct sgx_enclave *e, pthread_t thread);
    // SGX_IOC_ENCLAVE_RESTRICT_PERMISSIONS, _MODIFY_TYPES (to TRIM), _REMOVE_PAGES. Whole pages.
    struct result (*restrict_permissions)(struct sgx_enclave *e, uint64_t offset, uint64_t size,
                                          uint64_t rwx);
    struct result (*trim)(struct sgx_enclave *e, uint64_t offset, uint64_t size);
    struct result (*remove)(struct sgx_enclave *e, uint64_t offset, uint64_t size);
    void (*stats)(const struct sgx_enclave *e, struct sgx_stats *ret);
    void (*destroy)(struct sgx_enclave *e); // takes NULL
};

// Settings of the emulator; hardware has none.
struct sgx_emu_options {
    const char
        *state_dir; // holds this emulated platform's keys ("platform.bin"); made when missing
    bool trap_mode; // every ENCLU by SIGILL (the reference), instead of patched sites
};

const struct sgx_platform *sgx_platform_hw(void);
const struct sgx_platform *sgx_platform_emulated(const struct sgx_emu_options *options);
const struct sgx_platform *sgx_platform_failing(void);

// True when this machine has SGX2 with flexible launch control and a driver that we may open.
bool sgx_hw_available(void);

#endif
