// SPDX-License-Identifier: Apache-2.0
// PoCo's rules, each with the record that breaks it and is refused without a trace; the money of a
// task's life.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#undef fail // base/result.h has its own

#include "scene.h"

static void expect_account(struct scene *s, int who, uint64_t stake, uint64_t locked)
{
    struct ledger_account a = {0};
    struct hash32 key = word_of_address(&s->who[who]);
    (void)!is_ok(poco_view(s->p, LEDGER_ACCOUNT, &key, &a));
    assert_int_equal(a.stake, stake);
    assert_int_equal(a.locked, locked);
}

static void a_match_makes_a_deal(void **state)
{
    (void)state;
    struct scene s;
    struct ledger_deal d;
    struct hash32 request;
    uint64_t consumed;
    scene_init(&s);
    assert_true(is_ok(scene_match(&s)));
    assert_true(
        is_ok(order_hash(ORDER_REQUEST, &s.orders.request, &poco_head(s.p)->domain, &request)));
    struct hash32 id = deal_id_of(&request, 0);
    assert_true(hash32_equal(&id, &s.subject));
    assert_true(is_ok(poco_view(s.p, LEDGER_DEAL, &id, &d)));
    assert_int_equal(d.bot_size, 2);
    assert_int_equal(d.trust, 1);
    assert_int_equal(d.start_time, SCENE_TIME);
    assert_true(address_equal(&d.dataset.owner, &s.who[OWNER]));
    assert_string_equal(d.params, s.orders.request.params);
    assert_true(is_ok(poco_view(s.p, LEDGER_CONSUMED, &request, &consumed)));
    assert_int_equal(consumed, 2);
    expect_account(&s, REQUESTER, 1000 - 2 * 103, 2 * 103);
    expect_account(&s, POOL, 500 - 2 * 30, 2 * 30);
    // The request's volume is used up.
    assert_int_equal(scene_match(&s).code, ERR_DENIED);
    scene_done(&s);
}

// What each row changes in orders that match, and who signs; every row must be refused.
struct breach {
    const char *what;
    void (*change)(struct scene *s);
    int signers[ORDER_KIND_COUNT];
};

static void break_app_price(struct scene *s)
{
    s->orders.app.price = 2;
}
static void break_dataset_price(struct scene *s)
{
    s->orders.dataset.price = 3;
}
static void break_pool_price(struct scene *s)
{
    s->orders.workerpool.price = 101;
}
static void break_category(struct scene *s)
{
    s->orders.workerpool.category = 1;
}
static void break_category_unknown(struct scene *s)
{
    s->orders.workerpool.category = s->orders.request.category = LEDGER_CATEGORY_COUNT;
}
static void break_trust(struct scene *s)
{
    s->orders.workerpool.trust = 0;
    s->orders.request.trust = 1;
}
static void break_trust_replicated(struct scene *s)
{
    s->orders.workerpool.trust = s->orders.request.trust = 2;
}
static void break_tag_pool(struct scene *s)
{
    s->orders.request.tag.bytes[30] = 1; // gpu
}
static void break_tag_tee(struct scene *s)
{
    s->orders.app.tag.bytes[31] = 0; // the dataset and the request demand an enclave
}
static void break_tag_dataset_tee(struct scene *s)
{
    s->orders.app.tag.bytes[31] = s->orders.request.tag.bytes[31] = 0;
}
static void break_request_app(struct scene *s)
{
    s->orders.request.app.bytes[0] ^= 1;
}
static void break_request_dataset(struct scene *s)
{
    s->orders.request.dataset.bytes[0] ^= 1;
}
static void break_no_dataset(struct scene *s)
{
    memset(&s->orders.request.dataset, 0, 20); // the dataset's order is there all the same
}
static void break_request_pool(struct scene *s)
{
    s->orders.request.workerpool = s->who[OWNER];
}
#define BREAK_RESTRICT(order, field)                       \
    static void break_##order##_##field(struct scene *s)   \
    {                                                      \
        s->orders.order.field##_restrict = s->who[ISSUER]; \
    }
