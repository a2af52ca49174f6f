// SPDX-License-Identifier: Apache-2.0
#include "sms/ledger_link.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "os/net.h"

#define EXCHANGE_TIME_MS 10000

struct ledger_link {
    const struct proto_sms_policy *policy;
    struct store *store;
    struct net_url url;
    pthread_mutex_t lock;
    struct ledger *ledger; // NULL until it could be opened
    struct http_conn http;
};

static uint64_t clock_now(void)
{
    return (uint64_t)time(NULL);
}

static struct result speak(struct ledger_link *l, int fd, const char *method, const char *target,
                           struct span body, size_t size_max, unsigned *ret_status,
                           uint8_t **ret_data, size_t *ret_size)
{
    struct net_stream stream = {fd, net_now() + EXCHANGE_TIME_MS};
    struct http_transport transport = net_transport(&stream);
    struct http_out out = {.body = body, .close = true};
    struct http_head head;
    struct http_body in;
    size_t size = 0;
    if (body.size)
        out.content_type = "application/octet-stream";
    GUARD(http_write_request(&transport, method, l->url.authority, target, &out));
    http_conn_init(&l->http, transport);
    GUARD(http_read_response(&l->http, &head));
    uint8_t *data = malloc(size_max + 1);
    REQUIRE(data, ERR_MEMORY, "out of memory");
    http_body_init(&in, &l->http, &head, true, false);
    struct result r = http_body_read_all(&in, data, size_max, &size);
    if (!is_ok(r)) {
        free(data);
        return r;
    }
    data[size] = 0;
    *ret_status = head.status;
    *ret_data = data;
    *ret_size = size;
    return RESULT_OK;
}

static struct result exchange(void *context, const char *method, const char *target,
                              struct span body, size_t size_max, unsigned *ret_status,
                              uint8_t **ret_data, size_t *ret_size)
{
    struct ledger_link *l = context;
    int fd;
    GUARD(net_connect(&l->url, net_now() + EXCHANGE_TIME_MS, &fd));
    struct result r = speak(l, fd, method, target, body, size_max, ret_status, ret_data, ret_size);
    close(fd);
    return r;
}

struct result ledger_link_new(const struct proto_sms_policy *policy, struct store *store,
                              struct ledger_link **ret)
{
    struct net_url url;
    GUARD(net_url_parse(policy->ledger_url, &url));
    REQUIRE(!url.tls, ERR_UNSUPPORTED, "the ledger's url begins with http://");
    struct ledger_link *l = calloc(1, sizeof *l);
    REQUIRE(l, ERR_MEMORY, "out of memory");
    l->policy = policy;
    l->store = store;
    l->url = url;
    pthread_mutex_init(&l->lock, NULL);
    *ret = l;
    return RESULT_OK;
}

void ledger_link_free(struct ledger_link *l)
{
    if (!l)
        return;
    if (l->ledger)
        ledger_free(l->ledger);
    pthread_mutex_destroy(&l->lock);
    free(l);
}

static struct result open_ledger(struct ledger_link *l)
{
    struct store_mark mark;
    struct ledger_transport transport = {l, exchange};
    GUARD(store_mark_get(l->store, &mark));
    struct ledger_pin pin = {.count = mark.ledger_count, .hash = mark.ledger_hash};
    memcpy(&pin.genesis, l->policy->genesis, sizeof pin.genesis);
    return ledger_remote_open(transport, clock_now, &pin, &l->ledger);
}

// With the lock held: the newest state, and the mark that goes with it.
static struct result refresh(struct ledger_link *l)
{
    if (!l->ledger)
        GUARD(open_ledger(l));
    else
        GUARD(ledger_refresh(l->ledger));
    const struct poco_head *head = ledger_head(l->ledger);
    REQUIRE(head->domain.chain_id == l->policy->chain_id, ERR_DENIED,
            "the ledger has another chain id than the policy");
    struct store_mark mark = {head->time, head->count, head->hash};
    return store_mark_set(l->store, &mark);
}

static struct result absent_is_fine(struct result r, bool *ret_present)
{
    *ret_present = is_ok(r);
    return r.code == ERR_NOT_FOUND ? RESULT_OK : r;
}

static struct result view(const struct ledger *l, const struct hash32 *task,
                          struct ledger_task_view *v)
{
    memset(v, 0, sizeof *v);
    v->time = ledger_head(l)->time;
    GUARD(absent_is_fine(ledger_view_task(l, task, &v->task), &v->has_task));
    if (!v->has_task)
        return RESULT_OK;
    GUARD(absent_is_fine(ledger_view_deal(l, &v->task.deal_id, &v->deal), &v->has_deal));
    if (!v->has_deal)
        return RESULT_OK;
    GUARD(absent_is_fine(ledger_view_app(l, &v->deal.app.pointer, &v->app), &v->has_app));
    if (address_is_zero(&v->deal.dataset.pointer))
        return RESULT_OK;
    return absent_is_fine(ledger_view_dataset(l, &v->deal.dataset.pointer, &v->dataset),
                          &v->has_dataset);
}

struct result ledger_link_task(struct ledger_link *l, const struct hash32 *task,
                               struct ledger_task_view *ret)
{
    pthread_mutex_lock(&l->lock);
    struct result r = refresh(l);
    if (is_ok(r))
        r = view(l->ledger, task, ret);
    pthread_mutex_unlock(&l->lock);
    return r;
}

struct result ledger_link_owner(struct ledger_link *l, const struct address *entry,
                                struct address *ret)
{
    pthread_mutex_lock(&l->lock);
    struct result r = refresh(l);
    if (is_ok(r))
        r = ledger_owner(l->ledger, entry, ret);
    pthread_mutex_unlock(&l->lock);
    return r;
}

static struct result anchor(struct ledger_link *l, const struct eth_key *key,
                            const struct address *who)
{
    struct ledger_anchor there;
    struct store_head head;
    GUARD(ledger_view_anchor(l->ledger, who, &there));
    GUARD(store_anchored(l->store, &(struct store_head){there.generation, there.state}));
    // Read after the ledger: what was anchored before is not ahead of it.
    GUARD(store_head(l->store, &head));
    if (head.generation == there.generation)
        return RESULT_OK;
    struct anchor_args args = {head.generation, head.state};
    struct result r = ledger_send(l->ledger, key, METHOD_ANCHOR, &args, NULL);
    return is_ok(r) ? r : fail(ERR_IO, "the write is kept but not anchored yet");
}

struct result ledger_link_anchor(struct ledger_link *l, const struct eth_key *key,
                                 const struct address *who)
{
    pthread_mutex_lock(&l->lock);
    struct result r = refresh(l);
    if (is_ok(r))
        r = anchor(l, key, who);
    pthread_mutex_unlock(&l->lock);
    return r;
}

uint64_t ledger_link_anchored(struct ledger_link *l, const struct address *who)
{
    struct ledger_anchor there = {.generation = 0};
    pthread_mutex_lock(&l->lock);
    bool known = l->ledger && is_ok(ledger_view_anchor(l->ledger, who, &there));
    pthread_mutex_unlock(&l->lock);
    return known ? there.generation : 0;
}

struct release_ledger ledger_link_release(const struct ledger_task_view *v)
{
    return (struct release_ledger){
        .task = v->has_task ? &v->task : NULL,
        .deal = v->has_deal ? &v->deal : NULL,
        .app = v->has_app ? &v->app : NULL,
        .dataset = v->has_dataset ? &v->dataset : NULL,
    };
}
