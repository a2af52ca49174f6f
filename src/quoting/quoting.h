// SPDX-License-Identifier: Apache-2.0
// Quotes: from a report made for the quoting enclave to evidence for a remote party.
//
// - Emulated: the quoting enclave's work is done here, under the installation's own root
//   (quoting/pki.h). It protects nothing, and the root's name is what a verifier must be told.
// - Hardware: the quoting enclave of the machine, through Intel's DCAP quoting library when that is
//   installed (quoting/dcap.h), else through AESM (quoting/aesm.h). It has not run on hardware.
// - One object may be shared between threads once it is open: nothing changes in it.
#ifndef QUOTING_QUOTING_H
#define QUOTING_QUOTING_H

#include <stdint.h>

#include "abi/sgx/quote.h"
#include "attest/collateral.h"

struct quoting;

struct quoting_options {
    bool emulated;
    const char *state_dir; // the emulated platform's, see sgx/platform.h
    int64_t now;           // unix time; collateral that expires soon is made anew
    // Hardware only. NULL and 0: the usual ones. The strings live as long as the object.
    const char *dcap_library; // what dlopen() takes
    const char *aesm_socket;
    unsigned aesm_timeout_ms; // for one request
};

// `ret` is ended by quoting_free(). The emulated PKI is made at the first opening and kept in
// state_dir ("collateral.bundle", "root_ca.pem"); its root's key is the same ever after.
struct result quoting_open(const struct quoting_options *options, struct quoting **ret);
void quoting_free(struct quoting *q); // takes NULL

// What an enclave's EREPORT must be aimed at.
void quoting_targetinfo(const struct quoting *q, struct sgx_targetinfo *ret);

// Emulated: checks the report's MAC, as the quoting enclave does: ERR_INTEGRITY when it was not
// made on this platform for quoting_targetinfo(). Hardware: what returns is an SGX quote with the
// report's body, or nothing does. A quote has at most SGX_QUOTE_SIZE_MAX bytes.
struct result quoting_quote(const struct quoting *q, const struct sgx_report *report, void *buffer,
                            size_t capacity, size_t *ret_size);

// Belongs to `q`. Hardware: without parts; `cloister quote fetch-collateral` gets them.
const struct attest_collateral *quoting_collateral(const struct quoting *q);

// Writes the collateral's files and root_ca.pem into `dir`, which is made when missing. Hardware:
// ERR_UNSUPPORTED.
struct result quoting_collateral_write(const struct quoting *q, const char *dir);

// SHA-256 of the root's SubjectPublicKeyInfo: what a verifier pins. Hardware: Intel's.
void quoting_root_hash(const struct quoting *q, uint8_t ret[32]);

#endif
