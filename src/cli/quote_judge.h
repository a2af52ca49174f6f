// SPDX-License-Identifier: Apache-2.0
// Judging evidence on the command line: the options that `cloister quote verify` and `cloister ratls show`
// share, collateral from a folder, a bundle or the cache, and a policy by name or file.
//
// Exit codes: 0 genuine and accepted, 1 genuine but refused by the policy, 2 not genuine or not to be judged.
#ifndef CLI_QUOTE_JUDGE_H
#define CLI_QUOTE_JUDGE_H

#include "attest/attest.h"
#include "attest/policy_file.h"
#include "cli/options.h"

enum quote_exit {
    QUOTE_ACCEPTED = 0,
    QUOTE_REFUSED = 1,
    QUOTE_INVALID = 2,
};

struct quote_options {
    const char *at, *collateral, *policy, *roots, *mrenclave, *tcb; // as given; NULL: not given
    const char *url, *root_crl, *cache;
    bool offline, allow_debug, json;
};

// Slots for `o`, to stand in a list.
#define QUOTE_OPTION_SLOTS(o)                                                 \
    {"at", &(o)->at, NULL, 0}, {"collateral", &(o)->collateral, NULL, 0},     \
        {"policy", &(o)->policy, NULL, 'p'}, {"root", &(o)->roots, NULL, 0},  \
        {"mrenclave", &(o)->mrenclave, NULL, 0}, {"tcb", &(o)->tcb, NULL, 0}, \
        {"url", &(o)->url, NULL, 0}, {"root-crl", &(o)->root_crl, NULL, 0},   \
        {"cache", &(o)->cache, NULL, 0}, {"offline", NULL, &(o)->offline, 0}, \
        {"allow-debug", NULL, &(o)->allow_debug, 0},                          \
    {                                                                         \
        "json", NULL, &(o)->json, 0                                           \
    }

extern const char quote_options_help[];

// "cloister WORD: what: detail; advice"; gives QUOTE_INVALID.
int quote_complain(const char *word, const char *what, const char *detail, const char *advice);

// All that judging needs beside the evidence. Points into itself: never copied; quote_judge_done() ends it.
struct quote_judge {
    const char *word; // the command's
    int64_t at;
    bool json;
    struct attest_policy_file policy;
    const char *policy_name;
    struct attest_collateral collateral; // parts owned, or in `bundle`
    struct span bundle;
};

// 0, or an exit code plus 1 after a message. `text` may be NULL: now.
int quote_read_time(const char *word, const char *text, int64_t *ret);

// Reads the options, finds collateral for `quote`. NULL after a message.
struct quote_judge *quote_judge_new(const char *word, const struct quote_options *o,
                                    struct span quote);
void quote_judge_free(struct quote_judge *j); // takes NULL

// Prints the verdict; gives the exit code.
int quote_judge_print(const struct quote_judge *j, struct span quote,
                      const struct attest_verdict *verdict, const struct attest_reasons *reasons);

#endif
