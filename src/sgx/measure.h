// SPDX-License-Identifier: Apache-2.0
// MRENCLAVE: SHA-256 over the construction of an enclave, as a stream of 64-byte blocks (SDM volume 3D,
// "ECREATE", "EADD", "EEXTEND"). Freestanding; the caller gives the operations in their order.
#ifndef SGX_MEASURE_H
#define SGX_MEASURE_H

#include "abi/sgx/arch.h"
#include "crypto/sha256.h"

struct sgx_measure {
    struct sha256_ctx hash;
};

void sgx_measure_ecreate(struct sgx_measure *m, uint32_t ssa_frame_size, uint64_t size);

// `offset` is from BASEADDR; the permissions of a TCS are not measured.
void sgx_measure_eadd(struct sgx_measure *m, uint64_t offset, uint64_t secinfo_flags);

// 256 bytes at `offset`, as they stand in the enclave's page.
void sgx_measure_eextend(struct sgx_measure *m, uint64_t offset, const void *chunk);

// EADD of whole pages, each followed by its 16 EEXTENDs when `measure`. What EADD clears in a TCS (STATE,
// CSSA, AEP, FLAGS.DBGOPTIN) is measured as cleared.
void sgx_measure_pages(struct sgx_measure *m, uint64_t offset, const void *pages, size_t size,
                       uint64_t secinfo_flags, bool measure);

// The measurement so far; the stream may go on.
void sgx_measure_value(const struct sgx_measure *m, uint8_t ret[SGX_HASH_SIZE]);

#endif