BREAK_RESTRICT(app, dataset)
BREAK_RESTRICT(app, workerpool)
BREAK_RESTRICT(app, requester)
BREAK_RESTRICT(dataset, app)
BREAK_RESTRICT(dataset, workerpool)
BREAK_RESTRICT(dataset, requester)
BREAK_RESTRICT(workerpool, app)
BREAK_RESTRICT(workerpool, dataset)
BREAK_RESTRICT(workerpool, requester)
static void break_volume(struct scene *s)
{
    s->orders.dataset.volume = 0;
}
static void break_request_volume(struct scene *s)
{
    s->orders.request.volume = 0;
}
static void break_app_unknown(struct scene *s)
{
    s->orders.app.app = s->orders.request.app = s->who[ISSUER];
}
static void break_kind(struct scene *s) // a dataset is no app
{
    s->orders.app.app = s->orders.request.app = s->dataset;
}
static void break_requester_stake(struct scene *s)
{
    s->orders.request.volume = 10; // 1030 of 1000
}
static void break_price_overflow(struct scene *s)
{
    s->orders.workerpool.price = s->orders.request.workerpool_max_price = UINT64_MAX;
}
static void break_total_overflow(struct scene *s)
{
    s->orders.workerpool.price = s->orders.request.workerpool_max_price = UINT64_MAX / 101;
    s->orders.workerpool.volume = s->orders.request.volume = s->orders.app.volume = 1u << 20;
}
static void break_nothing(struct scene *s)
{
    (void)s;
}

#define RIGHT                         \
    {                                 \
        OWNER, OWNER, POOL, REQUESTER \
    }

static const struct breach breaches[] = {
    {"app price", break_app_price, RIGHT},
    {"dataset price", break_dataset_price, RIGHT},
    {"pool price", break_pool_price, RIGHT},
    {"category", break_category, RIGHT},
    {"unknown category", break_category_unknown, RIGHT},
    {"trust", break_trust, RIGHT},
    {"replicated", break_trust_replicated, RIGHT},
    {"pool lacks tag", break_tag_pool, RIGHT},
    {"app without tee", break_tag_tee, RIGHT},
    {"dataset alone asks tee", break_tag_dataset_tee, RIGHT},
    {"request's app", break_request_app, RIGHT},
    {"request's dataset", break_request_dataset, RIGHT},
    {"request without dataset", break_no_dataset, RIGHT},
    {"request's pool", break_request_pool, RIGHT},
    {"app: dataset", break_app_dataset, RIGHT},
    {"app: pool", break_app_workerpool, RIGHT},
    {"app: requester", break_app_requester, RIGHT},
    {"dataset: app", break_dataset_app, RIGHT},
    {"dataset: pool", break_dataset_workerpool, RIGHT},
    {"dataset: requester", break_dataset_requester, RIGHT},
    {"pool: app", break_workerpool_app, RIGHT},
    {"pool: dataset", break_workerpool_dataset, RIGHT},
    {"pool: requester", break_workerpool_requester, RIGHT},
    {"volume", break_volume, RIGHT},
    {"request volume", break_request_volume, RIGHT},
    {"unknown app", break_app_unknown, RIGHT},
    {"wrong kind of entry", break_kind, RIGHT},
    {"requester's stake", break_requester_stake, RIGHT},
    {"price overflow", break_price_overflow, RIGHT},
    {"total overflow", break_total_overflow, RIGHT},
    {"app signature", break_nothing, {POOL, OWNER, POOL, REQUESTER}},
    {"dataset signature", break_nothing, {OWNER, REQUESTER, POOL, REQUESTER}},
    {"pool signature", break_nothing, {OWNER, OWNER, WORKER, REQUESTER}},
    {"request signature", break_nothing, {OWNER, OWNER, POOL, WORKER}},
};

