// SPDX-License-Identifier: Apache-2.0
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi/sgx/quote.h"
#include "base/fingerprint.h"
#include "base/hex.h"
#include "crypto/rsa_wrap.h"
#include "proto/secret.h"
#include "sms/params.h"
#include "sms/sms.h"

#define DATASET_KEY_SIZE 32u

// A secret whose absence is no failure. *ret is to be wiped.
static struct result find(struct sms *s, enum store_kind kind, const struct address *owner,
                          const char *name, struct store_secret *ret, bool *ret_present)
{
    struct result r = store_get(s->store, kind, owner, name, ret);
    *ret_present = is_ok(r);
    return r.code == ERR_NOT_FOUND ? RESULT_OK : r;
}

static bool decode_dataset_key(const struct store_secret *secret, uint8_t ret[DATASET_KEY_SIZE])
{
    uint8_t key[DATASET_KEY_SIZE];
    size_t size = 0;
    bool good = is_ok(base64_decode(SPAN(secret->value, secret->size), key, sizeof key, &size)) &&
                size == sizeof key;
    if (good)
        memcpy(ret, key, sizeof key);
    wipe(key, sizeof key);
    return good;
}

// iExec's form: base64 of the PEM text. `ret` has room for RSA_PEM_SIZE_MAX bytes.
static bool decode_beneficiary_key(const struct store_secret *secret, uint8_t *ret,
                                   size_t *ret_size)
{
    return is_ok(base64_decode(SPAN(secret->value, secret->size), ret, RSA_PEM_SIZE_MAX - 1,
                               ret_size)) &&
           is_ok(rsa_public_key_check(SPAN(ret, *ret_size)));
}

static struct result stored_keys(struct sms *s, const struct ledger_deal *deal,
                                 struct store_secret *secret, struct release_stored *ret)
{
    uint8_t key[DATASET_KEY_SIZE], pem[RSA_PEM_SIZE_MAX];
    size_t size;
    if (!address_is_zero(&deal->dataset.pointer)) {
        GUARD(find(s, STORE_WEB3, &deal->dataset.pointer, "", secret, &ret->dataset_key.present));
        if (ret->dataset_key.present) {
            ret->dataset_key.well_formed = decode_dataset_key(secret, key);
            ret->dataset_key.allow_emulated = secret->allow_emulated;
        }
        wipe(key, sizeof key);
    }
    GUARD(find(s, STORE_WEB2, &deal->beneficiary, PROTO_RESULT_KEY_NAME, secret,
               &ret->beneficiary_key.present));
    if (ret->beneficiary_key.present)
        ret->beneficiary_key.well_formed = decode_beneficiary_key(secret, pem, &size);
    return RESULT_OK;
}

static struct result note_leave(void *hardware_only, const char *name,
                                const struct store_secret *secret)
{
    (void)name;
    *(bool *)hardware_only |= !secret->allow_emulated;
    return RESULT_OK;
}

static struct result stored_others(struct sms *s, const struct ledger_deal *deal,
                                   struct store_secret *secret, struct release_stored *ret)
{
    struct params *params = malloc(sizeof *params);
    bool present;
    REQUIRE(params, ERR_MEMORY, "out of memory");
    struct result r =
        find(s, STORE_APP, &deal->app.pointer, PROTO_APP_SECRET_NAME, secret, &present);
    ret->other_hardware_only = is_ok(r) && present && !secret->allow_emulated;
    if (is_ok(r))
        r = store_each(s->store, STORE_REGION, &deal->app.pointer, note_leave,
                       &ret->other_hardware_only);
    if (is_ok(r))
        r = params_parse(deal->params, params);
    for (size_t i = 0; is_ok(r) && i < params->secret_count; i++) {
        r = find(s, STORE_REQUESTER, &deal->requester, params->secrets[i].name, secret, &present);
        ret->other_hardware_only |= is_ok(r) && present && !secret->allow_emulated;
    }
    free(params);
    return r;
}

