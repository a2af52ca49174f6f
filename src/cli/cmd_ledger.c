// SPDX-License-Identifier: Apache-2.0
// cloister ledger init | show | verify | deposit | serve
#include "cli/commands_ledger.h"

#include "base/hex.h"
#include "cli/ledger_serve.h"
#include "cli/options.h"
#include "cli/say.h"
#include "cli/send.h"
#include "ledger/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "Usage: cloister ledger init [--chain-id N] [--wallet NAME] [--json]\n"
    "       cloister ledger show [--address A] [--records] [--json]\n"
    "       cloister ledger verify\n"
    "       cloister ledger deposit --account A --amount N [--wallet NAME]\n"
    "       cloister ledger serve [--listen IPV4:PORT] [--background] [--json]\n"
    "\n"
    "The embedded ledger holds PoCo's objects in a chain of signed records.\n"
    "$CLOISTER_LEDGER says where it is: a file, or the http:// URL of 'ledger serve';\n"
    "default $CLOISTER_HOME/ledger.db. Its identity is the hash of its first record; set\n"
    "$CLOISTER_LEDGER_ID to that, and no other ledger is accepted.\n"
    "\n"
    "  init      makes a ledger; the wallet becomes its issuer. Chain id 65535 by default\n"
    "  show      identity and size; --address: an account; --records: every record\n"
    "  verify    replays every record from the first, with all signatures and rules\n"
    "  deposit   credits an account; only the issuer may\n"
    "  serve     lets others read, and send signed records (default 127.0.0.1:8545)\n";

static int print_head(const struct ledger *l, const char *where, bool json)
{
    const struct poco_head *h = ledger_head(l);
    char id[2 + HEX_SIZE(32)] = "0x", head[2 + HEX_SIZE(32)] = "0x";
    char hub[ADDRESS_TEXT_SIZE], issuer[ADDRESS_TEXT_SIZE];
    hex_encode(h->genesis.bytes, 32, id + 2);
    hex_encode(h->hash.bytes, 32, head + 2);
    address_format(&h->domain.hub, hub);
    address_format(&h->issuer, issuer);
    if (json)
        return say_json(json_pack("{s:s, s:s, s:I, s:s, s:s, s:I, s:s, s:I}", "where", where, "id",
                                  id, "chainId", (json_int_t)h->domain.chain_id, "hub", hub,
                                  "issuer", issuer, "count", (json_int_t)h->count, "head", head,
                                  "time", (json_int_t)h->time));
    printf("ledger    %s\nid        %s\nchain id  %" PRIu64 "\nhub       %s\nissuer    %s\n"
           "records   %" PRIu64 ", the last %s\n",
           where, id, h->domain.chain_id, hub, issuer, h->count, head);
    return EXIT_DONE;
}

static int init(int argc, char **argv)
{
    const char *chain_id = "65535", *wallet_name = NULL;
    bool json = false, done;
    const struct option_slot slots[] = {{"chain-id", &chain_id, NULL, 0},
                                        {"wallet", &wallet_name, NULL, 'w'},
                                        {"json", NULL, &json, 0},
                                        {0}};
    int at = options_read(argc, argv, slots, help, &done);
    if (at < 0 || done)
        return at < 0 ? EXIT_USAGE : EXIT_DONE;
    char *end;
    unsigned long long id = strtoull(chain_id, &end, 10);
    if (at != argc || *end || id == 0 || chain_id[0] == '-' || id > UINT32_MAX)
        return say_usage("ledger", "a chain id is a number from 1 to 4294967295");
    struct cli_ledger l;
    struct wallet w;
    struct result r = cli_ledger_where(&l);
    if (is_ok(r) && l.is_remote)
        r = fail(ERR_INVALID, "a ledger is made in a file; set CLOISTER_LEDGER to a path");
    if (is_ok(r))
        r = wallet_load(wallet_name, &w);
    if (is_ok(r)) {
        r = ledger_embedded_init(l.where, id, &w.key, cli_clock);
        wallet_done(&w);
    }
    if (is_ok(r))
        r = cli_ledger_open(&l);
    if (!is_ok(r))
        return say_failure("ledger init", r);
    int code = print_head(l.ledger, l.where, json);
    cli_ledger_close(&l);
    return code;
}

