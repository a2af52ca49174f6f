// SPDX-License-Identifier: Apache-2.0
// iExec's secrets API, and the challenge of a task. Who may write what is said by a signature over the
// request (proto/secret.h); presence of a secret is public, its value never leaves by this door.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "proto/secret.h"
#include "shield/regions.h"
#include "sms/params.h"
#include "sms/sms.h"

#define NAME_SIZE_MAX 257u // of a web2 secret, with NUL
_Static_assert(sizeof PROTO_REGION_PREFIX + PROTO_REGION_PATH_MAX <= NAME_SIZE_MAX, "region names");

struct secret_request {
    enum store_kind kind;
    struct address owner;     // whose secret it is; for web3 and apps the entry's address
    char name[NAME_SIZE_MAX]; // as sent: what is signed
    char key[NAME_SIZE_MAX];  // as stored
};

static bool take_address(struct span text, struct address *ret)
{
    return is_ok(address_parse(text, ret));
}

static bool query_address(const struct http_head *head, const char *name, struct address *ret)
{
    char text[64];
    return is_ok(http_query_value(head->query, name, text, sizeof text)) &&
           take_address(SPAN(text, strlen(text)), ret);
}

// The next segment of a path; false at its end.
static bool next_segment(struct span *path, struct span *ret)
{
    if (path->size < 1 || path->data[0] != '/')
        return false;
    size_t size = 1;
    while (size < path->size && path->data[size] != '/')
        size++;
    *ret = SPAN(path->data + 1, size - 1);
    *path = SPAN(path->data + size, path->size - size);
    return ret->size > 0;
}

static bool span_is(struct span s, const char *text)
{
    return s.size == strlen(text) && memcmp(s.data, text, s.size) == 0;
}

static bool parse_query_kind(const struct http_head *head, struct secret_request *q)
{
    if (q->kind == STORE_WEB3)
        return query_address(head, "secretAddress", &q->owner);
    if (!query_address(head, "ownerAddress", &q->owner) ||
        !is_ok(http_query_value(head->query, "secretName", q->name, sizeof q->name)) ||
        q->name[0] == 0)
        return false;
    for (size_t i = 0; i < sizeof q->key; i++)
        q->key[i] = q->name[i] >= 'A' && q->name[i] <= 'Z' ? (char)(q->name[i] + 32) : q->name[i];
    return true;
}

// The query of /apps/A/regions: path=PATH. What is signed has a prefix, so that no other secret has the name.
static enum proto_refusal parse_region(const struct http_head *head, struct secret_request *q)
{
    if (!is_ok(http_query_value(head->query, "path", q->key, PROTO_REGION_PATH_MAX + 1)) ||
        !region_path_is_normal(SPAN(q->key, strlen(q->key))))
        return PROTO_REFUSED_MALFORMED;
    q->kind = STORE_REGION;
    if ((size_t)snprintf(q->name, sizeof q->name, "%s%s", PROTO_REGION_PREFIX, q->key) >=
        sizeof q->name)
        return PROTO_REFUSED_MALFORMED;
    return PROTO_GRANTED;
}

// /secrets/web3 | /secrets/web2 | /apps/A/secrets | /apps/A/regions | /requesters/A/secrets/K. NOT_FOUND: no
// such path.
static enum proto_refusal parse_path(const struct http_head *head, struct secret_request *q)
{
    struct span path = head->path, first, second, third, name;
    memset(q, 0, sizeof *q);
    if (!next_segment(&path, &first) || !next_segment(&path, &second))
        return PROTO_REFUSED_NOT_FOUND;
    if (span_is(first, "secrets") && path.size == 0 &&
        (span_is(second, "web3") || span_is(second, "web2"))) {
        q->kind = span_is(second, "web3") ? STORE_WEB3 : STORE_WEB2;
        return parse_query_kind(head, q) ? PROTO_GRANTED : PROTO_REFUSED_MALFORMED;
    }
    bool app = span_is(first, "apps");
    if ((!app && !span_is(first, "requesters")) || !next_segment(&path, &third))
        return PROTO_REFUSED_NOT_FOUND;
    bool region = app && span_is(third, "regions") && path.size == 0;
    if (!region && !span_is(third, "secrets"))
        return PROTO_REFUSED_NOT_FOUND;
    if (!take_address(second, &q->owner))
        return PROTO_REFUSED_MALFORMED;
    if (region)
        return parse_region(head, q);
    q->kind = app ? STORE_APP : STORE_REQUESTER;
    if (app) {
        memcpy(q->name, PROTO_APP_SECRET_NAME, sizeof PROTO_APP_SECRET_NAME);
    } else if (!next_segment(&path, &name) ||
               !is_ok(http_percent_decode(name, q->name, sizeof q->name)) ||
               !params_secret_name_is_valid(q->name)) {
        return PROTO_REFUSED_MALFORMED;
    }
    memcpy(q->key, q->name, sizeof q->key);
    return path.size == 0 ? PROTO_GRANTED : PROTO_REFUSED_NOT_FOUND;
}