static void every_breach_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(breaches); i++) {
        struct scene s;
        const int *by = breaches[i].signers;
        scene_init(&s);
        uint64_t count = poco_head(s.p)->count;
        breaches[i].change(&s);
        scene_sign(&s, by[0], by[1], by[2], by[3]);
        struct result r = scene_send(&s, WORKER, METHOD_MATCH_ORDERS, &s.orders);
        if (is_ok(r))
            print_error("not refused: %s\n", breaches[i].what);
        assert_false(is_ok(r));
        assert_true(r.code != ERR_MEMORY);
        assert_int_equal(poco_head(s.p)->count, count);
        expect_account(&s, REQUESTER, 1000, 0);
        expect_account(&s, POOL, 500, 0);
        // The refused record left no trace: what was right still matches.
        scene_orders(&s);
        assert_true(is_ok(scene_match(&s)));
        scene_done(&s);
    }
}

static void pool_stake_is_needed(void **state)
{
    (void)state;
    struct scene s;
    struct withdraw_args w = {480};
    scene_init(&s);
    assert_true(is_ok(scene_send(&s, POOL, METHOD_WITHDRAW, &w)));
    assert_int_equal(scene_match(&s).code, ERR_DENIED);
    expect_account(&s, REQUESTER, 1000, 0);
    expect_account(&s, POOL, 20, 0);
    scene_done(&s);
}

static void volumes_are_shared_out(void **state)
{
    (void)state;
    struct scene s;
    struct ledger_deal d;
    scene_init(&s);
    s.orders.request.volume = 5;
    s.orders.app.volume = 3;
    assert_true(is_ok(scene_match(&s)));
    s.orders.app.volume = 50; // another order: another hash
    assert_true(is_ok(scene_match(&s)));
    assert_true(is_ok(poco_view(s.p, LEDGER_DEAL, &s.subject, &d)));
    assert_int_equal(d.bot_first, 3);
    assert_int_equal(d.bot_size, 2);
    scene_done(&s);
}

static void closed_orders_are_refused(void **state)
{
    (void)state;
    struct scene s;
    scene_init(&s);
    struct manage_dataset_order_args a = {s.orders.dataset, ORDER_CLOSE};
    // Only the owner may.
    assert_int_equal(scene_send(&s, REQUESTER, METHOD_MANAGE_ORDER + ORDER_DATASET, &a).code,
                     ERR_DENIED);
    assert_true(is_ok(scene_send(&s, OWNER, METHOD_MANAGE_ORDER + ORDER_DATASET, &a)));
    assert_int_equal(scene_match(&s).code, ERR_DENIED);
    a.operation = 2;
    assert_false(is_ok(scene_send(&s, OWNER, METHOD_MANAGE_ORDER + ORDER_DATASET, &a)));
    scene_done(&s);
}

static void presigned_orders_match(void **state)
{
    (void)state;
    struct scene s;
    scene_init(&s);
    struct manage_app_order_args a = {s.orders.app, ORDER_PRESIGN};
    assert_true(is_ok(scene_send(&s, OWNER, METHOD_MANAGE_ORDER + ORDER_APP, &a)));
    scene_sign(&s, OWNER, OWNER, POOL, REQUESTER);
    memset(&s.orders.app.sign, 0, sizeof s.orders.app.sign);
    assert_true(is_ok(scene_send(&s, WORKER, METHOD_MATCH_ORDERS, &s.orders)));
    scene_done(&s);
}

// A new owner's word counts, the old owner's no more.
static void transfer_moves_the_right(void **state)
{
    (void)state;
    struct scene s;
    scene_init(&s);
    struct transfer_args t = {s.dataset, s.who[WORKER]};
    assert_int_equal(scene_send(&s, POOL, METHOD_TRANSFER, &t).code, ERR_DENIED);
    struct manage_dataset_order_args pre = {s.orders.dataset, ORDER_PRESIGN};
    assert_true(is_ok(scene_send(&s, OWNER, METHOD_MANAGE_ORDER + ORDER_DATASET, &pre)));
    assert_true(is_ok(scene_send(&s, OWNER, METHOD_TRANSFER, &t)));
    assert_int_equal(scene_match(&s).code, ERR_INTEGRITY);
    scene_sign(&s, OWNER, WORKER, POOL, REQUESTER);
    assert_true(is_ok(scene_send(&s, WORKER, METHOD_MATCH_ORDERS, &s.orders)));
    scene_done(&s);
}

