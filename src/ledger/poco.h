// SPDX-License-Identifier: Apache-2.0
// PoCo as a pure state machine: the state is a function of the records, in order. No I/O and no
// clock; a record's time stands in it and never goes back.
//
// - poco_apply checks one record (place in the chain, signature, every rule) and then acts; a
//   refused record leaves the state as it was. After ERR_MEMORY the state refuses everything: make
//   a new one.
// - The first record is the genesis. Its hash is the ledger's identity; the hub's address follows
//   from it, so that no order of one ledger is valid on another.
// - poco_view and poco_next copy objects out.
#ifndef LEDGER_POCO_H
#define LEDGER_POCO_H

#include "ledger/record.h"

struct poco;

// What is kept, by kind; the key is an address (word_of_address) or an identifier.
enum ledger_kind {
    LEDGER_APP,        // struct ledger_app
    LEDGER_DATASET,    // struct ledger_dataset
    LEDGER_WORKERPOOL, // struct ledger_workerpool
    LEDGER_DEAL,       // struct ledger_deal
    LEDGER_TASK,       // struct ledger_task
    LEDGER_ACCOUNT,    // struct ledger_account
    LEDGER_CONSUMED,   // uint64_t, by order hash
    LEDGER_PRESIGNED,  // struct address, by order hash
    LEDGER_ANCHOR,     // struct ledger_anchor, by its sender
    LEDGER_ORDER,      // published orders by hash, + enum order_kind
    LEDGER_KIND_COUNT = LEDGER_ORDER + ORDER_KIND_COUNT,
};

struct ledger_event {
    uint64_t seq; // of the record: PoCo's block number
    uint64_t time;
    enum ledger_method method;
    struct address sender;
    struct hash32 hash;        // of the record
    struct hash32 subject;     // address, deal, task or order that the record made or changed
    struct address workerpool; // of a deal or a task
};

struct poco_head {
    uint64_t count;     // records so far; the next record's seq
    struct hash32 hash; // of the last one
    uint64_t time;
    struct hash32 genesis;
    struct eip712_domain domain;
    struct address issuer; // who signed the genesis and may deposit
};

struct result poco_new(struct poco **ret);
void poco_free(struct poco *p);

struct result poco_apply(struct poco *p, struct span record, struct hash32 *ret_subject);
const struct poco_head *poco_head(const struct poco *p);

size_t ledger_kind_size(enum ledger_kind kind);
struct result poco_view(const struct poco *p, enum ledger_kind kind, const struct hash32 *key,
                        void *ret);
// Steps through the objects of a kind in the order of their making; *cursor starts at 0.
// ERR_NOT_FOUND at the end. ret_key may be NULL.
struct result poco_next(const struct poco *p, enum ledger_kind kind, size_t *cursor,
                        struct hash32 *ret_key, void *ret);
struct result poco_category(const struct poco *p, uint64_t index, struct ledger_category *ret);
// The event of record `seq`.
struct result poco_event(const struct poco *p, uint64_t seq, struct ledger_event *ret);

#endif