static bool read_authorization(const struct http_head *head, struct signature *ret)
{
    struct span text = http_field(head, "Authorization");
    return text.data && text.size == 132 && text.data[0] == '0' && text.data[1] == 'x' &&
           is_ok(hex_decode(text, ret->bytes, sizeof ret->bytes));
}

// Who must have signed.
static enum proto_refusal find_signer(struct sms *s, const struct secret_request *q,
                                      struct address *ret)
{
    if (q->kind == STORE_WEB2 || q->kind == STORE_REQUESTER) {
        *ret = q->owner;
        return PROTO_GRANTED;
    }
    struct result r = ledger_link_owner(s->ledger, &q->owner, ret);
    if (is_ok(r))
        return PROTO_GRANTED;
    if (r.code == ERR_NOT_FOUND)
        return PROTO_REFUSED_UNAUTHORIZED;
    sms_log(s, "owner", NULL, "ledger", r.why);
    return PROTO_REFUSED_LEDGER;
}

static enum proto_refusal check_signature(struct sms *s, const struct secret_request *q,
                                          const struct signature *signature, struct span value,
                                          bool emulated)
{
    struct address signer;
    enum proto_refusal refusal = find_signer(s, q, &signer);
    if (refusal != PROTO_GRANTED)
        return refusal;
    struct hash32 hash =
        q->kind == STORE_WEB3
            ? proto_web3_hash(&q->owner, value, emulated)
            : proto_web2_hash(&q->owner, SPAN(q->name, strlen(q->name)), value, emulated);
    return is_ok(eth_check_message(&hash, signature, &signer)) ? PROTO_GRANTED
                                                               : PROTO_REFUSED_UNAUTHORIZED;
}

// 64 hex digits.
static bool is_content_key(struct span value)
{
    uint8_t key[32];
    bool good = value.size == 2 * sizeof key && is_ok(hex_decode(value, key, sizeof key));
    wipe(key, sizeof key);
    return good;
}

// The order of the checks is iExec's: form, signature, size, presence.
static enum proto_refusal write_secret(struct sms *s, const struct secret_request *q,
                                       const struct http_head *head, struct span value,
                                       bool replace)
{
    struct signature signature;
    struct span leave = http_field(head, PROTO_EMULATED_FIELD);
    bool emulated = leave.data && span_is(leave, PROTO_EMULATED_VALUE);
    if (value.size == 0 || !http_field(head, "Authorization").data || (leave.data && !emulated))
        return PROTO_REFUSED_MALFORMED;
    if (!read_authorization(head, &signature))
        return PROTO_REFUSED_UNAUTHORIZED;
    enum proto_refusal refusal = check_signature(s, q, &signature, value, emulated);
    if (refusal != PROTO_GRANTED)
        return refusal;
    if (value.size > PROTO_SECRET_SIZE_MAX)
        return q->kind == STORE_REQUESTER ? PROTO_REFUSED_MALFORMED : PROTO_REFUSED_TOO_LARGE;
    if (q->kind == STORE_REGION && !is_content_key(value))
        return PROTO_REFUSED_MALFORMED;
    struct result r = replace ? store_replace(s->store, q->kind, &q->owner, q->key, value)
                              : store_add(s->store, q->kind, &q->owner, q->key, value, emulated);
    switch (r.code) {
    case ERR_NONE:
        return is_ok(sms_anchor(s)) ? PROTO_GRANTED : PROTO_REFUSED_NOT_ANCHORED;
    case ERR_EXISTS:
        return PROTO_REFUSED_EXISTS;
    case ERR_NOT_FOUND:
        return PROTO_REFUSED_NOT_FOUND;
    default:
        return PROTO_REFUSED_INTERNAL;
    }
}

