// SPDX-License-Identifier: Apache-2.0
// cloister quote show|verify: looks at a quote, and judges it with collateral and a policy.
//
// Exit codes of verify: 0 genuine and accepted, 1 genuine but refused by the policy, 2 not genuine
// or not to be judged. show: 0, or 2 when the file is no quote.
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "attest/attest.h"
#include "attest/policy_file.h"
#include "base/hex.h"
#include "cli/cli.h"
#include "cli/quote_fetch.h"
#include "cli/quote_report.h"
#include "os/file.h"

#define FILE_SIZE_MAX (1u << 20) // what is longer than a quote may be gets a verdict too

enum exit_code {
    EXIT_ACCEPTED = 0,
    EXIT_REFUSED = 1,
    EXIT_INVALID = 2,
};

struct settings {
    const char *file, *collateral, *policy;
    int64_t at;
    struct attest_root roots[ATTEST_POLICY_ROOTS_MAX]; // beside the policy's
    size_t root_count;
    struct attest_identity identity;
    enum attest_tcb_status tcb_worst;
    bool allow_debug, json;
    const char *url, *out, *root_crl, *cache;
    bool offline;
};

static const char usage[] =
    "usage: cloister quote show FILE [--json]\n"
    "       cloister quote verify FILE [options]\n"
    "       cloister quote fetch-collateral FILE --url URL --out DIR [--root-crl URL] [--cache "
    "FILE]\n"
    "                      [--offline] [--at UNIXTIME]\n"
    "\n"
    "show prints what a quote claims, believed or not. verify checks it against collateral:\n"
    "  --collateral DIR     folder with pck_crl.der, root_ca_crl.der, tcb_info.json, "
    "tcb_chain.pem,\n"
    "                       qe_identity.json, qe_chain.pem; or a collateral bundle (a file)\n"
    "  --at UNIXTIME        judge as of this time (default: now)\n"
    "  --policy FILE|NAME   what to accept: a YAML file, strict (default) or standard\n"
    "These widen or narrow the policy:\n"
    "  --root NAME=SHA256   accept also the root CA whose key has this hash; Intel's is known.\n"
    "                       Any other root means emulated: no hardware protects the enclave\n"
    "  --mrenclave HEX      accept this enclave only\n"
    "  --tcb STATUS         worst TCB status to accept (default: UpToDate)\n"
    "  --allow-debug        accept debug enclaves\n"
    "  --json               one JSON object instead of text\n"
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
    fprintf(stderr, "cloister quote: %s%s%s; %s\n", what, detail[0] ? ": " : "", detail, advice);
    return EXIT_INVALID;
}

// `ret` is the caller's to free.
static struct result read_file(const char *path, size_t size_max, struct span *ret)
{
    uint8_t *data;
    size_t size;
    GUARD(file_read(path, size_max, &data, &size));
    *ret = SPAN(data, size);
    return RESULT_OK;
}

static void free_span(struct span s)
{
    free((void *)(uintptr_t)s.data);
}

// A folder, or one bundle. The parts point into `owned`, which holds one buffer a part.
static struct result load_collateral(const char *path, struct attest_collateral *ret,
                                     struct span owned[ATTEST_PART_COUNT])
{
    struct stat st;
    char name[4096];
    REQUIRE(stat(path, &st) == 0, ERR_NOT_FOUND, "cannot find the collateral");
    if (!S_ISDIR(st.st_mode)) {
        GUARD(read_file(path, ATTEST_BUNDLE_SIZE_MAX, &owned[0]));
        return attest_collateral_read(owned[0], ret);
    }
    for (int i = 0; i < ATTEST_PART_COUNT; i++) {
        int size =
            snprintf(name, sizeof name, "%s/%s", path, attest_part_file((enum attest_part)i));
        REQUIRE(size > 0 && (size_t)size < sizeof name, ERR_RANGE, "the path is too long");
        if (is_ok(read_file(name, ATTEST_CRL_SIZE_MAX, &owned[i])))
            ret->parts[i] = owned[i]; // an absent part is the verifier's to complain about
    }
    return RESULT_OK;
}

// A built-in policy by its name, or a file. `file` is left accepting nothing on failure.
static struct result load_policy(const char *name, struct attest_policy_file *file)
{
    struct attest_policy_place place = {0};
    struct span text = attest_policy_named(name), owned = {NULL, 0};
    if (!text.data) {
        struct result r = read_file(name, ATTEST_POLICY_SIZE_MAX, &owned);
        REQUIRE(is_ok(r), ERR_NOT_FOUND, "there is no such policy");
        text = owned;
    }
    struct result r = attest_policy_load(text, &place, file);
    if (!is_ok(r) && place.line)
        fprintf(stderr, "%s: line %zu%s%s\n", name, place.line, place.key[0] ? ", at " : "",
                place.key);
    free_span(owned);
    return r;
}

