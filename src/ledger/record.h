// SPDX-License-Identifier: Apache-2.0
// One signed record of the embedded ledger ("a transaction in a block of its own").
// docs/formats/ledger.md
//
//   body      = version(1) ‖ chain id(8) ‖ seq(8) ‖ prev(32) ‖ time(8) ‖ sender(20) ‖ method(1) ‖
//               args size(4) ‖ args          numbers big-endian; args as ledger/schema.h encodes
//   them
//   digest    = keccak256("cloister ledger record 1" ‖ body)
//   signature = secp256k1 over digest, by sender
//   hash      = keccak256(digest ‖ signature), which is the next record's prev
#ifndef LEDGER_RECORD_H
#define LEDGER_RECORD_H

#include "ledger/types.h"

#define RECORD_VERSION   1
#define RECORD_HEAD_SIZE (1 + 8 + 8 + 32 + 8 + 20 + 1 + 4)
#define RECORD_ARGS_MAX  (16 * 1024)
#define RECORD_SIZE_MAX  (RECORD_HEAD_SIZE + RECORD_ARGS_MAX + 65)

struct record {
    uint64_t chain_id;
    uint64_t seq;
    struct hash32 prev;
    uint64_t time; // seconds since 1970
    struct address sender;
    enum ledger_method method;
    struct span args; // points into the bytes that were parsed
    struct signature signature;
    struct hash32 digest;
    struct hash32 hash;
};

// Checks form and signature. It does not check the place in a chain.
struct result record_parse(struct span bytes, struct record *ret);

// Encodes and signs; chain_id, seq, prev, time and method come from `r`, the rest is made here.
struct result record_make(const struct record *r, const void *args, const struct eth_key *key,
                          uint8_t ret[RECORD_SIZE_MAX], size_t *ret_size);

#endif
