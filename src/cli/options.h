// SPDX-License-Identifier: Apache-2.0
// Long options into texts, for commands whose options all are `--name VALUE` or `--name`.
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>

struct option_slot {
    const char *name;
    const char **ret_value; // takes a value …
    bool *ret_flag;         // … or is a flag
    char letter;            // short form, or 0
};

#define OPTION_SLOT_COUNT_MAX 24

// Reads argv[1 …]; a slot list ends with a NULL name. --help prints `help` and gives *ret_done
// with exit code 0. Returns the index of the first argument that is no option, or -1 after a
// message (exit code 2).
int options_read(int argc, char **argv, const struct option_slot *slots, const char *help,
                 bool *ret_done);

// Dispatch of `cloister WORD SUBWORD …`.
struct subcommand {
    const char *word;
    int (*run)(int argc, char **argv);
};
int subcommand_run(int argc, char **argv, const struct subcommand *list, const char *help);

#endif
