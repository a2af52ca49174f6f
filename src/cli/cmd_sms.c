// SPDX-License-Identifier: Apache-2.0
// cloister sms serve | identity | policy
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "attest/policy_file.h"
#include "base/hex.h"
#include "cli/cli.h"
#include "cli/ledger_open.h"
#include "cli/options.h"
#include "cli/say.h"
#include "image/image.h"
#include "os/file.h"
#include "os/home.h"
#include "proto/trust.h"
#include "quoting/quoting.h"

#define HINT_SIZE (PROTO_POLICY_SIZE_MAX + 64)

static const char help[] =
    "Usage: cloister sms policy --post-compute MRENCLAVE[,…] --ledger URL [--emulated] "
    "[--no-intel]\n"
    "                          [--root NAME=SHA256] [--policy strict|standard|FILE.yaml]\n"
    "       cloister sms identity --policy FILE --image IMAGE\n"
    "       cloister sms serve --policy FILE --image IMAGE [--listen ADDRESS:PORT] [--threads N]\n"
    "                          [--platform NAME] [--quiet]\n"
    "\n"
    "policy prints a policy for this ledger ($CLOISTER_LEDGER); --emulated accepts this "
    "installation's\n"
    "emulated platform, --root another installation's (cloister worker platform); they protect "
    "nothing.\n"
    "--policy (default: standard) is how quotes are judged, as cloister quote verify has it; its "
    "own roots\n"
    "count when none of --emulated, --root and --no-intel is given.\n"
    "identity prints what apps and owners pin: which enclave, under which policy. serve runs the "
    "SMS in its\n"
    "enclave; its database is a file in $CLOISTER_HOME/sms.\n";

static struct result read_policy(const char *path, char **ret, struct proto_sms_policy *ret_policy)
{
    uint8_t *text;
    size_t size;
    GUARD(file_read(path, PROTO_POLICY_SIZE_MAX - 1, &text, &size));
    struct result r = strlen((char *)text) == size
                          ? proto_sms_policy_read(SPAN(text, size), ret_policy)
                          : fail(ERR_INVALID, "the policy holds a NUL");
    if (!is_ok(r)) {
        free(text);
        return r;
    }
    *ret = (char *)text;
    return RESULT_OK;
}

static struct result make_identity(const char *policy_path, const char *image_path,
                                   struct image_note *note, char **ret)
{
    struct proto_identity id;
    struct proto_sms_policy policy;
    struct image image;
    char *text;
    memset(&id, 0, sizeof id);
    GUARD(read_policy(policy_path, &text, &policy));
    proto_sms_policy_configid(SPAN(text, strlen(text)), id.configid);
    free(text);
    GUARD(image_open(image_path, note, &image));
    id.enclave.kind = ATTEST_IDENTITY_MRENCLAVE;
    memcpy(id.enclave.hash, image.sigstruct->enclavehash, sizeof id.enclave.hash);
    image_close(&image);
    id.trust = policy.trust; // whoever trusts the SMS judges it as it judges others
    return proto_identity_write(&id, ret);
}

static int identity(int argc, char **argv)
{
    const char *policy = NULL, *image = NULL;
    bool done;
    const struct option_slot slots[] = {
        {"policy", &policy, NULL, 'p'}, {"image", &image, NULL, 'i'}, {0}};
    int at = options_read(argc, argv, slots, help, &done);
    if (at < 0 || done)
        return at < 0 ? EXIT_USAGE : EXIT_DONE;
    if (at != argc || !policy || !image)
        return say_usage("sms", "identity needs --policy and --image");
    struct image_note note = {0};
    char *text;
    struct result r = make_identity(policy, image, &note, &text);
    if (!is_ok(r))
        return say_failure(note.text[0] ? note.text : "sms identity", r);
    puts(text);
    free(text);
    return EXIT_DONE;
}

