// SPDX-License-Identifier: Apache-2.0
// cloister task run: signs a request, matches it with published orders, initializes the task, and may
// watch it.
#include "cli/task_commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hex.h"
#include "cli/options.h"
#include "cli/say.h"
#include "cli/send.h"
#include "ledger/json.h"

static const char help[] =
    "Usage: cloister task run --app A [--dataset A] [--workerpool A] [options]\n"
    "\n"
    "Signs a request with the wallet, finds orders of the others on the ledger that fit, makes\n"
    "the deal and its task, and prints the task's id.\n"
    "\n"
    "  --app A, --dataset A, --workerpool A   addresses; without --workerpool any that fits\n"
    "  --args TEXT            arguments for the app (iexec_args)\n"
    "  --category N           0 XS 300 s (default), 1 S, 2 M, 3 L, 4 XL\n"
    "  --beneficiary A        who receives the result; default: the wallet\n"
    "  --callback A           contract that receives the result's callback data\n"
    "  --appmaxprice N, --datasetmaxprice N, --workerpoolmaxprice N   default 0\n"
    "  --watch                wait for the end; exit code 0 when the task is completed\n"
    "  --timeout SECONDS      with --watch: give up earlier than the task's own deadline\n"
    "  --wallet NAME, --json\n";

struct choice {
    const char *fields[9];
    const char *args, *wallet, *timeout;
    bool watch, json;
};

// Which options set which field of PoCo's request order.
static const char *const field_names[9] = {"app",         "dataset",         "workerpool",
                                           "category",    "beneficiary",     "callback",
                                           "appmaxprice", "datasetmaxprice", "workerpoolmaxprice"};

static struct result set_field(const char *name, const char *text, struct request_order *o)
{
    const struct schema *s = &order_schemas[ORDER_REQUEST];
    for (size_t i = 0; i < s->field_count; i++)
        if (strcmp(s->fields[i].name, name) == 0)
            return schema_set(&s->fields[i], text, o);
    return fail(ERR_INVALID, "a request has no such field");
}

static struct result set_params(const char *args, struct request_order *o)
{
    json_t *j = json_pack("{s:b}", "iexec_result_encryption", 1);
    if (j && args)
        json_object_set_new(j, "iexec_args", json_string(args));
    size_t n = j ? json_dumpb(j, o->params, sizeof o->params - 1, JSON_COMPACT) : 0;
    json_decref(j);
    REQUIRE(n > 0 && n < sizeof o->params, ERR_RANGE, "the arguments are too long or not UTF-8");
    o->params[n] = 0;
    return RESULT_OK;
}

static int fill(const struct choice *c, const struct wallet *w, struct request_order *o)
{
    struct result r = cli_order_start(ORDER_REQUEST, o);
    if (is_ok(r))
        r = set_params(c->args, o);
    if (!is_ok(r))
        return say_failure("task run", r);
    o->requester = o->beneficiary = w->address;
    for (size_t i = 0; i < ARRAY_COUNT(field_names); i++) {
        if (!c->fields[i])
            continue;
        r = set_field(field_names[i], c->fields[i], o);
        if (!is_ok(r))
            return say_failure(field_names[i], r);
    }
    return EXIT_DONE;
}

static struct result make_task(struct ledger *l, const struct wallet *w, struct request_order *o,
                               struct hash32 *ret_deal, struct hash32 *ret_task)
{
    struct match_orders_args *orders = calloc(1, sizeof *orders);
    struct ledger_deal deal;
    REQUIRE(orders, ERR_MEMORY, "out of memory");
    struct result r = order_sign(ORDER_REQUEST, o, &ledger_head(l)->domain, &w->key);
    if (is_ok(r))
        r = ledger_find_orders(l, o, orders);
    if (is_ok(r))
        r = ledger_match(l, &w->key, orders, ret_deal);
    free(orders);
    GUARD(r);
    GUARD(ledger_view_deal(l, ret_deal, &deal));
    return ledger_initialize_task(l, &w->key, ret_deal, deal.bot_first, ret_task);
}

// Waits until the task is not active any more. ERR_STALE: its time is over.
static struct result watch(struct ledger *l, const struct hash32 *id, uint64_t give_up)
{
    struct ledger_task t;
    fprintf(stderr, "ACTIVE: waiting for a worker\n");
    for (;;) {
        GUARD(ledger_refresh(l));
        GUARD(ledger_view_task(l, id, &t));
        if (t.status == TASK_COMPLETED)
            return RESULT_OK;
        REQUIRE(t.status != TASK_FAILED, ERR_STALE,
                "FAILED: no worker brought a result in time; the payment is refunded");
        REQUIRE(cli_clock() < t.final_deadline, ERR_STALE,
                "TIMEOUT: no worker brought a result in time; anyone may claim");
        REQUIRE(!give_up || cli_clock() < give_up, ERR_STALE, "still ACTIVE; not waiting longer");
        sleep(1);
    }
}

static int finish(const struct choice *c, const struct hash32 *deal, const struct hash32 *task,
                  const char *status)
{
    char deal_text[2 + HEX_SIZE(32)] = "0x", task_text[2 + HEX_SIZE(32)] = "0x";
    hex_encode(deal, 32, deal_text + 2);
    hex_encode(task, 32, task_text + 2);
    if (c->json)
        return say_json(json_pack("{s:s, s:s, s:s}", "taskId", task_text, "dealId", deal_text,
                                  "status", status));
    printf("%s\n", task_text);
    if (c->watch)
        fprintf(stderr, "%s\n", status);
    return EXIT_DONE;
}

static int run_with(const struct choice *c, const struct wallet *w)
{
    struct request_order o;
    struct hash32 deal, task;
    struct cli_ledger l = {0};
    uint64_t seconds = c->timeout ? strtoull(c->timeout, NULL, 10) : 0;
    int code = fill(c, w, &o);
    if (code != EXIT_DONE)
        return code;
    struct result r = cli_ledger_open(&l);
    if (is_ok(r))
        r = make_task(l.ledger, w, &o, &deal, &task);
    if (!is_ok(r)) {
        cli_ledger_close(&l);
        fprintf(stderr, "cloister: task run: refused: %s\n", r.why);
        return EXIT_REFUSED;
    }
    if (c->watch)
        r = watch(l.ledger, &task, seconds ? cli_clock() + seconds : 0);
    cli_ledger_close(&l);
    code = finish(c, &deal, &task, c->watch && is_ok(r) ? "COMPLETED" : "ACTIVE");
    return is_ok(r) ? code : say_failure("task run", r);
}

int task_run(int argc, char **argv)
{
    struct choice c = {0};
    bool done;
    struct option_slot slots[ARRAY_COUNT(field_names) + 6] = {{"args", &c.args, NULL, 0},
                                                              {"wallet", &c.wallet, NULL, 'w'},
                                                              {"timeout", &c.timeout, NULL, 0},
                                                              {"watch", NULL, &c.watch, 0},
                                                              {"json", NULL, &c.json, 0}};
    for (size_t i = 0; i < ARRAY_COUNT(field_names); i++)
        slots[5 + i] = (struct option_slot){field_names[i], &c.fields[i], NULL, 0};
    int at = options_read(argc, argv, slots, help, &done);
    if (at < 0 || done)
        return at < 0 ? EXIT_USAGE : EXIT_DONE;
    if (at != argc || !c.fields[0])
        return say_usage("task", "run needs --app");
    struct wallet w;
    struct result r = wallet_load(c.wallet, &w);
    if (!is_ok(r))
        return say_failure("wallet", r);
    int code = run_with(&c, &w);
    wallet_done(&w);
    return code;
}