static enum proto_refusal show_presence(struct sms *s, const struct secret_request *q)
{
    struct store_secret secret;
    struct result r = store_get(s->store, q->kind, &q->owner, q->key, &secret);
    wipe(&secret, sizeof secret);
    return is_ok(r)                  ? PROTO_GRANTED
           : r.code == ERR_NOT_FOUND ? PROTO_REFUSED_NOT_FOUND
                                     : PROTO_REFUSED_INTERNAL;
}

enum proto_refusal sms_secrets(struct sms *s, const struct http_head *head, struct span body,
                               struct sms_answer *ret)
{
    struct secret_request q;
    enum proto_refusal refusal = parse_path(head, &q);
    ret->cross_origin = true;
    ret->status = 204;
    if (refusal != PROTO_GRANTED)
        return refusal;
    if (http_method_is(head, "HEAD"))
        return show_presence(s, &q);
    bool replace = http_method_is(head, "PUT") && q.kind == STORE_WEB2;
    if (!replace && !http_method_is(head, "POST"))
        return PROTO_REFUSED_METHOD;
    refusal = write_secret(s, &q, head, body, replace);
    sms_log(s, "secret", NULL, proto_refusal_name(refusal),
            refusal == PROTO_GRANTED ? "stored" : proto_refusal_text(refusal));
    return refusal;
}

// POST /tee/challenges/{task}; `view` is large.
static enum proto_refusal make_challenge(struct sms *s, const struct http_head *head,
                                         const struct hash32 *task, struct ledger_task_view *view,
                                         struct address *ret)
{
    struct signature signature;
    if (!read_authorization(head, &signature))
        return PROTO_REFUSED_UNAUTHORIZED;
    struct result r = ledger_link_task(s->ledger, task, view);
    if (!is_ok(r)) {
        sms_log(s, "challenge", task, "ledger", r.why);
        return PROTO_REFUSED_LEDGER;
    }
    struct release_ledger ledger = ledger_link_release(view);
    enum proto_refusal refusal = release_check_task(&ledger, sms_now(s, view->time));
    struct hash32 hash = proto_challenge_hash(task);
    // iExec's SMS says no more than 401 here; the log says why.
    if (refusal == PROTO_GRANTED &&
        !is_ok(eth_check_message(&hash, &signature, &view->deal.workerpool.owner)))
        refusal = PROTO_REFUSED_UNAUTHORIZED;
    sms_log(s, "challenge", task, proto_refusal_name(refusal), proto_refusal_text(refusal));
    if (refusal != PROTO_GRANTED)
        return PROTO_REFUSED_UNAUTHORIZED;
    if (!is_ok(store_challenge(s->store, task, ret)))
        return PROTO_REFUSED_NOT_FOUND;
    return is_ok(sms_anchor(s)) ? PROTO_GRANTED : PROTO_REFUSED_NOT_ANCHORED;
}

enum proto_refusal sms_challenge(struct sms *s, const struct http_head *head,
                                 struct sms_answer *ret)
{
    struct span path = head->path, segment;
    struct hash32 task;
    struct address challenge;
    if (!http_method_is(head, "POST"))
        return PROTO_REFUSED_METHOD;
    if (!next_segment(&path, &segment) || !next_segment(&path, &segment) ||
        !next_segment(&path, &segment) || path.size || segment.size != 66 ||
        !is_ok(hex_decode(segment, task.bytes, sizeof task.bytes)))
        return PROTO_REFUSED_MALFORMED;
    struct ledger_task_view *view = malloc(sizeof *view);
    ret->body = malloc(ADDRESS_TEXT_SIZE);
    enum proto_refusal refusal = view && ret->body
                                     ? make_challenge(s, head, &task, view, &challenge)
                                     : PROTO_REFUSED_INTERNAL;
    free(view);
    if (refusal != PROTO_GRANTED)
        return refusal;
    address_format(&challenge, (char *)ret->body);
    ret->size = ADDRESS_TEXT_SIZE - 1;
    ret->status = 200;
    ret->content_type = "text/plain";
    return PROTO_GRANTED;
}
