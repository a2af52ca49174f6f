// SPDX-License-Identifier: Apache-2.0
// Evidence in a certificate (docs/formats/ra-tls.md): reading, and what the quote must bind. Form only: the
// quote is not verified here, nor the certificate's signature or dates; ratls/ratls.h does that.
//
// - A certificate carries one form, once. Extensions are not marked critical, but for basic constraints and
//   key usage; no extension stands twice.
// - Spans point into the caller's bytes.
#ifndef RATLS_EVIDENCE_H
#define RATLS_EVIDENCE_H

#include "base/cursor.h"

#define RATLS_SIZE_MAX        65536u // of a certificate, and so of evidence
#define RATLS_REPORTDATA_SIZE 64u
#define RATLS_CLAIMS_SIZE_MAX 64u // of the claims that are written here

#define RATLS_OID_TAGGED      "2.23.133.5.4.9"        // tcg-dice-conceptual-message-wrapper
#define RATLS_OID_INTEL       "1.2.840.113741.1337.6" // a quote and nothing else
#define RATLS_CBOR_TAG        60000u                  // ECDSA quotes of Intel's TEEs

enum ratls_form {
    RATLS_FORM_TAGGED = 1, // the interoperable one: tag, [quote, claims]
    RATLS_FORM_INTEL,      // the older one
};

struct ratls_evidence {
    enum ratls_form form;
    struct span quote;
    struct span spki;  // SubjectPublicKeyInfo, as an element
    struct span nonce; // a claim of the tagged form; empty when absent
    int64_t from, until;
    uint8_t reportdata[RATLS_REPORTDATA_SIZE]; // what the quote must carry to bind the key
};

// A certificate in DER. In the tagged form the claimed hash of the key is compared with the key:
// ERR_INTEGRITY when it is another's.
struct result ratls_evidence_read(struct span certificate, struct ratls_evidence *ret);

// The content of the tagged form's extension. Fills quote, nonce and reportdata.
struct result ratls_tagged_read(struct span extension, struct span spki,
                                struct ratls_evidence *ret);

// What a quote for this key must carry. `ret_claims` (RATLS_CLAIMS_SIZE_MAX) is empty in Intel's form.
struct result ratls_bind(enum ratls_form form, struct span spki, struct writer *ret_claims,
                         uint8_t ret_reportdata[RATLS_REPORTDATA_SIZE]);

// The content of the form's extension.
struct result ratls_evidence_write(enum ratls_form form, struct span quote, struct span claims,
                                   struct writer *ret);

#endif
