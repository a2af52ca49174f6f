// SPDX-License-Identifier: Apache-2.0
// Builds the probe enclave on the emulated platform and talks to it. The layout is the tests' own.
#ifndef TESTS_SGX_PROBE_HELPER_H
#define TESTS_SGX_PROBE_HELPER_H

#include "../../enclave/probe.h"
#include "sgx/measure.h"
#include "sgx/platform.h"
#include "sgx/sigstruct.h"

#define PROBE_SIZE    (1ull << 32)
#define PROBE_CODE    (PROBE_SIZE - 0x1000000) // near the end, as a kernel is
#define PROBE_DATA    0x110000ull              // 8 pages RW
#define PROBE_RODATA  0x120000ull              // 1 page R
#define PROBE_FREE    0x10000000ull            // nothing there
#define PROBE_SLOT(i) (0x200000ull + (i)*0x10000ull)
#define PROBE_TCS(i)  PROBE_SLOT(i)
#define PROBE_SSA(i)  (PROBE_SLOT(i) + 0x1000)
#define PROBE_GS(i)   (PROBE_SLOT(i) + 0x8000)
#define PROBE_NSSA    3u
#define PROBE_THREADS 4u

struct probe_options {
    bool trap_mode;
    const char *state_dir; // NULL: the test's own
    struct sgx_secs secs;
    struct sgx_sigstruct sig; // ENCLAVEHASH and the signature are filled in
    bool wrong_hash, bad_signature;
};

struct probe {
    const struct sgx_platform *platform;
    struct sgx_enclave *enclave;
    struct sgx_sigstruct sig; // as signed
    struct sgx_secs secs;
};

void probe_defaults(bool trap_mode, struct probe_options *ret);
struct result probe_build(const struct probe_options *o, struct probe *ret);
void probe_end_enclave(struct probe *p);
const char *probe_state_dir(void); // of this process

// EENTER on thread 0's TCS. The result stands in the return value's registers.
struct sgx_run probe_call(struct probe *p, uint64_t command, uint64_t a, uint64_t b, uint64_t c,
                          uint64_t d);
struct sgx_run probe_enter(struct probe *p, unsigned thread, uint32_t function, uint64_t command,
                           uint64_t a, uint64_t b, uint64_t c, uint64_t d);

// By way of the enclave itself: the host reads and writes no enclave memory.
void probe_read(struct probe *p, uint64_t from, void *to, size_t size);
void probe_write(struct probe *p, uint64_t to, const void *from, size_t size);
void probe_frame(struct probe *p, unsigned thread, unsigned index, struct sgx_gprsgx *ret,
                 struct sgx_exinfo *ret_exinfo);

#endif
