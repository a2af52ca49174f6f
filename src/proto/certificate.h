// SPDX-License-Identifier: Apache-2.0
// The SMS's statement about one task, and the proof that a requester verifies off line:
//   result signature ← challenge address ← certificate ← SMS's certificate key ← SMS's quote ← sms.json
// The first arrow (enclave signature over the result, IEXEC's form) is on the ledger; the rest is here.
#ifndef PROTO_CERTIFICATE_H
#define PROTO_CERTIFICATE_H

#include "base/bytes.h"
#include "base/result.h"
#include "crypto/secp256k1.h"
#include "proto/trust.h"

struct proto_certificate {
    uint64_t chain_id;
    struct hash32 genesis;
    struct hash32 task;
    struct hash32 deal;
    struct address app;
    struct address dataset; // zero: none
    struct address worker;  // whom the challenge key works for
    struct address
        challenge; // the key for this address was given to the post-compute enclave alone
    uint8_t app_mrenclave[32];
    uint8_t post_mrenclave[32];
    uint64_t generation; // of the app session whose transfer key post-compute received
    uint64_t time;
    bool app_emulated, post_emulated; // no hardware protected that enclave
};

#define PROTO_CERTIFICATE_SIZE (8u + 8 + 3 * 32 + 4 * 20 + 2 * 32 + 8 + 8 + 2)

void proto_certificate_write(const struct proto_certificate *c,
                             uint8_t ret[PROTO_CERTIFICATE_SIZE]);
struct result proto_certificate_read(struct span bytes, struct proto_certificate *ret);

// keccak256("cloister sms certificate v1" ‖ the bytes above); signed as it is (eth_sign).
struct hash32 proto_certificate_hash(const uint8_t bytes[PROTO_CERTIFICATE_SIZE]);

struct proto_proof {
    uint8_t certificate[PROTO_CERTIFICATE_SIZE];
    struct signature signature;
    struct span quote; // the SMS's, over the signer's address (PROTO_ROLE_SIGNER)
    struct span collateral;
};

// One byte form, also that of a proof file.
size_t proto_proof_size(const struct proto_proof *proof);
struct result proto_proof_write(const struct proto_proof *proof, void *buffer, size_t capacity,
                                size_t *ret_size);
struct result proto_proof_read(struct span bytes, struct proto_proof *ret);

struct proto_proof_verdict {
    struct proto_certificate certificate;
    struct attest_claims sms; // of the SMS's quote
    struct address signer;
};

// The whole chain up to the identity. The caller then compares the certificate's task, challenge and
// app_mrenclave with the ledger's, and says aloud whether anything is emulated.
struct result proto_proof_verify(const struct proto_proof *proof,
                                 const struct proto_identity *identity, int64_t now,
                                 struct proto_proof_verdict *ret);

#endif