static void published_orders_are_checked(void **state)
{
    (void)state;
    struct scene s;
    scene_init(&s);
    scene_sign(&s, POOL, OWNER, POOL, REQUESTER);
    assert_int_equal(scene_send(&s, OWNER, METHOD_PUBLISH_ORDER + ORDER_APP, &s.orders.app).code,
                     ERR_INTEGRITY);
    assert_true(
        is_ok(scene_send(&s, OWNER, METHOD_PUBLISH_ORDER + ORDER_DATASET, &s.orders.dataset)));
    assert_int_equal(
        scene_send(&s, OWNER, METHOD_PUBLISH_ORDER + ORDER_DATASET, &s.orders.dataset).code,
        ERR_EXISTS);
    scene_done(&s);
}

static void entries_are_checked(void **state)
{
    (void)state;
    struct scene s;
    scene_init(&s);
    struct create_app_args app = {.name = "app", .multiaddr = "http://host/image"};
    assert_int_equal(scene_send(&s, OWNER, METHOD_CREATE_APP, &app).code, ERR_EXISTS);
    assert_true(
        is_ok(scene_send(&s, POOL, METHOD_CREATE_APP, &app))); // another owner, another address
    snprintf(app.mrenclave, sizeof app.mrenclave, "%s", "not a fingerprint");
    assert_false(is_ok(scene_send(&s, OWNER, METHOD_CREATE_APP, &app)));
    struct create_dataset_args d = {.name = "z", .multiaddr = "http://host/z"};
    assert_int_equal(scene_send(&s, OWNER, METHOD_CREATE_DATASET, &d).code,
                     ERR_DENIED); // zero checksum
    struct deposit_args deposit = {s.who[OWNER], 5};
    assert_int_equal(scene_send(&s, OWNER, METHOD_DEPOSIT, &deposit).code, ERR_DENIED);
    deposit.amount = UINT64_MAX;
    assert_int_equal(scene_send(&s, ISSUER, METHOD_DEPOSIT, &deposit).code, ERR_RANGE);
    struct withdraw_args w = {1};
    assert_int_equal(scene_send(&s, OWNER, METHOD_WITHDRAW, &w).code, ERR_DENIED);
    struct genesis_args g = {0};
    assert_false(is_ok(scene_send(&s, ISSUER, METHOD_GENESIS, &g)));
    scene_done(&s);
}

// --- tasks ---

static struct contribute_and_finalize_args contribution(struct scene *s, const struct hash32 *task)
{
    struct contribute_and_finalize_args a = {.task_id = *task,
                                             .digest = {{7}},
                                             .results = "{\"storage\":\"none\"}",
                                             .enclave_challenge = s->who[ENCLAVE]};
    struct hash32 h = authorization_hash(&s->who[WORKER], task, &a.enclave_challenge);
    assert_true(is_ok(eth_sign_message(&s->keys[POOL], &h, &a.authorization_sign)));
    h = result_message_hash(&s->who[WORKER], task, &a.digest);
    assert_true(is_ok(eth_sign_message(&s->keys[ENCLAVE], &h, &a.enclave_sign)));
    return a;
}

static struct hash32 start_task(struct scene *s)
{
    scene_init(s);
    assert_true(is_ok(scene_match(s)));
    struct initialize_args a = {s->subject, 0};
    assert_true(is_ok(scene_send(s, WORKER, METHOD_INITIALIZE, &a)));
    struct hash32 id = task_id_of(&a.deal_id, 0);
    assert_true(hash32_equal(&id, &s->subject));
    assert_int_equal(scene_send(s, WORKER, METHOD_INITIALIZE, &a).code, ERR_EXISTS);
    a.index = 2;
    assert_int_equal(scene_send(s, WORKER, METHOD_INITIALIZE, &a).code, ERR_RANGE);
    a.deal_id.bytes[0] ^= 1;
    assert_int_equal(scene_send(s, WORKER, METHOD_INITIALIZE, &a).code, ERR_NOT_FOUND);
    return id;
}

