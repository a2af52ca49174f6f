// SPDX-License-Identifier: Apache-2.0
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "abi/sgx/quote.h"
#include "base/hex.h"
#include "proto/secret.h"
#include "sms/sms.h"

#define SECRET_BODY_MAX   (16u * 1024) // more than a secret may have, so that 413 can be said
#define ATTESTED_BODY_MAX (4096u + SGX_QUOTE_SIZE_MAX + PROTO_COLLATERAL_SIZE_MAX)
#define SERVICE_VERSION   "cloister-sms 1"

struct result sms_open(struct span policy, const uint8_t configid[PROTO_CONFIGID_SIZE],
                       const char *database, const struct proto_quoter *quoter, struct sms **ret)
{
    uint8_t expected[PROTO_CONFIGID_SIZE];
    REQUIRE(quoter && quoter->quote && quoter->collateral, ERR_DENIED,
            "without quotes of its own an SMS serves nothing");
    proto_sms_policy_configid(policy, expected);
    REQUIRE(ct_equal(expected, configid, sizeof expected), ERR_DENIED,
            "the policy is not the one of this enclave's CONFIGID");
    struct sms *s = calloc(1, sizeof *s);
    REQUIRE(s, ERR_MEMORY, "out of memory");
    s->quoter = *quoter;
    struct result r = proto_sms_policy_read(policy, &s->policy);
    if (is_ok(r))
        r = store_open(database, &s->store);
    if (is_ok(r))
        r = store_signer(s->store, &s->signer_key, &s->signer);
    if (is_ok(r))
        r = ledger_link_new(&s->policy, s->store, &s->ledger);
    if (!is_ok(r)) {
        sms_close(s);
        return r;
    }
    *ret = s;
    return RESULT_OK;
}

void sms_close(struct sms *s)
{
    if (!s)
        return;
    ledger_link_free(s->ledger);
    store_close(s->store);
    wipe(s, sizeof *s);
    free(s);
}

struct result sms_anchor(struct sms *s)
{
    char text[160];
    struct store_head head = {.generation = 0};
    struct result r = ledger_link_anchor(s->ledger, &s->signer_key, &s->signer);
    if (is_ok(r))
        return r;
    if (!is_ok(store_head(s->store, &head)))
        return r;
    snprintf(text, sizeof text, "%s (generation %" PRIu64 ", anchored %" PRIu64 ")", r.why,
             head.generation, ledger_link_anchored(s->ledger, &s->signer));
    sms_log(s, "anchor", NULL, "failed", text);
    return r;
}

uint64_t sms_now(const struct sms *s, uint64_t least)
{
    struct store_mark mark = {.time = 0};
    uint64_t now = (uint64_t)time(NULL);
    if (!is_ok(store_mark_get(s->store, &mark)))
        return UINT64_MAX >> 1; // the far future: everything has expired
    now = MAX(now, least);
    if (least > mark.time) {
        mark.time = least;
        if (!is_ok(store_mark_set(s->store, &mark)))
            return UINT64_MAX >> 1;
    }
    return MAX(now, mark.time);
}

void sms_log(const struct sms *s, const char *what, const struct hash32 *task, const char *outcome,
             const char *why)
{
    char id[HEX_SIZE(32)] = "-", when[32];
    struct tm tm;
    time_t now = time(NULL);
    if (!s->log)
        return;
    gmtime_r(&now, &tm);
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &tm);
    if (task)
        hex_encode(task->bytes, sizeof task->bytes, id);
    fprintf(s->log, "%s %s %s: %s%s%s\n", when, what, id, outcome, *why ? ": " : "", why);
}

void sms_answer_done(struct sms_answer *a)
{
    if (a->body)
        wipe(a->body, a->size);
    free(a->body);
    memset(a, 0, sizeof *a);
}

static bool path_begins(const struct http_head *head, const char *prefix)
{
    size_t size = strlen(prefix);
    return head->path.size >= size && memcmp(head->path.data, prefix, size) == 0;
}

size_t sms_body_size_max(const struct http_head *head)
{
    return http_path_is(head, PROTO_PATH_PROVISION) ? ATTESTED_BODY_MAX : SECRET_BODY_MAX;
}

static enum proto_refusal say(struct sms_answer *ret, const char *type, const char *text)
{
    ret->body = (uint8_t *)strdup(text);
    ret->size = strlen(text);
    ret->status = 200;
    ret->content_type = type;
    return ret->body ? PROTO_GRANTED : PROTO_REFUSED_INTERNAL;
}

static enum proto_refusal route(struct sms *s, struct sms_session *session,
                                const struct http_head *head, struct span body,
                                const char **ret_why, struct sms_answer *ret)
{
    bool post = http_method_is(head, "POST");
    if (http_path_is(head, PROTO_PATH_ATTEST))
        return post ? sms_attest(s, session, body, ret) : PROTO_REFUSED_METHOD;
    if (http_path_is(head, PROTO_PATH_PROVISION))
        return post ? sms_provision(s, session, body, ret_why, ret) : PROTO_REFUSED_METHOD;
    if (path_begins(head, "/tee/challenges/"))
        return sms_challenge(s, head, ret);
    if (path_begins(head, "/secrets/") || path_begins(head, "/apps/") ||
        path_begins(head, "/requesters/")) {
        if (http_method_is(head, "OPTIONS")) {
            ret->cross_origin = true;
            ret->status = 204;
            return PROTO_GRANTED;
        }
        return sms_secrets(s, head, body, ret);
    }
    if (!http_method_is(head, "GET"))
        return PROTO_REFUSED_NOT_FOUND;
    if (http_path_is(head, "/version"))
        return say(ret, "text/plain", SERVICE_VERSION);
    if (http_path_is(head, "/actuator/health"))
        return say(ret, "application/json", "{\"status\":\"UP\"}");
    if (http_path_is(head, "/tee/framework"))
        return say(ret, "application/json", "\"SCONE\"");
    return PROTO_REFUSED_NOT_FOUND;
}

void sms_serve(struct sms *s, struct sms_session *session, const struct http_head *head,
               struct span body, struct sms_answer *ret)
{
    const char *why = NULL;
    char text[PROTO_REFUSAL_JSON_SIZE];
    memset(ret, 0, sizeof *ret);
    enum proto_refusal refusal = route(s, session, head, body, &why, ret);
    if (refusal == PROTO_GRANTED)
        return;
    bool cross_origin = ret->cross_origin;
    sms_answer_done(ret);
    // What failed inside is for the log alone.
    proto_refusal_write(refusal, refusal == PROTO_REFUSED_INTERNAL ? NULL : why, text);
    (void)say(ret, "application/json", text);
    ret->status = proto_refusal_status(refusal);
    ret->cross_origin = cross_origin;
}
