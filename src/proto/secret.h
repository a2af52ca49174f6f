// SPDX-License-Identifier: Apache-2.0
// What owners sign when they give the SMS a secret (iExec's messages, EIP-191 over the hash), and our one
// extension: the owner's leave for emulated enclaves. Pure.
#ifndef PROTO_SECRET_H
#define PROTO_SECRET_H

#include "crypto/secp256k1.h"

#define PROTO_EMULATED_FIELD  "X-Cloister-Emulated"
#define PROTO_EMULATED_VALUE  "allowed"
#define PROTO_RESULT_KEY_NAME "iexec-result-encryption-public-key"
#define PROTO_APP_SECRET_NAME "1"
#define PROTO_REGION_PREFIX   "cloister:region:" // and the path: the name of a region's content key

// keccak256(DOMAIN ‖ address ‖ keccak256(value)), and with allow_emulated
// keccak256(DOMAIN ‖ address ‖ keccak256(value) ‖ keccak256("cloister:emulated=allowed"))
struct hash32 proto_web3_hash(const struct address *secret, struct span value, bool allow_emulated);
// keccak256(DOMAIN ‖ owner ‖ keccak256(name) ‖ keccak256(value)), and the same extension; web2, requester
// and app secrets.
struct hash32 proto_web2_hash(const struct address *owner, struct span name, struct span value,
                              bool allow_emulated);
// keccak256(task)
struct hash32 proto_challenge_hash(const struct hash32 *task);
// keccak256(worker ‖ task ‖ challenge): the workerpool owner's authorisation.
struct hash32 proto_authorization_hash(const struct address *worker, const struct hash32 *task,
                                       const struct address *challenge);

#endif
