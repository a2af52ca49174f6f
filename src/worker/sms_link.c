// SPDX-License-Identifier: Apache-2.0
#include "worker/sms_link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/hex.h"
#include "os/file.h"
#include "os/tls.h"

#define TIMEOUT_MS 30000u

struct sms_link {
    struct tls *tls;
    struct proto_client *client;
};

static struct result attest(struct sms_link *l, const char *url,
                            const struct proto_identity *identity, struct attest_claims *ret)
{
    uint8_t exporter[PROTO_EXPORTER_SIZE];
    GUARD(tls_connect(url, TIMEOUT_MS, &l->tls));
    GUARD(tls_exporter(l->tls, PROTO_EXPORTER_LABEL, exporter));
    GUARD(proto_client_open(tls_transport(l->tls), tls_host(l->tls), exporter, &l->client));
    return proto_client_attest(l->client, identity, (int64_t)time(NULL), ret);
}

struct result sms_link_open(const char *url, const struct proto_identity *identity,
                            struct sms_link **ret, struct attest_claims *ret_claims)
{
    REQUIRE(!identity->any_configid, ERR_INVALID,
            "an SMS identity without the policy's hash names no SMS");
    struct sms_link *l = calloc(1, sizeof *l);
    REQUIRE(l, ERR_MEMORY, "out of memory");
    struct result r = attest(l, url, identity, ret_claims);
    if (!is_ok(r)) {
        sms_link_close(l);
        return r;
    }
    *ret = l;
    return RESULT_OK;
}

void sms_link_close(struct sms_link *l)
{
    if (!l)
        return;
    proto_client_free(l->client);
    tls_free(l->tls);
    free(l);
}

struct proto_client *sms_link_client(struct sms_link *l)
{
    return l->client;
}

struct result sms_identity_load(const char *path, struct proto_identity *ret)
{
    uint8_t *text;
    size_t size;
    GUARD(file_read(path, PROTO_POLICY_SIZE_MAX, &text, &size));
    struct result r = proto_identity_read(SPAN(text, size), ret);
    free(text);
    return r;
}

struct result sms_link_signed(struct sms_link *l, const char *method, const char *target,
                              const struct eth_key *key, const struct hash32 *hash,
                              struct span value, char *ret_text, size_t capacity,
                              unsigned *ret_status)
{
    struct signature s;
    char hex[HEX_SIZE(sizeof s)], fields[64 + HEX_SIZE(sizeof s)];
    GUARD(eth_sign_message(key, hash, &s));
    hex_encode(s.bytes, sizeof s.bytes, hex);
    snprintf(fields, sizeof fields, "Authorization: 0x%s\r\n", hex);
    return proto_client_text(l->client, method, target, fields, value, ret_text, capacity,
                             ret_status);
}
