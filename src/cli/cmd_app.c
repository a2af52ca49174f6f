// SPDX-License-Identifier: Apache-2.0
// cloister app deploy | show
#include "cli/commands_ledger.h"

#include "base/fingerprint.h"
#include "base/hex.h"
#include "cli/options.h"
#include "cli/say.h"
#include "cli/send.h"
#include "ledger/json.h"

#include <stdio.h>
#include <string.h>

static const char help[] =
    "Usage: cloister app deploy --name NAME --uri URI --fingerprint FP [--checksum HEX]\n"
    "                           [--wallet NAME] [--json]\n"
    "       cloister app show ADDRESS [--json]\n"
    "\n"
    "Records an app on the ledger and prints its address. Its owner is the wallet.\n"
    "\n"
    "  --uri URI          where workers fetch the image\n"
    "  --fingerprint FP   FSPF_KEY|FSPF_TAG|MRENCLAVE, as 'cloister fingerprint IMAGE' prints it;\n"
    "                     it is public, and in the shell it needs quotes\n"
    "  --checksum HEX     SHA-256 of the image file (optional: the fingerprint covers it)\n";

static int deploy(int argc, char **argv)
{
    const char *name = NULL, *uri = NULL, *fp = NULL, *checksum = NULL, *wallet = NULL;
    bool json = false, done;
    const struct option_slot slots[] = {
        {"name", &name, NULL, 'n'},
        {"uri", &uri, NULL, 'u'},
        {"fingerprint", &fp, NULL, 'f'},
        {"checksum", &checksum, NULL, 0},
        {"wallet", &wallet, NULL, 'w'},
        {"json", NULL, &json, 0},
        {0},
    };
    int at = options_read(argc, argv, slots, help, &done);
    if (at < 0 || done)
        return at < 0 ? EXIT_USAGE : EXIT_DONE;
    if (at != argc || !name || !uri || !fp)
        return say_usage("app", "deploy needs --name, --uri and --fingerprint");
    struct create_app_args a = {.type = "CLOISTER"};
    struct fingerprint parsed;
    struct result r = fingerprint_parse(SPAN(fp, strlen(fp)), &parsed);
    if (!is_ok(r))
        return say_failure("--fingerprint", r);
    if (checksum && !is_ok(r = hex_decode(SPAN(checksum, strlen(checksum)), a.checksum.bytes, 32)))
        return say_failure("--checksum", r);
    snprintf(a.mrenclave, sizeof a.mrenclave, "%s", fp);
    const struct field *fields = method_schemas[METHOD_CREATE_APP].fields;
    if (!is_ok(r = schema_set(&fields[0], name, &a)))
        return say_failure("--name", r);
    if (!is_ok(r = schema_set(&fields[2], uri, &a)))
        return say_failure("--uri", r);
    return send_and_print_address("app deploy", wallet, METHOD_CREATE_APP, &a, json);
}

static int print_app(const struct ledger_app *a, bool json)
{
    char address[ADDRESS_TEXT_SIZE], owner[ADDRESS_TEXT_SIZE], checksum[HEX_SIZE(32)];
    address_format(&a->address, address);
    address_format(&a->owner, owner);
    hex_encode(a->checksum.bytes, 32, checksum);
    if (json)
        return say_json(json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "address", address, "owner",
                                  owner, "name", a->name, "uri", a->multiaddr, "checksum", checksum,
                                  "fingerprint", a->mrenclave));
    printf("app          %s\nname         %s\nowner        %s\nimage        %s\nfingerprint  %s\n",
           address, a->name, owner, a->multiaddr, a->mrenclave);
    return EXIT_DONE;
}

static int show(int argc, char **argv)
{
    bool json = false, done;
    const struct option_slot slots[] = {{"json", NULL, &json, 0}, {0}};
    int at = options_read(argc, argv, slots, help, &done);
    if (at < 0 || done)
        return at < 0 ? EXIT_USAGE : EXIT_DONE;
    if (at + 1 != argc)
        return say_usage("app", "show needs one address");
    struct address address;
    struct ledger_app app;
    struct cli_ledger l = {0};
    struct result r = address_parse(SPAN(argv[at], strlen(argv[at])), &address);
    if (is_ok(r))
        r = cli_ledger_open(&l);
    if (is_ok(r))
        r = ledger_view_app(l.ledger, &address, &app);
    cli_ledger_close(&l);
    return is_ok(r) ? print_app(&app, json) : say_failure(argv[at], r);
}

int cmd_app(int argc, char **argv)
{
    static const struct subcommand list[] = {{"deploy", deploy}, {"show", show}, {0}};
    return subcommand_run(argc, argv, list, help);
}
