// SPDX-License-Identifier: Apache-2.0
// One task: fetch, challenge, app enclave, post-compute enclave, ledger.
#include "worker/worker.h"

#include <errno.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

#include "base/fingerprint.h"
#include "base/hex.h"
#include "crypto/keccak.h"
#include "os/file.h"
#include "os/home.h"
#include "proto/secret.h"
#include "worker/child.h"
#include "worker/fetch.h"
#include "worker/sms_link.h"

#define POST_TIME_MAX_S    300u
#define STATEMENT_SIZE_MAX (16u * 1024)
#define ID_SIZE            HEX_SIZE(32)
#define HINT_SIZE          600u
#define HINT_COUNT         5u
#define ARGUMENT_COUNT     32u

struct job {
    const struct worker *w;
    const struct worker_options *o;
    const struct ledger_task *task;
    struct ledger_deal deal;
    char id[ID_SIZE];
    char directory[PATH_MAX]; // of the task
    char image[PATH_MAX];
    char dataset_name[ADDRESS_TEXT_SIZE + 8];
    struct fingerprint fingerprint; // of the app, as the ledger says
    struct address challenge;
    struct signature authorization;
    char *reason;
};

static struct result path_in(const struct job *j, const char *name, char ret[PATH_MAX])
{
    int n = snprintf(ret, PATH_MAX, "%s/%s", j->directory, name);
    REQUIRE(n < PATH_MAX, ERR_RANGE, "the directory's path is too long");
    return RESULT_OK;
}

static struct result begin(struct job *j)
{
    char path[PATH_MAX];
    hex_encode(&j->task->id, 32, j->id);
    int n = snprintf(j->directory, PATH_MAX, "%s/tasks/%s", j->o->directory, j->id);
    REQUIRE(n < PATH_MAX, ERR_RANGE, "the directory's path is too long");
    GUARD(path_in(j, "cloister_in/-", path));
    GUARD(file_make_parents(path));
    GUARD(path_in(j, "cloister_out/-", path));
    return file_make_parents(path);
}

static struct result fetch_app(struct job *j)
{
    struct ledger_app app;
    char address[ADDRESS_TEXT_SIZE];
    GUARD(ledger_view_app(j->w->ledger, &j->deal.app.pointer, &app));
    GUARD(fingerprint_parse(SPAN(app.mrenclave, strlen(app.mrenclave)), &j->fingerprint));
    j->fingerprint.entrypoint = SPAN("", 0); // its text goes away with `app`
    address_format(&app.address, address);
    int n = snprintf(j->image, PATH_MAX, "%s/apps/%s.cloister", j->o->directory, address);
    REQUIRE(n < PATH_MAX, ERR_RANGE, "the directory's path is too long");
    snprintf(j->reason, WORKER_REASON_SIZE, "image %.256s", app.multiaddr);
    char why[128] = "";
    struct result r = fetch_app_image(app.multiaddr, j->image, app.checksum.bytes, why, sizeof why);
    if (why[0])
        snprintf(j->reason, WORKER_REASON_SIZE, "image %.180s: %.100s", app.multiaddr, why);
    GUARD(r);
    j->reason[0] = 0;
    return RESULT_OK;
}

// The enclave checks the dataset's checksum; what comes here need not be right.
static struct result fetch_dataset(struct job *j)
{
    struct ledger_dataset d;
    char address[ADDRESS_TEXT_SIZE], name[PATH_MAX], path[PATH_MAX];
    if (address_is_zero(&j->deal.dataset.pointer))
        return RESULT_OK;
    GUARD(ledger_view_dataset(j->w->ledger, &j->deal.dataset.pointer, &d));
    address_format(&d.address, address);
    snprintf(j->dataset_name, sizeof j->dataset_name, "%s.enc", address);
    snprintf(name, sizeof name, "cloister_in/%s", j->dataset_name);
    GUARD(path_in(j, name, path));
    snprintf(j->reason, WORKER_REASON_SIZE, "dataset %.256s", d.multiaddr);
    GUARD(fetch_file(d.multiaddr, path, NULL));
    j->reason[0] = 0;
    return RESULT_OK;
}

// As scheduler: the SMS makes the enclave key, and the pool's owner authorises (worker, task, key).
static struct result ask_challenge(struct job *j, struct sms_link *link)
{
    char target[64 + ID_SIZE], text[ADDRESS_TEXT_SIZE + 16];
    unsigned status;
    struct hash32 h = proto_challenge_hash(&j->task->id);
    snprintf(target, sizeof target, "/tee/challenges/0x%s", j->id);
    GUARD(sms_link_signed(link, "POST", target, &j->o->wallet->key, &h, SPAN("", 0), text,
                          sizeof text, &status));
    if (status != 200) {
        const struct proto_refusal_message *m = proto_client_refusal(sms_link_client(link));
        snprintf(j->reason, WORKER_REASON_SIZE, "%s: %.256s", m->name, m->why);
        return fail(ERR_DENIED, "the SMS gives no enclave key for the task");
    }
    GUARD(address_parse(SPAN(text, strlen(text)), &j->challenge));
    h = proto_authorization_hash(&j->o->wallet->address, &j->task->id, &j->challenge);
    return eth_sign_message(&j->o->wallet->key, &h, &j->authorization);
}

