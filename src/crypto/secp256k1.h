// SPDX-License-Identifier: Apache-2.0
// Ethereum's keys, addresses and signatures (secp256k1 with public-key recovery).
//
// - A signature is r(32) ‖ s(32) ‖ v(1) with v = 27 or 28 and s in the lower half (EIP-2); any
//   other form is refused, so that one signature has one encoding.
// - eth_sign signs a hash as it is (EIP-712 hashes); eth_sign_message signs the "personal message"
//   over a 32-byte hash (EIP-191, version 0x45).
#ifndef CRYPTO_SECP256K1_H
#define CRYPTO_SECP256K1_H

#include "base/bytes.h"
#include "base/result.h"
#include "crypto/keccak.h"

struct address {
    uint8_t bytes[20];
};

struct signature {
    uint8_t bytes[65];
};

struct eth_key {
    uint8_t bytes[32]; // secret; wipe after use
};

#define ADDRESS_TEXT_SIZE 43 // "0x", 40 digits, NUL

struct result eth_key_generate(struct eth_key *ret);
struct result eth_key_address(const struct eth_key *key, struct address *ret);
struct result eth_sign(const struct eth_key *key, const struct hash32 *hash, struct signature *ret);
struct result eth_recover(const struct hash32 *hash, const struct signature *s,
                          struct address *ret);

struct hash32 eth_message_hash(const struct hash32 *hash); // EIP-191 over 32 bytes
struct result eth_sign_message(const struct eth_key *key, const struct hash32 *hash,
                               struct signature *ret);
struct result eth_recover_message(const struct hash32 *hash, const struct signature *s,
                                  struct address *ret);

// ERR_INTEGRITY unless `signer` made the signature.
struct result eth_check(const struct hash32 *hash, const struct signature *s,
                        const struct address *signer);
struct result eth_check_message(const struct hash32 *hash, const struct signature *s,
                                const struct address *signer);

// Text with EIP-55's checksum case.
void address_format(const struct address *a, char ret[ADDRESS_TEXT_SIZE]);
// "0x" and 40 digits. Mixed case must be the right checksum case; one case alone is taken.
struct result address_parse(struct span text, struct address *ret);

static inline bool address_equal(const struct address *a, const struct address *b)
{
    return __builtin_memcmp(a, b, sizeof *a) == 0;
}

static inline bool address_is_zero(const struct address *a)
{
    return is_zero(a, sizeof *a);
}

#endif
