// SPDX-License-Identifier: Apache-2.0
#include "cli/sms_push.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/hex.h"
#include "os/file.h"
#include "os/tls.h"
#include "proto/client.h"
#include "proto/secret.h"

#define TIMEOUT_MS 30000u

static struct result read_identity(const char *path, struct proto_identity *ret)
{
    uint8_t *text;
    size_t size;
    GUARD(file_read(path, PROTO_POLICY_SIZE_MAX, &text, &size));
    struct result r = proto_identity_read(SPAN(text, size), ret);
    free(text);
    return r;
}

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

static struct result send_secret(const struct sms_push *p, const struct proto_identity *identity,
                                 struct proto_client *c)
{
    struct attest_claims claims;
    char fields[256];
    unsigned status;
    GUARD(proto_client_attest(c, identity, (int64_t)time(NULL), &claims));
    fprintf(stderr, "the SMS is the one that %s names; root: %s%s\n", p->identity_path, claims.root,
            claims.emulated ? " (EMULATED: no hardware protects it)" : "");
    GUARD(authorization(p->key, &p->hash, p->allow_emulated, fields, sizeof fields));
    GUARD(proto_client_secret(c, p->method, p->target, fields, p->value, &status));
    return judge(status, proto_client_refusal(c));
}

struct result sms_push(const struct sms_push *p)
{
    struct proto_identity identity;
    struct proto_client *c = NULL;
    struct tls *t;
    uint8_t exporter[PROTO_EXPORTER_SIZE];
    GUARD(read_identity(p->identity_path, &identity));
    GUARD(tls_connect(p->url, TIMEOUT_MS, &t));
    struct result r = tls_exporter(t, PROTO_EXPORTER_LABEL, exporter);
    if (is_ok(r))
        r = proto_client_open(tls_transport(t), tls_host(t), exporter, &c);
    if (is_ok(r))
        r = send_secret(p, &identity, c);
    proto_client_free(c);
    tls_free(t);
    return r;
}

static struct result exchange_challenge(struct tls *t, const char *target, const char *fields,
                                        struct address *ret)
{
    struct http_transport transport = tls_transport(t);
    struct http_out out = {.fields = fields, .close = true};
    struct http_head head;
    struct http_body in;
    uint8_t text[4096];
    size_t size;
    struct http_conn *http = malloc(sizeof *http);
    REQUIRE(http, ERR_MEMORY, "out of memory");
    http_conn_init(http, transport);
    struct result r = http_write_request(&transport, "POST", tls_host(t), target, &out);
    if (is_ok(r))
        r = http_read_response(http, &head);
    if (is_ok(r)) {
        http_body_init(&in, http, &head, true, false);
        r = http_body_read_all(&in, text, sizeof text, &size);
    }
    free(http);
    GUARD(r);
    REQUIRE(head.status == 200, ERR_DENIED,
            "the SMS makes no challenge: not the workerpool's owner, or the task is not active");
    return address_parse(SPAN(text, size), ret);
}

struct result sms_challenge_get(const char *url, const struct hash32 *task,
                                const struct eth_key *pool_owner, struct address *ret)
{
    struct tls *t;
    char fields[256], target[128], id[HEX_SIZE(32)];
    struct hash32 hash = proto_challenge_hash(task);
    GUARD(authorization(pool_owner, &hash, false, fields, sizeof fields));
    hex_encode(task->bytes, sizeof task->bytes, id);
    snprintf(target, sizeof target, "/tee/challenges/0x%s", id);
    GUARD(tls_connect(url, TIMEOUT_MS, &t));
    struct result r = exchange_challenge(t, target, fields, ret);
    tls_free(t);
    return r;
}
