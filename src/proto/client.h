// SPDX-License-Identifier: Apache-2.0
// The client's side of a session with an SMS, over a transport that the caller brings (TLS 1.3, one
// connection): attest first; nothing secret is sent or received before it has succeeded.
//
//   proto_client_open(…)      after the TLS handshake
//   proto_client_attest(…)    the SMS is the one that the identity names, on this very connection
//   proto_client_provision(…) enclaves: our own quote, and the answer's bytes
//   proto_client_secret(…)    owners: signed writes of secrets
#ifndef PROTO_CLIENT_H
#define PROTO_CLIENT_H

#include "proto/provision.h"
#include "proto/refusal.h"
#include "proto/trust.h"
#include "wire/http.h"

struct proto_client;

// `host` goes into the Host field. `exporter`: PROTO_EXPORTER_LABEL on this connection.
struct result proto_client_open(struct http_transport transport, const char *host,
                                const uint8_t exporter[PROTO_EXPORTER_SIZE],
                                struct proto_client **ret);
void proto_client_free(struct proto_client *c); // takes NULL

// Why the SMS said no, after ERR_DENIED; empty texts when it was not the SMS who refused.
const struct proto_refusal_message *proto_client_refusal(const struct proto_client *c);

// ret (may be NULL): what the SMS's quote says; root name and `emulated` are for display.
struct result proto_client_attest(struct proto_client *c, const struct proto_identity *identity,
                                  int64_t now, struct attest_claims *ret);

// Where the caller's own evidence comes from.
struct proto_quoter {
    void *context;
    struct result (*quote)(void *context, const uint8_t reportdata[PROTO_REPORTDATA_SIZE],
                           uint8_t *buffer, size_t capacity, size_t *ret_size);
    struct result (*collateral)(void *context, uint8_t *buffer, size_t capacity, size_t *ret_size);
};

// Fills in the request's quote and collateral. *ret_body (from malloc, ret_size bytes) is read with
// proto_app_grant_read or proto_post_grant_read; end it with proto_client_body_free. Once per connection.
struct result proto_client_provision(struct proto_client *c, const struct proto_quoter *quoter,
                                     const struct proto_provision *request, uint8_t **ret_body,
                                     size_t *ret_size);
void proto_client_body_free(uint8_t *body, size_t size); // wipes; takes NULL

// Sends one request of the secrets API on the attested connection; *ret_status is what came back.
// `fields`: header lines with CRLF.
struct result proto_client_secret(struct proto_client *c, const char *method, const char *target,
                                  const char *fields, struct span value, unsigned *ret_status);

// The same, and the body of a success as NUL-terminated text.
struct result proto_client_text(struct proto_client *c, const char *method, const char *target,
                                const char *fields, struct span value, char *ret, size_t capacity,
                                unsigned *ret_status);

#endif