// What the command line says beside the policy.
static struct result adjust_policy(const struct settings *s, struct attest_policy_file *f)
{
    struct attest_policy *p = &f->policy;
    for (size_t i = 0; i < s->root_count; i++) {
        REQUIRE(f->roots.count < ATTEST_POLICY_ROOTS_MAX, ERR_RANGE, "too many roots");
        struct attest_root *root = &f->root_items[f->roots.count++];
        *root = s->roots[i];
        f->root_names[p->root_count++] = root->name;
        p->allow_emulated = true; // the user named that root
    }
    if (s->identity.kind) {
        f->identities[0] = s->identity;
        p->identity_count = 1;
        p->td_identity_count = 0;
        p->any_identity = false;
    }
    if (s->tcb_worst != ATTEST_TCB_UP_TO_DATE) {
        p->tcb_status_worst = s->tcb_worst;
        p->check_advisories = false;
    }
    p->allow_debug |= s->allow_debug;
    return RESULT_OK;
}

static int verify(const struct settings *s, const struct attest_policy_file *policy,
                  struct span bytes, const struct attest_collateral *collateral)
{
    struct attest_verdict *verdict = malloc(sizeof *verdict);
    struct attest_reasons reasons = {.count = 0};
    struct attest_quote quote;
    const struct attest_evidence evidence = {
        .quote = bytes, .collateral = *collateral, .now = s->at, .roots = policy->roots};
    if (!verdict)
        return complain("out of memory", "", "free some");
    int code = EXIT_ACCEPTED;
    if (!is_ok(attest_verify(&evidence, verdict))) {
        reasons = (struct attest_reasons){.codes = {verdict->code}, .count = 1};
        code = EXIT_INVALID;
    } else if (!is_ok(attest_policy_check(&policy->policy, &verdict->claims, &reasons))) {
        code = EXIT_REFUSED;
    }
    bool has_form = attest_quote_parse(bytes, &quote) == ATTEST_OK;
    const struct quote_judgement judgement = {verdict, &reasons, has_form ? &quote : NULL,
                                              policy->name[0] ? policy->name : s->policy};
    quote_print_judgement(&judgement, s->json);
    free(verdict);
    return code;
}

static int verify_with_policy(const struct settings *s, struct span quote,
                              const struct attest_collateral *collateral)
{
    struct attest_policy_file *policy = calloc(1, sizeof *policy);
    if (!policy)
        return complain("out of memory", "", "free some");
    struct result r = load_policy(s->policy, policy);
    if (is_ok(r))
        r = adjust_policy(s, policy);
    int code = is_ok(r) ? verify(s, policy, quote, collateral)
                        : complain(r.why, s->policy, "give strict, standard or a policy file");
    free(policy);
    return code;
}

static int cmd_verify(const struct settings *s, struct span quote)
{
    struct span owned[ATTEST_PART_COUNT] = {{NULL, 0}};
    struct attest_collateral collateral = {0};
    if (!s->collateral)
        return complain("a quote cannot be judged without collateral", "",
                        "give it with --collateral DIR");
    struct result r = load_collateral(s->collateral, &collateral, owned);
    int code = is_ok(r) ? verify_with_policy(s, quote, &collateral)
                        : complain(r.why, s->collateral, "give a collateral folder or bundle");
    for (int i = 0; i < ATTEST_PART_COUNT; i++)
        free_span(owned[i]);
    return code;
}

static int cmd_show(const struct settings *s, struct span bytes)
{
    struct attest_quote quote;
    enum attest_code code = attest_quote_parse(bytes, &quote);
    if (code)
        return complain(attest_code_text(code), s->file, "give a file with one DCAP quote");
    quote_print(&quote, s->json);
    return EXIT_ACCEPTED;
}

static int cmd_fetch(const struct settings *s, struct span quote)
{
    if (!s->url || !s->out)
        return complain("--url and --out are needed", "", "see cloister quote --help");
    const struct quote_fetch fetch = {.quote = quote,
                                      .url = s->url,
                                      .root_crl = s->root_crl,
                                      .out = s->out,
                                      .cache = s->cache,
                                      .offline = s->offline,
                                      .now = s->at};
    struct result r = quote_fetch_collateral(&fetch);
    return is_ok(r) ? EXIT_ACCEPTED
                    : complain(r.why, s->url, "give the URL of a PCCS that knows this platform");
}

