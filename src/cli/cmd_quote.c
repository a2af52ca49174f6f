// SPDX-License-Identifier: Apache-2.0
// cloister quote show|verify: looks at a quote, and judges it with collateral and a policy.
//
// Exit codes of verify: 0 genuine and accepted, 1 genuine but refused by the policy, 2 not genuine
// or not to be judged. show: 0, or 2 when the file is no quote.
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <jansson.h>

#include "attest/attest.h"
#include "attest/quote.h"
#include "attest/time.h"
#include "base/hex.h"
#include "cli/cli.h"
#include "os/file.h"

#define ROOTS_MAX 8u

enum exit_code {
    EXIT_ACCEPTED = 0,
    EXIT_REFUSED = 1,
    EXIT_INVALID = 2,
};

struct settings {
    const char *file, *collateral;
    int64_t at;
    struct attest_root roots[ROOTS_MAX];
    const char *root_names[ROOTS_MAX + 1];
    size_t root_count;
    struct attest_identity identity;
    enum attest_tcb_status tcb_worst;
    bool allow_debug, json;
};

static const char usage[] =
    "usage: cloister quote show FILE [--json]\n"
    "       cloister quote verify FILE [options]\n"
    "\n"
    "show prints what a quote claims, believed or not. verify checks it against collateral:\n"
    "  --collateral DIR     folder with pck_crl.der, root_ca_crl.der, tcb_info.json, "
    "tcb_chain.pem,\n"
    "                       qe_identity.json, qe_chain.pem; or a collateral bundle (a file)\n"
    "  --at UNIXTIME        judge as of this time (default: now)\n"
    "  --root NAME=SHA256   accept also the root CA whose key has this hash; Intel's is known.\n"
    "                       Any other root means emulated: no hardware protects the enclave\n"
    "  --mrenclave HEX      accept this enclave only\n"
    "  --tcb STATUS         worst TCB status to accept (default: UpToDate)\n"
    "  --allow-debug        accept debug enclaves\n"
    "  --json               one JSON object instead of text\n"
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

static void set_hex(json_t *object, const char *key, const void *bytes, size_t size)
{
    char text[HEX_SIZE(128)];
    hex_encode(bytes, MIN(size, (size_t)128), text);
    json_object_set_new(object, key, json_string(text));
}

static void set_time(json_t *object, const char *key, int64_t time)
{
    char text[ATTEST_TIME_TEXT_SIZE];
    attest_time_format(time, text);
    json_object_set_new(object, key, json_string(text));
}

static json_t *json_of_body(const struct sgx_report_body *body)
{
    json_t *o = json_object();
    set_hex(o, "mrenclave", body->mrenclave, sizeof body->mrenclave);
    set_hex(o, "mrsigner", body->mrsigner, sizeof body->mrsigner);
    json_object_set_new(o, "isvprodid", json_integer(body->isvprodid));
    json_object_set_new(o, "isvsvn", json_integer(body->isvsvn));
    set_hex(o, "attributes", &body->attributes, sizeof body->attributes);
    set_hex(o, "miscselect", &body->miscselect, sizeof body->miscselect);
    set_hex(o, "cpusvn", body->cpusvn, sizeof body->cpusvn);
    set_hex(o, "configid", body->configid, sizeof body->configid);
    json_object_set_new(o, "configsvn", json_integer(body->configsvn));
    set_hex(o, "isvextprodid", body->isvextprodid, sizeof body->isvextprodid);
    set_hex(o, "isvfamilyid", body->isvfamilyid, sizeof body->isvfamilyid);
    set_hex(o, "report_data", body->reportdata, sizeof body->reportdata);
    return o;
}

