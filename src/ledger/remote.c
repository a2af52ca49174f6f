// SPDX-License-Identifier: Apache-2.0
// The embedded ledger behind HTTP. The server is believed in nothing: every record is verified
// here, the chain only grows, and what a pin says must be in it. A server can withhold new
// records; it cannot make or change any.
#include "ledger/chain.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define SEND_TRIES_MAX 32
#define PAGES_MAX      100000

struct remote {
    struct ledger_chain chain;
    struct ledger_transport transport;
};

static struct remote *remote(struct ledger *l)
{
    return (struct remote *)l;
}

// One page: records in order, each behind its size (4 bytes, big-endian).
static struct result take_page(struct remote *m, struct span page)
{
    struct reader r = reader_on(page);
    while (reader_left(&r)) {
        struct span record = take_span(&r, take_be32(&r));
        REQUIRE(!r.failed && record.size > 0, ERR_INVALID, "the ledger's server sent a bad page");
        struct result taken = ledger_chain_take(&m->chain, record);
        // Linked to another head than ours: the server changed its past.
        if (taken.code == ERR_STALE)
            return fail(ERR_STALE, "the ledger's history is not the one seen before");
        GUARD(taken);
    }
    return RESULT_OK;
}

static struct result remote_refresh(struct ledger *l)
{
    struct remote *m = remote(l);
    for (unsigned pages = 0; pages < PAGES_MAX; pages++) {
        uint64_t before = poco_head(m->chain.poco)->count;
        char target[64];
        snprintf(target, sizeof target, "/records?from=%" PRIu64, before);
        unsigned status;
        uint8_t *data;
        size_t size;
        GUARD(m->transport.exchange(m->transport.context, "GET", target, SPAN(NULL, 0),
                                    LEDGER_PAGE_SIZE_MAX, &status, &data, &size));
        struct result r = RESULT_OK;
        if (status == 404)
            r = fail(ERR_STALE, "the ledger has gone back: records seen before are missing");
        else if (status != 200)
            r = fail(ERR_IO, "the ledger's server does not answer as one");
        if (is_ok(r))
            r = take_page(m, SPAN(data, size));
        free(data);
        GUARD(r);
        if (poco_head(m->chain.poco)->count == before)
            return RESULT_OK;
    }
    return fail(ERR_RANGE, "the ledger does not end");
}

// The server refused by its rules, which are ours: applying the record here gives the reason.
static struct result reason_for(struct remote *m, struct span record)
{
    struct result r = poco_apply(m->chain.poco, record, NULL);
    if (!is_ok(r))
        return r;
    // It would be fine, so the server is at odds with us; drop the state that ran ahead.
    struct poco *fresh;
    GUARD(poco_new(&fresh));
    poco_free(m->chain.poco);
    m->chain.poco = fresh;
    return fail(ERR_DENIED, "the ledger's server refused the record; is its clock right?");
}

static struct result remote_send(struct ledger *l, const struct eth_key *key,
                                 enum ledger_method method, const void *args,
                                 struct hash32 *ret_subject)
{
    struct remote *m = remote(l);
    for (unsigned tries = 0; tries < SEND_TRIES_MAX; tries++) {
        uint8_t bytes[RECORD_SIZE_MAX], *data;
        size_t size, answer_size;
        unsigned status;
        GUARD(remote_refresh(l));
        uint64_t seq = poco_head(m->chain.poco)->count;
        GUARD(ledger_chain_make(&m->chain, key, method, args, bytes, &size));
        GUARD(m->transport.exchange(m->transport.context, "POST", "/records", SPAN(bytes, size),
                                    LEDGER_PAGE_SIZE_MAX, &status, &data, &answer_size));
        free(data);
        if (status == 409) // somebody else was first
            continue;
        if (status == 422)
            return reason_for(m, SPAN(bytes, size));
        REQUIRE(status == 200, ERR_IO, "the ledger's server does not answer as one");
        GUARD(remote_refresh(l));
        struct ledger_event event;
        struct record sent;
        GUARD(record_parse(SPAN(bytes, size), &sent));
        GUARD(poco_event(m->chain.poco, seq, &event));
        REQUIRE(hash32_equal(&event.hash, &sent.hash), ERR_INTEGRITY,
                "the ledger's server did not store the record");
        if (ret_subject)
            *ret_subject = event.subject;
        return RESULT_OK;
    }
    return fail(ERR_STALE, "the ledger is too busy; try again");
}

static void remote_free(struct ledger *l)
{
    poco_free(remote(l)->chain.poco);
    free(l);
}

static const struct ledger_ops remote_ops = {
    .free = remote_free,
    .refresh = remote_refresh,
    .send = remote_send,
    .head = ledger_chain_head,
    .view = ledger_chain_view,
    .next = ledger_chain_next,
    .category = ledger_chain_category,
    .event = ledger_chain_event,
};

struct result ledger_remote_open(struct ledger_transport transport, ledger_clock *clock,
                                 const struct ledger_pin *pin, struct ledger **ret)
{
    struct remote *m = calloc(1, sizeof *m);
    REQUIRE(m, ERR_MEMORY, "out of memory");
    m->chain.base.ops = &remote_ops;
    m->chain.clock = clock;
    m->transport = transport;
    if (pin)
        m->chain.pin = *pin;
    struct result r = poco_new(&m->chain.poco);
    if (is_ok(r))
        r = remote_refresh(&m->chain.base);
    if (is_ok(r))
        r = ledger_chain_check_pin(&m->chain);
    if (!is_ok(r)) {
        remote_free(&m->chain.base);
        return r;
    }
    *ret = &m->chain.base;
    return RESULT_OK;
}
