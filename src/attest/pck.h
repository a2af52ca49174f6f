// SPDX-License-Identifier: Apache-2.0
// The SGX extension of a PCK certificate, OID 1.2.840.113741.1.13.1 (Intel "SGX PCK Certificate and
// Certificate Revocation List Profile Specification", section 1.3.5).
#ifndef ATTEST_PCK_H
#define ATTEST_PCK_H

#include "attest/verdict.h"
#include "base/bytes.h"

#define ATTEST_SGX_EXTENSION_OID "1.2.840.113741.1.13.1"
#define ATTEST_TCB_COMPONENTS    16u
#define ATTEST_FMSPC_SIZE        6u
#define ATTEST_PCEID_SIZE        2u

struct attest_pck {
    uint8_t ppid[16];
    uint8_t components[ATTEST_TCB_COMPONENTS];
    uint16_t pcesvn;
    uint8_t cpusvn[16];
    uint8_t pceid[ATTEST_PCEID_SIZE];
    uint8_t fmspc[ATTEST_FMSPC_SIZE];
    uint8_t sgx_type; // 0 standard, 1 scalable
};

// `extension` is the content of the extension's OCTET STRING. Every element that the profile
// demands must be there once; an element that it does not know is refused.
__attribute__((warn_unused_result)) enum attest_code attest_pck_parse(struct span extension,
                                                                      struct attest_pck *ret);

#define ATTEST_PCK_EXTENSION_SIZE_MAX 1024u

// The same structure as bytes, for the emulated PKI. `buffer` has room for the maximum above.
struct result attest_pck_write(const struct attest_pck *pck, uint8_t *buffer, size_t *ret_size);

#endif