// "NAME=SHA256HEX"; the name is kept in the root.
static bool add_root(struct settings *s, const char *text)
{
    const char *hash = strchr(text, '=');
    if (!hash || s->root_count == ATTEST_POLICY_ROOTS_MAX)
        return false;
    struct attest_root *root = &s->roots[s->root_count];
    size_t size = (size_t)(hash - text);
    if (size == 0 || size >= sizeof root->name ||
        strncmp(text, ATTEST_ROOT_INTEL_NAME, MAX(size, sizeof ATTEST_ROOT_INTEL_NAME - 1)) == 0 ||
        !is_ok(hex_decode(SPAN(hash + 1, strlen(hash + 1)), root->key_hash, 32)))
        return false;
    memcpy(root->name, text, size);
    s->root_count++;
    return true;
}

static bool set_at(struct settings *s, const char *text)
{
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    s->at = value;
    return errno == 0 && *text && !*end && value >= 0;
}

// 0, or an exit code plus 1 when there is nothing more to do.
static int parse_options(int argc, char **argv, struct settings *s)
{
    enum {
        AT = 1,
        COLLATERAL,
        POLICY,
        ROOT,
        MRENCLAVE,
        TCB,
        DEBUG,
        JSON,
        URL,
        OUT,
        ROOT_CRL,
        CACHE,
        OFFLINE,
        HELP
    };
    static const struct option options[] = {
        {"at", required_argument, NULL, AT},
        {"collateral", required_argument, NULL, COLLATERAL},
        {"policy", required_argument, NULL, POLICY},
        {"root", required_argument, NULL, ROOT},
        {"mrenclave", required_argument, NULL, MRENCLAVE},
        {"tcb", required_argument, NULL, TCB},
        {"allow-debug", no_argument, NULL, DEBUG},
        {"json", no_argument, NULL, JSON},
        {"url", required_argument, NULL, URL},
        {"out", required_argument, NULL, OUT},
        {"root-crl", required_argument, NULL, ROOT_CRL},
        {"cache", required_argument, NULL, CACHE},
        {"offline", no_argument, NULL, OFFLINE},
        {"help", no_argument, NULL, HELP},
        {NULL, 0, NULL, 0},
    };
    optind = 1;
    opterr = 0;
    for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        bool ok = true;
        switch (c) {
        case AT:
            ok = set_at(s, optarg);
            break;
        case COLLATERAL:
            s->collateral = optarg;
            break;
        case POLICY:
            s->policy = optarg;
            break;
        case ROOT:
            ok = add_root(s, optarg);
            break;
        case MRENCLAVE:
            s->identity.kind = ATTEST_IDENTITY_MRENCLAVE;
            ok = is_ok(hex_decode(SPAN(optarg, strlen(optarg)), s->identity.hash, 32));
            break;
        case TCB:
            s->tcb_worst = attest_tcb_status_of(SPAN(optarg, strlen(optarg)));
            ok = s->tcb_worst < ATTEST_TCB_REVOKED;
            break;
        case DEBUG:
            s->allow_debug = true;
            break;
        case JSON:
            s->json = true;
            break;
        case URL:
            s->url = optarg;
            break;
        case OUT:
            s->out = optarg;
            break;
        case ROOT_CRL:
            s->root_crl = optarg;
            break;
        case CACHE:
            s->cache = optarg;
            break;
        case OFFLINE:
            s->offline = true;
            break;
        case 'h':
        case HELP:
            fputs(usage, stdout);
            return EXIT_ACCEPTED + 1;
        default:
            return complain("unknown option, or its value is missing", argv[optind - 1],
                            "see cloister quote --help") +
                   1;
        }
        if (!ok)
            return complain("the option's value has the wrong form", optarg,
                            "see cloister quote --help") +
                   1;
    }
    if (optind + 1 != argc)
        return complain("one file is needed", "", "see cloister quote --help") + 1;
    s->file = argv[optind];
    return 0;
}

int cmd_quote(int argc, char **argv)
{
    struct settings s = {.policy = "strict", .at = (int64_t)time(NULL)};
    struct span quote;
    const char *verb = argc > 1 ? argv[1] : "";
    if (strcmp(verb, "--help") == 0 || strcmp(verb, "-h") == 0) {
        fputs(usage, stdout);
        return EXIT_ACCEPTED;
    }
    static const struct {
        const char *verb;
        int (*run)(const struct settings *s, struct span quote);
    } verbs[] = {{"show", cmd_show}, {"verify", cmd_verify}, {"fetch-collateral", cmd_fetch}};
    size_t i = 0;
    while (i < ARRAY_COUNT(verbs) && strcmp(verbs[i].verb, verb) != 0)
        i++;
    if (i == ARRAY_COUNT(verbs))
        return complain("show, verify or fetch-collateral is needed", verb,
                        "see cloister quote --help");
    int stop = parse_options(argc - 1, argv + 1, &s);
    if (stop)
        return stop - 1;
    struct result r = read_file(s.file, FILE_SIZE_MAX, &quote);
    if (!is_ok(r))
        return complain(r.why, s.file, "give a file with one DCAP quote");
    int code = verbs[i].run(&s, quote);
    free_span(quote);
    return code;
}
