// SPDX-License-Identifier: Apache-2.0
// cloister quote show | verify | fetch-collateral | make
//
// Exit codes of verify: cli/quote_judge.h. The others: 0, or 2 after a message.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/quote_fetch.h"
#include "cli/quote_judge.h"
#include "cli/quote_make.h"
#include "cli/quote_report.h"
#include "os/file.h"

#define WORD          "quote"
#define FILE_SIZE_MAX (1u << 20) // what is longer than a quote may be gets a verdict too

static const char usage[] =
    "usage: cloister quote show FILE [--json]\n"
    "       cloister quote verify FILE [options]\n"
    "       cloister quote fetch-collateral FILE --url URL --out DIR [--root-crl URL] [--cache "
    "FILE]\n"
    "                      [--offline] [--at UNIXTIME]\n"
    "       cloister quote make --emulated -o DIR [options]\n"
    "\n"
    "show prints what a quote claims, believed or not. verify checks it against collateral;\n"
    "make has its own --help:\n";

static const char usage_rest[] =
    "\n"
    "fetch-collateral asks a PCCS, or Intel's PCS, for what verify needs, keeps answers in a "
    "cache\n"
    "until they expire, and writes them into DIR. Intel's PCS has the root CA's list at another "
    "URL.\n"
    "\n"
    "exit code: 0 accepted, 1 genuine but refused by the policy, 2 not genuine or not to be "
    "judged\n";

static int complain(const char *what, const char *detail, const char *advice)
{
    quote_complain(WORD, what, detail, advice);
    return QUOTE_INVALID;
}

// The options and one file. 0, or an exit code plus 1 when there is nothing more to do.
static int read_arguments(int argc, char **argv, const struct option_slot *slots, struct span *ret)
{
    bool done;
    uint8_t *data;
    size_t size;
    int at = options_read(argc, argv, slots, "", &done);
    if (done) {
        printf("%s%s%s", usage, quote_options_help, usage_rest);
        return QUOTE_ACCEPTED + 1;
    }
    if (at < 0)
        return complain("an option is unknown or its value is missing", "", "see --help") + 1;
    if (at + 1 != argc)
        return complain("one file is needed", "", "see cloister quote --help") + 1;
    struct result r = file_read(argv[at], FILE_SIZE_MAX, &data, &size);
    if (!is_ok(r))
        return complain(r.why, argv[at], "give a file with one DCAP quote") + 1;
    *ret = SPAN(data, size);
    return 0;
}

static void free_span(struct span s)
{
    free((void *)(uintptr_t)s.data);
}

static int judge(const struct quote_judge *j, struct span quote)
{
    struct attest_verdict *verdict = malloc(sizeof *verdict);
    struct attest_reasons reasons = {.count = 0};
    const struct attest_evidence evidence = {
        .quote = quote, .collateral = j->collateral, .now = j->at, .roots = j->policy.roots};
    if (!verdict)
        return complain("out of memory", "", "free some");
    if (is_ok(attest_verify(&evidence, verdict)))
        (void)!is_ok(attest_policy_check(&j->policy.policy, &verdict->claims, &reasons));
    int code = quote_judge_print(j, quote, verdict, &reasons);
    free(verdict);
    return code;
}

static int verify(int argc, char **argv)
{
    struct quote_options o = {0};
    struct span quote;
    const struct option_slot slots[] = {QUOTE_OPTION_SLOTS(&o), {0}};
    int stop = read_arguments(argc, argv, slots, &quote);
    if (stop)
        return stop - 1;
    struct quote_judge *j = quote_judge_new(WORD, &o, quote);
    int code = j ? judge(j, quote) : QUOTE_INVALID;
    quote_judge_free(j);
    free_span(quote);
    return code;
}

static int show(int argc, char **argv)
{
    struct attest_quote quote;
    struct span bytes;
    bool json = false;
    const struct option_slot slots[] = {{"json", NULL, &json, 0}, {0}};
    int stop = read_arguments(argc, argv, slots, &bytes);
    if (stop)
        return stop - 1;
    enum attest_code code = attest_quote_parse(bytes, &quote);
    int exit_code = QUOTE_ACCEPTED;
    if (code)
        exit_code = complain(attest_code_text(code), "", "give a file with one DCAP quote");
    else
        quote_print(&quote, json);
    free_span(bytes);
    return exit_code;
}

static struct result fetch_into(const struct quote_fetch *f, const char *dir)
{
    struct attest_collateral c;
    GUARD(quote_fetch_collateral(f, &c));
    struct result r = quote_collateral_write(&c, dir);
    quote_collateral_free(&c);
    return r;
}

static int fetch_collateral(int argc, char **argv)
{
    struct quote_fetch f = {0};
    const char *out = NULL, *time = NULL;
    const struct option_slot slots[] = {{"url", &f.url, NULL, 0},
                                        {"out", &out, NULL, 'o'},
                                        {"root-crl", &f.root_crl, NULL, 0},
                                        {"cache", &f.cache, NULL, 0},
                                        {"offline", NULL, &f.offline, 0},
                                        {"at", &time, NULL, 0},
                                        {0}};
    int stop = read_arguments(argc, argv, slots, &f.quote);
    if (stop)
        return stop - 1;
    int code = quote_read_time(WORD, time, &f.now) ? QUOTE_INVALID : QUOTE_ACCEPTED;
    if (code == QUOTE_ACCEPTED && (!out || !(f.url || f.offline)))
        code = complain("--out and --url (or --offline) are needed", "", "see --help");
    struct result r = code == QUOTE_ACCEPTED ? fetch_into(&f, out) : RESULT_OK;
    if (!is_ok(r))
        code =
            complain(r.why, f.url ? f.url : "", "give the URL of a PCCS that knows this platform");
    free_span(f.quote);
    return code;
}

int cmd_quote(int argc, char **argv)
{
    static const struct subcommand list[] = {{"show", show},
                                             {"verify", verify},
                                             {"fetch-collateral", fetch_collateral},
                                             {"make", quote_make},
                                             {0}};
    const char *verb = argc > 1 ? argv[1] : "";
    if (strcmp(verb, "--help") == 0 || strcmp(verb, "-h") == 0) {
        printf("%s%s%s", usage, quote_options_help, usage_rest);
        return QUOTE_ACCEPTED;
    }
    return subcommand_run(argc, argv, list, usage);
}
