// SPDX-License-Identifier: Apache-2.0
// The commands. argv[0] is the command's word; each returns the exit code: 0 done, 1 refused or failed,
// 2 usage (quote verify has its own, see its --help).
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "cli/commands_image.h"
#include "cli/commands_ledger.h"

int cmd_run(int argc, char **argv);
int cmd_quote(int argc, char **argv);
int cmd_certs(int argc, char **argv);
int cmd_ratls(int argc, char **argv);
int cmd_sms(int argc, char **argv);
int cmd_worker(int argc, char **argv);
int cmd_task(int argc, char **argv);

#endif