static struct result authorise(struct job *j)
{
    struct sms_link *link;
    GUARD(sms_link_open(j->o->sms_url, j->o->sms, &link, NULL));
    struct result r = ask_challenge(j, link);
    sms_link_close(link);
    return r;
}

// Seconds left for one enclave: the category's time, and never beyond the contribution deadline.
static unsigned time_left(const struct job *j, uint64_t most)
{
    uint64_t now = (uint64_t)time(NULL), end = j->task->contribution_deadline;
    return now >= end ? 0 : (unsigned)MIN(most, end - now);
}

// `app`: its file system and task are named too, for the case that MRENCLAVE does not name them.
static struct result run_enclave(struct job *j, const char *image, bool app, const char *log_name,
                                 unsigned time_max_s)
{
    char key[HEX_SIZE(32)], tag[HEX_SIZE(32)];
    char hints[HINT_COUNT][HINT_SIZE], worker[ADDRESS_TEXT_SIZE], log[PATH_MAX];
    char authorization[HEX_SIZE(sizeof j->authorization)];
    char *argv[ARGUMENT_COUNT] = {(char *)j->o->program, "run", (char *)image, "--quiet"};
    size_t n = 4, hint_count = 4;
    GUARD(path_in(j, log_name, log));
    address_format(&j->o->wallet->address, worker);
    hex_encode(&j->authorization, sizeof j->authorization, authorization);
    snprintf(hints[0], HINT_SIZE, "SMS_URL=%.512s", j->o->sms_url);
    snprintf(hints[1], HINT_SIZE, "TASK_ID=0x%s", j->id);
    snprintf(hints[2], HINT_SIZE, "WORKER=%s", worker);
    snprintf(hints[3], HINT_SIZE, "AUTHORIZATION=0x%s", authorization);
    if (j->dataset_name[0])
        snprintf(hints[hint_count++], HINT_SIZE, "DATASET_FILE=%s", j->dataset_name);
    for (size_t i = 0; i < hint_count; i++) {
        argv[n++] = "--hint";
        argv[n++] = hints[i];
    }
    if (app) {
        hex_encode(j->fingerprint.fspf_key, 32, key);
        hex_encode(j->fingerprint.fspf_tag, 32, tag);
        const char *const named[] = {"--fspf-key", key, "--fspf-tag", tag, "--task", j->id};
        for (size_t i = 0; i < ARRAY_COUNT(named); i++)
            argv[n++] = (char *)named[i];
    }
    if (j->o->platform) {
        argv[n++] = "--platform";
        argv[n++] = (char *)j->o->platform;
    }
    int status;
    char state[PATH_MAX], extra[PATH_MAX];
    GUARD(home_path("platform", state));
    const char *keep = getenv("CLOISTER_KEEP_QUOTE");
    snprintf(extra, sizeof extra, "%s", keep ? keep : "");
    const struct confine confine = {j->o->program, image, j->directory, state,
                                    keep ? dirname(extra) : NULL};
    struct child c = {argv, j->directory, log, time_max_s, j->o->unconfined ? NULL : &confine};
    REQUIRE(time_max_s > 0, ERR_STALE, "the task's contribution deadline has passed");
    GUARD(child_run(&c, &status));
    if (status == 0)
        return RESULT_OK;
    char why[CHILD_REASON_SIZE];
    child_reason(log, why);
    snprintf(j->reason, WORKER_REASON_SIZE, "exit status %d: %s", status, why);
    return fail(ERR_DENIED, "the enclave ended without a result");
}

static struct result unlink_in(const struct job *j, const char *name)
{
    char path[PATH_MAX];
    GUARD(path_in(j, name, path));
    REQUIRE(unlink(path) == 0 || errno == ENOENT, ERR_IO, "cannot remove a file of the task");
    return RESULT_OK;
}

static struct result result_path(const struct job *j, char ret[PATH_MAX])
{
    int n = snprintf(ret, PATH_MAX, "%s/results/%s.zip", j->o->directory, j->id);
    REQUIRE(n < PATH_MAX, ERR_RANGE, "the directory's path is too long");
    return RESULT_OK;
}

