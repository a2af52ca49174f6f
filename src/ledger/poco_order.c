// SPDX-License-Identifier: Apache-2.0
// Orders: publishing, presigning, closing, and matchOrders with PoCo's rules.
#include "ledger/poco_state.h"

#include <string.h>

// What the rules need of an order of any kind.
struct facts {
    struct hash32 hash;
    struct address owner; // who must have signed
    uint64_t volume;
    uint64_t left; // volume less what was consumed
};

static struct result facts_of(const struct poco *p, enum order_kind kind, const void *order,
                              struct facts *ret)
{
    const union any_order *o = order;
    struct facts f;
    switch (kind) {
    case ORDER_APP:
        f.volume = o->app.volume;
        GUARD(poco_owner(p, LEDGER_APP, &o->app.app, &f.owner));
        break;
    case ORDER_DATASET:
        f.volume = o->dataset.volume;
        GUARD(poco_owner(p, LEDGER_DATASET, &o->dataset.dataset, &f.owner));
        break;
    case ORDER_WORKERPOOL:
        f.volume = o->workerpool.volume;
        GUARD(poco_owner(p, LEDGER_WORKERPOOL, &o->workerpool.workerpool, &f.owner));
        break;
    default:
        f.volume = o->request.volume;
        f.owner = o->request.requester;
        break;
    }
    GUARD(order_hash(kind, order, &p->head.domain, &f.hash));
    const uint64_t *consumed = poco_find(p, LEDGER_CONSUMED, &f.hash);
    uint64_t used = consumed ? *consumed : 0;
    f.left = f.volume > used ? f.volume - used : 0;
    *ret = f;
    return RESULT_OK;
}

// PoCo: _verifySignatureOrPresignature
static struct result check_signed(const struct poco *p, enum order_kind kind, const void *order,
                                  const struct facts *f)
{
    const struct address *presigner = poco_find(p, LEDGER_PRESIGNED, &f->hash);
    if (presigner && address_equal(presigner, &f->owner))
        return RESULT_OK;
    const struct schema *s = &order_schemas[kind];
    struct signature sign;
    memcpy(&sign, (const uint8_t *)order + s->fields[s->field_count - 1].offset, sizeof sign);
    if (!is_ok(eth_check(&f->hash, &sign, &f->owner)))
        return fail(ERR_INTEGRITY, "an order is not signed by the owner of what it offers");
    return RESULT_OK;
}

struct result poco_publish(struct poco_step *s, enum order_kind kind, const void *order)
{
    struct facts f;
    GUARD(facts_of(s->p, kind, order, &f));
    GUARD(check_signed(s->p, kind, order, &f));
    enum ledger_kind slot = (enum ledger_kind)(LEDGER_ORDER + kind);
    REQUIRE(!poco_find(s->p, slot, &f.hash), ERR_EXISTS, "the order is published already");
    void *o = poco_have(s->p, slot, &f.hash);
    REQUIRE(o, ERR_MEMORY, "out of memory");
    memcpy(o, order, ledger_kind_size(slot));
    s->subject = f.hash;
    return RESULT_OK;
}

struct result poco_manage(struct poco_step *s, enum order_kind kind, const void *order,
                          uint64_t operation)
{
    struct facts f;
    REQUIRE(operation == ORDER_PRESIGN || operation == ORDER_CLOSE, ERR_INVALID,
            "no such operation on an order");
    GUARD(facts_of(s->p, kind, order, &f));
    REQUIRE(address_equal(&s->record->sender, &f.owner), ERR_DENIED,
            "only the order's owner may presign or close it");
    if (operation == ORDER_PRESIGN) {
        struct address *presigner = poco_have(s->p, LEDGER_PRESIGNED, &f.hash);
        REQUIRE(presigner, ERR_MEMORY, "out of memory");
        *presigner = f.owner;
    } else {
        uint64_t *consumed = poco_have(s->p, LEDGER_CONSUMED, &f.hash);
        REQUIRE(consumed, ERR_MEMORY, "out of memory");
        *consumed = f.volume;
    }
    s->subject = f.hash;
    return RESULT_OK;
}

static bool allows(const struct address *restriction, const struct address *who)
{
    return address_is_zero(restriction) || address_equal(restriction, who);
}

