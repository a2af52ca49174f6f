// SPDX-License-Identifier: Apache-2.0
// cloister order sign | close: one option per field, from the order's schema.
#include "cli/commands_ledger.h"

#include "base/hex.h"
#include "cli/options.h"
#include "cli/say.h"
#include "cli/send.h"
#include "ledger/json.h"
#include "os/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ORDER_FILE_SIZE_MAX (16 * 1024)

static const char help[] =
    "Usage: cloister order sign app|dataset|workerpool|request [--FIELD VALUE …]\n"
    "                      [--out FILE] [--no-publish] [--wallet NAME] [--json]\n"
    "       cloister order close app|dataset|workerpool|request FILE [--wallet NAME]\n"
    "\n"
    "Signs an order with the wallet and publishes it on the ledger. Fields are PoCo's:\n"
    "  app         --app A [--appprice N] [--datasetrestrict A] [--workerpoolrestrict A]\n"
    "              [--requesterrestrict A]\n"
    "  dataset     --dataset A [--datasetprice N] [--apprestrict A] [--workerpoolrestrict A]\n"
    "              [--requesterrestrict A]\n"
    "  workerpool  --workerpool A [--workerpoolprice N] [--category N] [--trust N]\n"
    "              [--apprestrict A] [--datasetrestrict A] [--requesterrestrict A]\n"
    "  request     --app A [--dataset A] [--workerpool A] [--appmaxprice N] [--datasetmaxprice N]\n"
    "              [--workerpoolmaxprice N] [--category N] [--trust N] [--beneficiary A]\n"
    "              [--callback A] [--params JSON]\n"
    "  all         [--volume N] [--tag 0x…] [--salt 0x…]\n"
    "\n"
    "Defaults: prices 0, no restriction, tag tee + scone (…03), category 0 (XS, 300 s), a fresh\n"
    "salt, volume 1000000 (a request: 1), beneficiary: the requester. A dataset order without\n"
    "--apprestrict lets ANY app read the dataset.\n"
    "\n"
    "  --out FILE     write the signed order as JSON\n"
    "  --no-publish   do not store it on the ledger\n"
    "  --json         print the signed order\n";

static const char *const kind_words[ORDER_KIND_COUNT] = {"app", "dataset", "workerpool", "request"};

static int kind_of(const char *word)
{
    for (int k = 0; word && k < ORDER_KIND_COUNT; k++)
        if (strcmp(word, kind_words[k]) == 0)
            return k;
    return -1;
}

// What the options of `order sign` said; values[i] belongs to the schema's field i.
struct choice {
    enum order_kind kind;
    const char *values[OPTION_SLOT_COUNT_MAX];
    const char *out;
    const char *wallet;
    bool no_publish;
    bool json;
};

static int read_options(int argc, char **argv, struct choice *c, bool *ret_done)
{
    const struct schema *s = &order_schemas[c->kind];
    struct option_slot slots[OPTION_SLOT_COUNT_MAX + 1] = {{"out", &c->out, NULL, 'o'},
                                                           {"wallet", &c->wallet, NULL, 'w'},
                                                           {"no-publish", NULL, &c->no_publish, 0},
                                                           {"json", NULL, &c->json, 0}};
    size_t n = 4;
    for (size_t i = 0; i < s->field_count && n < OPTION_SLOT_COUNT_MAX; i++)
        if (s->fields[i].type != FIELD_SIGNATURE && strcmp(s->fields[i].name, "requester") != 0)
            slots[n++] = (struct option_slot){s->fields[i].name, &c->values[i], NULL, 0};
    return options_read(argc, argv, slots, help, ret_done);
}

// The order that the options describe, with the wallet as requester.
static int fill(const struct choice *c, const struct wallet *w, union any_order *o)
{
    const struct schema *s = &order_schemas[c->kind];
    struct result r = cli_order_start(c->kind, o);
    if (!is_ok(r))
        return say_failure("order sign", r);
    if (c->kind == ORDER_REQUEST)
        o->request.requester = o->request.beneficiary = w->address;
    for (size_t i = 0; i < s->field_count; i++) {
        if (!c->values[i])
            continue;
        r = schema_set(&s->fields[i], c->values[i], o);
        if (!is_ok(r))
            return say_failure(s->fields[i].name, r);
    }
    // The first field says what the order is about.
    if (is_zero(o, sizeof(struct address)))
        return say_usage("order", "an order needs the address of what it is for");
    return EXIT_DONE;
}