static json_t *json_of_claims(const struct attest_claims *c)
{
    json_t *o = json_of_body(&c->body);
    set_hex(o, "fmspc", c->pck.fmspc, sizeof c->pck.fmspc);
    set_hex(o, "pceid", c->pck.pceid, sizeof c->pck.pceid);
    json_object_set_new(o, "pcesvn", json_integer(c->pck.pcesvn));
    json_object_set_new(o, "qe_isvsvn", json_integer(c->qe_isvsvn));
    json_object_set_new(o, "root", json_string(c->root));
    json_object_set_new(o, "platform_tcb_status",
                        json_string(attest_tcb_status_name(c->platform_status)));
    json_object_set_new(o, "qe_tcb_status", json_string(attest_tcb_status_name(c->qe_status)));
    json_object_set_new(o, "tcb_evaluation_data_number", json_integer(c->tcb_evaluation));
    set_time(o, "tcb_date", c->tcb_date);
    set_time(o, "qe_tcb_date", c->qe_tcb_date);
    set_time(o, "collateral_issued_at", c->issued_at);
    set_time(o, "valid_until", c->valid_until);
    return o;
}

static void print_json(json_t *object)
{
    char *text = json_dumps(object, JSON_INDENT(2) | JSON_SORT_KEYS);
    puts(text ? text : "{}");
    free(text);
    json_decref(object);
}

// Every member as a line; an object's members under it.
static void print_lines(const json_t *object)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        if (json_is_string(value))
            printf("  %-27s %s\n", key, json_string_value(value));
        else if (json_is_integer(value))
            printf("  %-27s %" JSON_INTEGER_FORMAT "\n", key, json_integer_value(value));
    }
}

static void print_emulated(void)
{
    printf("emulated: this enclave runs on no SGX hardware; NOTHING protects it\n");
}

static json_t *json_of_verdict(const struct attest_verdict *verdict,
                               const struct attest_reasons *reasons)
{
    const struct attest_claims *c = &verdict->claims;
    bool genuine = verdict->code == ATTEST_OK;
    json_t *o = json_object(), *list = json_array(), *advisories = json_array();
    json_object_set_new(o, "verdict",
                        json_string(!genuine         ? "invalid"
                                    : reasons->count ? "refused"
                                                     : "accepted"));
    for (size_t i = 0; i < reasons->count; i++)
        json_array_append_new(list, json_string(attest_code_name(reasons->codes[i])));
    for (size_t i = 0; i < c->advisories.count; i++)
        json_array_append_new(advisories, json_string(c->advisories.ids[i]));
    json_object_set_new(o, "reasons", list);
    json_object_set_new(o, "advisory_ids", advisories);
    json_object_set_new(o, "tee", json_string("SGX"));
    json_object_set_new(o, "tcb_status",
                        genuine ? json_string(attest_tcb_status_name(c->tcb_status)) : json_null());
    json_object_set_new(o, "debug", genuine ? json_boolean(c->debug) : json_null());
    json_object_set_new(o, "emulated", genuine ? json_boolean(c->emulated) : json_null());
    json_object_set_new(o, "claims", genuine ? json_of_claims(c) : json_null());
    return o;
}

static void print_verdict(const struct attest_verdict *verdict,
                          const struct attest_reasons *reasons)
{
    const struct attest_claims *c = &verdict->claims;
    bool genuine = verdict->code == ATTEST_OK;
    printf("%s\n", !genuine         ? "invalid: the quote proves nothing"
                   : reasons->count ? "refused: the quote is genuine, the policy does not accept it"
                                    : "accepted: the quote is genuine and the policy accepts it");
    for (size_t i = 0; i < reasons->count; i++)
        printf("refused: %s (%s)\n", attest_code_text(reasons->codes[i]),
               attest_code_name(reasons->codes[i]));
    if (!genuine)
        return;
    if (c->emulated)
        print_emulated();
    if (c->debug)
        printf("debug: the host can read and change this enclave\n");
    printf("  %-27s %s\n", "tcb_status", attest_tcb_status_name(c->tcb_status));
    for (size_t i = 0; i < c->advisories.count; i++)
        printf("  %-27s %s\n", i ? "" : "advisory_ids", c->advisories.ids[i]);
    json_t *claims = json_of_claims(c);
    print_lines(claims);
    json_decref(claims);
}

