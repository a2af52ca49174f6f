// SPDX-License-Identifier: Apache-2.0
#include "cli/sms_push.h"

#include <stdio.h>

#include "base/hex.h"
#include "proto/client.h"
#include "proto/secret.h"
#include "worker/sms_link.h"

static struct result authorization(const struct eth_key *key, const struct hash32 *hash,
                                   bool allow_emulated, char *ret, size_t capacity)
{
    struct signature signature;
    char text[HEX_SIZE(65)];
    GUARD(eth_sign_message(key, hash, &signature));
    hex_encode(signature.bytes, sizeof signature.bytes, text);
    int n = snprintf(ret, capacity, "Authorization: 0x%s\r\n%s", text,
                     allow_emulated ? PROTO_EMULATED_FIELD ": " PROTO_EMULATED_VALUE "\r\n" : "");
    REQUIRE(n > 0 && (size_t)n < capacity, ERR_RANGE, "the header does not fit");
    return RESULT_OK;
}

static struct result judge(unsigned status, const struct proto_refusal_message *refusal)
{
    if (status == 204)
        return RESULT_OK;
    fprintf(stderr, "refused: %s\n", refusal->why[0] ? refusal->why : "the SMS gave no reason");
    REQUIRE(status != 409, ERR_EXISTS, "the secret is already set");
    REQUIRE(status != 404, ERR_NOT_FOUND, "the secret is not set");
    return fail(ERR_DENIED, "the SMS refused");
}

struct result sms_push(const struct sms_push *p)
{
    struct proto_identity identity;
    struct attest_claims claims;
    struct sms_link *link;
    char fields[256];
    unsigned status;
    GUARD(sms_identity_load(p->identity_path, &identity));
    GUARD(authorization(p->key, &p->hash, p->allow_emulated, fields, sizeof fields));
    GUARD(sms_link_open(p->url, &identity, &link, &claims));
    fprintf(stderr, "the SMS is the one that %s names; root: %s%s\n", p->identity_path, claims.root,
            claims.emulated ? " (EMULATED: no hardware protects it)" : "");
    struct proto_client *c = sms_link_client(link);
    struct result r = proto_client_secret(c, p->method, p->target, fields, p->value, &status);
    if (is_ok(r))
        r = judge(status, proto_client_refusal(c));
    sms_link_close(link);
    return r;
}
