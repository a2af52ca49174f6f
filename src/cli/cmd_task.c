// SPDX-License-Identifier: Apache-2.0
// cloister task run | show | result | result-key
#include "cli/cli.h"
#include "cli/options.h"
#include "cli/task_commands.h"

static const char help[] =
    "Usage: cloister task run --app A [--dataset A] [--workerpool A] [--args TEXT] [--watch] …\n"
    "       cloister task show TASKID [--json]\n"
    "       cloister task result TASKID [--decrypt] [-o DIR] …\n"
    "       cloister task result-key create | push …\n"
    "\n"
    "run asks for a task and matches it with the orders on the ledger; result verifies and\n"
    "decrypts what came of it; result-key makes the key that results are encrypted for.\n"
    "Each has a --help of its own.\n";

int cmd_task(int argc, char **argv)
{
    static const struct subcommand list[] = {{"run", task_run},
                                             {"show", task_show},
                                             {"result", task_result},
                                             {"result-key", task_result_key},
                                             {0}};
    return subcommand_run(argc, argv, list, help);
}
