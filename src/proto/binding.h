// SPDX-License-Identifier: Apache-2.0
// What a quote of a Cloister session binds (docs/formats/sms-protocol.md, "Binding"). Pure.
//
//   REPORTDATA = SHA-256(field ‖ field ‖ …) ‖ 32 zero bytes,  field = u32 size, little-endian ‖ bytes
//   fields: "cloister-ra-v1", role, version (u32, little-endian), nonce, exporter, session, task, payload
//
// A field that a role does not use is empty, never left out, so no two roles share a text.
#ifndef PROTO_BINDING_H
#define PROTO_BINDING_H

#include "base/bytes.h"

#define PROTO_VERSION         1u
#define PROTO_NONCE_SIZE      32u
#define PROTO_EXPORTER_SIZE   32u
#define PROTO_SESSION_SIZE    16u
#define PROTO_TASK_SIZE       32u
#define PROTO_REPORTDATA_SIZE 64u

// RFC 8446, 7.5, with an empty context.
#define PROTO_EXPORTER_LABEL    "EXPORTER-cloister-ra"

#define PROTO_ROLE_SMS          "sms"          // the SMS, answering a client's nonce
#define PROTO_ROLE_APP          "app"          // an application's init
#define PROTO_ROLE_POST_COMPUTE "post-compute" // the enclave that signs results
#define PROTO_ROLE_SIGNER       "sms-signer"   // the SMS's certificate key; payload: its address

struct proto_binding {
    const char *role;
    struct span nonce; // the peer's
    struct span exporter;
    struct span session;
    struct span task;
    struct span payload;
};

void proto_reportdata(const struct proto_binding *binding, uint8_t ret[PROTO_REPORTDATA_SIZE]);

#endif
