// SPDX-License-Identifier: Apache-2.0
#include "ledger/chain.h"

static const struct ledger_chain *chain(const struct ledger *l)
{
    return (const struct ledger_chain *)l;
}

const struct poco_head *ledger_chain_head(const struct ledger *l)
{
    return poco_head(chain(l)->poco);
}

struct result ledger_chain_view(const struct ledger *l, enum ledger_kind kind,
                                const struct hash32 *key, void *ret)
{
    return poco_view(chain(l)->poco, kind, key, ret);
}

struct result ledger_chain_next(const struct ledger *l, enum ledger_kind kind, size_t *cursor,
                                struct hash32 *ret_key, void *ret)
{
    return poco_next(chain(l)->poco, kind, cursor, ret_key, ret);
}

struct result ledger_chain_category(const struct ledger *l, uint64_t index,
                                    struct ledger_category *ret)
{
    return poco_category(chain(l)->poco, index, ret);
}

struct result ledger_chain_event(const struct ledger *l, uint64_t seq, struct ledger_event *ret)
{
    return poco_event(chain(l)->poco, seq, ret);
}

struct result ledger_chain_take(struct ledger_chain *c, struct span record)
{
    GUARD(poco_apply(c->poco, record, NULL));
    const struct poco_head *h = poco_head(c->poco);
    bool pins_genesis = !is_zero(&c->pin.genesis, sizeof c->pin.genesis);
    REQUIRE(!pins_genesis || hash32_equal(&h->genesis, &c->pin.genesis), ERR_DENIED,
            "this is another ledger than the pinned one");
    REQUIRE(h->count != c->pin.count || hash32_equal(&h->hash, &c->pin.hash), ERR_STALE,
            "the ledger's history is not the one seen before");
    return RESULT_OK;
}

struct result ledger_chain_check_pin(const struct ledger_chain *c)
{
    const struct poco_head *h = poco_head(c->poco);
    REQUIRE(h->count > 0, ERR_NOT_FOUND, "the ledger is empty; make one: cloister ledger init");
    REQUIRE(h->count >= c->pin.count, ERR_STALE,
            "the ledger has gone back: records seen before are missing");
    return RESULT_OK;
}

struct result ledger_chain_make(const struct ledger_chain *c, const struct eth_key *key,
                                enum ledger_method method, const void *args,
                                uint8_t ret[RECORD_SIZE_MAX], size_t *ret_size)
{
    const struct poco_head *h = poco_head(c->poco);
    struct record r = {.chain_id = h->domain.chain_id,
                       .seq = h->count,
                       .prev = h->hash,
                       .time = MAX(c->clock(), h->time),
                       .method = method};
    return record_make(&r, args, key, ret, ret_size);
}
