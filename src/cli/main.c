// SPDX-License-Identifier: Apache-2.0
// `cloister`: dispatch by a table. Each command has a file of its own.
//
// Two programs are linked from this file. lib/cloister/tool has every command. `cloister` has those that
// need few libraries, so that it starts fast, and executes the tool for the rest.
#include <cpuid.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/version.h"
#include "cli/cli.h"
#include "cli/cmd_scone.h"
#include "cli/launcher.h"
#include "crypto/gcm.h"
#include "crypto/sha256.h"
#include "os/home.h"

#pragma weak cmd_build
#pragma weak cmd_init
#pragma weak cmd_diff
#pragma weak cmd_sign
#pragma weak cmd_fspf
#pragma weak cmd_scone
#pragma weak cmd_push
#pragma weak cmd_pull
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
#pragma weak cmd_ratls

static const struct {
    const char *word;
    int (*run)(int argc, char **argv); // NULL: in the tool
    const char *help;                  // NULL begins a group, whose title is `word`
} commands[] = {
    {"Images", NULL, NULL},
    {"init", cmd_init, "begin an application from a template"},
    {"build", cmd_build, "make a protected image from a folder with a cloister.yaml"},
    {"run", cmd_run, "run an image in an enclave"},
    {"fingerprint", cmd_fingerprint, "print FSPF_KEY|FSPF_TAG|MRENCLAVE"},
    {"mrenclave", cmd_mrenclave, "print the measurement"},
    {"inspect", cmd_inspect, "say what is in an image and what protects it"},
    {"diff", cmd_diff, "say why two images have two fingerprints"},
    {"sign", cmd_sign, "sign an image anew, here or in an HSM"},
    {"fspf", cmd_fspf, "make file-system protection files; verify every byte of an image"},
    {"push", cmd_push, "copy an OCI image to a registry"},
    {"pull", cmd_pull, "fetch an OCI image and put its protected image together"},
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
    {"ratls", cmd_ratls, "judge the evidence in a TLS server's certificate"},
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

static void select_instructions(void)
{
    unsigned a, b, c, d;
    if (__get_cpuid_count(7, 0, &a, &b, &c, &d))
        sha256_select(b >> 29 & 1); // SHA extensions
}

int main(int argc, char **argv)
{
    select_instructions();
    if (argc > 0 && launcher_is_name(argv[0]))
        return launcher_main(argc, argv);
    const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
    if (argc > 0 && strcmp(slash ? slash + 1 : argv[0], "scone") == 0)
        return cmd_scone ? cmd_scone(argc, argv) : run_tool(argv);
    if (argc < 2) {
        help(stderr);
        return 2;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
        help(stdout);
        return 0;
    }
    if (strcmp(argv[1], "--version") == 0) {
        puts("cloister " CLOISTER_VERSION);
        return 0;
    }
    unsigned a, b, c, d;
    if (__get_cpuid_count(7, 0, &a, &b, &c, &d))
        sha256_select(b >> 29 & 1); // SHA extensions
    if (__get_cpuid(1, &a, &b, &c, &d) && (c & bit_AES) && (c & bit_PCLMUL) && (c & bit_SSE4_1))
        gcm_select(GCM_AESNI);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (commands[i].help && strcmp(commands[i].word, argv[1]) == 0)
            return commands[i].run ? commands[i].run(argc - 1, argv + 1) : run_tool(argv);
    fprintf(stderr, "cloister: there is no command '%s'; see cloister --help\n", argv[1]);
    return 2;
}
