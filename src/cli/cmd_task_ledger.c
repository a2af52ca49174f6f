// SPDX-License-Identifier: Apache-2.0
// cloister task show: what the ledger says of a task.
#include "cli/commands_ledger.h"

#include "base/hex.h"
#include "cli/ledger_open.h"
#include "cli/options.h"
#include "cli/say.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const char help[] = "Usage: cloister task show TASKID [--json]\n"
                           "\n"
                           "Shows a task and its deal, as the ledger has them.\n";

static const char *status_text(const struct ledger_task *t)
{
    static const char *const names[] = {"UNSET", "ACTIVE", "REVEALING", "COMPLETED", "FAILED"};
    if (t->status == TASK_ACTIVE && cli_clock() >= t->final_deadline)
        return "TIMEOUT"; // as iExec's SDK calls it
    return t->status < ARRAY_COUNT(names) ? names[t->status] : "?";
}

static void hash_text(const struct hash32 *h, char ret[2 + HEX_SIZE(32)])
{
    memcpy(ret, "0x", 2);
    hex_encode(h->bytes, 32, ret + 2);
}

static int print_json(const struct ledger_task *t, const struct ledger_deal *d)
{
    const struct address *list[] = {
        &d->app.pointer, &d->dataset.pointer, &d->workerpool.pointer, &d->requester,
        &d->beneficiary, &t->worker,          &t->enclave_challenge};
    static const char *const names[] = {"app",         "dataset", "workerpool",      "requester",
                                        "beneficiary", "worker",  "enclaveChallenge"};
    char id[2 + HEX_SIZE(32)], deal[2 + HEX_SIZE(32)], digest[2 + HEX_SIZE(32)];
    char tag[2 + HEX_SIZE(32)], text[ADDRESS_TEXT_SIZE];
    hash_text(&t->id, id);
    hash_text(&t->deal_id, deal);
    hash_text(&t->result_digest, digest);
    hash_text(&d->tag, tag);
    json_t *j = json_pack("{s:s, s:s, s:s, s:I, s:s, s:I, s:I, s:s, s:s, s:s}", "taskId", id,
                          "dealId", deal, "status", status_text(t), "index", (json_int_t)t->index,
                          "tag", tag, "contributionDeadline", (json_int_t)t->contribution_deadline,
                          "finalDeadline", (json_int_t)t->final_deadline, "params", d->params,
                          "resultDigest", digest, "results", t->results);
    for (size_t i = 0; j && i < ARRAY_COUNT(names); i++) {
        address_format(list[i], text);
        json_object_set_new(j, names[i], json_string(text));
    }
    return say_json(j);
}

static void print_time(const char *label, uint64_t seconds)
{
    char text[32];
    struct tm tm;
    time_t t = (time_t)seconds;
    gmtime_r(&t, &tm);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
    printf("%-12s %s\n", label, text);
}

static void print_address(const char *label, const struct address *a)
{
    char text[ADDRESS_TEXT_SIZE];
    if (address_is_zero(a))
        return;
    address_format(a, text);
    printf("%-12s %s\n", label, text);
}

static int print_text(const struct ledger_task *t, const struct ledger_deal *d)
{
    char text[2 + HEX_SIZE(32)];
    hash_text(&t->id, text);
    printf("%-12s %s\n%-12s %s\n", "task", text, "status", status_text(t));
    hash_text(&t->deal_id, text);
    printf("%-12s %s, index %" PRIu64 "\n", "deal", text, t->index);
    print_address("app", &d->app.pointer);
    print_address("dataset", &d->dataset.pointer);
    print_address("workerpool", &d->workerpool.pointer);
    print_address("requester", &d->requester);
    print_address("beneficiary", &d->beneficiary);
    printf("%-12s %s\n", "params", d->params);
    print_time("started", d->start_time);
    print_time("deadline", t->contribution_deadline);
    if (t->status != TASK_COMPLETED)
        return EXIT_DONE;
    print_address("worker", &t->worker);
    print_address("enclave key", &t->enclave_challenge);
    hash_text(&t->result_digest, text);
    printf("%-12s %s\n%-12s %s\n", "digest", text, "results", t->results);
    return EXIT_DONE;
}

int task_show(int argc, char **argv)
{
    bool json = false, done;
    const struct option_slot slots[] = {{"json", NULL, &json, 0}, {0}};
    int at = options_read(argc, argv, slots, help, &done);
    if (at < 0 || done)
        return at < 0 ? EXIT_USAGE : EXIT_DONE;
    if (at + 1 != argc)
        return say_usage("task", "show needs one task id");
    struct hash32 id;
    struct ledger_task task;
    struct ledger_deal deal;
    struct cli_ledger l = {0};
    struct result r = hex_decode(SPAN(argv[at], strlen(argv[at])), id.bytes, sizeof id.bytes);
    if (is_ok(r))
        r = cli_ledger_open(&l);
    if (is_ok(r))
        r = ledger_view_task(l.ledger, &id, &task);
    if (is_ok(r))
        r = ledger_view_deal(l.ledger, &task.deal_id, &deal);
    cli_ledger_close(&l);
    if (!is_ok(r))
        return say_failure(argv[at], r);
    return json ? print_json(&task, &deal) : print_text(&task, &deal);
}
