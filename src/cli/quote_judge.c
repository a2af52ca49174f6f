// SPDX-License-Identifier: Apache-2.0
#include "cli/quote_judge.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/hex.h"
#include "cli/quote_fetch.h"
#include "cli/quote_report.h"
#include "os/file.h"

#define PATH_SIZE 4096

const char quote_options_help[] =
    "  --collateral DIR     folder with pck_crl.der, root_ca_crl.der, tcb_info.json, "
    "tcb_chain.pem,\n"
    "                       qe_identity.json, qe_chain.pem; or a collateral bundle (a file).\n"
    "                       Without it: what fetch-collateral has put into the cache\n"
    "  --url URL            a PCCS to ask for what the cache lacks ($CLOISTER_PCCS)\n"
    "  --root-crl URL, --cache FILE, --offline   as for fetch-collateral\n"
    "  --at UNIXTIME        judge as of this time (default: now)\n"
    "  --policy FILE|NAME   what to accept: a YAML file, strict (default) or standard\n"
    "These widen or narrow the policy:\n"
    "  --root NAME=SHA256[,…]  accept also the root CA whose key has this hash; Intel's is known.\n"
    "                       Any other root means emulated: no hardware protects the enclave\n"
    "  --mrenclave HEX      accept this enclave only\n"
    "  --tcb STATUS         worst TCB status to accept (default: UpToDate)\n"
    "  --allow-debug        accept debug enclaves\n"
    "  --json               one JSON object instead of text\n";

int quote_complain(const char *word, const char *what, const char *detail, const char *advice)
{
    fprintf(stderr, "cloister %s: %s%s%s; %s\n", word, what, detail[0] ? ": " : "", detail, advice);
    return QUOTE_INVALID;
}

int quote_read_time(const char *word, const char *text, int64_t *ret)
{
    char *end;
    errno = 0;
    long long value = text ? strtoll(text, &end, 10) : (long long)time(NULL);
    if (text && (errno != 0 || !*text || *end || value < 0))
        return quote_complain(word, "this is no time", text, "give seconds since 1970") + 1;
    *ret = value;
    return 0;
}

static struct result read_file(const char *path, size_t size_max, struct span *ret)
{
    uint8_t *data;
    size_t size;
    GUARD(file_read(path, size_max, &data, &size));
    *ret = SPAN(data, size);
    return RESULT_OK;
}

// -- collateral ---------------------------------------------------------------------------------------

// A folder, or one bundle.
static struct result load_collateral(const char *path, struct quote_judge *j)
{
    struct stat st;
    char name[PATH_SIZE];
    REQUIRE(stat(path, &st) == 0, ERR_NOT_FOUND, "cannot find the collateral");
    if (!S_ISDIR(st.st_mode)) {
        GUARD(read_file(path, ATTEST_BUNDLE_SIZE_MAX, &j->bundle));
        return attest_collateral_read(j->bundle, &j->collateral);
    }
    for (int i = 0; i < ATTEST_PART_COUNT; i++) {
        int size =
            snprintf(name, sizeof name, "%s/%s", path, attest_part_file((enum attest_part)i));
        REQUIRE(size > 0 && (size_t)size < sizeof name, ERR_RANGE, "the path is too long");
        // An absent part is the verifier's to complain about.
        (void)!is_ok(read_file(name, ATTEST_CRL_SIZE_MAX, &j->collateral.parts[i]));
    }
    return RESULT_OK;
}

// Without collateral the verdict says so; here stands why there is none.
static bool find_collateral(const struct quote_options *o, struct span quote, struct quote_judge *j)
{
    if (o->collateral) {
        struct result r = load_collateral(o->collateral, j);
        if (!is_ok(r))
            quote_complain(j->word, r.why, o->collateral, "give a collateral folder or bundle");
        return is_ok(r);
    }
    const char *url = o->url ? o->url : getenv("CLOISTER_PCCS");
    const struct quote_fetch fetch = {.quote = quote,
                                      .url = url,
                                      .root_crl = o->root_crl,
                                      .cache = o->cache,
                                      .offline = o->offline || !url,
                                      .now = j->at};
    struct result r = quote_fetch_collateral(&fetch, &j->collateral);
    if (!is_ok(r))
        quote_complain(j->word, r.why, "",
                       "give --collateral DIR, or --url of a PCCS that may be asked, or fill the "
                       "cache with cloister quote fetch-collateral");
    return true;
}

// -- the policy ---------------------------------------------------------------------------------------

// A built-in policy by its name, or a file. Left accepting nothing on failure.
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
    free((void *)(uintptr_t)owned.data);
    return r;
}

