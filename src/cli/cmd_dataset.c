// SPDX-License-Identifier: Apache-2.0
// cloister dataset encrypt | publish | deploy | show | push-key
#include "cli/commands_ledger.h"

#include "base/hex.h"
#include "cli/dataset.h"
#include "cli/options.h"
#include "cli/say.h"
#include "cli/send.h"
#include "crypto/sha256.h"
#include "ledger/json.h"
#include "os/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char help[] =
    "Usage: cloister dataset encrypt FILE [-o OUT] [--key KEYFILE]\n"
    "       cloister dataset publish FILE [--listen IPV4:PORT] [--once | --background]\n"
    "       cloister dataset deploy --uri URI (--checksum HEX | --file FILE) [--name NAME]\n"
    "                               [--wallet NAME] [--json]\n"
    "       cloister dataset show ADDRESS [--json]\n"
    "       cloister dataset push-key …      (see its --help)\n"
    "\n"
    "deploy records a dataset on the ledger and prints its address; its owner is the wallet.\n"
    "\n"
    "  --uri URI        where workers fetch the encrypted file\n"
    "  --checksum HEX   SHA-256 of the encrypted file, or\n"
    "  --file FILE      the encrypted file, to compute it from\n";

static struct result hash_file(const char *path, struct hash32 *ret)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    REQUIRE(fd >= 0, ERR_NOT_FOUND, "cannot open the file");
    struct sha256_ctx hash;
    struct result r;
    size_t n = 0;
    sha256_init(&hash);
    do {
        uint8_t part[64 * 1024];
        r = file_read_some(fd, part, sizeof part, &n);
        if (is_ok(r))
            sha256_update(&hash, part, n);
    } while (is_ok(r) && n);
    close(fd);
    GUARD(r);
    sha256_final(&hash, ret->bytes);
    return RESULT_OK;
}

static int deploy(int argc, char **argv)
{
    const char *name = "", *uri = NULL, *checksum = NULL, *file = NULL, *wallet = NULL;
    bool json = false, done;
    const struct option_slot slots[] = {
        {"name", &name, NULL, 'n'},
        {"uri", &uri, NULL, 'u'},
        {"checksum", &checksum, NULL, 0},
        {"file", &file, NULL, 'f'},
        {"wallet", &wallet, NULL, 'w'},
        {"json", NULL, &json, 0},
        {0},
    };
    int at = options_read(argc, argv, slots, help, &done);
    if (at < 0 || done)
        return at < 0 ? EXIT_USAGE : EXIT_DONE;
    if (at != argc || !uri || !checksum == !file)
        return say_usage("dataset", "deploy needs --uri, and one of --checksum and --file");
    struct create_dataset_args a = {0};
    const struct field *fields = method_schemas[METHOD_CREATE_DATASET].fields;
    struct result r = schema_set(&fields[0], name, &a);
    if (!is_ok(r))
        return say_failure("--name", r);
    if (!is_ok(r = schema_set(&fields[1], uri, &a)))
        return say_failure("--uri", r);
    r = checksum ? hex_decode(SPAN(checksum, strlen(checksum)), a.checksum.bytes, 32)
                 : hash_file(file, &a.checksum);
    if (!is_ok(r))
        return say_failure(checksum ? "--checksum" : file, r);
    return send_and_print_address("dataset deploy", wallet, METHOD_CREATE_DATASET, &a, json);
}

static int show(int argc, char **argv)
{
    bool json = false, done;
    const struct option_slot slots[] = {{"json", NULL, &json, 0}, {0}};
    int at = options_read(argc, argv, slots, help, &done);
    if (at < 0 || done)
        return at < 0 ? EXIT_USAGE : EXIT_DONE;
    if (at + 1 != argc)
        return say_usage("dataset", "show needs one address");
    struct address address;
    struct ledger_dataset d;
    struct cli_ledger l = {0};
    struct result r = address_parse(SPAN(argv[at], strlen(argv[at])), &address);
    if (is_ok(r))
        r = cli_ledger_open(&l);
    if (is_ok(r))
        r = ledger_view_dataset(l.ledger, &address, &d);
    cli_ledger_close(&l);
    if (!is_ok(r))
        return say_failure(argv[at], r);
    char text[ADDRESS_TEXT_SIZE], owner[ADDRESS_TEXT_SIZE], checksum[2 + HEX_SIZE(32)] = "0x";
    address_format(&d.address, text);
    address_format(&d.owner, owner);
    hex_encode(d.checksum.bytes, 32, checksum + 2);
    if (json)
        return say_json(json_pack("{s:s, s:s, s:s, s:s, s:s}", "address", text, "owner", owner,
                                  "name", d.name, "uri", d.multiaddr, "checksum", checksum));
    printf("dataset   %s\nname      %s\nowner     %s\nuri       %s\nchecksum  %s\n", text, d.name,
           owner, d.multiaddr, checksum);
    return EXIT_DONE;
}

int cmd_dataset(int argc, char **argv)
{
    static const struct subcommand list[] = {{"encrypt", dataset_encrypt},
                                             {"publish", dataset_publish},
                                             {"deploy", deploy},
                                             {"show", show},
                                             {"push-key", dataset_push_key},
                                             {0}};
    return subcommand_run(argc, argv, list, help);
}