static int write_order(const struct choice *c, const union any_order *o, const struct hash32 *hash)
{
    char hash_text[HEX_SIZE(32)];
    json_t *j = schema_to_json(&order_schemas[c->kind], o);
    char *text = j ? json_dumps(j, JSON_INDENT(2)) : NULL;
    int code = text ? EXIT_DONE : EXIT_REFUSED;
    if (text && c->out) {
        struct result r = file_write(c->out, SPAN(text, strlen(text)), 0644, FILE_REPLACE);
        if (!is_ok(r))
            code = say_failure(c->out, r);
    }
    hex_encode(hash->bytes, 32, hash_text);
    if (text && code == EXIT_DONE && c->json)
        printf("%s\n", text);
    else if (code == EXIT_DONE)
        printf("0x%s\n", hash_text);
    free(text);
    json_decref(j);
    return code;
}

static int sign_with(const struct choice *c, const struct wallet *w)
{
    union any_order o;
    struct hash32 hash;
    struct cli_ledger l = {0};
    int code = fill(c, w, &o);
    if (code != EXIT_DONE)
        return code;
    struct result r = cli_ledger_open(&l);
    if (is_ok(r))
        r = order_sign(c->kind, &o, &ledger_head(l.ledger)->domain, &w->key);
    if (is_ok(r))
        r = order_hash(c->kind, &o, &ledger_head(l.ledger)->domain, &hash);
    if (is_ok(r) && !c->no_publish)
        r = ledger_send(l.ledger, &w->key, (enum ledger_method)(METHOD_PUBLISH_ORDER + c->kind), &o,
                        NULL);
    cli_ledger_close(&l);
    if (!is_ok(r))
        return say_failure("order sign", r);
    return write_order(c, &o, &hash);
}

static int sign(int argc, char **argv)
{
    if (argc >= 2 && strcmp(argv[1], "--help") == 0) {
        fputs(help, stdout);
        return EXIT_DONE;
    }
    int kind = kind_of(argc >= 2 ? argv[1] : NULL);
    if (kind < 0)
        return say_usage("order", "sign needs app, dataset, workerpool or request");
    struct choice c = {.kind = (enum order_kind)kind};
    bool done;
    int at = read_options(argc - 1, argv + 1, &c, &done);
    if (at < 0 || done)
        return at < 0 ? EXIT_USAGE : EXIT_DONE;
    if (at != argc - 1)
        return say_usage("order", "one argument too many");
    struct wallet w;
    struct result r = wallet_load(c.wallet, &w);
    if (!is_ok(r))
        return say_failure("wallet", r);
    int code = sign_with(&c, &w);
    wallet_done(&w);
    return code;
}

static struct result read_order(const char *path, enum order_kind kind, union any_order *ret)
{
    uint8_t *data;
    size_t size;
    GUARD(file_read(path, ORDER_FILE_SIZE_MAX, &data, &size));
    json_t *j = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
    free(data);
    struct result r = schema_from_json(&order_schemas[kind], j, ret);
    json_decref(j);
    return r;
}

static int close_order(int argc, char **argv)
{
    const char *wallet = NULL;
    bool done;
    const struct option_slot slots[] = {{"wallet", &wallet, NULL, 'w'}, {0}};
    int at = options_read(argc, argv, slots, help, &done);
    if (at < 0 || done)
        return at < 0 ? EXIT_USAGE : EXIT_DONE;
    int kind = at < argc ? kind_of(argv[at]) : -1;
    if (kind < 0 || at + 2 != argc)
        return say_usage("order", "close needs the kind of order and its file");
    // The order comes first in the arguments of every manage…Order; the operation's place differs.
    union any_args a = {0};
    uint64_t *const operations[ORDER_KIND_COUNT] = {
        &a.manage_app.operation, &a.manage_dataset.operation, &a.manage_workerpool.operation,
        &a.manage_request.operation};
    union any_order o;
    struct result r = read_order(argv[at + 1], (enum order_kind)kind, &o);
    if (!is_ok(r))
        return say_failure(argv[at + 1], r);
    memcpy(&a, &o, order_schemas[kind].object_size);
    *operations[kind] = ORDER_CLOSE;
    r = send_one(wallet, (enum ledger_method)(METHOD_MANAGE_ORDER + kind), &a, NULL);
    return is_ok(r) ? EXIT_DONE : say_failure("order close", r);
}

int cmd_order(int argc, char **argv)
{
    static const struct subcommand list[] = {{"sign", sign}, {"close", close_order}, {0}};
    return subcommand_run(argc, argv, list, help);
}
