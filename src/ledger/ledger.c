// SPDX-License-Identifier: Apache-2.0
#include "ledger/ledger.h"

#include <string.h>

void ledger_free(struct ledger *l)
{
    if (l)
        l->ops->free(l);
}

struct result ledger_refresh(struct ledger *l)
{
    return l->ops->refresh(l);
}

const struct poco_head *ledger_head(const struct ledger *l)
{
    return l->ops->head(l);
}

struct result ledger_send(struct ledger *l, const struct eth_key *key, enum ledger_method method,
                          const void *args, struct hash32 *ret_subject)
{
    return l->ops->send(l, key, method, args, ret_subject);
}

static struct result view_address(const struct ledger *l, enum ledger_kind kind,
                                  const struct address *a, void *ret, const char *why)
{
    struct hash32 key = word_of_address(a);
    struct result r = l->ops->view(l, kind, &key, ret);
    if (r.code == ERR_NOT_FOUND)
        r.why = why;
    return r;
}

struct result ledger_view_app(const struct ledger *l, const struct address *a,
                              struct ledger_app *ret)
{
    return view_address(l, LEDGER_APP, a, ret, "the ledger has no app of this address");
}

struct result ledger_view_dataset(const struct ledger *l, const struct address *a,
                                  struct ledger_dataset *ret)
{
    return view_address(l, LEDGER_DATASET, a, ret, "the ledger has no dataset of this address");
}

struct result ledger_view_workerpool(const struct ledger *l, const struct address *a,
                                     struct ledger_workerpool *ret)
{
    return view_address(l, LEDGER_WORKERPOOL, a, ret,
                        "the ledger has no workerpool of this address");
}

struct result ledger_view_deal(const struct ledger *l, const struct hash32 *id,
                               struct ledger_deal *ret)
{
    return l->ops->view(l, LEDGER_DEAL, id, ret);
}

struct result ledger_view_task(const struct ledger *l, const struct hash32 *id,
                               struct ledger_task *ret)
{
    return l->ops->view(l, LEDGER_TASK, id, ret);
}

struct result ledger_view_account(const struct ledger *l, const struct address *a,
                                  struct ledger_account *ret)
{
    struct result r = view_address(l, LEDGER_ACCOUNT, a, ret, NULL);
    if (r.code != ERR_NOT_FOUND)
        return r;
    *ret = (struct ledger_account){.address = *a};
    return RESULT_OK;
}

struct result ledger_view_anchor(const struct ledger *l, const struct address *a,
                                 struct ledger_anchor *ret)
{
    struct result r = view_address(l, LEDGER_ANCHOR, a, ret, NULL);
    if (r.code != ERR_NOT_FOUND)
        return r;
    *ret = (struct ledger_anchor){.address = *a};
    return RESULT_OK;
}

struct result ledger_view_consumed(const struct ledger *l, const struct hash32 *order_hash,
                                   uint64_t *ret)
{
    struct result r = l->ops->view(l, LEDGER_CONSUMED, order_hash, ret);
    if (r.code != ERR_NOT_FOUND)
        return r;
    *ret = 0;
    return RESULT_OK;
}

struct result ledger_view_category(const struct ledger *l, uint64_t index,
                                   struct ledger_category *ret)
{
    return l->ops->category(l, index, ret);
}

struct result ledger_owner(const struct ledger *l, const struct address *entry, struct address *ret)
{
    union {
        struct ledger_app app;
        struct ledger_dataset dataset;
        struct ledger_workerpool workerpool;
    } o;
    for (enum ledger_kind kind = LEDGER_APP; kind <= LEDGER_WORKERPOOL; kind++) {
        struct result r = view_address(l, kind, entry, &o, NULL);
        if (r.code == ERR_NOT_FOUND)
            continue;
        GUARD(r);
        // The three begin alike: address, owner (asserted in poco.c).
        *ret = o.app.owner;
        return RESULT_OK;
    }
    return fail(ERR_NOT_FOUND, "the ledger has no app, dataset or workerpool of this address");
}

struct result ledger_next(const struct ledger *l, enum ledger_kind kind, size_t *cursor,
                          struct hash32 *ret_key, void *ret)
{
    return l->ops->next(l, kind, cursor, ret_key, ret);
}

