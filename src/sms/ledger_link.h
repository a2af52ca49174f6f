// SPDX-License-Identifier: Apache-2.0
// The SMS's eyes on the ledger: fetches records over plain HTTP, verifies each (genesis and chain id come
// from the measured policy, the last known head from the store), and answers with copies. Any thread
// may call.
#ifndef SMS_LEDGER_LINK_H
#define SMS_LEDGER_LINK_H

#include "ledger/ledger.h"
#include "proto/trust.h"
#include "sms/release.h"
#include "sms/store.h"

struct ledger_link;

// Copies of what the ledger holds about one task.
struct ledger_task_view {
    bool has_task, has_deal, has_app, has_dataset;
    struct ledger_task task;
    struct ledger_deal deal;
    struct ledger_app app;
    struct ledger_dataset dataset;
    uint64_t time; // of the ledger's last record
};

// Does not connect yet. `policy` and `store` outlive the link.
struct result ledger_link_new(const struct proto_sms_policy *policy, struct store *store,
                              struct ledger_link **ret);
void ledger_link_free(struct ledger_link *l);

// Each call asks the ledger for news first. Failure: it cannot be read or does not verify.
struct result ledger_link_task(struct ledger_link *l, const struct hash32 *task,
                               struct ledger_task_view *ret);
// The owner of an app, dataset or workerpool, now. ERR_NOT_FOUND: no such entry.
struct result ledger_link_owner(struct ledger_link *l, const struct address *entry,
                                struct address *ret);

// The ledger's anchor of `who`, the address of `key`, is made the database's head, unless it is. ERR_STALE: the
// ledger's anchor is none of this database, which was rolled back or goes on elsewhere.
struct result ledger_link_anchor(struct ledger_link *l, const struct eth_key *key,
                                 const struct address *who);
// The generation that the ledger had anchored for `who` when it was last read; 0: none.
uint64_t ledger_link_anchored(struct ledger_link *l, const struct address *who);

// NULL for what is not there.
struct release_ledger ledger_link_release(const struct ledger_task_view *v);

#endif
