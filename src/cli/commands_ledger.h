// SPDX-License-Identifier: Apache-2.0
// The commands about wallets, the ledger and what it holds. argv[0] is the command's word; each
// returns the exit code.
#ifndef CLI_COMMANDS_LEDGER_H
#define CLI_COMMANDS_LEDGER_H

int cmd_wallet(int argc, char **argv);
int cmd_ledger(int argc, char **argv);
int cmd_app(int argc, char **argv);
int cmd_dataset(int argc, char **argv);
int cmd_workerpool(int argc, char **argv);
int cmd_order(int argc, char **argv);

// cloister task show
int task_show(int argc, char **argv);
// cloister dataset push-key, in cmd_dataset_push.c
int dataset_push_key(int argc, char **argv);
int app_push_key(int argc, char **argv);

#endif
