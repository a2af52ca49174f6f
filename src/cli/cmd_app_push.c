// SPDX-License-Identifier: Apache-2.0
// cloister app push-key: the owner gives the content key of an app's encrypted region to an SMS, after verifying
// the SMS's quote.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "cli/commands_ledger.h"
#include "cli/options.h"
#include "cli/say.h"
#include "cli/sms_push.h"
#include "os/file.h"
#include "os/wallet.h"
#include "proto/provision.h"
#include "proto/secret.h"
#include "shield/regions.h"

#define KEY_SIZE 32u

static const char help[] =
    "Usage: cloister app push-key APP --region PATH --key FILE --sms URL --sms-identity FILE\n"
    "                             [--allow-emulated] [--wallet NAME]\n"
    "\n"
    "Gives the content key of an encrypted region of the app's image to an SMS. Before the key "
    "leaves,\n"
    "the SMS must show, on this very connection, that it is the enclave and runs under the policy "
    "that\n"
    "FILE names. A key is written once; it cannot be changed afterwards.\n"
    "\n"
    "  --region PATH        the region's path in the image\n"
    "  --key FILE           64 hex digits, as the manifest's content-key\n"
    "  --sms URL            https://HOST:PORT\n"
    "  --sms-identity FILE  as 'cloister sms identity' prints it\n"
    "  --allow-emulated     emulated enclaves may have this key too: NO hardware protects them\n"
    "  --wallet NAME        of the app's owner\n";

// As 64 lower-case digits, NUL-terminated.
static struct result read_key(const char *path, char ret[HEX_SIZE(KEY_SIZE)])
{
    uint8_t *data, key[KEY_SIZE];
    size_t size;
    GUARD(file_read(path, 4096, &data, &size));
    struct result r = hex_decode(SPAN(data, strcspn((char *)data, "\r\n")), key, sizeof key);
    if (is_ok(r))
        hex_encode(key, sizeof key, ret);
    wipe(key, sizeof key);
    wipe(data, size);
    free(data);
    return is_ok(r) ? r : fail(ERR_INVALID, "a content key is 64 hex digits");
}

#define TARGET_SIZE (64 + ADDRESS_TEXT_SIZE + 3 * PROTO_REGION_PATH_MAX)

static void make_target(const struct address *app, struct span region, char ret[TARGET_SIZE])
{
    char address[ADDRESS_TEXT_SIZE];
    address_format(app, address);
    int n = snprintf(ret, TARGET_SIZE, "/apps/%s/regions?path=", address);
    for (size_t i = 0; i < region.size; i++)
        n += snprintf(ret + n, TARGET_SIZE - (size_t)n, "%%%02X", region.data[i]);
}

static struct result push(const struct address *app, const char *region, const char *key_path,
                          const char *wallet, struct sms_push *p)
{
    char target[TARGET_SIZE], value[HEX_SIZE(KEY_SIZE)];
    char name[sizeof PROTO_REGION_PREFIX + PROTO_REGION_PATH_MAX];
    struct wallet w;
    struct span path = SPAN(region, strlen(region));
    REQUIRE(path.size <= PROTO_REGION_PATH_MAX && region_path_is_normal(path), ERR_INVALID,
            "--region is an absolute path without a slash at its end");
    GUARD(read_key(key_path, value));
    struct result r = wallet_load(wallet, &w);
    if (is_ok(r)) {
        make_target(app, path, target);
        int n = snprintf(name, sizeof name, "%s%s", PROTO_REGION_PREFIX, region);
        p->method = "POST";
        p->target = target;
        p->value = SPAN(value, strlen(value));
        p->hash = proto_web2_hash(app, SPAN(name, (size_t)n), p->value, p->allow_emulated);
        p->key = &w.key;
        r = sms_push(p);
        wallet_done(&w);
    }
    wipe(value, sizeof value);
    return r;
}

int app_push_key(int argc, char **argv)
{
    const char *key = NULL, *region = NULL, *wallet = NULL;
    struct sms_push p = {.url = NULL};
    bool done;
    const struct option_slot slots[] = {
        {"region", &region, NULL, 'r'},
        {"key", &key, NULL, 'k'},
        {"sms", &p.url, NULL, 's'},
        {"sms-identity", &p.identity_path, NULL, 'i'},
        {"allow-emulated", NULL, &p.allow_emulated, 0},
        {"wallet", &wallet, NULL, 'w'},
        {0},
    };
    struct address app;
    int at = options_read(argc, argv, slots, help, &done);
    if (at < 0 || done)
        return at < 0 ? EXIT_USAGE : EXIT_DONE;
    if (at + 1 != argc || !key || !region || !p.url || !p.identity_path)
        return say_usage("app", "push-key needs APP, --region, --key, --sms and --sms-identity");
    struct result r = address_parse(SPAN(argv[at], strlen(argv[at])), &app);
    if (is_ok(r))
        r = push(&app, region, key, wallet, &p);
    if (!is_ok(r))
        return say_failure("app push-key", r);
    printf("the SMS has the key; %s\n",
           p.allow_emulated ? "emulated enclaves may have it too (no hardware protects them)"
                            : "for hardware enclaves only");
    return EXIT_DONE;
}
