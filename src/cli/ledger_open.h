// SPDX-License-Identifier: Apache-2.0
// The ledger that a command works on: $CLOISTER_LEDGER, a path or an http:// URL (cloister ledger
// serve); default $CLOISTER_HOME/ledger.db.
//
// - $CLOISTER_LEDGER_ID, when set, is the genesis hash that the ledger must have.
// - What was seen of an http ledger is kept in $CLOISTER_HOME/ledgers, and a ledger that goes back
//   is refused.
#ifndef CLI_LEDGER_OPEN_H
#define CLI_LEDGER_OPEN_H

#include "ledger/ledger.h"

#include <limits.h>

struct cli_ledger {
    struct ledger *ledger;
    char where[PATH_MAX];
    char pin_path[PATH_MAX]; // empty for a file
    bool is_remote;
};

struct result cli_ledger_where(struct cli_ledger *ret); // fills where, pin_path and is_remote only
struct result cli_ledger_open(struct cli_ledger *ret);
// Remembers what was seen. Takes what a failed open left.
void cli_ledger_close(struct cli_ledger *l);
uint64_t cli_clock(void);

// A sensible order to start from: a fresh salt, tag tee + scone, a volume (1 for a request,
// 1000000 else), trust 1 for a workerpool. The caller fills in what it is for and signs.
struct result cli_order_start(enum order_kind kind, void *ret_order);

#endif