// The same as `cloister run IMAGE` with the SMS's hints and its CONFIGID.
static int launch(const char *image, const char *policy, const char *listen, const char *threads,
                  const char *platform, bool quiet)
{
    static char hint[HINT_SIZE], where[300], count[32];
    uint8_t configid[PROTO_CONFIGID_SIZE];
    static char hex[HEX_SIZE(PROTO_CONFIGID_SIZE)];
    char *arguments[16] = {"run", "--configid", hex, "--hint", hint};
    int n = 5;
    proto_sms_policy_configid(SPAN(policy, strlen(policy)), configid);
    hex_encode(configid, sizeof configid, hex);
    snprintf(hint, sizeof hint, "POLICY=%s", policy);
    if (listen) {
        snprintf(where, sizeof where, "LISTEN=%s", listen);
        arguments[n++] = "--hint";
        arguments[n++] = where;
    }
    if (threads) {
        snprintf(count, sizeof count, "THREADS=%s", threads);
        arguments[n++] = "--hint";
        arguments[n++] = count;
    }
    if (platform) {
        arguments[n++] = "--platform";
        arguments[n++] = (char *)platform;
    }
    if (quiet)
        arguments[n++] = "--quiet";
    arguments[n++] = (char *)image;
    optind = 0; // getopt starts anew
    return cmd_run(n, arguments);
}

// The database's volume is a file in the working directory.
static struct result enter_state(void)
{
    char dir[PATH_MAX];
    GUARD(home_path("sms/volume", dir));
    *strrchr(dir, '/') = 0;
    REQUIRE(chdir(dir) == 0, ERR_IO, "the SMS's folder cannot be entered");
    return RESULT_OK;
}

static int serve(int argc, char **argv)
{
    const char *policy = NULL, *image = NULL, *listen = NULL, *threads = NULL, *platform = NULL;
    bool done, quiet = false;
    const struct option_slot slots[] = {{"policy", &policy, NULL, 'p'},
                                        {"image", &image, NULL, 'i'},
                                        {"listen", &listen, NULL, 'l'},
                                        {"threads", &threads, NULL, 't'},
                                        {"platform", &platform, NULL, 0},
                                        {"quiet", NULL, &quiet, 'q'},
                                        {0}};
    int at = options_read(argc, argv, slots, help, &done);
    if (at < 0 || done)
        return at < 0 ? EXIT_USAGE : EXIT_DONE;
    if (at != argc || !policy || !image)
        return say_usage("sms", "serve needs --policy and --image");
    struct proto_sms_policy parsed;
    char *text;
    struct result r = read_policy(policy, &text, &parsed);
    if (!is_ok(r))
        return say_failure(policy, r);
    char path[PATH_MAX];
    if (!realpath(image, path))
        return say_failure(image, fail(ERR_NOT_FOUND, "there is no such image"));
    r = enter_state();
    if (!is_ok(r))
        return say_failure("sms serve", r);
    return launch(path, text, listen, threads, platform, quiet);
}

static json_t *emulated_root(struct result *ret_result)
{
    char dir[PATH_MAX], key[HEX_SIZE(32)];
    uint8_t hash[32];
    struct quoting *q = NULL;
    struct result r = home_path("platform", dir);
    struct quoting_options options = {
        .emulated = true, .state_dir = dir, .now = (int64_t)time(NULL)};
    if (is_ok(r))
        r = quoting_open(&options, &q);
    *ret_result = r;
    if (!is_ok(r))
        return NULL;
    quoting_root_hash(q, hash);
    quoting_free(q);
    hex_encode(hash, sizeof hash, key);
    return json_pack("{s:s, s:s}", "name", "emulated", "spki_sha256", key);
}

static struct result ledger_json(const char *url, json_t **ret)
{
    struct cli_ledger l = {0};
    char genesis[HEX_SIZE(32)];
    struct result r = cli_ledger_open(&l);
    if (is_ok(r)) {
        const struct poco_head *head = ledger_head(l.ledger);
        hex_encode(head->genesis.bytes, 32, genesis);
        *ret = json_pack("{s:I, s:s, s:s}", "chain_id", (json_int_t)head->domain.chain_id,
                         "genesis", genesis, "url", url);
    }
    cli_ledger_close(&l);
    return r;
}

