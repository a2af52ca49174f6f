// SPDX-License-Identifier: Apache-2.0
#include "cli/ledger_open.h"

#include "base/hex.h"
#include "crypto/random.h"
#include "os/file.h"
#include "os/home.h"
#include "os/http_client.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PIN_FILE_SIZE_MAX 1024

uint64_t cli_clock(void)
{
    return (uint64_t)time(NULL);
}

static struct result exchange(void *context, const char *method, const char *target,
                              struct span body, size_t size_max, unsigned *ret_status,
                              uint8_t **ret_data, size_t *ret_size)
{
    const struct cli_ledger *l = context;
    char url[PATH_MAX + 128];
    snprintf(url, sizeof url, "%s%s", l->where, target);
    struct http_client_request q = {
        .method = method, .url = url, .body = body, .size_max = size_max, .time_max_s = 30};
    return http_client_do(&q, ret_status, ret_data, ret_size);
}

struct result cli_ledger_where(struct cli_ledger *ret)
{
    const char *where = getenv("CLOISTER_LEDGER");
    *ret = (struct cli_ledger){0};
    if (!where || !*where)
        return home_path("ledger.db", ret->where);
    size_t size = strlen(where);
    REQUIRE(size < sizeof ret->where, ERR_RANGE, "CLOISTER_LEDGER is too long");
    memcpy(ret->where, where, size + 1);
    ret->is_remote = strncmp(where, "http://", 7) == 0 || strncmp(where, "https://", 8) == 0;
    if (!ret->is_remote)
        return RESULT_OK;
    while (size && ret->where[size - 1] == '/')
        ret->where[--size] = 0;
    struct hash32 h = keccak256(SPAN(ret->where, size));
    char name[HEX_SIZE(8)], relative[64];
    hex_encode(h.bytes, 8, name);
    snprintf(relative, sizeof relative, "ledgers/%s.json", name);
    return home_path(relative, ret->pin_path);
}

static struct result read_hash(const json_t *j, const char *name, struct hash32 *ret)
{
    const char *text = json_string_value(json_object_get(j, name));
    REQUIRE(text, ERR_INVALID, "the note on this ledger in CLOISTER_HOME/ledgers is damaged");
    return hex_decode(SPAN(text, strlen(text)), ret->bytes, sizeof ret->bytes);
}

static struct result load_pin(const struct cli_ledger *l, struct ledger_pin *ret)
{
    uint8_t *data;
    size_t size;
    struct ledger_pin pin = {0};
    struct result r = file_read(l->pin_path, PIN_FILE_SIZE_MAX, &data, &size);
    if (r.code == ERR_NOT_FOUND)
        return RESULT_OK;
    GUARD(r);
    json_t *j = json_loadb((const char *)data, size, 0, NULL);
    free(data);
    r = read_hash(j, "genesis", &pin.genesis);
    if (is_ok(r))
        r = read_hash(j, "hash", &pin.hash);
    pin.count = (uint64_t)json_integer_value(json_object_get(j, "count"));
    json_decref(j);
    GUARD(r);
    *ret = pin;
    return RESULT_OK;
}

static void save_pin(const struct cli_ledger *l)
{
    const struct poco_head *h = ledger_head(l->ledger);
    char genesis[HEX_SIZE(32)], hash[HEX_SIZE(32)], text[512];
    if (h->count == 0)
        return;
    hex_encode(h->genesis.bytes, 32, genesis);
    hex_encode(h->hash.bytes, 32, hash);
    int n =
        snprintf(text, sizeof text,
                 "{\"url\":\"%.128s\",\"genesis\":\"%s\",\"count\":%" PRIu64 ",\"hash\":\"%s\"}\n",
                 l->where, genesis, h->count, hash);
    struct result r = file_write(l->pin_path, SPAN(text, (size_t)n), 0600, FILE_REPLACE);
    if (!is_ok(r))
        fprintf(stderr, "cloister: cannot remember the ledger's state: %s\n", r.why);
}

struct result cli_ledger_open(struct cli_ledger *ret)
{
    struct ledger_pin pin = {0};
    GUARD(cli_ledger_where(ret));
    if (ret->is_remote)
        GUARD(load_pin(ret, &pin));
    const char *id = getenv("CLOISTER_LEDGER_ID");
    if (id && *id)
        GUARD(hex_decode(SPAN(id, strlen(id)), pin.genesis.bytes, sizeof pin.genesis.bytes));
    if (!ret->is_remote)
        return ledger_embedded_open(ret->where, cli_clock, &pin, &ret->ledger);
    struct ledger_transport t = {ret, exchange};
    return ledger_remote_open(t, cli_clock, &pin, &ret->ledger);
}

void cli_ledger_close(struct cli_ledger *l)
{
    if (!l->ledger)
        return;
    if (l->is_remote)
        save_pin(l);
    ledger_free(l->ledger);
    l->ledger = NULL;
}

struct result cli_order_start(enum order_kind kind, void *ret_order)
{
    union any_order o = {0};
    struct hash32 salt, tag = {{0}};
    GUARD(random_bytes(&salt, sizeof salt));
    tag.bytes[31] = TAG_TEE | TAG_SCONE;
    const uint64_t many = 1000000;
    switch (kind) {
    case ORDER_APP:
        o.app = (struct app_order){.volume = many, .tag = tag, .salt = salt};
        break;
    case ORDER_DATASET:
        o.dataset = (struct dataset_order){.volume = many, .tag = tag, .salt = salt};
        break;
    case ORDER_WORKERPOOL:
        o.workerpool =
            (struct workerpool_order){.volume = many, .tag = tag, .trust = 1, .salt = salt};
        break;
    case ORDER_REQUEST:
        o.request = (struct request_order){.volume = 1, .tag = tag, .salt = salt};
        break;
    default:
        return fail(ERR_INVALID, "no such kind of order");
    }
    memcpy(ret_order, &o, order_schemas[kind].object_size);
    return RESULT_OK;
}
