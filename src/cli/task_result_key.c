// SPDX-License-Identifier: Apache-2.0
// cloister task result-key: the RSA key that results are encrypted for, and its way to the SMS.
#include "cli/task_commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "cli/options.h"
#include "cli/say.h"
#include "crypto/rsa_wrap.h"
#include "os/file.h"
#include "os/home.h"
#include "os/wallet.h"
#include "proto/secret.h"
#include "worker/sms_link.h"

#define KEY_BITS_DEFAULT "3072"

static const char help[] =
    "Usage: cloister task result-key create [--bits N] [--wallet NAME]\n"
    "       cloister task result-key push --sms URL --sms-identity FILE [--wallet NAME] "
    "[--update]\n"
    "\n"
    "create makes the RSA key pair that results for the wallet are encrypted for, in\n"
    "$CLOISTER_HOME/result-keys/ADDRESS.pem (mode 0600, NOT encrypted) and ADDRESS.pub.pem.\n"
    "push gives the public key to the SMS, signed by the wallet, after verifying the SMS.\n"
    "\n"
    "  --bits N              2048 to 8192, default " KEY_BITS_DEFAULT "\n"
    "  --sms URL             https://HOST:PORT\n"
    "  --sms-identity FILE   the SMS that you accept (cloister sms identity)\n"
    "  --update              replace a key that the SMS has already\n";

static struct result key_path(const struct address *a, const char *suffix, char ret[PATH_MAX])
{
    char text[ADDRESS_TEXT_SIZE], relative[64 + ADDRESS_TEXT_SIZE];
    address_format(a, text);
    snprintf(relative, sizeof relative, "result-keys/%s%s", text, suffix);
    return home_path(relative, ret);
}

static struct result make_key(const struct address *a, unsigned bits, char ret_path[PATH_MAX])
{
    char private[RSA_PEM_SIZE_MAX], public[RSA_PEM_SIZE_MAX], path[PATH_MAX];
    GUARD(key_path(a, ".pub.pem", path));
    GUARD(key_path(a, ".pem", ret_path));
    GUARD(rsa_generate(bits, private, public));
    struct result r = file_write(ret_path, SPAN(private, strlen(private)), 0600, FILE_MUST_BE_NEW);
    wipe(private, sizeof private);
    GUARD(r);
    return file_write(path, SPAN(public, strlen(public)), 0644, FILE_REPLACE);
}

static int create(int argc, char **argv)
{
    const char *bits = KEY_BITS_DEFAULT, *wallet = NULL;
    bool done;
    const struct option_slot slots[] = {
        {"bits", &bits, NULL, 0}, {"wallet", &wallet, NULL, 'w'}, {0}};
    int at = options_read(argc, argv, slots, help, &done);
    if (at < 0 || done)
        return at < 0 ? EXIT_USAGE : EXIT_DONE;
    if (at != argc)
        return say_usage("task", "result-key create takes options only");
    struct wallet w;
    char path[PATH_MAX];
    struct result r = wallet_load(wallet, &w);
    if (is_ok(r))
        r = make_key(&w.address, (unsigned)strtoul(bits, NULL, 10), path);
    wallet_done(&w);
    if (!is_ok(r))
        return say_failure("task result-key create", r);
    printf("%s\n", path);
    return EXIT_DONE;
}

static struct result push_value(struct sms_link *l, const struct wallet *w, struct span value,
                                bool update, unsigned *ret_status)
{
    char target[256], owner[ADDRESS_TEXT_SIZE];
    address_format(&w->address, owner);
    snprintf(target, sizeof target, "/secrets/web2?ownerAddress=%s&secretName=%s", owner,
             PROTO_RESULT_KEY_NAME);
    struct hash32 h = proto_web2_hash(&w->address, SPAN_STR(PROTO_RESULT_KEY_NAME), value, false);
    return sms_link_signed(l, update ? "PUT" : "POST", target, &w->key, &h, value, NULL, 0,
                           ret_status);
}

static int push_with(const char *url, const char *identity_path, const struct wallet *w,
                     bool update)
{
    struct proto_identity identity;
    struct sms_link *link = NULL;
    struct attest_claims claims;
    char path[PATH_MAX], value[BASE64_SIZE(RSA_PEM_SIZE_MAX)];
    uint8_t *pem = NULL;
    size_t size;
    unsigned status = 0;
    struct result r = key_path(&w->address, ".pub.pem", path);
    if (is_ok(r))
        r = file_read(path, RSA_PEM_SIZE_MAX, &pem, &size);
    if (is_ok(r))
        r = rsa_public_key_check(SPAN(pem, size));
    if (is_ok(r))
        r = sms_identity_load(identity_path, &identity);
    if (is_ok(r))
        r = sms_link_open(url, &identity, &link, &claims);
    if (is_ok(r)) {
        base64_encode(pem, size, value);
        r = push_value(link, w, SPAN(value, strlen(value)), update, &status);
    }
    free(pem);
    if (!is_ok(r) || status >= 300) {
        const char *why = is_ok(r) ? proto_client_refusal(sms_link_client(link))->why : r.why;
        fprintf(stderr, "cloister: task result-key push: refused: %s\n", why);
        sms_link_close(link);
        return EXIT_REFUSED;
    }
    sms_link_close(link);
    fprintf(stderr, "the SMS is the accepted one (root %s%s); it has the key\n", claims.root,
            claims.emulated ? ", EMULATED: no protection" : "");
    return EXIT_DONE;
}

static int push(int argc, char **argv)
{
    const char *url = NULL, *identity = NULL, *wallet = NULL;
    bool update = false, done;
    const struct option_slot slots[] = {{"sms", &url, NULL, 0},
                                        {"sms-identity", &identity, NULL, 0},
                                        {"wallet", &wallet, NULL, 'w'},
                                        {"update", NULL, &update, 0},
                                        {0}};
    int at = options_read(argc, argv, slots, help, &done);
    if (at < 0 || done)
        return at < 0 ? EXIT_USAGE : EXIT_DONE;
    if (at != argc || !url || !identity)
        return say_usage("task", "result-key push needs --sms and --sms-identity");
    struct wallet w;
    struct result r = wallet_load(wallet, &w);
    if (!is_ok(r))
        return say_failure("wallet", r);
    int code = push_with(url, identity, &w, update);
    wallet_done(&w);
    return code;
}

int task_result_key(int argc, char **argv)
{
    static const struct subcommand list[] = {{"create", create}, {"push", push}, {0}};
    return subcommand_run(argc, argv, list, help);
}
