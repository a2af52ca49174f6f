// SPDX-License-Identifier: Apache-2.0
// Intel's DCAP quote, version 3, as bytes on the wire (Intel "SGX ECDSA Quote Library Reference
// DCAP API", appendix A.4). Types only; little-endian. The parts of fixed size are structures;
// between and behind them stand lengths and data of variable size:
//
//   header 48 | report body 384 | u32 size of the signature data | signature data:
//     struct sgx_quote_signature 576 | u16 size, QE authentication data | u16 type, u32 size,
//     certification data
#ifndef ABI_SGX_QUOTE_H
#define ABI_SGX_QUOTE_H

#include "abi/sgx/arch.h"

#define SGX_QUOTE_VERSION_3          3u
#define SGX_QUOTE_KEY_ECDSA_P256     2u // attestation key type
#define SGX_QUOTE_CERTDATA_PPID      3u // encrypted PPID, CPUSVN, PCESVN, PCEID; no certificate
#define SGX_QUOTE_CERTDATA_PCK_CHAIN 5u // leaf, intermediate and root as PEM
#define SGX_QUOTE_CERTDATA_QE_REPORT 6u // versions 4 and 5: QE report around another kind
#define SGX_QUOTE_PPID_DATA_SIZE     404u
#define SGX_QUOTE_USERDATA_SIZE      20u
#define SGX_QUOTE_QE_VENDOR_SIZE     16u
#define SGX_QUOTE_SIZE_MAX           16384u // our limit; real ones have 4.5 KiB

// The vendor of the quoting enclave's format: Intel, 939a7233-f79c-4ca9-940a-0db3957f0607.
#define SGX_QUOTE_QE_VENDOR_INTEL                                                                 \
    {                                                                                             \
        0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9, 0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, \
            0x07                                                                                  \
    }

struct sgx_quote_header {
    uint16_t version;
    uint16_t attestation_key_type;
    uint32_t tee_type; // 0 for SGX; reserved and zero in version 3
    uint16_t qe_svn;
    uint16_t pce_svn;
    uint8_t qe_vendor[SGX_QUOTE_QE_VENDOR_SIZE];
    uint8_t user_data[SGX_QUOTE_USERDATA_SIZE];
};
_Static_assert(sizeof(struct sgx_quote_header) == 48, "quote header");
_Static_assert(offsetof(struct sgx_quote_header, qe_vendor) == 12, "quote header vendor");

// Header and body: what the attestation key signs.
struct sgx_quote_signed {
    struct sgx_quote_header header;
    struct sgx_report_body body;
};
_Static_assert(sizeof(struct sgx_quote_signed) == 432, "signed part of a quote");

// Integers r, s, x, y are big-endian, 32 bytes each.
struct sgx_quote_signature {
    uint8_t signature[64];       // over struct sgx_quote_signed, by the attestation key
    uint8_t attestation_key[64]; // x, y
    struct sgx_report_body qe_report;
    uint8_t qe_report_signature[64]; // by the PCK
};
_Static_assert(sizeof(struct sgx_quote_signature) == 576, "fixed part of the signature data");
_Static_assert(offsetof(struct sgx_quote_signature, qe_report) == 128, "QE report");

#endif
