// SPDX-License-Identifier: Apache-2.0
// The parts of cloister task, one file each.
#ifndef CLI_TASK_COMMANDS_H
#define CLI_TASK_COMMANDS_H

int task_run(int argc, char **argv);
int task_result(int argc, char **argv);
int task_result_key(int argc, char **argv);

// cloister worker replay-quote: for tests, see its file.
int worker_replay_quote(int argc, char **argv);

#endif
