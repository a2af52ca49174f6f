// SPDX-License-Identifier: Apache-2.0
// The result bundle that post-compute makes and the beneficiary opens (docs/formats/result.md): iExec's
// encrypted
// result, and beside it the proof of where it comes from.
//
//   requester: result_bundle_read → result_bundle_verify → result_bundle_open; nothing is decrypted
// before the
//   chain is verified: ledger's digest ← enclave signature ← challenge ← SMS's certificate ← SMS's
// quote ← identity
#ifndef RESULT_BUNDLE_H
#define RESULT_BUNDLE_H

#include "proto/certificate.h"
#include "result/files.h"

#define RESULT_BUNDLE_SIZE_MAX (RESULT_SIZE_MAX + (4u << 20))
#define RESULT_BUNDLE_KEY      "aes-key.rsa"
#define RESULT_BUNDLE_DATA     "iexec_out.zip.aes"
#define RESULT_BUNDLE_PROOF    "proof.json"

// What the enclave key signs for one task.
struct result_statement {
    struct hash32 task;
    struct address worker;
    struct address challenge; // the enclave key's address
    struct hash32 digest;
    struct signature enclave_sign; // IEXEC's form, also on the ledger
    struct signature bundle_sign;  // over the two encrypted entries
};

// post-compute's side. *ret from malloc.
struct result_maker {
    struct hash32 task;
    struct address worker;
    const struct eth_key *challenge_key;
    struct span beneficiary_key; // SPKI PEM
    const struct proto_proof *proof;
};
struct result result_bundle_make(const struct result_maker *m, const struct result_files *files,
                                 const struct hash32 *digest,
                                 struct result_statement *ret_statement, uint8_t **ret,
                                 size_t *ret_size);

struct result_bundle {
    struct span wrapped_key, data; // into the bytes that were read
    struct result_statement statement;
    struct proto_proof proof; // its spans point into `owned`
    uint8_t *owned;
};
struct result result_bundle_read(struct span archive, struct result_bundle *ret);
void result_bundle_done(struct result_bundle *b);

// What the ledger says of the task.
struct result_facts {
    uint64_t chain_id;
    struct hash32 genesis;
    struct hash32 task, deal;
    struct address app, dataset; // dataset zero: none
    struct address worker, challenge;
    struct hash32 digest;
    struct signature enclave_sign;
    uint8_t app_mrenclave[32];
    bool has_callback;
};
// ret (may be NULL): who vouched; says whether anything was emulated.
struct result result_bundle_verify(const struct result_bundle *b, const struct result_facts *facts,
                                   const struct proto_identity *identity, int64_t now,
                                   struct proto_proof_verdict *ret);

// Decrypts, and checks that the files have the digest that was signed.
struct result result_bundle_open(const struct result_bundle *b, bool has_callback,
                                 struct span private_pem, struct result_files *ret);

#endif
