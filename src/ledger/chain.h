// SPDX-License-Identifier: Apache-2.0
// Private to the embedded and the remote ledger: a struct ledger whose state is a struct poco.
#ifndef LEDGER_CHAIN_H
#define LEDGER_CHAIN_H

#include "ledger/ledger.h"

struct ledger_chain {
    struct ledger base;
    struct poco *poco;
    struct ledger_pin pin;
    ledger_clock *clock;
};

// The views of struct ledger_ops, for its initialisers.
const struct poco_head *ledger_chain_head(const struct ledger *l);
struct result ledger_chain_view(const struct ledger *l, enum ledger_kind kind,
                                const struct hash32 *key, void *ret);
struct result ledger_chain_next(const struct ledger *l, enum ledger_kind kind, size_t *cursor,
                                struct hash32 *ret_key, void *ret);
struct result ledger_chain_category(const struct ledger *l, uint64_t index,
                                    struct ledger_category *ret);
struct result ledger_chain_event(const struct ledger *l, uint64_t seq, struct ledger_event *ret);

// Applies a record that the store delivered and holds it against the pin.
struct result ledger_chain_take(struct ledger_chain *c, struct span record);
// After the first load: the pinned record was there.
struct result ledger_chain_check_pin(const struct ledger_chain *c);
// Makes the next record.
struct result ledger_chain_make(const struct ledger_chain *c, const struct eth_key *key,
                                enum ledger_method method, const void *args,
                                uint8_t ret[RECORD_SIZE_MAX], size_t *ret_size);

#endif
