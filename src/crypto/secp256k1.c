// SPDX-License-Identifier: Apache-2.0
// crypto/secp256k1.h over libsecp256k1.
#include "crypto/secp256k1.h"

#include "base/hex.h"
#include "crypto/random.h"

#include <secp256k1.h>
#include <secp256k1_recovery.h>
#include <string.h>

// A context for operations with secret keys, blinded against side channels.
static struct result signing_context(secp256k1_context **ret)
{
    uint8_t seed[32];
    GUARD(random_bytes(seed, sizeof seed));
    secp256k1_context *c = secp256k1_context_create(SECP256K1_CONTEXT_NONE);
    if (c && !secp256k1_context_randomize(c, seed)) {
        secp256k1_context_destroy(c);
        c = NULL;
    }
    wipe(seed, sizeof seed);
    REQUIRE(c, ERR_CRYPTO, "libsecp256k1 gives no context");
    *ret = c;
    return RESULT_OK;
}

static struct address address_of(const secp256k1_pubkey *key)
{
    uint8_t point[65];
    size_t size = sizeof point;
    secp256k1_ec_pubkey_serialize(secp256k1_context_static, point, &size, key,
                                  SECP256K1_EC_UNCOMPRESSED);
    struct hash32 h = keccak256(SPAN(point + 1, 64));
    struct address a;
    memcpy(a.bytes, h.bytes + 12, sizeof a.bytes);
    return a;
}

struct result eth_key_generate(struct eth_key *ret)
{
    struct eth_key key;
    do
        GUARD(random_bytes(key.bytes, sizeof key.bytes));
    while (!secp256k1_ec_seckey_verify(secp256k1_context_static, key.bytes));
    *ret = key;
    wipe(&key, sizeof key);
    return RESULT_OK;
}

struct result eth_key_address(const struct eth_key *key, struct address *ret)
{
    secp256k1_context *c;
    GUARD(signing_context(&c));
    secp256k1_pubkey public;
    int ok = secp256k1_ec_pubkey_create(c, &public, key->bytes);
    secp256k1_context_destroy(c);
    REQUIRE(ok, ERR_INVALID, "not a secp256k1 private key");
    *ret = address_of(&public);
    return RESULT_OK;
}

struct result eth_sign(const struct eth_key *key, const struct hash32 *hash, struct signature *ret)
{
    secp256k1_context *c;
    GUARD(signing_context(&c));
    secp256k1_ecdsa_recoverable_signature s;
    struct signature out;
    int id = 0;
    // RFC 6979 nonce; libsecp256k1 makes the lower s.
    int ok = secp256k1_ecdsa_sign_recoverable(c, &s, hash->bytes, key->bytes, NULL, NULL) &&
             secp256k1_ecdsa_recoverable_signature_serialize_compact(c, out.bytes, &id, &s);
    secp256k1_context_destroy(c);
    REQUIRE(ok && id < 2, ERR_CRYPTO, "cannot sign with this key");
    out.bytes[64] = (uint8_t)(27 + id);
    *ret = out;
    return RESULT_OK;
}

struct result eth_recover(const struct hash32 *hash, const struct signature *s, struct address *ret)
{
    const secp256k1_context *c = secp256k1_context_static;
    uint8_t v = s->bytes[64];
    REQUIRE(v == 27 || v == 28, ERR_INVALID, "signature has a bad recovery number");
    secp256k1_ecdsa_recoverable_signature rs;
    secp256k1_ecdsa_signature plain;
    secp256k1_pubkey public;
    REQUIRE(secp256k1_ecdsa_recoverable_signature_parse_compact(c, &rs, s->bytes, v - 27),
            ERR_INVALID, "signature is out of range");
    // EIP-2: the upper half of s is refused.
    REQUIRE(secp256k1_ecdsa_recoverable_signature_convert(c, &plain, &rs) &&
                !secp256k1_ecdsa_signature_normalize(c, NULL, &plain),
            ERR_INVALID, "signature is not in lower-s form");
    REQUIRE(secp256k1_ecdsa_recover(c, &public, &rs, hash->bytes), ERR_INTEGRITY,
            "signature recovers to no key");
    *ret = address_of(&public);
    return RESULT_OK;
}

struct hash32 eth_message_hash(const struct hash32 *hash)
{
    struct keccak k;
    keccak_init(&k);
    keccak_update(&k, SPAN_STR("\x19"
                               "Ethereum Signed Message:\n32"));
    keccak_update(&k, SPAN_OF(*hash));
    return keccak_final(&k);
}

struct result eth_sign_message(const struct eth_key *key, const struct hash32 *hash,
                               struct signature *ret)
{
    struct hash32 h = eth_message_hash(hash);
    return eth_sign(key, &h, ret);
}

struct result eth_recover_message(const struct hash32 *hash, const struct signature *s,
                                  struct address *ret)
{
    struct hash32 h = eth_message_hash(hash);
    return eth_recover(&h, s, ret);
}

struct result eth_check(const struct hash32 *hash, const struct signature *s,
                        const struct address *signer)
{
    struct address found;
    GUARD(eth_recover(hash, s, &found));
    REQUIRE(address_equal(&found, signer), ERR_INTEGRITY, "signature is by another key");
    return RESULT_OK;
}

struct result eth_check_message(const struct hash32 *hash, const struct signature *s,
                                const struct address *signer)
{
    struct hash32 h = eth_message_hash(hash);
    return eth_check(&h, s, signer);
}

void address_format(const struct address *a, char ret[ADDRESS_TEXT_SIZE])
{
    // EIP-55: a letter is upper-case where the hash of the lower-case text has a nibble above 7.
    char text[HEX_SIZE(20)];
    hex_encode(a->bytes, sizeof a->bytes, text);
    struct hash32 h = keccak256(SPAN(text, 40));
    for (size_t i = 0; i < 40; i++) {
        unsigned nibble = h.bytes[i / 2] >> (i % 2 ? 0 : 4) & 15;
        if (text[i] >= 'a' && nibble > 7)
            text[i] = (char)(text[i] - 32);
    }
    ret[0] = '0';
    ret[1] = 'x';
    memcpy(ret + 2, text, sizeof text);
}

struct result address_parse(struct span text, struct address *ret)
{
    struct address a;
    REQUIRE(text.size == 42 && text.data[0] == '0' && text.data[1] == 'x', ERR_INVALID,
            "an address is 0x and 40 hex digits");
    GUARD(hex_decode(text, a.bytes, sizeof a.bytes));
    bool upper = false, lower = false;
    for (size_t i = 2; i < 42; i++) {
        upper |= text.data[i] >= 'A' && text.data[i] <= 'F';
        lower |= text.data[i] >= 'a';
    }
    char right[ADDRESS_TEXT_SIZE];
    address_format(&a, right);
    REQUIRE(!(upper && lower) || memcmp(right, text.data, 42) == 0, ERR_INVALID,
            "the address has a typing error (EIP-55 checksum)");
    *ret = a;
    return RESULT_OK;
}
