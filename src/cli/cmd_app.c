// SPDX-License-Identifier: Apache-2.0
// cloister app deploy | show | push-key
#include "cli/commands_ledger.h"

#include "base/fingerprint.h"
#include "base/hex.h"
#include "cli/options.h"
#include "cli/say.h"
#include "cli/send.h"
#include "ledger/json.h"
#include "oci/pull.h"

#include <stdio.h>
#include <string.h>

static const char help[] =
    "Usage: cloister app deploy --name NAME --uri URI --fingerprint FP [--entrypoint COMMAND]\n"
    "                           [--checksum HEX] [--wallet NAME] [--json]\n"
    "       cloister app deploy --name NAME --image URI [--cert-dir DIR] [--tls-verify=BOOL] …\n"
    "       cloister app show ADDRESS [--json]\n"
    "       cloister app push-key …      (see its --help)\n"
    "\n"
    "Records an app on the ledger and prints its address. Its owner is the wallet.\n"
    "\n"
    "  --uri URI          where workers fetch the image\n"
    "  --fingerprint FP   FSPF_KEY|FSPF_TAG|MRENCLAVE, as 'cloister fingerprint IMAGE' prints it;\n"
    "                     it is public, and in the shell it needs quotes\n"
    "  --entrypoint CMD   what starts, for an image whose MRENCLAVE does not name its file system: "
    "words\n"
    "                     one space apart, the first a path or a name; goes behind the "
    "fingerprint\n"
    "  --checksum HEX     SHA-256 of the image file (optional: the fingerprint covers it)\n"
    "  --image URI        docker://HOST/NAME[:TAG][@DIGEST] or oci:DIR: an image that 'cloister\n"
    "                     build' made; gives URI, checksum (its digest) and, from its label, the\n"
    "                     fingerprint. Of an image that 'scone fspf' protected --fingerprint says\n"
    "                     KEY|TAG|MRENCLAVE, and its ENTRYPOINT and CMD go behind, unless\n"
    "                     --entrypoint is given\n"
    "  --cert-dir DIR, --tls-verify=BOOL   as for 'cloister pull'\n";

// The text that goes on the ledger.
static struct result join(const char *fp, const char *entrypoint, char *ret, size_t capacity)
{
    struct fingerprint parsed;
    int n =
        snprintf(ret, capacity, "%s%s%s", fp, entrypoint ? "|" : "", entrypoint ? entrypoint : "");
    REQUIRE(n > 0 && (size_t)n < capacity, ERR_RANGE, "the text is too long");
    return fingerprint_parse(SPAN(ret, (size_t)n), &parsed);
}

// What an OCI image says of itself, in the form of the options that it replaces.
struct image_option {
    struct oci_pull_options look;
    struct oci_pull_report report;
    char uri[PATH_MAX];
};

static struct result read_image(struct image_option *i, bool has_fingerprint,
                                struct image_note *note)
{
    GUARD(oci_look(&i->look, note, &i->report));
    REQUIRE(has_fingerprint || i->report.fingerprint[0], ERR_NOT_FOUND,
            "the image has no label with a fingerprint of its own");
    const char *uri = i->look.uri, *at = strchr(uri, '@');
    size_t size = at ? (size_t)(at - uri) : strlen(uri);
    const char *slash = strrchr(uri, '/'), *colon = slash ? strchr(slash, ':') : NULL;
    bool registry = strncmp(uri, "docker://", 9) == 0;
    if (registry && colon && colon < uri + size)
        size = (size_t)(colon - uri);
    int n = snprintf(i->uri, sizeof i->uri, "%.*s%s%s", (int)size, uri, registry ? "@" : "",
                     registry ? i->report.digest : "");
    REQUIRE(n > 0 && (size_t)n < sizeof i->uri, ERR_RANGE, "URI is too long");
    return RESULT_OK;
}

// KEY|TAG|MRENCLAVE without a command.
static bool is_bare(const char *fp)
{
    size_t bars = 0;
    for (; *fp; fp++)
        bars += *fp == '|';
    return bars < 3;
}

static int deploy(int argc, char **argv)
{
    const char *name = NULL, *uri = NULL, *fp = NULL, *checksum = NULL, *wallet = NULL;
    const char *entrypoint = NULL;
    struct image_option image = {.uri = ""};
    struct image_note note = {0};
    bool json = false, done;
    const struct option_slot slots[] = {
        {"name", &name, NULL, 'n'},
        {"uri", &uri, NULL, 'u'},
        {"fingerprint", &fp, NULL, 'f'},
        {"entrypoint", &entrypoint, NULL, 'e'},
        {"checksum", &checksum, NULL, 0},
        {"wallet", &wallet, NULL, 'w'},
        {"json", NULL, &json, 0},
        {"image", &image.look.uri, NULL, 'i'},
        {"cert-dir", &image.look.tls.cert_dir, NULL, 0},
        {"tls-verify", &image.look.tls.tls_verify, NULL, 0},
        {0},
    };
    int at = options_read(argc, argv, slots, help, &done);
    if (at < 0 || done)
        return at < 0 ? EXIT_USAGE : EXIT_DONE;
    bool both = image.look.uri && (uri || checksum);
    if (at != argc || !name || both || (!image.look.uri && (!uri || !fp)))
        return say_usage("app", "deploy needs --name, and --uri with --fingerprint or --image");
    struct result r = RESULT_OK;
    if (image.look.uri) {
        image.look.command = fp && !entrypoint && is_bare(fp);
        if (!is_ok(r = read_image(&image, fp != NULL, &note)))
            return say_failure(note.text[0] ? note.text : image.look.uri, r);
        if (image.report.command[0]) {
            entrypoint = image.report.command;
            fprintf(stderr, "cloister: app deploy: the enclave runs: %s\n", entrypoint);
        }
        uri = image.uri;
        fp = fp ? fp : image.report.fingerprint;
        checksum = strchr(image.report.digest, ':') + 1;
    }
    struct create_app_args a = {.type = "CLOISTER"};
    r = join(fp, entrypoint, a.mrenclave, sizeof a.mrenclave);
    if (!is_ok(r))
        return say_failure(entrypoint ? "--fingerprint with --entrypoint" : "--fingerprint", r);
    if (checksum && !is_ok(r = hex_decode(SPAN(checksum, strlen(checksum)), a.checksum.bytes, 32)))
        return say_failure("--checksum", r);
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
    static const struct subcommand list[] = {
        {"deploy", deploy}, {"show", show}, {"push-key", app_push_key}, {0}};
    return subcommand_run(argc, argv, list, help);
}