struct result ledger_event_at(const struct ledger *l, uint64_t seq, struct ledger_event *ret)
{
    return l->ops->event(l, seq, ret);
}

struct result ledger_match(struct ledger *l, const struct eth_key *key,
                           const struct match_orders_args *orders, struct hash32 *ret_deal_id)
{
    return ledger_send(l, key, METHOD_MATCH_ORDERS, orders, ret_deal_id);
}

struct result ledger_initialize_task(struct ledger *l, const struct eth_key *key,
                                     const struct hash32 *deal_id, uint64_t index,
                                     struct hash32 *ret_task_id)
{
    struct initialize_args a = {*deal_id, index};
    return ledger_send(l, key, METHOD_INITIALIZE, &a, ret_task_id);
}

static bool allows(const struct address *restriction, const struct address *who)
{
    return address_is_zero(restriction) || address_equal(restriction, who);
}

// Whether the order fits the request, as far as one order and the request show it; its price when
// it does.
static bool fits(enum order_kind kind, const union any_order *o, const struct request_order *r,
                 uint64_t *ret_price)
{
    switch (kind) {
    case ORDER_APP:
        *ret_price = o->app.price;
        return address_equal(&o->app.app, &r->app) && o->app.price <= r->app_max_price &&
               allows(&o->app.requester_restrict, &r->requester) &&
               allows(&o->app.dataset_restrict, &r->dataset) &&
               (address_is_zero(&r->workerpool) ||
                allows(&o->app.workerpool_restrict, &r->workerpool));
    case ORDER_DATASET:
        *ret_price = o->dataset.price;
        return address_equal(&o->dataset.dataset, &r->dataset) &&
               o->dataset.price <= r->dataset_max_price &&
               allows(&o->dataset.requester_restrict, &r->requester) &&
               allows(&o->dataset.app_restrict, &r->app) &&
               (address_is_zero(&r->workerpool) ||
                allows(&o->dataset.workerpool_restrict, &r->workerpool));
    case ORDER_WORKERPOOL:
        *ret_price = o->workerpool.price;
        return allows(&r->workerpool, &o->workerpool.workerpool) &&
               o->workerpool.price <= r->workerpool_max_price &&
               o->workerpool.category == r->category && o->workerpool.trust >= r->trust &&
               allows(&o->workerpool.requester_restrict, &r->requester) &&
               allows(&o->workerpool.app_restrict, &r->app) &&
               allows(&o->workerpool.dataset_restrict, &r->dataset);
    default:
        return false;
    }
}

static struct result find_order(const struct ledger *l, enum order_kind kind,
                                const struct request_order *request, void *ret)
{
    union any_order o;
    struct hash32 hash;
    size_t cursor = 0;
    bool found = false;
    uint64_t best = 0, price, consumed;
    while (is_ok(ledger_next(l, (enum ledger_kind)(LEDGER_ORDER + kind), &cursor, &hash, &o))) {
        uint64_t volume = kind == ORDER_APP       ? o.app.volume
                          : kind == ORDER_DATASET ? o.dataset.volume
                                                  : o.workerpool.volume;
        if (!fits(kind, &o, request, &price) || (found && price >= best))
            continue;
        GUARD(ledger_view_consumed(l, &hash, &consumed));
        if (consumed >= volume)
            continue;
        memcpy(ret, &o, order_schemas[kind].object_size);
        found = true;
        best = price;
    }
    return found ? RESULT_OK : fail(ERR_NOT_FOUND, "no such order");
}

struct result ledger_find_orders(const struct ledger *l, const struct request_order *request,
                                 struct match_orders_args *ret)
{
    struct match_orders_args a = {.request = *request};
    if (!is_ok(find_order(l, ORDER_APP, request, &a.app)))
        return fail(ERR_NOT_FOUND, "the app's owner published no order that fits the request");
    if (!address_is_zero(&request->dataset) &&
        !is_ok(find_order(l, ORDER_DATASET, request, &a.dataset)))
        return fail(ERR_NOT_FOUND,
                    "the dataset's owner published no order that allows this app and requester");
    if (!is_ok(find_order(l, ORDER_WORKERPOOL, request, &a.workerpool)))
        return fail(ERR_NOT_FOUND, "no workerpool published an order that fits the request");
    *ret = a;
    return RESULT_OK;
}