struct result grant_stored(struct sms *s, const struct ledger_task_view *view,
                           const struct hash32 *task, struct release_stored *ret)
{
    struct release_stored stored = {.has_challenge = false};
    struct store_task t;
    struct result r = store_task(s->store, task, &t);
    if (is_ok(r)) {
        stored.has_challenge = true;
        stored.challenge = t.challenge;
        stored.has_app_session = t.generation > 0;
        stored.app_emulated = t.app_emulated;
        wipe(&t, sizeof t);
    }
    if (!is_ok(r) && r.code != ERR_NOT_FOUND)
        return r;
    if (view->has_deal) {
        struct store_secret secret;
        r = stored_keys(s, &view->deal, &secret, &stored);
        if (is_ok(r))
            r = stored_others(s, &view->deal, &secret, &stored);
        wipe(&secret, sizeof secret);
        GUARD(r);
    }
    *ret = stored;
    return RESULT_OK;
}

// The environment as it grows. Texts lie in `text`.
struct environment {
    char text[PROTO_STRINGS_SIZE];
    size_t used;
    struct proto_strings *strings;
    bool failed;
};

__attribute__((format(printf, 2, 3))) static void add(struct environment *e, const char *format,
                                                      ...)
{
    va_list arguments;
    size_t room = sizeof e->text - e->used;
    va_start(arguments, format);
    int size = vsnprintf(e->text + e->used, room, format, arguments);
    va_end(arguments);
    if (size < 0 || (size_t)size >= room || e->strings->count == PROTO_STRINGS_MAX) {
        e->failed = true;
        return;
    }
    e->strings->items[e->strings->count++] = SPAN(e->text + e->used, (size_t)size);
    e->used += (size_t)size + 1;
}

// A secret's value as a variable; one with a NUL inside cannot be one.
static struct result add_secret(struct sms *s, struct environment *e, enum store_kind kind,
                                const struct address *owner, const char *name, const char *prefix,
                                unsigned index)
{
    struct store_secret secret;
    bool present;
    char suffix[16] = "";
    GUARD(find(s, kind, owner, name, &secret, &present));
    if (index)
        snprintf(suffix, sizeof suffix, "_%u", index);
    if (present && !memchr(secret.value, 0, secret.size))
        add(e, "%s%s=%.*s", prefix, suffix, (int)secret.size, (const char *)secret.value);
    wipe(&secret, sizeof secret);
    return RESULT_OK;
}

// IEXEC.md section 8 names these variables.
static struct result fill_environment(struct sms *s, const struct ledger_task_view *v,
                                      const struct params *params, struct environment *e)
{
    char id[HEX_SIZE(32)], dataset[HEX_SIZE(20)];
    const struct ledger_deal *deal = &v->deal;
    hex_encode(v->task.id.bytes, 32, id);
    add(e, "IEXEC_TASK_ID=0x%s", id);
    hex_encode(deal->id.bytes, 32, id);
    add(e, "IEXEC_DEAL_ID=0x%s", id);
    add(e, "IEXEC_TASK_INDEX=%" PRIu64, v->task.index);
    add(e, "IEXEC_IN=/iexec_in");
    add(e, "IEXEC_OUT=/iexec_out");
    if (v->has_dataset) {
        hex_encode(v->dataset.address.bytes, 20, dataset);
        add(e, "IEXEC_DATASET_ADDRESS=0x%s", dataset);
        add(e, "IEXEC_DATASET_FILENAME=0x%s", dataset);
    }
    add(e, "IEXEC_INPUT_FILES_NUMBER=0");
    add(e, "IEXEC_INPUT_FILES_FOLDER=/iexec_in");
    add(e, "IEXEC_BOT_SIZE=%" PRIu64, deal->bot_size);
    add(e, "IEXEC_BOT_FIRST_INDEX=%" PRIu64, deal->bot_first);
    add(e, "IEXEC_BOT_TASK_INDEX=%" PRIu64, v->task.index);
    for (unsigned i = 0; i < 2; i++)
        GUARD(add_secret(s, e, STORE_APP, &deal->app.pointer, PROTO_APP_SECRET_NAME,
                         "IEXEC_APP_DEVELOPER_SECRET", i));
    for (size_t i = 0; i < params->secret_count; i++)
        GUARD(add_secret(s, e, STORE_REQUESTER, &deal->requester, params->secrets[i].name,
                         "IEXEC_REQUESTER_SECRET", params->secrets[i].index));
    REQUIRE(!e->failed, ERR_RANGE, "the task's environment is too large");
    return RESULT_OK;
}

