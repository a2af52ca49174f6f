// SPDX-License-Identifier: Apache-2.0
// The ledger as programs use it. Behind it stands an implementation: the embedded ledger in a
// SQLite file (ledger_embedded_open), or the same ledger behind a transport (ledger_remote_open);
// the EVM one has the same face.
//
// - Views return what the ledger holds at its last refresh; ledger_open… and ledger_send refresh,
//   others call ledger_refresh() when they want news.
// - A struct ledger belongs to one thread.
#ifndef LEDGER_LEDGER_H
#define LEDGER_LEDGER_H

#include "ledger/poco.h"

struct ledger;

struct ledger_ops {
    void (*free)(struct ledger *l);
    struct result (*refresh)(struct ledger *l);
    struct result (*send)(struct ledger *l, const struct eth_key *key, enum ledger_method method,
                          const void *args, struct hash32 *ret_subject);
    const struct poco_head *(*head)(const struct ledger *l);
    struct result (*view)(const struct ledger *l, enum ledger_kind kind, const struct hash32 *key,
                          void *ret);
    struct result (*next)(const struct ledger *l, enum ledger_kind kind, size_t *cursor,
                          struct hash32 *ret_key, void *ret);
    struct result (*category)(const struct ledger *l, uint64_t index, struct ledger_category *ret);
    struct result (*event)(const struct ledger *l, uint64_t seq, struct ledger_event *ret);
};

// Implementations begin with this.
struct ledger {
    const struct ledger_ops *ops;
};

void ledger_free(struct ledger *l);
struct result ledger_refresh(struct ledger *l);
// genesis hash, chain id, hub, number of records, last hash and time
const struct poco_head *ledger_head(const struct ledger *l);

// Signs and stores one record. ret_subject (may be NULL): the address, deal, task or order it made.
// On refusal `why` names the rule.
struct result ledger_send(struct ledger *l, const struct eth_key *key, enum ledger_method method,
                          const void *args, struct hash32 *ret_subject);

struct result ledger_view_app(const struct ledger *l, const struct address *a,
                              struct ledger_app *ret);
struct result ledger_view_dataset(const struct ledger *l, const struct address *a,
                                  struct ledger_dataset *ret);
struct result ledger_view_workerpool(const struct ledger *l, const struct address *a,
                                     struct ledger_workerpool *ret);
struct result ledger_view_deal(const struct ledger *l, const struct hash32 *id,
                               struct ledger_deal *ret);
struct result ledger_view_task(const struct ledger *l, const struct hash32 *id,
                               struct ledger_task *ret);
// Zero for an unknown account or order, as on a chain.
struct result ledger_view_account(const struct ledger *l, const struct address *a,
                                  struct ledger_account *ret);
struct result ledger_view_consumed(const struct ledger *l, const struct hash32 *order_hash,
                                   uint64_t *ret);
struct result ledger_view_category(const struct ledger *l, uint64_t index,
                                   struct ledger_category *ret);
// Zero generation for an address that never anchored.
struct result ledger_view_anchor(const struct ledger *l, const struct address *a,
                                 struct ledger_anchor *ret);
// The owner now, of an app, dataset or workerpool: PoCo's owner().
struct result ledger_owner(const struct ledger *l, const struct address *entry,
                           struct address *ret);
// Steps through objects of a kind, oldest first; *cursor starts at 0; ERR_NOT_FOUND at the end.
struct result ledger_next(const struct ledger *l, enum ledger_kind kind, size_t *cursor,
                          struct hash32 *ret_key, void *ret);
struct result ledger_event_at(const struct ledger *l, uint64_t seq, struct ledger_event *ret);

// For the run of a task: matches the orders, initializes every task of the deal; the first task's
// id.
struct result ledger_match(struct ledger *l, const struct eth_key *key,
                           const struct match_orders_args *orders, struct hash32 *ret_deal_id);
struct result ledger_initialize_task(struct ledger *l, const struct eth_key *key,
                                     const struct hash32 *deal_id, uint64_t index,
                                     struct hash32 *ret_task_id);
// Finds published app, dataset and workerpool orders that match the request (cheapest first, then
// oldest) and fills them in. ERR_NOT_FOUND names what is missing.
struct result ledger_find_orders(const struct ledger *l, const struct request_order *request,
                                 struct match_orders_args *ret);

// The embedded ledger.

typedef uint64_t ledger_clock(void); // seconds since 1970

#define LEDGER_PIN_NONE ((struct ledger_pin){0})

// What a client knows of a ledger beforehand. Zero members are not checked.
struct ledger_pin {
    struct hash32 genesis;
    uint64_t count;     // the ledger had so many records …
    struct hash32 hash; // … and this was the last one's hash
};

// Makes a new ledger; `key` becomes its issuer. ERR_EXISTS when the file is there.
struct result ledger_embedded_init(const char *path, uint64_t chain_id, const struct eth_key *key,
                                   ledger_clock *clock);
// Opens and replays, which verifies every record.
struct result ledger_embedded_open(const char *path, ledger_clock *clock,
                                   const struct ledger_pin *pin, struct ledger **ret);
// For servers: takes a record that somebody else made. ERR_STALE: not the next one; build it anew.
struct result ledger_embedded_submit(struct ledger *l, struct span record);
// The stored bytes of record `seq`; *ret_size ≤ RECORD_SIZE_MAX.
struct result ledger_embedded_record(struct ledger *l, uint64_t seq, uint8_t ret[RECORD_SIZE_MAX],
                                     size_t *ret_size);

// The same ledger behind HTTP (docs/formats/ledger.md); the transport is the caller's.
struct ledger_transport {
    void *context;
    // "GET" or "POST" of a target; *ret_data from malloc, at most size_max bytes.
    struct result (*exchange)(void *context, const char *method, const char *target,
                              struct span body, size_t size_max, unsigned *ret_status,
                              uint8_t **ret_data, size_t *ret_size);
};

#define LEDGER_PAGE_SIZE_MAX (256 * 1024)

// Fetches and verifies every record. Later refreshes only add; a server whose ledger went back or
// was exchanged is refused with ERR_STALE.
struct result ledger_remote_open(struct ledger_transport transport, ledger_clock *clock,
                                 const struct ledger_pin *pin, struct ledger **ret);

#endif