static void a_task_completes_and_pays(void **state)
{
    (void)state;
    struct scene s;
    struct ledger_task t;
    struct hash32 id = start_task(&s);
    struct contribute_and_finalize_args a = contribution(&s, &id);
    s.now += 60;
    assert_true(is_ok(scene_send(&s, WORKER, METHOD_CONTRIBUTE_AND_FINALIZE, &a)));
    assert_true(is_ok(poco_view(s.p, LEDGER_TASK, &id, &t)));
    assert_int_equal(t.status, TASK_COMPLETED);
    assert_int_equal(t.results_timestamp, SCENE_TIME + 60);
    assert_true(address_equal(&t.worker, &s.who[WORKER]));
    assert_memory_equal(&t.enclave_sign, &a.enclave_sign, 65);
    expect_account(&s, REQUESTER, 1000 - 206, 103);
    expect_account(&s, OWNER, 3, 0);
    expect_account(&s, WORKER, 99, 0);
    expect_account(&s, POOL, 500 - 60 + 30 + 1, 30);
    assert_int_equal(scene_send(&s, WORKER, METHOD_CONTRIBUTE_AND_FINALIZE, &a).code, ERR_DENIED);
    scene_done(&s);
}

static void wrong_contributions_are_refused(void **state)
{
    (void)state;
    struct scene s;
    struct hash32 id = start_task(&s);
    struct contribute_and_finalize_args good = contribution(&s, &id), a = good;
    // Another worker cannot use the authorisation; nor can another enclave, task or digest.
    assert_int_equal(scene_send(&s, OWNER, METHOD_CONTRIBUTE_AND_FINALIZE, &a).code, ERR_INTEGRITY);
    a.enclave_challenge = s.who[OWNER];
    assert_int_equal(scene_send(&s, WORKER, METHOD_CONTRIBUTE_AND_FINALIZE, &a).code,
                     ERR_INTEGRITY);
    memset(&a.enclave_challenge, 0, 20);
    assert_int_equal(scene_send(&s, WORKER, METHOD_CONTRIBUTE_AND_FINALIZE, &a).code, ERR_DENIED);
    a = good;
    a.digest.bytes[5] ^= 1;
    assert_int_equal(scene_send(&s, WORKER, METHOD_CONTRIBUTE_AND_FINALIZE, &a).code,
                     ERR_INTEGRITY);
    a = good;
    a.task_id.bytes[5] ^= 1;
    assert_int_equal(scene_send(&s, WORKER, METHOD_CONTRIBUTE_AND_FINALIZE, &a).code,
                     ERR_NOT_FOUND);
    a = good;
    a.enclave_sign = a.authorization_sign;
    assert_int_equal(scene_send(&s, WORKER, METHOD_CONTRIBUTE_AND_FINALIZE, &a).code,
                     ERR_INTEGRITY);
    a = good;
    a.results_callback.size = 1;
    assert_int_equal(scene_send(&s, WORKER, METHOD_CONTRIBUTE_AND_FINALIZE, &a).code, ERR_INVALID);
    s.now = SCENE_TIME + 7 * 300;
    assert_int_equal(scene_send(&s, WORKER, METHOD_CONTRIBUTE_AND_FINALIZE, &good).code, ERR_STALE);
    scene_done(&s);
}

static void a_late_task_is_claimed(void **state)
{
    (void)state;
    struct scene s;
    struct ledger_task t;
    struct hash32 id = start_task(&s);
    struct claim_args c = {id};
    s.now = SCENE_TIME + 10 * 300 - 1;
    assert_int_equal(scene_send(&s, OWNER, METHOD_CLAIM, &c).code, ERR_DENIED);
    s.now++;
    assert_true(is_ok(scene_send(&s, OWNER, METHOD_CLAIM, &c)));
    assert_true(is_ok(poco_view(s.p, LEDGER_TASK, &id, &t)));
    assert_int_equal(t.status, TASK_FAILED);
    expect_account(&s, REQUESTER, 1000 - 103, 103);
    expect_account(&s, POOL, 500 - 60, 30); // 30 went to the kitty
    assert_int_equal(scene_send(&s, OWNER, METHOD_CLAIM, &c).code, ERR_DENIED);
    scene_done(&s);
}

