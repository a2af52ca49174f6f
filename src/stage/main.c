// SPDX-License-Identifier: Apache-2.0
// post-compute: the enclave that signs and encrypts the result of one task. It is the init program of
// its image; no
// other program follows.
//
//   SMS, attested both ways → transfer key, challenge key, beneficiary's key
//   /iexec_out (the application's volume, closed, read-only) → digest, signature, bundle
//   /cloister_out (not protected) ← result.zip, computed.json: ciphertext, hashes and signatures,
// nothing else
//
// Exit code: 0 done, 1 failed; the last line on stderr says why, in iExec's words where iExec has one.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "abi/device.h"
#include "base/hex.h"
#include "os/enclave.h"
#include "os/file.h"
#include "os/tls.h"
#include "proto/client.h"
#include "result/bundle.h"

#define INPUT      "/iexec_out"
#define BUNDLE     "/cloister_out/result.zip"
#define STATEMENT  "/cloister_out/computed.json"
#define URL_SIZE   512u
#define TIMEOUT_MS 30000u

struct session {
    struct enclave *enclave;
    struct tls *tls;
    struct proto_client *client;
    struct proto_provision request;
    uint8_t *body; // of the grant
    size_t body_size;
    struct proto_post_grant grant;
    const char *cause; // iExec's, of the step under way
};

static struct result read_hint(struct enclave *e, const char *name, void *ret, size_t size)
{
    char text[2 + HEX_SIZE(sizeof(struct signature))];
    GUARD(enclave_hint(e, name, text, sizeof text));
    return hex_decode(SPAN(text, strlen(text)), ret, size);
}

static struct result read_hints(struct session *s, char url[URL_SIZE])
{
    struct proto_provision *p = &s->request;
    p->role = PROTO_POST_COMPUTE;
    GUARD(enclave_hint(s->enclave, "SMS_URL", url, URL_SIZE));
    GUARD(read_hint(s->enclave, "TASK_ID", &p->task, sizeof p->task));
    GUARD(read_hint(s->enclave, "WORKER", &p->worker, sizeof p->worker));
    return read_hint(s->enclave, "AUTHORIZATION", &p->authorization, sizeof p->authorization);
}

static struct result read_identity(struct enclave *e, struct proto_identity *ret)
{
    uint8_t *policy;
    size_t size;
    GUARD(enclave_policy(e, &policy, &size));
    struct result r = proto_identity_read_post(SPAN(policy, size), ret);
    free(policy);
    return r;
}

static struct result provision(struct session *s)
{
    struct proto_identity identity;
    uint8_t exporter[PROTO_EXPORTER_SIZE];
    char url[URL_SIZE];
    GUARD(read_hints(s, url));
    GUARD(read_identity(s->enclave, &identity));
    GUARD(tls_connect(url, TIMEOUT_MS, &s->tls));
    GUARD(tls_exporter(s->tls, PROTO_EXPORTER_LABEL, exporter));
    GUARD(proto_client_open(tls_transport(s->tls), tls_host(s->tls), exporter, &s->client));
    GUARD(proto_client_attest(s->client, &identity, (int64_t)time(NULL), NULL));
    const struct proto_quoter quoter = {s->enclave, enclave_quote, enclave_collateral};
    GUARD(proto_client_provision(s->client, &quoter, &s->request, &s->body, &s->body_size));
    GUARD(proto_post_grant_read(SPAN(s->body, s->body_size), &s->grant));
    REQUIRE(address_equal(&s->grant.worker, &s->request.worker), ERR_INVALID,
            "the SMS names another worker");
    return RESULT_OK;
}

// What the worker puts on the ledger.
static struct result write_statement(const struct result_statement *s,
                                     const struct result_callback *callback)
{
    char task[2 + HEX_SIZE(32)] = "0x", digest[2 + HEX_SIZE(32)] = "0x";
    char sign[2 + HEX_SIZE(sizeof s->enclave_sign)] = "0x";
    char data[2 + HEX_SIZE(RESULT_CALLBACK_MAX)] = "0x";
    hex_encode(&s->task, 32, task + 2);
    hex_encode(&s->digest, 32, digest + 2);
    hex_encode(&s->enclave_sign, sizeof s->enclave_sign, sign + 2);
    hex_encode(callback->data, callback->size, data + 2);
    json_t *j = json_pack("{s:s, s:s, s:s}", "task-id", task, "result-digest", digest,
                          "enclave-signature", sign);
    if (j && callback->size)
        json_object_set_new(j, "callback-data", json_string(data));
    char *text = j ? json_dumps(j, JSON_INDENT(1)) : NULL;
    json_decref(j);
    REQUIRE(text, ERR_MEMORY, "out of memory");
    struct result r = file_write(STATEMENT, SPAN(text, strlen(text)), 0644, FILE_REPLACE);
    free(text);
    return r;
}

static struct result publish(struct session *s, const struct result_files *files,
                             const struct hash32 *digest, const struct result_callback *callback)
{
    const struct result_maker maker = {.task = s->request.task,
                                       .worker = s->grant.worker,
                                       .challenge_key = &s->grant.challenge_key,
                                       .beneficiary_key = s->grant.beneficiary_key,
                                       .proof = &s->grant.proof};
    struct result_statement statement;
    uint8_t *bundle;
    size_t size;
    s->cause = "POST_COMPUTE_ENCRYPTION_FAILED";
    GUARD(result_bundle_make(&maker, files, digest, &statement, &bundle, &size));
    s->cause = "POST_COMPUTE_SEND_COMPUTED_FILE_FAILED";
    struct result r = file_write(BUNDLE, SPAN(bundle, size), 0644, FILE_REPLACE);
    free(bundle);
    GUARD(r);
    return write_statement(&statement, callback);
}

static struct result work(struct session *s, struct result_files *files)
{
    struct hash32 digest;
    struct result_callback callback = {0};
    uint64_t generation;
    s->cause = "POST_COMPUTE_FAILED_UNKNOWN_ISSUE";
    GUARD(enclave_open(&s->enclave));
    GUARD(provision(s));
    s->cause = "POST_COMPUTE_RESULT_FILE_NOT_FOUND";
    GUARD(enclave_volume(s->enclave, INPUT, s->grant.transfer_key, VOLUME_READ_ONLY, &generation));
    s->cause = "POST_COMPUTE_OUT_FOLDER_ZIP_FAILED";
    GUARD(result_files_read(INPUT, files));
    s->cause = "POST_COMPUTE_RESULT_DIGEST_COMPUTATION_FAILED";
    GUARD(result_files_digest(files, !address_is_zero(&s->grant.callback), &digest, &callback));
    return publish(s, files, &digest, &callback);
}

int main(void)
{
    struct session s = {0};
    struct result_files *files = calloc(1, sizeof *files);
    struct result r = files ? work(&s, files) : fail(ERR_MEMORY, "out of memory");
    const struct proto_refusal_message *m = s.client ? proto_client_refusal(s.client) : NULL;
    if (!is_ok(r) && m && m->name[0])
        fprintf(stderr, "post-compute: refused: %s: %s\n", m->name, m->why);
    else if (!is_ok(r))
        fprintf(stderr, "post-compute: refused: %s: %s\n", s.cause, r.why);
    if (files)
        result_files_done(files);
    free(files);
    proto_client_body_free(s.body, s.body_size);
    wipe(&s.grant, sizeof s.grant);
    proto_client_free(s.client);
    tls_free(s.tls);
    enclave_close(s.enclave);
    return is_ok(r) ? 0 : 1;
}
