// SPDX-License-Identifier: Apache-2.0
// X.509 certificates and revocation lists of Intel's PCK profile, taken apart (RFC 5280; Intel "SGX
// PCK Certificate and Certificate Revocation List Profile Specification"). Form only: nothing is
// verified here. Spans point into the caller's bytes.
//
// - Version 3 certificates and version 2 lists, signed with ECDSA on P-256 and SHA-256.
// - An unknown critical extension, or one that stands twice, is refused.
#ifndef ATTEST_CERT_H
#define ATTEST_CERT_H

#include "base/bytes.h"

#define ATTEST_CERT_NO_PATH_LIMIT 0xffu

enum attest_key_usage {
    ATTEST_USAGE_DIGITAL_SIGNATURE = 1 << 0,
    ATTEST_USAGE_CERT_SIGN = 1 << 5,
    ATTEST_USAGE_CRL_SIGN = 1 << 6,
};

struct attest_cert {
    struct span der;
    struct span tbs;             // what is signed
    struct span serial;          // content of the INTEGER
    struct span issuer, subject; // names as elements
    struct span common_name;     // of the subject
    int64_t from, until;
    struct span spki;   // as an element
    const uint8_t *key; // x | y
    bool has_constraints, ca;
    uint32_t path_max; // how many CAs may stand below
    bool has_usage;
    uint32_t usage;                               // enum attest_key_usage, others too
    struct span subject_key_id, authority_key_id; // empty when absent
    struct span sgx_extension;                    // content of its OCTET STRING; empty when absent
    uint8_t signature[64];
};

// The last common name of a Name, such as `issuer`; empty when it has none.
bool attest_name_common(struct span name, struct span *ret);

bool attest_cert_parse(struct span der, struct attest_cert *ret);

struct attest_crl {
    struct span tbs;
    struct span issuer;
    int64_t from, until;
    struct span authority_key_id;
    struct span revoked; // entries, checked
    uint8_t signature[64];
};

bool attest_crl_parse(struct span der, struct attest_crl *ret);

// The serial number of the entry at `at` in the list, which moves on; empty behind the last.
struct span attest_crl_next(const struct attest_crl *crl, size_t *at);

// The list has an entry with this serial number.
bool attest_crl_lists(const struct attest_crl *crl, struct span serial);

#endif