static void callback_data_have_the_digest(void **state)
{
    (void)state;
    struct scene s;
    scene_init(&s);
    s.orders.request.callback = s.who[OWNER];
    assert_true(is_ok(scene_match(&s)));
    struct initialize_args i = {s.subject, 0};
    assert_true(is_ok(scene_send(&s, WORKER, METHOD_INITIALIZE, &i)));
    struct hash32 id = s.subject;
    struct contribute_and_finalize_args a = contribution(&s, &id);
    assert_int_equal(scene_send(&s, WORKER, METHOD_CONTRIBUTE_AND_FINALIZE, &a).code, ERR_INVALID);
    a.results_callback = (struct ledger_callback_data){3, "abc"};
    assert_int_equal(scene_send(&s, WORKER, METHOD_CONTRIBUTE_AND_FINALIZE, &a).code,
                     ERR_INTEGRITY);
    a.digest = keccak256(SPAN_STR("abc"));
    struct hash32 h = result_message_hash(&s.who[WORKER], &id, &a.digest);
    assert_true(is_ok(eth_sign_message(&s.keys[ENCLAVE], &h, &a.enclave_sign)));
    assert_true(is_ok(scene_send(&s, WORKER, METHOD_CONTRIBUTE_AND_FINALIZE, &a)));
    scene_done(&s);
}

static void expect_anchor(struct scene *s, int who, uint64_t generation, uint8_t state)
{
    struct ledger_anchor a;
    struct hash32 key = word_of_address(&s->who[who]);
    assert_true(is_ok(poco_view(s->p, LEDGER_ANCHOR, &key, &a)));
    assert_true(address_equal(&a.address, &s->who[who]));
    assert_int_equal(a.generation, generation);
    assert_int_equal(a.state.bytes[0], state);
}

static void anchors_only_grow(void **state)
{
    (void)state;
    struct scene s;
    struct anchor_args a = {.generation = 0, .state = {{1}}};
    scene_init(&s);
    assert_int_equal(scene_send(&s, OWNER, METHOD_ANCHOR, &a).code, ERR_DENIED); // zero is none
    a.generation = 5;
    assert_true(is_ok(scene_send(&s, OWNER, METHOD_ANCHOR, &a)));
    struct address subject = scene_address(&s);
    assert_true(address_equal(&subject, &s.who[OWNER]));
    a.state.bytes[0] = 2;
    assert_int_equal(scene_send(&s, OWNER, METHOD_ANCHOR, &a).code, ERR_DENIED);
    a.generation = 4;
    assert_int_equal(scene_send(&s, OWNER, METHOD_ANCHOR, &a).code, ERR_DENIED);
    expect_anchor(&s, OWNER, 5, 1);
    assert_true(is_ok(scene_send(&s, POOL, METHOD_ANCHOR, &a))); // each sender has its own
    a.generation = UINT64_MAX;
    assert_true(is_ok(scene_send(&s, OWNER, METHOD_ANCHOR, &a)));
    expect_anchor(&s, POOL, 4, 2);
    expect_anchor(&s, OWNER, UINT64_MAX, 2);
    scene_done(&s);
}

static void time_never_goes_back(void **state)
{
    (void)state;
    struct scene s;
    struct create_workerpool_args a = {.description = "late"};
    scene_init(&s);
    s.now--;
    assert_int_equal(scene_send(&s, POOL, METHOD_CREATE_WORKERPOOL, &a).code, ERR_INVALID);
    scene_done(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_match_makes_a_deal),
        cmocka_unit_test(every_breach_is_refused),
        cmocka_unit_test(pool_stake_is_needed),
        cmocka_unit_test(volumes_are_shared_out),
        cmocka_unit_test(closed_orders_are_refused),
        cmocka_unit_test(presigned_orders_match),
        cmocka_unit_test(transfer_moves_the_right),
        cmocka_unit_test(published_orders_are_checked),
        cmocka_unit_test(entries_are_checked),
        cmocka_unit_test(a_task_completes_and_pays),
        cmocka_unit_test(wrong_contributions_are_refused),
        cmocka_unit_test(a_late_task_is_claimed),
        cmocka_unit_test(callback_data_have_the_digest),
        cmocka_unit_test(anchors_only_grow),
        cmocka_unit_test(time_never_goes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
