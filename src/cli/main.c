// SPDX-License-Identifier: Apache-2.0
// `cloister`: dispatch by a table. Each command has a file of its own.
#include <cpuid.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "crypto/sha256.h"

#define VERSION "0.1.0"

static const struct {
    const char *word;
    int (*run)(int argc, char **argv);
    const char *help; // NULL begins a group, whose title is `word`
} commands[] = {
    {"Images", NULL, NULL},
    {"build", cmd_build, "make a protected image from a folder with a cloister.yaml"},
    {"run", cmd_run, "run an image in an enclave"},
    {"fingerprint", cmd_fingerprint, "print FSPF_KEY|FSPF_TAG|MRENCLAVE"},
    {"mrenclave", cmd_mrenclave, "print the measurement"},
    {"inspect", cmd_inspect, "say what is in an image and what protects it"},
    {"fspf", cmd_fspf, "verify every byte of an image"},
    {"Ledger", NULL, NULL},
    {"wallet", cmd_wallet, "create and show wallets"},
    {"ledger", cmd_ledger, "init, serve, show and verify the embedded ledger"},
    {"app", cmd_app, "deploy and show apps"},
    {"dataset", cmd_dataset, "encrypt, publish, deploy datasets; push their keys to an SMS"},
    {"workerpool", cmd_workerpool, "create and show workerpools"},
    {"order", cmd_order, "sign orders"},
    {"task", cmd_task, "run tasks, show them, fetch and decrypt results"},
    {"Services", NULL, NULL},
    {"sms", cmd_sms, "serve the secret management service; print its identity"},
    {"worker", cmd_worker, "take tasks from the ledger and run them"},
    {"Attestation", NULL, NULL},
    {"quote", cmd_quote, "show and verify quotes"},
};

static void help(FILE *out)
{
    fprintf(out, "usage: cloister COMMAND …   (cloister COMMAND --help says more)\n");
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (!commands[i].help)
            fprintf(out, "\n%s\n", commands[i].word);
        else
            fprintf(out, "  %-12s %s\n", commands[i].word, commands[i].help);
    }
    fprintf(out, "\nState lives under $CLOISTER_HOME (default: ~/.local/share/cloister).\n");
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        help(stderr);
        return 2;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
        help(stdout);
        return 0;
    }
    if (strcmp(argv[1], "--version") == 0) {
        puts("cloister " VERSION);
        return 0;
    }
    unsigned a, b, c, d;
    if (__get_cpuid_count(7, 0, &a, &b, &c, &d))
        sha256_select(b >> 29 & 1); // SHA extensions
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (commands[i].run && strcmp(commands[i].word, argv[1]) == 0)
            return commands[i].run(argc - 1, argv + 1);
    fprintf(stderr, "cloister: there is no command '%s'; see cloister --help\n", argv[1]);
    return 2;
}