// iExecV5-matchOrders-0x00 … 0x05
static struct result check_terms(const struct match_orders_args *a)
{
    const struct request_order *r = &a->request;
    REQUIRE(r->category == a->workerpool.category && r->category < LEDGER_CATEGORY_COUNT,
            ERR_DENIED, "the orders name different categories, or none that exists");
    REQUIRE(r->trust <= a->workerpool.trust, ERR_DENIED,
            "the request asks for more trust than the workerpool offers");
    REQUIRE(r->trust <= 1, ERR_UNSUPPORTED,
            "this ledger has no replicated tasks: the request's trust is 0 or 1");
    REQUIRE(r->app_max_price >= a->app.price, ERR_DENIED,
            "the app costs more than the request pays");
    REQUIRE(r->dataset_max_price >= a->dataset.price, ERR_DENIED,
            "the dataset costs more than the request pays");
    REQUIRE(r->workerpool_max_price >= a->workerpool.price, ERR_DENIED,
            "the workerpool costs more than the request pays");
    return RESULT_OK;
}

// iExecV5-matchOrders-0x06 and 0x07. The dataset's framework bits do not count.
static struct result check_tag(const struct match_orders_args *a, struct hash32 *ret_tag)
{
    struct hash32 tag;
    for (size_t i = 0; i < sizeof tag; i++) {
        uint8_t drop = i == 31 ? TAG_SCONE | TAG_GRAMINE | TAG_TDX : 0;
        tag.bytes[i] = (uint8_t)(a->app.tag.bytes[i] | (a->dataset.tag.bytes[i] & ~drop) |
                                 a->request.tag.bytes[i]);
        REQUIRE((tag.bytes[i] & ~a->workerpool.tag.bytes[i]) == 0, ERR_DENIED,
                "the workerpool does not offer what the tags ask for");
    }
    REQUIRE(((tag.bytes[31] ^ a->app.tag.bytes[31]) & TAG_TEE) == 0, ERR_DENIED,
            "the deal is for an enclave (tag tee), but the app's order is not");
    *ret_tag = tag;
    return RESULT_OK;
}

// iExecV5-matchOrders-0x10 … 0x19
static struct result check_parties(const struct match_orders_args *a, bool has_dataset)
{
    const struct address *app = &a->app.app, *dataset = &a->dataset.dataset;
    const struct address *pool = &a->workerpool.workerpool, *requester = &a->request.requester;
    REQUIRE(address_equal(&a->request.app, app), ERR_DENIED, "the request is for another app");
    REQUIRE(address_equal(&a->request.dataset, dataset), ERR_DENIED,
            "the request is for another dataset");
    REQUIRE(allows(&a->request.workerpool, pool), ERR_DENIED,
            "the request is for another workerpool");
    REQUIRE(allows(&a->app.dataset_restrict, dataset), ERR_DENIED,
            "the app's order is for another dataset");
    REQUIRE(allows(&a->app.workerpool_restrict, pool), ERR_DENIED,
            "the app's order is for another workerpool");
    REQUIRE(allows(&a->app.requester_restrict, requester), ERR_DENIED,
            "the app's order is for another requester");
    if (has_dataset) {
        REQUIRE(allows(&a->dataset.app_restrict, app), ERR_DENIED,
                "the dataset's order is for another app");
        REQUIRE(allows(&a->dataset.workerpool_restrict, pool), ERR_DENIED,
                "the dataset's order is for another workerpool");
        REQUIRE(allows(&a->dataset.requester_restrict, requester), ERR_DENIED,
                "the dataset's order is for another requester");
    }
    REQUIRE(allows(&a->workerpool.app_restrict, app), ERR_DENIED,
            "the workerpool's order is for another app");
    REQUIRE(allows(&a->workerpool.dataset_restrict, dataset), ERR_DENIED,
            "the workerpool's order is for another dataset");
    REQUIRE(allows(&a->workerpool.requester_restrict, requester), ERR_DENIED,
            "the workerpool's order is for another requester");
    return RESULT_OK;
}

// Everything that a match decides before it changes anything.
struct match {
    const void *orders[ORDER_KIND_COUNT];
    struct facts facts[ORDER_KIND_COUNT];
    bool present[ORDER_KIND_COUNT];
    struct hash32 tag;
    uint64_t volume;
    uint64_t price;      // of one task, for the requester
    uint64_t pool_stake; // of one task, for the workerpool's owner
};

