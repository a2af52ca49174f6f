// SPDX-License-Identifier: Apache-2.0
// The public-key infrastructure of one emulated platform, in Intel's formats: root CA, platform CA,
// PCK certificate, TCB signing certificate, both revocation lists, TCB info and QE identity.
//
// - It proves nothing about hardware. Every subject name begins with EMULATED, and the root's key
//   is the installation's own.
// - All keys come from seeds: the root's hash is the same each time; signatures and dates are new.
// - Parameters can make a revoked, outdated or expired platform, for tests.
#ifndef QUOTING_PKI_H
#define QUOTING_PKI_H

#include "abi/sgx/arch.h"
#include "attest/collateral.h"
#include "base/cursor.h"

enum quoting_key {
    QUOTING_KEY_ROOT,
    QUOTING_KEY_CA,
    QUOTING_KEY_PCK,
    QUOTING_KEY_SIGNER,
    QUOTING_KEY_ATTESTATION,
    QUOTING_KEY_COUNT,
};

struct quoting_pki_params {
    uint8_t seeds[QUOTING_KEY_COUNT][32];
    uint8_t ppid[16];
    uint8_t cpusvn[SGX_CPUSVN_SIZE];
    struct sgx_report_body qe; // of the emulated quoting enclave; its identity is described
    int64_t issued_at, next_update;
    const char *tcb_status, *qe_status; // NULL: "UpToDate"
    const char *qe_id;                  // NULL: "QE"
    bool revoke_pck, revoke_ca, revoke_signer;
};

struct quoting_pki {
    uint8_t private_keys[QUOTING_KEY_COUNT][32];
    uint8_t public_keys[QUOTING_KEY_COUNT][64];
    struct sgx_report_body qe;           // REPORTDATA unused
    uint8_t root_hash[32];               // SHA-256 of the root's SubjectPublicKeyInfo
    struct span root_ca_pem;             // owned
    struct attest_collateral collateral; // parts owned
};

struct result quoting_pki_make(const struct quoting_pki_params *params, struct quoting_pki *ret);

// Derives the keys and the root's hash alone.
struct result quoting_pki_keys(const struct quoting_pki_params *params, struct quoting_pki *ret);

// A quote, version 3, of a body that the caller has checked: the quoting enclave's signing step.
struct result quoting_pki_quote(const struct quoting_pki *pki, const struct sgx_report_body *body,
                                struct writer *w);

// Frees the parts and wipes the keys.
void quoting_pki_done(struct quoting_pki *pki);

#endif
