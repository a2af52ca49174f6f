// SPDX-License-Identifier: Apache-2.0
// The state of ledger/poco.h: its objects, the chain of records, and the dispatch to the rules.
#include "ledger/poco.h"

#include "ledger/poco_state.h"

#include <stdlib.h>
#include <string.h>

static const size_t kind_sizes[LEDGER_KIND_COUNT] = {
    [LEDGER_APP] = sizeof(struct ledger_app),
    [LEDGER_DATASET] = sizeof(struct ledger_dataset),
    [LEDGER_WORKERPOOL] = sizeof(struct ledger_workerpool),
    [LEDGER_DEAL] = sizeof(struct ledger_deal),
    [LEDGER_TASK] = sizeof(struct ledger_task),
    [LEDGER_ACCOUNT] = sizeof(struct ledger_account),
    [LEDGER_CONSUMED] = sizeof(uint64_t),
    [LEDGER_PRESIGNED] = sizeof(struct address),
    [LEDGER_ANCHOR] = sizeof(struct ledger_anchor),
    [LEDGER_ORDER + ORDER_APP] = sizeof(struct app_order),
    [LEDGER_ORDER + ORDER_DATASET] = sizeof(struct dataset_order),
    [LEDGER_ORDER + ORDER_WORKERPOOL] = sizeof(struct workerpool_order),
    [LEDGER_ORDER + ORDER_REQUEST] = sizeof(struct request_order),
};

size_t ledger_kind_size(enum ledger_kind kind)
{
    return (unsigned)kind < LEDGER_KIND_COUNT ? kind_sizes[kind] : 0;
}

struct result poco_new(struct poco **ret)
{
    struct poco *p = calloc(1, sizeof *p);
    REQUIRE(p, ERR_MEMORY, "out of memory");
    *ret = p;
    return RESULT_OK;
}

void poco_free(struct poco *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->object_count; i++)
        free(p->objects[i]);
    free(p->objects);
    free(p->buckets);
    free(p->events);
    free(p);
}

// Keys are hashes or addresses, which are ends of hashes: their last bytes are spread well enough.
static size_t bucket_of(const struct poco *p, enum ledger_kind kind, const struct hash32 *key)
{
    return (load_le64(key->bytes + 24) * 31 + kind) & (p->bucket_count - 1);
}

void *poco_find(const struct poco *p, enum ledger_kind kind, const struct hash32 *key)
{
    if (p->bucket_count == 0)
        return NULL;
    struct poco_object *o = p->buckets[bucket_of(p, kind, key)];
    while (o && (o->kind != kind || !hash32_equal(&o->key, key)))
        o = o->next;
    return o ? o->data : NULL;
}

static void chain_in(struct poco *p, struct poco_object *o)
{
    struct poco_object **bucket = &p->buckets[bucket_of(p, o->kind, &o->key)];
    o->next = *bucket;
    *bucket = o;
}

static bool grow(struct poco *p)
{
    if (p->object_count < p->object_capacity)
        return true;
    size_t capacity = p->object_capacity ? 2 * p->object_capacity : 64;
    struct poco_object **objects = realloc(p->objects, capacity * sizeof *objects);
    if (!objects)
        return false;
    p->objects = objects;
    struct poco_object **buckets = calloc(2 * capacity, sizeof *buckets);
    if (!buckets)
        return false;
    free(p->buckets);
    p->buckets = buckets;
    p->bucket_count = 2 * capacity;
    p->object_capacity = capacity;
    for (size_t i = 0; i < p->object_count; i++)
        chain_in(p, p->objects[i]);
    return true;
}

void *poco_have(struct poco *p, enum ledger_kind kind, const struct hash32 *key)
{
    void *found = poco_find(p, kind, key);
    if (found)
        return found;
    struct poco_object *o = grow(p) ? calloc(1, sizeof *o + kind_sizes[kind]) : NULL;
    if (!o) {
        p->broken = true;
        return NULL;
    }
    o->kind = kind;
    o->key = *key;
    chain_in(p, o);
    p->objects[p->object_count++] = o;
    return o->data;
}