static struct attest_policy policy_of(const struct settings *s)
{
    return (struct attest_policy){
        .roots = s->root_names,
        .root_count = s->root_count + 1,
        .allow_emulated = s->root_count > 0, // the user named that root
        .tcb_status_worst = s->tcb_worst,
        .allow_debug = s->allow_debug,
        .any_identity = s->identity.kind == 0,
        .identities = &s->identity,
        .identity_count = s->identity.kind != 0,
    };
}

static int verify(const struct settings *s, struct span quote,
                  const struct attest_collateral *collateral)
{
    struct attest_verdict *verdict = malloc(sizeof *verdict);
    struct attest_reasons reasons = {.count = 0};
    const struct attest_policy policy = policy_of(s);
    const struct attest_evidence evidence = {.quote = quote,
                                             .collateral = *collateral,
                                             .now = s->at,
                                             .roots = {s->roots, s->root_count}};
    if (!verdict)
        return complain("out of memory", "", "free some");
    int code = EXIT_ACCEPTED;
    if (!is_ok(attest_verify(&evidence, verdict))) {
        reasons = (struct attest_reasons){.codes = {verdict->code}, .count = 1};
        code = EXIT_INVALID;
    } else if (!is_ok(attest_policy_check(&policy, &verdict->claims, &reasons))) {
        code = EXIT_REFUSED;
    }
    if (s->json)
        print_json(json_of_verdict(verdict, &reasons));
    else
        print_verdict(verdict, &reasons);
    free(verdict);
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
    int code = is_ok(r) ? verify(s, quote, &collateral)
                        : complain(r.why, s->collateral, "give a collateral folder or bundle");
    for (int i = 0; i < ATTEST_PART_COUNT; i++)
        free_span(owned[i]);
    return code;
}

// The hash of the key of the chain's last certificate; not verified.
static bool root_of(const struct attest_quote *quote, uint8_t ret[32])
{
    static const struct attest_chain_codes codes = {.format = ATTEST_PCK_CHAIN_FORMAT};
    struct attest_chain chain;
    if (quote->certdata_type != SGX_QUOTE_CERTDATA_PCK_CHAIN ||
        attest_chain_load(quote->certdata, ATTEST_CHAIN_MAX, &codes, &chain))
        return false;
    bool ok = is_ok(attest_cert_key_hash(chain.certs[ATTEST_CHAIN_MAX - 1], ret));
    attest_chain_done(&chain);
    return ok;
}

static json_t *json_of_quote(const struct attest_quote *q, bool has_root, const uint8_t root[32],
                             bool emulated)
{
    json_t *o = json_object(), *header = json_object();
    json_object_set_new(header, "version", json_integer(q->header.version));
    json_object_set_new(header, "attestation_key_type",
                        json_integer(q->header.attestation_key_type));
    json_object_set_new(header, "tee_type", json_integer(q->header.tee_type));
    json_object_set_new(header, "qe_svn", json_integer(q->header.qe_svn));
    json_object_set_new(header, "pce_svn", json_integer(q->header.pce_svn));
    set_hex(header, "qe_vendor", q->header.qe_vendor, sizeof q->header.qe_vendor);
    set_hex(header, "user_data", q->header.user_data, sizeof q->header.user_data);
    json_object_set_new(o, "header", header);
    json_object_set_new(o, "body", json_of_body(&q->body));
    json_object_set_new(o, "qe_report", json_of_body(&q->sig.qe_report));
    set_hex(o, "attestation_key", q->sig.attestation_key, sizeof q->sig.attestation_key);
    set_hex(o, "auth_data", q->auth_data.data, q->auth_data.size);
    json_object_set_new(o, "certification_data_type", json_integer(q->certdata_type));
    json_object_set_new(o, "certification_data_size", json_integer((json_int_t)q->certdata.size));
    if (has_root)
        set_hex(o, "root_key_sha256", root, 32);
    json_object_set_new(o, "debug",
                        json_boolean((q->body.attributes.flags & SGX_FLAGS_DEBUG) != 0));
    json_object_set_new(o, "emulated", has_root ? json_boolean(emulated) : json_null());
    json_object_set_new(o, "tee", json_string("SGX"));
    json_object_set_new(o, "verified", json_false());
    return o;
}

