// SPDX-License-Identifier: Apache-2.0
#include "os/wallet.h"

#include "base/hex.h"
#include "os/file.h"
#include "os/home.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define WALLET_FILE_SIZE_MAX 4096

static bool is_name(const char *s)
{
    size_t size = strspn(s, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-");
    return size >= 1 && size <= 32 && s[size] == 0;
}

struct result wallet_path(const char *name, char ret[PATH_MAX])
{
    if (!name)
        name = getenv("CLOISTER_WALLET");
    if (!name || !*name)
        name = "default";
    REQUIRE(is_name(name), ERR_INVALID, "a wallet's name has 1 to 32 characters of [0-9A-Za-z_-]");
    char relative[64];
    snprintf(relative, sizeof relative, "wallets/%s.json", name);
    return home_path(relative, ret);
}

struct result wallet_create(const char *name, struct wallet *ret)
{
    char path[PATH_MAX], key[HEX_SIZE(32)], address[ADDRESS_TEXT_SIZE], text[256];
    struct wallet w;
    GUARD(wallet_path(name, path));
    GUARD(eth_key_generate(&w.key));
    GUARD(eth_key_address(&w.key, &w.address));
    hex_encode(w.key.bytes, sizeof w.key.bytes, key);
    address_format(&w.address, address);
    int n =
        snprintf(text, sizeof text, "{\"address\":\"%s\",\"privateKey\":\"0x%s\"}\n", address, key);
    struct result r = file_write(path, SPAN(text, (size_t)n), 0600, FILE_MUST_BE_NEW);
    wipe(text, sizeof text);
    wipe(key, sizeof key);
    if (is_ok(r))
        *ret = w;
    wallet_done(&w);
    if (r.code == ERR_EXISTS)
        r.why = "there is a wallet of this name already";
    return r;
}

static struct result parse(const uint8_t *data, size_t size, struct wallet *ret)
{
    json_t *j = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
    REQUIRE(j, ERR_INVALID, "the wallet file is not JSON");
    const char *key = json_string_value(json_object_get(j, "privateKey"));
    const char *address = json_string_value(json_object_get(j, "address"));
    struct wallet w = {0};
    struct address said;
    struct result r = fail(ERR_INVALID, "the wallet file lacks its key or address");
    if (key && address)
        r = hex_decode(SPAN(key, strlen(key)), w.key.bytes, sizeof w.key.bytes);
    if (is_ok(r))
        r = eth_key_address(&w.key, &w.address);
    if (is_ok(r))
        r = address_parse(SPAN(address, strlen(address)), &said);
    if (is_ok(r) && !address_equal(&said, &w.address))
        r = fail(ERR_INTEGRITY, "the wallet file's address is not its key's");
    json_decref(j);
    if (is_ok(r))
        *ret = w;
    wallet_done(&w);
    return r;
}

struct result wallet_load(const char *name, struct wallet *ret)
{
    char path[PATH_MAX];
    uint8_t *data;
    size_t size;
    struct stat st;
    GUARD(wallet_path(name, path));
    REQUIRE(stat(path, &st) == 0, ERR_NOT_FOUND,
            "there is no wallet of this name; make one: cloister wallet create");
    REQUIRE((st.st_mode & 077) == 0, ERR_DENIED,
            "other users can read the wallet file; run chmod 600 on it");
    GUARD(file_read(path, WALLET_FILE_SIZE_MAX, &data, &size));
    struct result r = parse(data, size, ret);
    wipe(data, size);
    free(data);
    return r;
}

void wallet_done(struct wallet *w)
{
    wipe(w, sizeof *w);
}
