// SPDX-License-Identifier: Apache-2.0
// Intel's DCAP quoting library (libsgx-dcap-ql), loaded when the program runs: quotes from the
// quoting enclave of this machine. Written to "Intel SGX ECDSA Quote Library Reference: DCAP API".
//
// - Threads may share one object: the library locks for itself.
// - What it returns is the library's word; quoting.c checks that it is a quote over the report.
#ifndef QUOTING_DCAP_H
#define QUOTING_DCAP_H

#include <stdint.h>

#include "abi/sgx/arch.h"
#include "base/result.h"

#define QUOTING_DCAP_LIBRARY "libsgx_dcap_ql.so.1"

struct quoting_dcap {
    void *library;
    uint32_t (*get_target_info)(struct sgx_targetinfo *); // quote3_error_t, a 32-bit enum
    uint32_t (*get_quote_size)(uint32_t *);
    uint32_t (*get_quote)(const struct sgx_report *, uint32_t size, uint8_t *quote);
    struct sgx_targetinfo target;
};

// ERR_UNSUPPORTED when the library is not installed or lacks a function. `path` is what dlopen()
// takes. `ret` is ended by quoting_dcap_close().
struct result quoting_dcap_open(const char *path, struct quoting_dcap *ret);
void quoting_dcap_close(struct quoting_dcap *dcap); // takes one that is all zeros

// ERR_RANGE when the library wants more than `capacity`.
struct result quoting_dcap_quote(const struct quoting_dcap *dcap, const struct sgx_report *report,
                                 uint8_t *buffer, size_t capacity, size_t *ret_size);

#endif