static int print_policy(const char *post, const char *judging, json_t *roots, json_t *ledger)
{
    json_t *list = json_array();
    char *copy = strdup(post), *rest = NULL;
    struct proto_sms_policy parsed;
    for (char *m = strtok_r(copy, ",", &rest); m; m = strtok_r(NULL, ",", &rest))
        json_array_append_new(list, json_string(m));
    free(copy);
    json_t *policy = json_pack("{s:i, s:s, s:o*, s:o, s:o}", "version", 1, "policy", judging,
                               "roots", roots, "ledger", ledger, "post_compute", list);
    char *text = policy ? json_dumps(policy, JSON_INDENT(2)) : NULL;
    json_decref(policy);
    struct result r = text ? proto_sms_policy_read(SPAN(text, strlen(text)), &parsed)
                           : fail(ERR_INVALID, "the policy is not a text in UTF-8");
    if (is_ok(r))
        puts(text);
    free(text);
    return is_ok(r) ? EXIT_DONE : say_failure("sms policy", r);
}

// What --policy says: a name, or a file's text. From malloc.
static struct result read_judging(const char *name, char **ret)
{
    uint8_t *text;
    size_t size;
    if (attest_policy_named(name).data) {
        *ret = strdup(name);
        return RESULT_OK;
    }
    GUARD(file_read(name, PROTO_TRUST_POLICY_SIZE - 1, &text, &size));
    *ret = (char *)text;
    return RESULT_OK;
}

// NAME=SHA256 of another root's key.
static json_t *named_root(const char *text, struct result *ret_result)
{
    uint8_t hash[32];
    const char *equals = strchr(text, '=');
    *ret_result = equals ? hex_decode(SPAN(equals + 1, strlen(equals + 1)), hash, sizeof hash)
                         : fail(ERR_INVALID, "a root is NAME=SHA256");
    return is_ok(*ret_result) ? json_pack("{s:s%, s:s}", "name", text, (size_t)(equals - text),
                                          "spki_sha256", equals + 1)
                              : NULL;
}

static int policy(int argc, char **argv)
{
    const char *post = NULL, *url = NULL, *root = NULL, *name = "standard";
    bool done, emulated = false, no_intel = false;
    const struct option_slot slots[] = {{"post-compute", &post, NULL, 0},
                                        {"ledger", &url, NULL, 0},
                                        {"root", &root, NULL, 0},
                                        {"emulated", NULL, &emulated, 0},
                                        {"policy", &name, NULL, 'p'},
                                        {"no-intel", NULL, &no_intel, 0},
                                        {0}};
    int at = options_read(argc, argv, slots, help, &done);
    if (at < 0 || done)
        return at < 0 ? EXIT_USAGE : EXIT_DONE;
    if (at != argc || !post || !url)
        return say_usage("sms", "policy needs --post-compute and --ledger");
    char *judging;
    struct result r = read_judging(name, &judging);
    if (!is_ok(r))
        return say_failure(name, r);
    json_t *roots = emulated || root || no_intel ? json_array() : NULL, *ledger = NULL;
    if (roots && !no_intel)
        json_array_append_new(roots, json_pack("{s:s}", "name", ATTEST_ROOT_INTEL_NAME));
    if (emulated)
        json_array_append_new(roots, emulated_root(&r));
    if (is_ok(r) && root)
        json_array_append_new(roots, named_root(root, &r));
    if (is_ok(r))
        r = ledger_json(url, &ledger);
    int code = EXIT_DONE;
    if (is_ok(r)) {
        code = print_policy(post, judging, roots, ledger);
    } else {
        json_decref(roots);
        code = say_failure("sms policy", r);
    }
    free(judging);
    return code;
}

int cmd_sms(int argc, char **argv)
{
    static const struct subcommand list[] = {
        {"serve", serve}, {"identity", identity}, {"policy", policy}, {0}};
    return subcommand_run(argc, argv, list, help);
}
