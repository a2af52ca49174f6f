// SPDX-License-Identifier: Apache-2.0
// cloister workerpool create | show
#include "cli/commands_ledger.h"

#include "cli/options.h"
#include "cli/say.h"
#include "cli/send.h"
#include "ledger/json.h"

#include <stdio.h>
#include <string.h>

static const char help[] =
    "Usage: cloister workerpool create [--description TEXT] [--wallet NAME] [--json]\n"
    "       cloister workerpool show ADDRESS [--json]\n"
    "\n"
    "Records a workerpool on the ledger and prints its address. Its owner, the wallet,\n"
    "authorises the workers and their enclaves.\n";

static int create(int argc, char **argv)
{
    const char *description = "", *wallet = NULL;
    bool json = false, done;
    const struct option_slot slots[] = {{"description", &description, NULL, 'd'},
                                        {"wallet", &wallet, NULL, 'w'},
                                        {"json", NULL, &json, 0},
                                        {0}};
    int at = options_read(argc, argv, slots, help, &done);
    if (at < 0 || done)
        return at < 0 ? EXIT_USAGE : EXIT_DONE;
    struct create_workerpool_args a = {0};
    if (at != argc)
        return say_usage("workerpool", "one argument too many");
    const struct schema *s = &method_schemas[METHOD_CREATE_WORKERPOOL];
    struct result r = schema_set(&s->fields[0], description, &a);
    if (!is_ok(r))
        return say_failure("--description", r);
    return send_and_print_address("workerpool create", wallet, METHOD_CREATE_WORKERPOOL, &a, json);
}

static int show(int argc, char **argv)
{
    bool json = false, done;
    const struct option_slot slots[] = {{"json", NULL, &json, 0}, {0}};
    int at = options_read(argc, argv, slots, help, &done);
    if (at < 0 || done)
        return at < 0 ? EXIT_USAGE : EXIT_DONE;
    if (at + 1 != argc)
        return say_usage("workerpool", "show needs one address");
    struct address address;
    struct ledger_workerpool pool;
    struct cli_ledger l = {0};
    struct result r = address_parse(SPAN(argv[at], strlen(argv[at])), &address);
    if (is_ok(r))
        r = cli_ledger_open(&l);
    if (is_ok(r))
        r = ledger_view_workerpool(l.ledger, &address, &pool);
    cli_ledger_close(&l);
    if (!is_ok(r))
        return say_failure(argv[at], r);
    char owner[ADDRESS_TEXT_SIZE], text[ADDRESS_TEXT_SIZE];
    address_format(&pool.owner, owner);
    address_format(&pool.address, text);
    if (json)
        return say_json(json_pack("{s:s, s:s, s:s}", "address", text, "owner", owner, "description",
                                  pool.description));
    printf("workerpool   %s\nowner        %s\ndescription  %s\n", text, owner, pool.description);
    return EXIT_DONE;
}

int cmd_workerpool(int argc, char **argv)
{
    static const struct subcommand list[] = {{"create", create}, {"show", show}, {0}};
    return subcommand_run(argc, argv, list, help);
}
