// SPDX-License-Identifier: Apache-2.0
// RA-TLS: certificates that carry evidence about the key that they certify, for clients and servers of TLS
// 1.3 (docs/formats/ra-tls.md).
//
// - A certificate binds a key, not a connection: it says that an enclave once held this key. A message after
//   the handshake must bind nonce and exporter (proto/binding.h) before a secret goes out.
// - Nothing of a certificate is believed but what the quote vouches for: names, usages for a purpose and
//   chains say nothing. A peer sends one self-signed certificate.
#ifndef RATLS_RATLS_H
#define RATLS_RATLS_H

#include <openssl/ssl.h>

#include "attest/attest.h"
#include "ratls/evidence.h"

struct ratls_quoter {
    void *context;
    struct result (*quote)(void *context, const uint8_t reportdata[RATLS_REPORTDATA_SIZE],
                           uint8_t *buffer, size_t capacity, size_t *ret_size);
};

// A self-signed certificate of `key` (EC on P-256 or P-384, RSA, Ed25519), valid in these unix times. Ended
// by X509_free().
struct result ratls_certificate_make(EVP_PKEY *key, enum ratls_form form,
                                     const struct ratls_quoter *quoter, int64_t from, int64_t until,
                                     X509 **ret);

// What a peer is judged by. All that it points to outlives its users, and does not change.
struct ratls_verifier {
    struct attest_collateral collateral;
    struct attest_roots roots;
    const struct attest_policy *policy;
    int64_t (*clock)(void *context); // unix time
    void *context;
};

struct ratls_verdict {
    struct ratls_evidence evidence;
    struct attest_verdict quote;
    struct attest_reasons reasons; // of the policy against it
};

// Success means: the certificate is signed by its own key and in its time, the quote is genuine, binds this
// key, and the policy accepts it. ERR_INTEGRITY when key and quote do not belong together. `ret` is filled as
// far as the checks came, and is for showing unless the call succeeded.
struct result ratls_verify(struct span certificate, const struct ratls_verifier *verifier,
                           struct ratls_verdict *ret);

// Makes a context, client's or server's, show `certificate` and demand evidence of the peer: TLS 1.3 alone, no
// resumption, no early data. `key` and `certificate` may be NULL on a client that does not attest itself.
// `verifier` outlives the context.
struct result ratls_context_use(SSL_CTX *ctx, EVP_PKEY *key, X509 *certificate,
                                const struct ratls_verifier *verifier);

// Judges the certificate of a connected peer again, for its claims. The spans of ret->evidence are empty.
struct result ratls_peer(const SSL *ssl, const struct ratls_verifier *verifier,
                         struct ratls_verdict *ret);

#endif
