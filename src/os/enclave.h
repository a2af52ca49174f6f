// SPDX-License-Identifier: Apache-2.0
// /dev/cloister (abi/device.h) for programs that run inside an enclave. Outside of one every function
// fails with ERR_UNSUPPORTED: there is no substitute.
#ifndef OS_ENCLAVE_H
#define OS_ENCLAVE_H

#include "base/bytes.h"
#include "base/fingerprint.h"
#include "base/result.h"

struct enclave;

struct result enclave_open(struct enclave **ret);
void enclave_close(struct enclave *e); // takes NULL

// Buffers from malloc, followed by one NUL.
struct result enclave_policy(struct enclave *e, uint8_t **ret_data, size_t *ret_size);
struct result enclave_process(struct enclave *e, uint8_t **ret_data, size_t *ret_size);

// These two have the form of struct proto_quoter's; `e` is the struct enclave.
struct result enclave_quote(void *e, const uint8_t reportdata[64], uint8_t *buffer, size_t capacity,
                            size_t *ret_size);
struct result enclave_collateral(void *e, uint8_t *buffer, size_t capacity, size_t *ret_size);

// The 512+ bytes of our own REPORT's fixed part; `ret` is struct sgx_report_body.
struct sgx_report_body;
struct result enclave_self(struct enclave *e, struct sgx_report_body *ret);

// The host's hint, untrusted: NUL-terminated text. ERR_NOT_FOUND when absent.
struct result enclave_hint(struct enclave *e, const char *name, char *ret, size_t capacity);

// Opens the encrypted region at `path`; flags are VOLUME_….
struct result enclave_volume(struct enclave *e, const char *path, const uint8_t key[32],
                             uint32_t flags, uint64_t *ret_generation);

// FSPF_KEY and FSPF_TAG of what the kernel mounted (measured, or bound by CONFIGID), MRENCLAVE from our own
// report.
struct result enclave_fingerprint(struct enclave *e, struct fingerprint *ret);

#endif
