// SPDX-License-Identifier: Apache-2.0
// cloister task result: fetches a bundle and verifies the chain from the ledger's digest to the SMS
// before anything of
// it is decrypted.
#include "cli/task_commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/fingerprint.h"
#include "base/hex.h"
#include "cli/ledger_open.h"
#include "cli/options.h"
#include "cli/say.h"
#include "crypto/rsa_wrap.h"
#include "os/file.h"
#include "os/home.h"
#include "result/bundle.h"
#include "worker/fetch.h"
#include "worker/sms_link.h"

static const char help[] =
    "Usage: cloister task result TASKID [--sms-identity FILE] [--decrypt] [--key FILE] [-o DIR]\n"
    "                            [--json]\n"
    "\n"
    "Fetches the result of a completed task and verifies: the ledger's digest is signed by the\n"
    "task's enclave key; the SMS certified that key for this task and the app's MRENCLAVE; the\n"
    "SMS's quote is genuine and names the accepted SMS. Only then it decrypts.\n"
    "\n"
    "  --sms-identity FILE   the SMS that you accept; default $CLOISTER_HOME/sms.json\n"
    "  --decrypt             decrypt, and print the files, or write them to DIR\n"
    "  --key FILE            RSA private key; default: the beneficiary's of 'task result-key'\n"
    "  -o, --output DIR      where files go; without --decrypt, the bundle as TASKID.zip\n"
    "  --json                what was verified, as JSON (needs -o to decrypt)\n";

struct choice {
    const char *task, *identity, *key, *output;
    bool decrypt, json;
};

struct state {
    struct ledger_task task;
    struct ledger_deal deal;
    struct result_facts facts;
    struct proto_identity identity;
    uint8_t *archive;
    size_t archive_size;
    struct result_bundle bundle;
    struct proto_proof_verdict verdict;
    struct result_files files;
};

static struct result read_ledger(const struct choice *c, struct ledger *l, struct state *s)
{
    struct ledger_app app;
    struct fingerprint fp;
    struct hash32 id;
    GUARD(hex_decode(SPAN(c->task, strlen(c->task)), id.bytes, sizeof id.bytes));
    struct result r = ledger_view_task(l, &id, &s->task);
    REQUIRE(r.code != ERR_NOT_FOUND, ERR_NOT_FOUND, "the ledger has no such task");
    GUARD(r);
    REQUIRE(s->task.status == TASK_COMPLETED, ERR_NOT_FOUND, "the task is not completed");
    GUARD(ledger_view_deal(l, &s->task.deal_id, &s->deal));
    GUARD(ledger_view_app(l, &s->deal.app.pointer, &app));
    GUARD(fingerprint_parse(SPAN(app.mrenclave, strlen(app.mrenclave)), &fp));
    const struct poco_head *head = ledger_head(l);
    struct result_facts f = {
        .chain_id = head->domain.chain_id,
        .genesis = head->genesis,
        .task = s->task.id,
        .deal = s->task.deal_id,
        .app = s->deal.app.pointer,
        .dataset = s->deal.dataset.pointer,
        .worker = s->task.worker,
        .challenge = s->task.enclave_challenge,
        .digest = s->task.result_digest,
        .enclave_sign = s->task.enclave_sign,
        .has_callback = !address_is_zero(&s->deal.callback),
    };
    memcpy(f.app_mrenclave, fp.mrenclave, sizeof f.app_mrenclave);
    s->facts = f;
    return RESULT_OK;
}

static struct result load_ledger(const struct choice *c, struct state *s)
{
    struct cli_ledger l = {0};
    struct result r = cli_ledger_open(&l);
    if (is_ok(r))
        r = read_ledger(c, l.ledger, s);
    cli_ledger_close(&l);
    return r;
}

