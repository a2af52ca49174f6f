// SPDX-License-Identifier: Apache-2.0
#include "proto/secret.h"

// keccak256("IEXEC_SMS_DOMAIN")
static const uint8_t domain[32] = {0x0a, 0x26, 0x92, 0x3d, 0x45, 0xa0, 0x19, 0xb7, 0x7e, 0x85, 0x6d,
                                   0x00, 0x01, 0x68, 0x1f, 0x98, 0xab, 0x97, 0x07, 0xec, 0x15, 0xb2,
                                   0xb9, 0x80, 0x48, 0xcc, 0x91, 0xee, 0xd0, 0x0b, 0x67, 0x93};

static void put_hash_of(struct keccak *k, struct span text)
{
    struct hash32 h = keccak256(text);
    keccak_update(k, SPAN_OF(h));
}

static void begin(struct keccak *k, const struct address *a)
{
    keccak_init(k);
    keccak_update(k, SPAN_OF(domain));
    keccak_update(k, SPAN_OF(*a));
}

static void put_leave(struct keccak *k, bool allow_emulated)
{
    if (allow_emulated)
        put_hash_of(k, SPAN_STR("cloister:emulated=allowed"));
}

struct hash32 proto_web3_hash(const struct address *secret, struct span value, bool allow_emulated)
{
    struct keccak k;
    begin(&k, secret);
    put_hash_of(&k, value);
    put_leave(&k, allow_emulated);
    return keccak_final(&k);
}

struct hash32 proto_web2_hash(const struct address *owner, struct span name, struct span value,
                              bool allow_emulated)
{
    struct keccak k;
    begin(&k, owner);
    put_hash_of(&k, name);
    put_hash_of(&k, value);
    put_leave(&k, allow_emulated);
    return keccak_final(&k);
}

struct hash32 proto_challenge_hash(const struct hash32 *task)
{
    return keccak256(SPAN_OF(*task));
}

struct hash32 proto_authorization_hash(const struct address *worker, const struct hash32 *task,
                                       const struct address *challenge)
{
    struct keccak k;
    keccak_init(&k);
    keccak_update(&k, SPAN_OF(*worker));
    keccak_update(&k, SPAN_OF(*task));
    keccak_update(&k, SPAN_OF(*challenge));
    return keccak_final(&k);
}