static struct result fill_dataset(struct sms *s, const struct ledger_dataset *dataset,
                                  struct proto_app_grant *g)
{
    struct store_secret secret;
    GUARD(store_get(s->store, STORE_WEB3, &dataset->address, "", &secret));
    bool good = decode_dataset_key(&secret, g->dataset_key);
    wipe(&secret, sizeof secret);
    REQUIRE(good, ERR_INVALID, "the dataset's key is malformed");
    g->has_dataset = true;
    g->dataset = dataset->address;
    memcpy(g->dataset_checksum, &dataset->checksum, sizeof g->dataset_checksum);
    return RESULT_OK;
}

// The ledger's entrypoint, where MRENCLAVE does not name the command.
static struct result fill_command(const struct grant_input *in, struct proto_app_grant *g)
{
    const char *text = in->view->app.mrenclave;
    struct fingerprint f;
    struct span word;
    if (!release_file_system_provided(in->claims))
        return RESULT_OK;
    GUARD(fingerprint_parse(SPAN(text, strlen(text)), &f));
    while ((word = fingerprint_next_word(&f.entrypoint)).size > 0) {
        REQUIRE(g->command.count < PROTO_STRINGS_MAX, ERR_RANGE, "the command is too long");
        g->command.items[g->command.count++] = word;
    }
    return RESULT_OK;
}

struct key_walk {
    struct proto_app_grant *grant;
    char paths[PROTO_CONTENT_KEYS_MAX][PROTO_REGION_PATH_MAX + 1];
};

static struct result add_content_key(void *context, const char *name,
                                     const struct store_secret *secret)
{
    struct key_walk *walk = context;
    struct proto_app_grant *g = walk->grant;
    REQUIRE(g->content_key_count < PROTO_CONTENT_KEYS_MAX && strlen(name) <= PROTO_REGION_PATH_MAX,
            ERR_RANGE, "the app has too many content keys");
    struct proto_content_key *k = &g->content_keys[g->content_key_count];
    char *path = walk->paths[g->content_key_count];
    GUARD(hex_decode(SPAN(secret->value, secret->size), k->key, sizeof k->key));
    k->path = SPAN(path, strlen(name));
    memcpy(path, name, k->path.size);
    g->content_key_count++;
    return RESULT_OK;
}

static struct result answer_grant(struct sms_answer *ret)
{
    ret->body = malloc(PROTO_GRANT_SIZE_MAX);
    REQUIRE(ret->body, ERR_MEMORY, "out of memory");
    ret->size = PROTO_GRANT_SIZE_MAX; // what is wiped if the writer fails
    ret->status = 200;
    ret->content_type = "application/octet-stream";
    return RESULT_OK;
}

struct app_work {
    struct proto_app_grant grant;
    struct params params;
    struct environment environment;
    struct key_walk keys;
};

static struct result make_app(struct sms *s, const struct grant_input *in, struct app_work *w,
                              struct sms_answer *ret)
{
    struct proto_app_grant *g = &w->grant;
    w->environment.strings = &g->environment;
    GUARD(params_parse(in->view->deal.params, &w->params));
    for (size_t i = 0; i < w->params.argument_count; i++)
        g->arguments.items[g->arguments.count++] =
            SPAN(w->params.arguments[i], strlen(w->params.arguments[i]));
    GUARD(fill_environment(s, in->view, &w->params, &w->environment));
    GUARD(fill_command(in, g));
    w->keys.grant = g;
    GUARD(
        store_each(s->store, STORE_REGION, &in->view->deal.app.pointer, add_content_key, &w->keys));
    if (in->view->has_dataset)
        GUARD(fill_dataset(s, &in->view->dataset, g));
    GUARD(answer_grant(ret));
    // Last, because it ends the app session before.
    GUARD(store_app_session(s->store, &in->request->task, in->claims->body.mrenclave,
                            in->claims->emulated, &g->generation, g->transfer_key));
    return proto_app_grant_write(g, ret->body, ret->size, &ret->size);
}