static struct result fetch(struct state *s)
{
    json_t *j = json_loads(s->task.results, JSON_REJECT_DUPLICATES, NULL);
    const char *storage = json_string_value(json_object_get(j, "storage"));
    const char *location = json_string_value(json_object_get(j, "location"));
    struct result r = fail(ERR_UNSUPPORTED, "the result lies in a storage that is not known here");
    if (storage && location && (strcmp(storage, "http") == 0 || strcmp(storage, "file") == 0))
        r = fetch_bytes(location, RESULT_BUNDLE_SIZE_MAX, &s->archive, &s->archive_size);
    json_decref(j);
    GUARD(r);
    return result_bundle_read(SPAN(s->archive, s->archive_size), &s->bundle);
}

static struct result load_identity(const struct choice *c, struct state *s)
{
    char path[PATH_MAX];
    GUARD(home_path("sms.json", path));
    return sms_identity_load(c->identity ? c->identity : path, &s->identity);
}

static struct result verify(const struct choice *c, struct state *s, const char **ret_step)
{
    *ret_step = "ledger";
    GUARD(load_ledger(c, s));
    *ret_step = "SMS identity";
    GUARD(load_identity(c, s));
    *ret_step = "result";
    GUARD(fetch(s));
    *ret_step = "proof";
    return result_bundle_verify(&s->bundle, &s->facts, &s->identity, (int64_t)time(NULL),
                                &s->verdict);
}

static struct result decrypt(const struct choice *c, struct state *s)
{
    char address[ADDRESS_TEXT_SIZE], relative[64 + ADDRESS_TEXT_SIZE], path[PATH_MAX];
    uint8_t *pem;
    size_t size;
    address_format(&s->deal.beneficiary, address);
    snprintf(relative, sizeof relative, "result-keys/%s.pem", address);
    GUARD(home_path(relative, path));
    struct result r = file_read(c->key ? c->key : path, RSA_PEM_SIZE_MAX, &pem, &size);
    REQUIRE(r.code != ERR_NOT_FOUND, ERR_NOT_FOUND, "there is no result key; give --key FILE");
    GUARD(r);
    r = result_bundle_open(&s->bundle, s->facts.has_callback, SPAN(pem, size), &s->files);
    wipe(pem, size);
    free(pem);
    return r;
}

// -- output
// -------------------------------------------------------------------------------------------------------

static struct result write_file(const char *directory, const struct zip_entry *e, mode_t mode)
{
    char path[PATH_MAX];
    int n = snprintf(path, sizeof path, "%s/%.*s", directory, (int)e->name.size,
                     (const char *)e->name.data);
    REQUIRE(n < (int)sizeof path, ERR_RANGE, "a path of the result is too long");
    GUARD(file_make_parents(path));
    return file_write(path, e->data, mode, FILE_REPLACE);
}

static struct result write_files(const struct choice *c, const struct state *s)
{
    if (!c->decrypt) {
        char id[HEX_SIZE(32)], name[sizeof id + 8];
        hex_encode(&s->task.id, 32, id);
        snprintf(name, sizeof name, "%s.zip", id);
        struct zip_entry e = {SPAN(name, strlen(name)), SPAN(s->archive, s->archive_size)};
        return write_file(c->output, &e, 0644);
    }
    for (size_t i = 0; i < s->files.count; i++)
        GUARD(write_file(c->output, &s->files.entries[i], 0600));
    return RESULT_OK;
}

// A program's output may hold sequences that command a terminal.
static bool is_text(struct span s)
{
    for (size_t i = 0; i < s.size; i++)
        if ((s.data[i] < ' ' && s.data[i] != '\n' && s.data[i] != '\t') || s.data[i] == 0x7f)
            return false;
    return true;
}

static void print_files(const struct state *s)
{
    bool to_terminal = isatty(STDOUT_FILENO);
    for (size_t i = 0; i < s->files.count; i++) {
        const struct zip_entry *e = &s->files.entries[i];
        fprintf(stderr, "-- %.*s, %zu bytes\n", (int)e->name.size, (const char *)e->name.data,
                e->data.size);
        if (e->name.size == 13 && memcmp(e->name.data, "computed.json", 13) == 0)
            continue;
        if (to_terminal && !is_text(e->data))
            fprintf(stderr, "   not text; take it with -o DIR\n");
        else
            fwrite(e->data.data, 1, e->data.size, stdout);
        fflush(stdout);
    }
}