static int print_records(const struct ledger *l, bool json)
{
    json_t *list = json ? json_array() : NULL;
    struct ledger_event e;
    for (uint64_t seq = 0; is_ok(ledger_event_at(l, seq, &e)); seq++) {
        char subject[2 + HEX_SIZE(32)] = "0x", sender[ADDRESS_TEXT_SIZE];
        hex_encode(e.subject.bytes, 32, subject + 2);
        address_format(&e.sender, sender);
        const char *method = method_schemas[e.method].name;
        if (json)
            json_array_append_new(list,
                                  json_pack("{s:I, s:I, s:s, s:s, s:s}", "seq", (json_int_t)e.seq,
                                            "time", (json_int_t)e.time, "method", method, "sender",
                                            sender, "subject", subject));
        else
            printf("%6" PRIu64 "  %-22s by %s  %s\n", e.seq, method, sender, subject);
    }
    return json ? say_json(list) : EXIT_DONE;
}

static int print_account(const struct ledger *l, const char *text, bool json)
{
    struct address a;
    struct ledger_account account;
    struct result r = address_parse(SPAN(text, strlen(text)), &a);
    if (is_ok(r))
        r = ledger_view_account(l, &a, &account);
    if (!is_ok(r))
        return say_failure(text, r);
    if (json)
        return say_json(json_pack("{s:I, s:I}", "stake", (json_int_t)account.stake, "locked",
                                  (json_int_t)account.locked));
    printf("stake   %" PRIu64 "\nlocked  %" PRIu64 "\n", account.stake, account.locked);
    return EXIT_DONE;
}

static int show(int argc, char **argv)
{
    const char *address = NULL;
    bool records = false, json = false, done;
    const struct option_slot slots[] = {{"address", &address, NULL, 'a'},
                                        {"records", NULL, &records, 'r'},
                                        {"json", NULL, &json, 0},
                                        {0}};
    int at = options_read(argc, argv, slots, help, &done);
    if (at < 0 || done)
        return at < 0 ? EXIT_USAGE : EXIT_DONE;
    if (at != argc)
        return say_usage("ledger", "one argument too many");
    struct cli_ledger l;
    struct result r = cli_ledger_open(&l);
    if (!is_ok(r))
        return say_failure(l.where, r);
    int code = address   ? print_account(l.ledger, address, json)
               : records ? print_records(l.ledger, json)
                         : print_head(l.ledger, l.where, json);
    cli_ledger_close(&l);
    return code;
}

// Opening replays everything, so verifying is opening.
static int verify(int argc, char **argv)
{
    bool done;
    const struct option_slot slots[] = {{0}};
    int at = options_read(argc, argv, slots, help, &done);
    if (at < 0 || done)
        return at < 0 ? EXIT_USAGE : EXIT_DONE;
    struct cli_ledger l;
    struct result r = cli_ledger_open(&l);
    if (!is_ok(r))
        return say_failure(l.where, r);
    printf("%" PRIu64 " records verified\n", ledger_head(l.ledger)->count);
    cli_ledger_close(&l);
    return EXIT_DONE;
}

static int deposit(int argc, char **argv)
{
    const char *account = NULL, *amount = NULL, *wallet = NULL;
    bool done;
    const struct option_slot slots[] = {{"account", &account, NULL, 'a'},
                                        {"amount", &amount, NULL, 0},
                                        {"wallet", &wallet, NULL, 'w'},
                                        {0}};
    int at = options_read(argc, argv, slots, help, &done);
    if (at < 0 || done)
        return at < 0 ? EXIT_USAGE : EXIT_DONE;
    if (at != argc || !account || !amount)
        return say_usage("ledger", "deposit needs --account and --amount");
    const struct schema *s = &method_schemas[METHOD_DEPOSIT];
    struct deposit_args a = {0};
    struct result r = schema_set(&s->fields[0], account, &a);
    if (is_ok(r))
        r = schema_set(&s->fields[1], amount, &a);
    if (is_ok(r))
        r = send_one(wallet, METHOD_DEPOSIT, &a, NULL);
    return is_ok(r) ? EXIT_DONE : say_failure("ledger deposit", r);
}

static int serve(int argc, char **argv)
{
    return ledger_serve(argc, argv, help);
}

int cmd_ledger(int argc, char **argv)
{
    static const struct subcommand list[] = {{"init", init},     {"show", show},
                                             {"verify", verify}, {"deposit", deposit},
                                             {"serve", serve},   {0}};
    return subcommand_run(argc, argv, list, help);
}