struct result poco_owner(const struct poco *p, enum ledger_kind kind, const struct address *entry,
                         struct address *ret)
{
    struct hash32 key = word_of_address(entry);
    const void *o = poco_find(p, kind, &key);
    REQUIRE(o, ERR_NOT_FOUND, "the app, dataset or workerpool is not registered");
    // The three kinds of entry begin alike.
    _Static_assert(offsetof(struct ledger_app, owner) == offsetof(struct ledger_dataset, owner) &&
                       offsetof(struct ledger_app, owner) ==
                           offsetof(struct ledger_workerpool, owner),
                   "entries begin with address and owner");
    *ret = ((const struct ledger_app *)o)->owner;
    return RESULT_OK;
}

static struct result run_genesis(struct poco_step *s, const struct genesis_args *a)
{
    struct poco *p = s->p;
    for (size_t i = 0; i < LEDGER_CATEGORY_COUNT; i++)
        REQUIRE(a->categories[i].time_ref_s > 0 && a->categories[i].time_ref_s < 1u << 30,
                ERR_RANGE, "a category has an impossible time");
    p->genesis = *a;
    p->head.genesis = s->record->hash;
    p->head.issuer = s->record->sender;
    p->head.domain.chain_id = s->record->chain_id;
    struct hash32 h = keccak256(SPAN_OF(s->record->hash));
    memcpy(p->head.domain.hub.bytes, h.bytes + 12, 20);
    s->subject = s->record->hash;
    return RESULT_OK;
}

static struct result run(struct poco_step *s, const union any_args *a)
{
    enum ledger_method m = s->record->method;
    switch ((int)m) { // int: the kinds of order have no names of their own
    case METHOD_GENESIS:
        return run_genesis(s, &a->genesis);
    case METHOD_CREATE_APP:
        return poco_create_app(s, &a->create_app);
    case METHOD_CREATE_DATASET:
        return poco_create_dataset(s, &a->create_dataset);
    case METHOD_CREATE_WORKERPOOL:
        return poco_create_workerpool(s, &a->create_workerpool);
    case METHOD_TRANSFER:
        return poco_transfer(s, &a->transfer);
    case METHOD_DEPOSIT:
        return poco_deposit(s, &a->deposit);
    case METHOD_WITHDRAW:
        return poco_withdraw(s, &a->withdraw);
    case METHOD_MANAGE_ORDER + ORDER_APP:
        return poco_manage(s, ORDER_APP, a, a->manage_app.operation);
    case METHOD_MANAGE_ORDER + ORDER_DATASET:
        return poco_manage(s, ORDER_DATASET, a, a->manage_dataset.operation);
    case METHOD_MANAGE_ORDER + ORDER_WORKERPOOL:
        return poco_manage(s, ORDER_WORKERPOOL, a, a->manage_workerpool.operation);
    case METHOD_MANAGE_ORDER + ORDER_REQUEST:
        return poco_manage(s, ORDER_REQUEST, a, a->manage_request.operation);
    case METHOD_MATCH_ORDERS:
        return poco_match(s, &a->match);
    case METHOD_INITIALIZE:
        return poco_initialize(s, &a->initialize);
    case METHOD_CONTRIBUTE_AND_FINALIZE:
        return poco_finalize(s, &a->finalize);
    case METHOD_CLAIM:
        return poco_claim(s, &a->claim);
    case METHOD_ANCHOR:
        return poco_anchor(s, &a->anchor);
    default:
        return poco_publish(s, (enum order_kind)(m - METHOD_PUBLISH_ORDER), a);
    }
}

