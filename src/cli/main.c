// SPDX-License-Identifier: Apache-2.0
// `cloister`: dispatch by a table. Each command has a file of its own.
//
// Two programs are linked from this file. lib/cloister/tool has every command. `cloister` has those that
// need few libraries, so that it starts fast, and executes the tool for the rest.
#include <cpuid.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "crypto/sha256.h"
#include "os/home.h"

#define VERSION "0.1.0"

#pragma weak cmd_build
#pragma weak cmd_wallet
#pragma weak cmd_ledger
#pragma weak cmd_app
#pragma weak cmd_dataset
#pragma weak cmd_workerpool
#pragma weak cmd_order
#pragma weak cmd_task
#pragma weak cmd_sms
#pragma weak cmd_worker
#pragma weak cmd_quote
#pragma weak cmd_certs

static const struct {
    const char *word;
    int (*run)(int argc, char **argv); // NULL: in the tool
    const char *help;                  // NULL begins a group, whose title is `word`
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
    {"certs", cmd_certs, "show certificates and revocation lists"},
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

static int run_tool(char **argv)
{
    char path[PATH_MAX];
    struct result r = home_part("tool", path);
    if (is_ok(r))
        execv(path, argv);
    fprintf(stderr, "cloister: cannot run lib/cloister/tool%s%s\n", is_ok(r) ? "" : ": ",
            is_ok(r) ? "" : r.why);
    return 1;
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
        if (commands[i].help && strcmp(commands[i].word, argv[1]) == 0)
            return commands[i].run ? commands[i].run(argc - 1, argv + 1) : run_tool(argv);
    fprintf(stderr, "cloister: there is no command '%s'; see cloister --help\n", argv[1]);
    return 2;
}