// "NAME=SHA256HEX", `size` bytes of it.
static struct result add_root(struct attest_policy_file *f, const char *text, size_t size)
{
    struct attest_root *root = &f->root_items[f->roots.count];
    const char *hash = memchr(text, '=', size);
    REQUIRE(f->roots.count < ATTEST_POLICY_ROOTS_MAX, ERR_RANGE, "too many roots");
    REQUIRE(hash && hash > text && (size_t)(hash - text) < sizeof root->name, ERR_INVALID,
            "a root is NAME=SHA256");
    size_t name_size = (size_t)(hash - text);
    memset(root->name, 0, sizeof root->name);
    memcpy(root->name, text, name_size);
    for (size_t i = 0; i < f->policy.root_count; i++)
        REQUIRE(strcmp(f->root_names[i], root->name) != 0, ERR_INVALID, "a root stands twice");
    REQUIRE(strcmp(root->name, ATTEST_ROOT_INTEL_NAME) != 0, ERR_INVALID,
            "Intel's root is known and has one key");
    GUARD(hex_decode(SPAN(hash + 1, size - name_size - 1), root->key_hash, 32));
    f->root_names[f->policy.root_count++] = root->name;
    f->roots.count++;
    f->policy.allow_emulated = true; // the user named that root
    return RESULT_OK;
}

// What the command line says beside the policy.
static struct result adjust_policy(const struct quote_options *o, struct attest_policy_file *f)
{
    struct attest_policy *p = &f->policy;
    for (const char *at = o->roots; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
        GUARD(add_root(f, at, strcspn(at, ",")));
    if (o->mrenclave) {
        f->identities[0].kind = ATTEST_IDENTITY_MRENCLAVE;
        GUARD(hex_decode(SPAN(o->mrenclave, strlen(o->mrenclave)), f->identities[0].hash, 32));
        p->identity_count = 1;
        p->td_identity_count = 0;
        p->any_identity = false;
    }
    if (o->tcb) {
        p->tcb_status_worst = attest_tcb_status_of(SPAN(o->tcb, strlen(o->tcb)));
        REQUIRE(p->tcb_status_worst < ATTEST_TCB_REVOKED, ERR_INVALID,
                "not a TCB status that can be accepted");
        p->check_advisories &= p->tcb_status_worst == ATTEST_TCB_UP_TO_DATE;
    }
    p->allow_debug |= o->allow_debug;
    return RESULT_OK;
}

struct quote_judge *quote_judge_new(const char *word, const struct quote_options *o,
                                    struct span quote)
{
    struct quote_judge *j = calloc(1, sizeof *j);
    const char *policy = o->policy ? o->policy : "strict";
    if (!j) {
        quote_complain(word, "out of memory", "", "free some");
        return NULL;
    }
    j->word = word;
    j->json = o->json;
    bool ok = quote_read_time(word, o->at, &j->at) == 0;
    struct result r = ok ? load_policy(policy, &j->policy) : RESULT_OK;
    if (!is_ok(r))
        quote_complain(word, r.why, policy, "give strict, standard or a policy file");
    ok = ok && is_ok(r);
    r = ok ? adjust_policy(o, &j->policy) : RESULT_OK;
    if (!is_ok(r))
        quote_complain(word, "an option's value is wrong", r.why, "see --help");
    ok = ok && is_ok(r) && find_collateral(o, quote, j);
    j->policy_name = j->policy.name[0] ? j->policy.name : policy;
    if (ok)
        return j;
    quote_judge_free(j);
    return NULL;
}

void quote_judge_free(struct quote_judge *j)
{
    if (!j)
        return;
    if (j->bundle.data)
        j->collateral = (struct attest_collateral){0}; // those parts are the bundle's
    quote_collateral_free(&j->collateral);
    free((void *)(uintptr_t)j->bundle.data);
    free(j);
}

int quote_judge_print(const struct quote_judge *j, struct span bytes,
                      const struct attest_verdict *verdict, const struct attest_reasons *reasons)
{
    struct attest_quote quote;
    struct attest_reasons invalid = {.codes = {verdict->code}, .count = 1};
    bool has_form = attest_quote_parse(bytes, &quote) == ATTEST_OK;
    bool genuine = verdict->code == ATTEST_OK;
    const struct quote_judgement judgement = {verdict, genuine ? reasons : &invalid,
                                              has_form ? &quote : NULL, j->policy_name};
    quote_print_judgement(&judgement, j->json);
    return !genuine ? QUOTE_INVALID : reasons->count ? QUOTE_REFUSED : QUOTE_ACCEPTED;
}
