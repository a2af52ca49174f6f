// SPDX-License-Identifier: Apache-2.0
// cloister wallet create | show
#include "cli/commands_ledger.h"

#include "base/hex.h"
#include "cli/options.h"
#include "cli/say.h"
#include "os/wallet.h"

#include <stdio.h>

static const char help[] =
    "Usage: cloister wallet create [--name NAME] [--json]\n"
    "       cloister wallet show [--name NAME] [--json] [--show-private-key]\n"
    "\n"
    "A wallet is a secp256k1 key, as Ethereum has it; its address is who you are on the ledger.\n"
    "It lies in $CLOISTER_HOME/wallets/NAME.json, readable by you alone (mode 0600) and NOT\n"
    "encrypted. NAME is 'default', or what $CLOISTER_WALLET says.\n"
    "\n"
    "  --name NAME          1 to 32 characters of [0-9A-Za-z_-]\n"
    "  --json               for programs\n"
    "  --show-private-key   also print the private key, for a backup\n";

static int print_wallet(const struct wallet *w, const char *name, bool json, bool with_key)
{
    char address[ADDRESS_TEXT_SIZE], path[PATH_MAX], key[2 + HEX_SIZE(32)] = "0x";
    struct result r = wallet_path(name, path);
    if (!is_ok(r))
        return say_failure("wallet", r);
    address_format(&w->address, address);
    hex_encode(w->key.bytes, 32, key + 2);
    int code = EXIT_DONE;
    if (json) {
        json_t *j = json_pack("{s:s, s:s}", "address", address, "file", path);
        if (with_key)
            json_object_set_new(j, "privateKey", json_string(key));
        code = say_json(j);
    } else {
        printf("%s\n", address);
        if (with_key)
            printf("%s\n", key);
    }
    wipe(key, sizeof key);
    return code;
}

static int run(int argc, char **argv, bool create)
{
    const char *name = NULL;
    bool json = false, with_key = false, done;
    const struct option_slot slots[] = {
        {"name", &name, NULL, 'n'},
        {"json", NULL, &json, 0},
        {"show-private-key", NULL, &with_key, 0},
        {0},
    };
    int at = options_read(argc, argv, slots, help, &done);
    if (at < 0 || done)
        return at < 0 ? EXIT_USAGE : EXIT_DONE;
    if (at != argc || (create && with_key))
        return say_usage("wallet", "one argument too many");
    struct wallet w;
    struct result r = create ? wallet_create(name, &w) : wallet_load(name, &w);
    if (!is_ok(r))
        return say_failure(name ? name : "wallet", r);
    int code = print_wallet(&w, name, json, with_key);
    wallet_done(&w);
    return code;
}

static int wallet_create_command(int argc, char **argv)
{
    return run(argc, argv, true);
}

static int wallet_show_command(int argc, char **argv)
{
    return run(argc, argv, false);
}

int cmd_wallet(int argc, char **argv)
{
    static const struct subcommand list[] = {
        {"create", wallet_create_command}, {"show", wallet_show_command}, {0}};
    return subcommand_run(argc, argv, list, help);
}