static void texts(const struct state *s, char task[2 + HEX_SIZE(32)], char digest[2 + HEX_SIZE(32)],
                  char sms[HEX_SIZE(32)], char app[HEX_SIZE(32)])
{
    task[0] = digest[0] = '0';
    task[1] = digest[1] = 'x';
    hex_encode(&s->facts.task, 32, task + 2);
    hex_encode(&s->facts.digest, 32, digest + 2);
    hex_encode(s->verdict.sms.body.mrenclave, 32, sms);
    hex_encode(s->facts.app_mrenclave, 32, app);
}

static bool any_emulated(const struct proto_proof_verdict *v)
{
    return v->sms.emulated || v->certificate.app_emulated || v->certificate.post_emulated;
}

static int say_verdict(const struct choice *c, const struct state *s)
{
    char task[2 + HEX_SIZE(32)], digest[2 + HEX_SIZE(32)], sms[HEX_SIZE(32)], app[HEX_SIZE(32)];
    char challenge[ADDRESS_TEXT_SIZE];
    texts(s, task, digest, sms, app);
    address_format(&s->facts.challenge, challenge);
    if (c->json)
        return say_json(json_pack("{s:s, s:b, s:s, s:s, s:s, s:s, s:s, s:b}", "taskId", task,
                                  "verified", 1, "digest", digest, "enclaveChallenge", challenge,
                                  "appMrenclave", app, "smsMrenclave", sms, "smsRoot",
                                  s->verdict.sms.root, "emulated", any_emulated(&s->verdict)));
    fprintf(stderr,
            "task       %s\ndigest     %s\n"
            "  signed by the enclave key %s\n"
            "  which the SMS certified for this task and MRENCLAVE %s\n"
            "  the SMS has MRENCLAVE %s, its quote chains to the root '%s'\n",
            task, digest, challenge, app, sms, s->verdict.sms.root);
    fprintf(stderr, "verified   %s\n",
            any_emulated(&s->verdict) ? "yes; EMULATED: no hardware protected this computation"
                                      : "yes");
    return EXIT_DONE;
}

static int result_of(const struct choice *c, struct state *s)
{
    const char *step;
    struct result r = verify(c, s, &step);
    if (!is_ok(r)) {
        fprintf(stderr, "cloister: task result: refused: %s: %s\n", step, r.why);
        return EXIT_REFUSED;
    }
    int code = say_verdict(c, s);
    if (c->decrypt && !is_ok(r = decrypt(c, s))) {
        fprintf(stderr, "cloister: task result: refused: %s\n", r.why);
        return EXIT_REFUSED;
    }
    if (c->output && !is_ok(r = write_files(c, s)))
        return say_failure(c->output, r);
    if (c->decrypt && !c->output && !c->json)
        print_files(s);
    return code;
}

int task_result(int argc, char **argv)
{
    struct choice c = {0};
    bool done;
    const struct option_slot slots[] = {{"sms-identity", &c.identity, NULL, 0},
                                        {"key", &c.key, NULL, 'k'},
                                        {"output", &c.output, NULL, 'o'},
                                        {"decrypt", NULL, &c.decrypt, 0},
                                        {"json", NULL, &c.json, 0},
                                        {0}};
    int at = options_read(argc, argv, slots, help, &done);
    if (at < 0 || done)
        return at < 0 ? EXIT_USAGE : EXIT_DONE;
    if (at + 1 != argc)
        return say_usage("task", "result needs one task id");
    c.task = argv[at];
    struct state *s = calloc(1, sizeof *s);
    if (!s)
        return say_failure("task result", fail(ERR_MEMORY, "out of memory"));
    int code = result_of(&c, s);
    result_files_done(&s->files);
    result_bundle_done(&s->bundle);
    free(s->archive);
    free(s);
    return code;
}
