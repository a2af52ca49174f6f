// SPDX-License-Identifier: Apache-2.0
// X.509 for DCAP: chains of a fixed shape up to a root that is known by the hash of its key, and
// revocation lists. Nothing is looked up: a chain is complete or refused.
//
// - Every certificate: version 3, P-256, ecdsa-with-SHA256, dates, no unknown critical extension.
// - The order is leaf first, root last; each is signed by the next, the root by itself.
#ifndef ATTEST_CHAIN_H
#define ATTEST_CHAIN_H

#include "attest/cert.h"
#include "attest/verdict.h"
#include "base/bytes.h"

#define ATTEST_CHAIN_MAX      3u
#define ATTEST_ROOT_NAME_SIZE 32u // with NUL
#define ATTEST_CRL_SIZE_MAX   (1u << 20)

// A root that may end a chain: SHA-256 of its SubjectPublicKeyInfo in DER. Several certificates can
// carry one key (Intel's was issued anew), so the key is pinned and not the certificate.
struct attest_root {
    char name[ATTEST_ROOT_NAME_SIZE];
    uint8_t key_hash[32];
};

#define ATTEST_ROOT_INTEL_NAME "intel"
extern const struct attest_root attest_root_intel;

struct attest_roots {
    const struct attest_root *items; // beside Intel's, which is always known
    size_t count;
};

// The codes that say what is wrong with one of the chains.
struct attest_chain_codes {
    enum attest_code format, untrusted, invalid, expired, not_yet_valid;
};

struct attest_crl_codes {
    enum attest_code format, issuer, signature, expired, not_yet_valid;
};

// The span of time in which everything seen so far is valid.
struct attest_window {
    int64_t from, until;
};

struct attest_chain {
    struct attest_cert certs[ATTEST_CHAIN_MAX];
    size_t count;
    uint8_t *storage; // what the certificates point into
};

// Ends the certificates; takes an empty chain.
void attest_chain_done(struct attest_chain *chain);

// Exactly `count` certificates in PEM, white space between them, at most NULs behind them.
__attribute__((warn_unused_result)) enum attest_code
attest_chain_load(struct span pem, size_t count, const struct attest_chain_codes *codes,
                  struct attest_chain *ret);

// The root with this key, or NULL. Nobody but Intel bears Intel's name.
const struct attest_root *attest_root_find(const struct attest_roots *roots,
                                           const uint8_t key_hash[32]);

// `names` are the ends of the subjects' common names, leaf first. Narrows `window`.
__attribute__((warn_unused_result)) enum attest_code
attest_chain_verify(const struct attest_chain *chain, const char *const names[], int64_t now,
                    const struct attest_roots *roots, const struct attest_chain_codes *codes,
                    struct attest_window *window, const struct attest_root **ret_root);

// SHA-256 of the certificate's SubjectPublicKeyInfo: what struct attest_root pins.
struct result attest_cert_key_hash(const struct attest_cert *cert, uint8_t ret[32]);

// A complete CRL in DER, of version 2, with the extensions of Intel's profile and no other.
__attribute__((warn_unused_result)) enum attest_code
attest_crl_load(struct span der, const struct attest_crl_codes *codes, struct attest_crl *ret);

__attribute__((warn_unused_result)) enum attest_code
attest_crl_verify(const struct attest_crl *crl, const struct attest_cert *issuer, int64_t now,
                  const struct attest_crl_codes *codes, struct attest_window *window);

// Issuer and dates alone, of a CRL whose signature by this issuer's key holds already.
__attribute__((warn_unused_result)) enum attest_code
attest_crl_check(const struct attest_crl *crl, const struct attest_cert *issuer, int64_t now,
                 const struct attest_crl_codes *codes, struct attest_window *window);

#endif