struct result grant_app(struct sms *s, const struct grant_input *in, struct sms_answer *ret)
{
    struct app_work *w = calloc(1, sizeof *w);
    REQUIRE(w, ERR_MEMORY, "out of memory");
    struct result r = make_app(s, in, w, ret);
    wipe(w, sizeof *w);
    free(w);
    return r;
}

static struct result certify(struct sms *s, const struct grant_input *in,
                             const struct store_task *t, struct proto_proof *proof)
{
    const struct ledger_task_view *v = in->view;
    struct proto_certificate c = {
        .chain_id = s->policy.chain_id,
        .task = v->task.id,
        .deal = v->deal.id,
        .app = v->deal.app.pointer,
        .dataset = v->deal.dataset.pointer,
        .worker = in->request->worker,
        .challenge = t->challenge,
        .generation = t->generation,
        .time = in->now,
        .app_emulated = t->app_emulated,
        .post_emulated = in->claims->emulated,
    };
    memcpy(&c.genesis, s->policy.genesis, sizeof c.genesis);
    memcpy(c.app_mrenclave, t->app_mrenclave, sizeof c.app_mrenclave);
    memcpy(c.post_mrenclave, in->claims->body.mrenclave, sizeof c.post_mrenclave);
    proto_certificate_write(&c, proof->certificate);
    struct hash32 hash = proto_certificate_hash(proof->certificate);
    return eth_sign(&s->signer_key, &hash, &proof->signature);
}

// Our own quote over the certificate key; `scratch` holds quote and collateral.
static struct result vouch(struct sms *s, uint8_t *scratch, struct proto_proof *proof)
{
    uint8_t reportdata[PROTO_REPORTDATA_SIZE];
    struct proto_binding binding = {.role = PROTO_ROLE_SIGNER, .payload = SPAN_OF(s->signer)};
    size_t size;
    proto_reportdata(&binding, reportdata);
    GUARD(s->quoter.quote(s->quoter.context, reportdata, scratch, SGX_QUOTE_SIZE_MAX, &size));
    proof->quote = SPAN(scratch, size);
    scratch += SGX_QUOTE_SIZE_MAX;
    GUARD(s->quoter.collateral(s->quoter.context, scratch, PROTO_COLLATERAL_SIZE_MAX, &size));
    proof->collateral = SPAN(scratch, size);
    return RESULT_OK;
}

static struct result make_post(struct sms *s, const struct grant_input *in,
                               struct proto_post_grant *g, uint8_t *scratch, uint8_t *pem,
                               struct sms_answer *ret)
{
    struct store_secret secret;
    struct store_task t;
    size_t size;
    GUARD(store_get(s->store, STORE_WEB2, &in->view->deal.beneficiary, PROTO_RESULT_KEY_NAME,
                    &secret));
    REQUIRE(decode_beneficiary_key(&secret, pem, &size), ERR_INVALID,
            "the beneficiary's key is malformed");
    g->beneficiary_key = SPAN(pem, size);
    g->worker = in->request->worker;
    g->callback = in->view->deal.callback;
    GUARD(vouch(s, scratch, &g->proof));
    GUARD(answer_grant(ret));
    GUARD(store_task(s->store, &in->request->task, &t));
    struct result r = certify(s, in, &t, &g->proof);
    g->challenge_key = t.challenge_key;
    g->generation = t.generation;
    memcpy(g->transfer_key, t.transfer_key, sizeof g->transfer_key);
    wipe(&t, sizeof t);
    GUARD(r);
    return proto_post_grant_write(g, ret->body, ret->size, &ret->size);
}

struct result grant_post(struct sms *s, const struct grant_input *in, struct sms_answer *ret)
{
    struct proto_post_grant g = {.generation = 0};
    uint8_t pem[RSA_PEM_SIZE_MAX];
    uint8_t *scratch = malloc(SGX_QUOTE_SIZE_MAX + PROTO_COLLATERAL_SIZE_MAX);
    REQUIRE(scratch, ERR_MEMORY, "out of memory");
    struct result r = make_post(s, in, &g, scratch, pem, ret);
    wipe(&g, sizeof g);
    free(scratch);
    return r;
}
