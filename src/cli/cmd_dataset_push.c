// SPDX-License-Identifier: Apache-2.0
// cloister dataset push-key: the owner gives a dataset's key to an SMS, after verifying the SMS's quote.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "cli/commands_ledger.h"
#include "cli/options.h"
#include "cli/say.h"
#include "cli/sms_push.h"
#include "crypto/cbc.h"
#include "os/file.h"
#include "os/wallet.h"
#include "proto/secret.h"

static const char help[] =
    "Usage: cloister dataset push-key DATASET --key FILE --sms URL --sms-identity FILE\n"
    "                                 [--allow-emulated] [--wallet NAME]\n"
    "\n"
    "Gives the key of a dataset to an SMS. Before the key leaves, the SMS must show, on this very\n"
    "connection, that it is the enclave and runs under the policy that FILE names. A key is "
    "written\n"
    "once; it cannot be changed afterwards.\n"
    "\n"
    "  --key FILE           the key that 'dataset encrypt' wrote (base64)\n"
    "  --sms URL            https://HOST:PORT\n"
    "  --sms-identity FILE  as 'cloister sms identity' prints it\n"
    "  --allow-emulated     emulated enclaves may have this key too: NO hardware protects them\n"
    "  --wallet NAME        of the dataset's owner\n";

// The text of the key, without the end of the line, NUL-terminated.
static struct result read_key(const char *path, char **ret)
{
    uint8_t *data, key[CBC_KEY_SIZE];
    size_t size, key_size = 0;
    GUARD(file_read(path, 4096, &data, &size));
    size = strcspn((char *)data, "\r\n");
    data[size] = 0;
    struct result r = base64_decode(SPAN(data, size), key, sizeof key, &key_size);
    wipe(key, sizeof key);
    if (!is_ok(r) || key_size != sizeof key) {
        wipe(data, size);
        free(data);
        return fail(ERR_INVALID, "a dataset's key is 32 bytes in base64");
    }
    *ret = (char *)data;
    return RESULT_OK;
}

static struct result push(const struct address *dataset, const char *key_path, const char *wallet,
                          struct sms_push *p)
{
    char address[ADDRESS_TEXT_SIZE], target[128];
    char *value;
    struct wallet w;
    GUARD(read_key(key_path, &value));
    struct result r = wallet_load(wallet, &w);
    if (is_ok(r)) {
        address_format(dataset, address);
        snprintf(target, sizeof target, "/secrets/web3?secretAddress=%s", address);
        p->method = "POST";
        p->target = target;
        p->value = SPAN(value, strlen(value));
        p->hash = proto_web3_hash(dataset, p->value, p->allow_emulated);
        p->key = &w.key;
        r = sms_push(p);
        wallet_done(&w);
    }
    wipe(value, strlen(value));
    free(value);
    return r;
}

int dataset_push_key(int argc, char **argv)
{
    const char *key = NULL, *wallet = NULL;
    struct sms_push p = {.url = NULL};
    bool done;
    const struct option_slot slots[] = {
        {"key", &key, NULL, 'k'},
        {"sms", &p.url, NULL, 's'},
        {"sms-identity", &p.identity_path, NULL, 'i'},
        {"allow-emulated", NULL, &p.allow_emulated, 0},
        {"wallet", &wallet, NULL, 'w'},
        {0},
    };
    struct address dataset;
    int at = options_read(argc, argv, slots, help, &done);
    if (at < 0 || done)
        return at < 0 ? EXIT_USAGE : EXIT_DONE;
    if (at + 1 != argc || !key || !p.url || !p.identity_path)
        return say_usage("dataset", "push-key needs DATASET, --key, --sms and --sms-identity");
    struct result r = address_parse(SPAN(argv[at], strlen(argv[at])), &dataset);
    if (is_ok(r))
        r = push(&dataset, key, wallet, &p);
    if (!is_ok(r))
        return say_failure("dataset push-key", r);
    printf("the SMS has the key; %s\n",
           p.allow_emulated ? "emulated enclaves may have it too (no hardware protects them)"
                            : "for hardware enclaves only");
    return EXIT_DONE;
}