static struct result check_place(const struct poco *p, const struct record *r)
{
    const struct poco_head *h = &p->head;
    REQUIRE(r->seq == h->count, ERR_STALE, "the record is not the next one of the ledger");
    REQUIRE((r->method == METHOD_GENESIS) == (h->count == 0), ERR_INVALID,
            "a ledger has one genesis, as its first record");
    REQUIRE(hash32_equal(&r->prev, &h->hash), ERR_STALE,
            "the record does not follow the ledger's last one");
    REQUIRE(r->time >= h->time, ERR_INVALID, "the record's time goes back");
    REQUIRE(r->time < (uint64_t)1 << 40, ERR_RANGE, "the record's time is impossible");
    REQUIRE(h->count == 0 || r->chain_id == h->domain.chain_id, ERR_DENIED,
            "the record is for another chain id");
    return RESULT_OK;
}

static bool have_event_room(struct poco *p)
{
    if (p->head.count < p->event_capacity)
        return true;
    size_t capacity = p->event_capacity ? 2 * p->event_capacity : 64;
    struct ledger_event *events = realloc(p->events, capacity * sizeof *events);
    if (!events)
        return false;
    p->events = events;
    p->event_capacity = capacity;
    return true;
}

struct result poco_apply(struct poco *p, struct span bytes, struct hash32 *ret_subject)
{
    struct record r;
    union any_args args;
    REQUIRE(!p->broken, ERR_MEMORY, "the ledger's state is incomplete: out of memory before");
    GUARD(record_parse(bytes, &r));
    GUARD(check_place(p, &r));
    struct reader reader = reader_on(r.args);
    GUARD(schema_decode(&reader, &method_schemas[r.method], &args));
    REQUIRE(reader_done(&reader), ERR_INVALID, "a record has bytes too many");
    REQUIRE(have_event_room(p), ERR_MEMORY, "out of memory");
    struct poco_step step = {.p = p, .record = &r};
    GUARD(run(&step, &args));
    REQUIRE(!p->broken, ERR_MEMORY, "out of memory");
    p->events[p->head.count] = (struct ledger_event){.seq = r.seq,
                                                     .time = r.time,
                                                     .method = r.method,
                                                     .sender = r.sender,
                                                     .hash = r.hash,
                                                     .subject = step.subject,
                                                     .workerpool = step.workerpool};
    p->head.count++;
    p->head.hash = r.hash;
    p->head.time = r.time;
    if (ret_subject)
        *ret_subject = step.subject;
    return RESULT_OK;
}

const struct poco_head *poco_head(const struct poco *p)
{
    return &p->head;
}

struct result poco_view(const struct poco *p, enum ledger_kind kind, const struct hash32 *key,
                        void *ret)
{
    REQUIRE((unsigned)kind < LEDGER_KIND_COUNT, ERR_INVALID, "no such kind of object");
    const void *o = poco_find(p, kind, key);
    REQUIRE(o, ERR_NOT_FOUND, "the ledger has no such object");
    memcpy(ret, o, kind_sizes[kind]);
    return RESULT_OK;
}

struct result poco_next(const struct poco *p, enum ledger_kind kind, size_t *cursor,
                        struct hash32 *ret_key, void *ret)
{
    size_t i = *cursor;
    while (i < p->object_count && p->objects[i]->kind != kind)
        i++;
    if (i >= p->object_count)
        return fail(ERR_NOT_FOUND, "no more objects of this kind");
    if (ret_key)
        *ret_key = p->objects[i]->key;
    memcpy(ret, p->objects[i]->data, kind_sizes[kind]);
    *cursor = i + 1;
    return RESULT_OK;
}

struct result poco_category(const struct poco *p, uint64_t index, struct ledger_category *ret)
{
    REQUIRE(p->head.count && index < LEDGER_CATEGORY_COUNT, ERR_NOT_FOUND, "no such category");
    *ret = p->genesis.categories[index];
    return RESULT_OK;
}

struct result poco_event(const struct poco *p, uint64_t seq, struct ledger_event *ret)
{
    REQUIRE(seq < p->head.count, ERR_NOT_FOUND, "no such record");
    *ret = p->events[seq];
    return RESULT_OK;
}
