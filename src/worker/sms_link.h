// SPDX-License-Identifier: Apache-2.0
// A client's attested connection to an SMS: TLS, the exporter, and the SMS's quote checked against an
// identity.
#ifndef WORKER_SMS_LINK_H
#define WORKER_SMS_LINK_H

#include "proto/client.h"

struct sms_link;

// ret_claims (may be NULL): what the SMS's quote says.
struct result sms_link_open(const char *url, const struct proto_identity *identity,
                            struct sms_link **ret, struct attest_claims *ret_claims);
void sms_link_close(struct sms_link *l); // takes NULL
struct proto_client *sms_link_client(struct sms_link *l);

// An identity file (docs/formats/sms-policy.md).
struct result sms_identity_load(const char *path, struct proto_identity *ret);

// One signed write: `hash` signed as EIP-191, in Authorization. ERR_DENIED: proto_client_refusal() says why.
struct result sms_link_signed(struct sms_link *l, const char *method, const char *target,
                              const struct eth_key *key, const struct hash32 *hash,
                              struct span value, char *ret_text, size_t capacity,
                              unsigned *ret_status);

#endif
