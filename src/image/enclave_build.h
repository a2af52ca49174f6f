// SPDX-License-Identifier: Apache-2.0
// The construction of an enclave (docs/formats/image.md, "MRENCLAVE"), as one walk that hands each
// page to a sink: the measurement, or the platform that builds it for real. Pure.
#ifndef IMAGE_ENCLAVE_BUILD_H
#define IMAGE_ENCLAVE_BUILD_H

#include "abi/enclave.h"
#include "abi/sgx/arch.h"
#include "base/bytes.h"
#include "base/result.h"

struct enclave_sink {
    // EADD of whole pages at `offset` and, when `measure`, EEXTEND of them.
    struct result (*add)(void *context, uint64_t offset, const void *pages, size_t size,
                         uint64_t secinfo_flags, bool measure);
    void *context;
};

// SIZE, BASEADDR, SSAFRAMESIZE, MISCSELECT and ATTRIBUTES, for ECREATE. The rest is zero.
void enclave_secs(bool debug, struct sgx_secs *ret);

// Every EADD in order. `params` is checked by the caller (image_check_params()).
struct result enclave_build(struct span kernel, const struct enclave_params *params,
                            const struct enclave_sink *sink);

// MRENCLAVE of that construction.
struct result enclave_measure(struct span kernel, const struct enclave_params *params,
                              uint8_t ret[SGX_HASH_SIZE]);

// Magic, version, limits, and zero wherever nothing is said.
struct result enclave_check_params(const struct enclave_params *p);

#endif