static struct result check_match(const struct poco *p, const struct match_orders_args *a,
                                 struct match *m)
{
    *m = (struct match){.orders = {&a->app, &a->dataset, &a->workerpool, &a->request},
                        .present = {true, !address_is_zero(&a->request.dataset), true, true},
                        .volume = UINT64_MAX};
    bool has_dataset = m->present[ORDER_DATASET];
    GUARD(check_terms(a));
    GUARD(check_tag(a, &m->tag));
    GUARD(check_parties(a, has_dataset));
    REQUIRE(has_dataset ||
                (a->dataset.price == 0 && is_zero(&a->dataset.tag, sizeof(struct hash32))),
            ERR_INVALID, "an order without a dataset must be empty");
    for (enum order_kind k = 0; k < ORDER_KIND_COUNT; k++) {
        if (!m->present[k])
            continue;
        GUARD(facts_of(p, k, m->orders[k], &m->facts[k]));
        GUARD(check_signed(p, k, m->orders[k], &m->facts[k]));
        m->volume = MIN(m->volume, m->facts[k].left);
    }
    REQUIRE(m->volume > 0, ERR_DENIED, "an order is consumed or closed");
    uint64_t sum, total;
    REQUIRE(!add_overflows(a->app.price, a->dataset.price, &sum) &&
                !add_overflows(sum, a->workerpool.price, &m->price) &&
                !mul_overflows(m->price, m->volume, &total) &&
                a->workerpool.price < UINT64_MAX / 100,
            ERR_RANGE, "the price is too large");
    m->pool_stake = a->workerpool.price * WORKER_STAKE_RATIO / 100;
    return RESULT_OK;
}

static void fill_deal(struct ledger_deal *d, const struct match_orders_args *a,
                      const struct match *m, const struct poco_step *s)
{
    const struct request_order *r = &a->request;
    d->id = s->subject;
    d->app = (struct ledger_resource){a->app.app, m->facts[ORDER_APP].owner, a->app.price};
    if (m->present[ORDER_DATASET])
        d->dataset = (struct ledger_resource){a->dataset.dataset, m->facts[ORDER_DATASET].owner,
                                              a->dataset.price};
    d->workerpool = (struct ledger_resource){a->workerpool.workerpool,
                                             m->facts[ORDER_WORKERPOOL].owner, a->workerpool.price};
    d->trust = MAX(r->trust, (uint64_t)1);
    d->category = r->category;
    d->tag = m->tag;
    d->requester = d->sponsor = r->requester;
    d->beneficiary = r->beneficiary;
    d->callback = r->callback;
    memcpy(d->params, r->params, sizeof d->params);
    d->start_time = s->record->time;
    d->bot_first = m->facts[ORDER_REQUEST].volume - m->facts[ORDER_REQUEST].left;
    d->bot_size = m->volume;
    d->worker_stake = m->pool_stake;
    d->scheduler_reward_ratio = SCHEDULER_REWARD_RATIO;
    for (size_t k = 0; k < ORDER_KIND_COUNT; k++)
        d->order_hashes[k] = m->facts[k].hash;
}

struct result poco_match(struct poco_step *s, const struct match_orders_args *a)
{
    struct match m;
    struct poco *p = s->p;
    GUARD(check_match(p, a, &m));
    const struct facts *request = &m.facts[ORDER_REQUEST];
    const struct address *pool_owner = &m.facts[ORDER_WORKERPOOL].owner;
    s->subject = deal_id_of(&request->hash, request->volume - request->left);
    s->workerpool = a->workerpool.workerpool;
    if (!is_ok(poco_lock(p, &a->request.requester, m.price * m.volume)))
        return fail(ERR_DENIED, "the requester's free stake does not cover the deal");
    if (!is_ok(poco_lock(p, pool_owner, m.pool_stake * m.volume))) {
        poco_unlock(p, &a->request.requester, m.price * m.volume);
        return fail(ERR_DENIED, "the workerpool owner's free stake does not cover the deal");
    }
    struct ledger_deal *d = poco_have(p, LEDGER_DEAL, &s->subject);
    REQUIRE(d, ERR_MEMORY, "out of memory");
    fill_deal(d, a, &m, s);
    for (size_t k = 0; k < ORDER_KIND_COUNT; k++) {
        if (!m.present[k])
            continue;
        uint64_t *consumed = poco_have(p, LEDGER_CONSUMED, &m.facts[k].hash);
        REQUIRE(consumed, ERR_MEMORY, "out of memory");
        *consumed += m.volume;
    }
    return RESULT_OK;
}
