// SPDX-License-Identifier: Apache-2.0
// What most ledger commands do: open wallet and ledger, send one record, print what it made.
#ifndef CLI_SEND_H
#define CLI_SEND_H

#include "cli/ledger_open.h"
#include "os/wallet.h"

// `what` names the deed in messages; prints the subject's address as text, or {"address": …} with
// `json`. Returns the exit code.
int send_and_print_address(const char *what, const char *wallet_name, enum ledger_method method,
                           const void *args, bool json);

// As one step, without printing.
struct result send_one(const char *wallet_name, enum ledger_method method, const void *args,
                       struct hash32 *ret_subject);

struct address address_of_word(const struct hash32 *word);

#endif