// Afterwards results/ID.zip and computed.json are there, in this order.
static struct result compute(struct job *j)
{
    char from[PATH_MAX], to[PATH_MAX];
    GUARD(unlink_in(j, "iexec_out.volume"));
    GUARD(unlink_in(j, "cloister_out/computed.json"));
    GUARD(fetch_app(j));
    GUARD(fetch_dataset(j));
    GUARD(run_enclave(j, j->image, true, "app.log", time_left(j, j->task->time_ref_s)));
    GUARD(run_enclave(j, j->o->post_compute, false, "post-compute.log",
                      time_left(j, POST_TIME_MAX_S)));
    GUARD(path_in(j, "cloister_out/result.zip", from));
    GUARD(result_path(j, to));
    REQUIRE(rename(from, to) == 0, ERR_IO, "post-compute left no result");
    GUARD(path_in(j, "cloister_out/computed.json", from));
    GUARD(path_in(j, "computed.json", to));
    REQUIRE(rename(from, to) == 0, ERR_IO, "post-compute left no statement");
    return RESULT_OK;
}

static bool is_computed(const struct job *j)
{
    char path[PATH_MAX], zip[PATH_MAX];
    return is_ok(path_in(j, "computed.json", path)) && access(path, R_OK) == 0 &&
           is_ok(result_path(j, zip)) && access(zip, R_OK) == 0;
}

static struct result take_hex(const json_t *j, const char *name, void *ret, size_t size)
{
    const char *text = json_string_value(json_object_get(j, name));
    REQUIRE(text, ERR_INVALID, "post-compute's statement is malformed");
    return hex_decode(SPAN(text, strlen(text)), ret, size);
}

static struct result read_statement(const struct job *j, struct contribute_and_finalize_args *a)
{
    char path[PATH_MAX];
    uint8_t *data;
    size_t size;
    GUARD(path_in(j, "computed.json", path));
    GUARD(file_read(path, STATEMENT_SIZE_MAX, &data, &size));
    json_t *json = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
    free(data);
    struct result r = take_hex(json, "result-digest", &a->digest, sizeof a->digest);
    if (is_ok(r))
        r = take_hex(json, "enclave-signature", &a->enclave_sign, sizeof a->enclave_sign);
    const char *callback = json_string_value(json_object_get(json, "callback-data"));
    size_t length = callback ? strlen(callback) : 0;
    if (is_ok(r) && length > 2 * LEDGER_CALLBACK_SIZE + 2)
        r = fail(ERR_RANGE, "post-compute's callback data are too large");
    if (is_ok(r) && length > 2) {
        a->results_callback.size = (uint32_t)(length / 2 - 1);
        r = take_hex(json, "callback-data", a->results_callback.data, a->results_callback.size);
    }
    json_decref(json);
    return r;
}

static struct result finalize(struct job *j)
{
    struct contribute_and_finalize_args *a = calloc(1, sizeof *a);
    REQUIRE(a, ERR_MEMORY, "out of memory");
    char zip[PATH_MAX], location[PATH_MAX];
    a->task_id = j->task->id;
    a->enclave_challenge = j->challenge;
    a->authorization_sign = j->authorization;
    struct result r = read_statement(j, a);
    if (is_ok(r))
        r = result_path(j, zip);
    if (is_ok(r)) {
        const char *url = j->o->results_url;
        snprintf(location, sizeof location, "%s/%s.zip", url ? url : "", j->id);
        json_t *json = json_pack("{s:s, s:s}", "storage", url ? "http" : "file", "location",
                                 url ? location : zip);
        size_t n = json ? json_dumpb(json, a->results, sizeof a->results - 1, JSON_COMPACT) : 0;
        json_decref(json);
        if (n == 0 || n >= sizeof a->results)
            r = fail(ERR_RANGE, "the result's location is too long");
    }
    if (is_ok(r))
        r = ledger_send(j->w->ledger, &j->o->wallet->key, METHOD_CONTRIBUTE_AND_FINALIZE, a, NULL);
    free(a);
    return r;
}

// What only this task needed; logs stay.
static struct result clean(const struct job *j)
{
    char name[PATH_MAX];
    GUARD(unlink_in(j, "iexec_out.volume"));
    snprintf(name, sizeof name, "cloister_in/%s", j->dataset_name);
    if (j->dataset_name[0])
        GUARD(unlink_in(j, name));
    return unlink_in(j, "computed.json");
}

static struct result run(struct job *j)
{
    GUARD(ledger_view_deal(j->w->ledger, &j->task->deal_id, &j->deal));
    GUARD(begin(j));
    GUARD(authorise(j));
    if (!is_computed(j))
        GUARD(compute(j));
    GUARD(finalize(j));
    if (!is_ok(clean(j)))
        fprintf(j->o->log, "worker: task 0x%s: some files could not be removed\n", j->id);
    return RESULT_OK;
}

struct result worker_task(const struct worker *w, const struct ledger_task *task,
                          char reason[WORKER_REASON_SIZE])
{
    struct job *j = calloc(1, sizeof *j);
    REQUIRE(j, ERR_MEMORY, "out of memory");
    j->w = w;
    j->o = w->options;
    j->task = task;
    j->reason = reason;
    struct result r = run(j);
    free(j);
    return r;
}
