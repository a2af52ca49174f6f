// SPDX-License-Identifier: Apache-2.0
// A small world for the ledger's tests: a state in memory, five keys, an app, a dataset, a
// workerpool, four matching signed orders, and accounts with stakes.
#ifndef TESTS_UNIT_LEDGER_SCENE_H
#define TESTS_UNIT_LEDGER_SCENE_H

#include <string.h>

#include "ledger/poco.h"

enum { ISSUER, OWNER, POOL, WORKER, REQUESTER, ENCLAVE, WHO_COUNT };

#define SCENE_TIME 1700000000ull

struct scene {
    struct poco *p;
    struct eth_key keys[WHO_COUNT];
    struct address who[WHO_COUNT];
    struct address app, dataset, pool;
    uint64_t now;
    struct hash32 subject;           // of the last record
    struct match_orders_args orders; // fit each other; not yet signed
};

// Makes the next record by `who` and applies it.
static inline struct result scene_send(struct scene *s, int who, enum ledger_method method,
                                       const void *args)
{
    uint8_t bytes[RECORD_SIZE_MAX];
    size_t size;
    const struct poco_head *h = poco_head(s->p);
    struct record r = {
        .chain_id = 65535, .seq = h->count, .prev = h->hash, .time = s->now, .method = method};
    GUARD(record_make(&r, args, &s->keys[who], bytes, &size));
    return poco_apply(s->p, SPAN(bytes, size), &s->subject);
}

static inline struct address scene_address(const struct scene *s)
{
    struct address a;
    memcpy(a.bytes, s->subject.bytes + 12, 20);
    return a;
}

static inline void scene_sign(struct scene *s, int app_by, int dataset_by, int pool_by,
                              int request_by)
{
    const struct eip712_domain *d = &poco_head(s->p)->domain;
    assert_true(is_ok(order_sign(ORDER_APP, &s->orders.app, d, &s->keys[app_by])));
    assert_true(is_ok(order_sign(ORDER_DATASET, &s->orders.dataset, d, &s->keys[dataset_by])));
    assert_true(is_ok(order_sign(ORDER_WORKERPOOL, &s->orders.workerpool, d, &s->keys[pool_by])));
    assert_true(is_ok(order_sign(ORDER_REQUEST, &s->orders.request, d, &s->keys[request_by])));
}

static inline struct result scene_match(struct scene *s)
{
    scene_sign(s, OWNER, OWNER, POOL, REQUESTER);
    return scene_send(s, WORKER, METHOD_MATCH_ORDERS, &s->orders);
}

static inline void scene_orders(struct scene *s)
{
    struct hash32 tag = {.bytes[31] = TAG_TEE | TAG_SCONE};
    s->orders = (struct match_orders_args){
        .app = {.app = s->app, .price = 1, .volume = 100, .tag = tag},
        .dataset = {.dataset = s->dataset, .price = 2, .volume = 100, .tag = tag},
        .workerpool = {.workerpool = s->pool, .price = 100, .volume = 100, .tag = tag, .trust = 1},
        .request = {.app = s->app,
                    .app_max_price = 1,
                    .dataset = s->dataset,
                    .dataset_max_price = 2,
                    .workerpool = s->pool,
                    .workerpool_max_price = 100,
                    .requester = s->who[REQUESTER],
                    .volume = 2,
                    .tag = tag,
                    .beneficiary = s->who[REQUESTER],
                    .params = "{\"iexec_args\":\"x\"}"},
    };
}

static inline void scene_init(struct scene *s)
{
    memset(s, 0, sizeof *s);
    s->now = SCENE_TIME;
    assert_true(is_ok(poco_new(&s->p)));
    for (int i = 0; i < WHO_COUNT; i++) {
        memset(s->keys[i].bytes, i + 1, 32);
        assert_true(is_ok(eth_key_address(&s->keys[i], &s->who[i])));
    }
    struct genesis_args g = {
        .categories = {{"XS", 300}, {"S", 1200}, {"M", 3600}, {"L", 10800}, {"XL", 36000}}};
    assert_true(is_ok(scene_send(s, ISSUER, METHOD_GENESIS, &g)));
    struct create_app_args app = {.name = "app", .multiaddr = "http://host/image"};
    assert_true(is_ok(scene_send(s, OWNER, METHOD_CREATE_APP, &app)));
    s->app = scene_address(s);
    struct create_dataset_args data = {
        .name = "d", .multiaddr = "http://host/d", .checksum = {{1}}};
    assert_true(is_ok(scene_send(s, OWNER, METHOD_CREATE_DATASET, &data)));
    s->dataset = scene_address(s);
    struct create_workerpool_args pool = {.description = "pool"};
    assert_true(is_ok(scene_send(s, POOL, METHOD_CREATE_WORKERPOOL, &pool)));
    s->pool = scene_address(s);
    struct deposit_args deposit = {s->who[REQUESTER], 1000};
    assert_true(is_ok(scene_send(s, ISSUER, METHOD_DEPOSIT, &deposit)));
    deposit = (struct deposit_args){s->who[POOL], 500};
    assert_true(is_ok(scene_send(s, ISSUER, METHOD_DEPOSIT, &deposit)));
    scene_orders(s);
}

static inline void scene_done(struct scene *s)
{
    poco_free(s->p);
}

#endif