static int cmd_show(const struct settings *s, struct span bytes)
{
    struct attest_quote quote;
    uint8_t root[32];
    enum attest_code code = attest_quote_parse(bytes, &quote);
    if (code)
        return complain(attest_code_text(code), s->file, "give a file with one DCAP quote");
    bool has_root = root_of(&quote, root);
    bool emulated = has_root && !ct_equal(root, attest_root_intel.key_hash, sizeof root);
    json_t *o = json_of_quote(&quote, has_root, root, emulated);
    if (s->json) {
        print_json(o);
        return EXIT_ACCEPTED;
    }
    printf("SGX quote, version %u, not verified\n", quote.header.version);
    if (emulated)
        print_emulated();
    if (quote.body.attributes.flags & SGX_FLAGS_DEBUG)
        printf("debug: the host can read and change this enclave\n");
    print_lines(o);
    const char *const parts[] = {"header", "body", "qe_report"};
    for (size_t i = 0; i < ARRAY_COUNT(parts); i++) {
        printf("%s\n", parts[i]);
        print_lines(json_object_get(o, parts[i]));
    }
    json_decref(o);
    return EXIT_ACCEPTED;
}

// "NAME=SHA256HEX"; the name is kept in the root.
static bool add_root(struct settings *s, const char *text)
{
    const char *hash = strchr(text, '=');
    if (!hash || s->root_count == ROOTS_MAX)
        return false;
    struct attest_root *root = &s->roots[s->root_count];
    size_t size = (size_t)(hash - text);
    if (size == 0 || size >= sizeof root->name ||
        strncmp(text, ATTEST_ROOT_INTEL_NAME, MAX(size, sizeof ATTEST_ROOT_INTEL_NAME - 1)) == 0 ||
        !is_ok(hex_decode(SPAN(hash + 1, strlen(hash + 1)), root->key_hash, 32)))
        return false;
    memcpy(root->name, text, size);
    s->root_names[++s->root_count] = root->name;
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
    enum { AT = 1, COLLATERAL, ROOT, MRENCLAVE, TCB, DEBUG, JSON, HELP };
    static const struct option options[] = {
        {"at", required_argument, NULL, AT},
        {"collateral", required_argument, NULL, COLLATERAL},
        {"root", required_argument, NULL, ROOT},
        {"mrenclave", required_argument, NULL, MRENCLAVE},
        {"tcb", required_argument, NULL, TCB},
        {"allow-debug", no_argument, NULL, DEBUG},
        {"json", no_argument, NULL, JSON},
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
    struct settings s = {.root_names = {ATTEST_ROOT_INTEL_NAME}, .at = (int64_t)time(NULL)};
    struct span quote;
    const char *verb = argc > 1 ? argv[1] : "";
    if (strcmp(verb, "--help") == 0 || strcmp(verb, "-h") == 0) {
        fputs(usage, stdout);
        return EXIT_ACCEPTED;
    }
    bool show = strcmp(verb, "show") == 0;
    if (!show && strcmp(verb, "verify") != 0)
        return complain("show or verify is needed", verb, "see cloister quote --help");
    int stop = parse_options(argc - 1, argv + 1, &s);
    if (stop)
        return stop - 1;
    struct result r = read_file(s.file, SGX_QUOTE_SIZE_MAX, &quote);
    if (!is_ok(r))
        return complain(r.why, s.file, "give a file with one DCAP quote");
    int code = show ? cmd_show(&s, quote) : cmd_verify(&s, quote);
    free_span(quote);
    return code;
}
