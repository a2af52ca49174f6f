// SPDX-License-Identifier: Apache-2.0
// cloister run: runs a protected image in an enclave. Its exit status is the program's, 128 + n
// when signal n ended it, and one of enum exit_status when no program was there to give one.
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "abi/hostcall/hostcall.h"
#include "base/hex.h"
#include "cli/cli.h"
#include "host/launch.h"
#include "os/file.h"
#include "os/home.h"
#include "quoting/quoting.h"

#define HINTS_MAX           64u
#define HOSTILE_RATE_NORMAL 16u

enum exit_status {
    STATUS_USAGE = 2,
    STATUS_PANIC = 101,  // the kernel in the enclave gave up
    STATUS_CRASH = 102,  // the enclave cannot be entered any more
    STATUS_FAILED = 125, // nothing was started
};

struct settings {
    struct host_options host;
    const char *platform;
    bool quiet, trap, stats, json;
    uint8_t configid[64], fspf_key[32], fspf_tag[32], task[32];
    char *hints[HINTS_MAX];
};

static const char usage[] =
    "usage: cloister run IMAGE [options] [-- ARGUMENTS]\n"
    "\n"
    "Runs the program of a protected image in an enclave.\n"
    "  --platform NAME    sgx or emulated; default: sgx where this machine has it, else emulated,\n"
    "                     which protects nothing and is for development;\n"
    "                     $CLOISTER_MODE says hw (sgx), sim (emulated) or auto\n"
    "  --root DIR         the directory with the files that a split image leaves out\n"
    "  --stats[=json]     print at the end, on standard error, what crossed the enclave's edge\n"
    "  --hint NAME=VALUE  tell the enclave's init program something it may use and must check\n"
    "  --configid HEX     128 hex digits: the enclave's CONFIGID, which its reports then show\n"
    "  --fspf-key HEX     for an image whose MRENCLAVE does not name its file system: FSPF_KEY, "
    "FSPF_TAG\n"
    "  --fspf-tag HEX     and the task that CONFIGID shall name, 64 hex digits each; default: what "
    "the\n"
    "  --task HEX         image says of itself, and no task. Other images do not look at them\n"
    "  --trap             emulated: trap every ENCLU instead of patching it (the reference, slow)\n"
    "  --no-patch         leave every system-call instruction as it is: all are trapped (slow)\n"
    "  --quiet            no notices\n"
    "ARGUMENTS reach the program only if its image lets the host choose them.\n"
    "\n"
    "exit status: the program's; 128 + n after signal n; 101 the enclave's kernel gave up;\n"
    "102 the enclave was lost; 125 nothing was started\n";

enum option_key {
    OPTION_HOSTILE = 256,
    OPTION_HOSTILE_RATE,
    OPTION_ROOT,
    OPTION_FSPF_KEY,
    OPTION_FSPF_TAG,
    OPTION_TASK,
};

static const struct option long_options[] = {
    {"platform", required_argument, NULL, 'p'},
    {"stats", optional_argument, NULL, 's'},
    {"hint", required_argument, NULL, 'H'},
    {"configid", required_argument, NULL, 'c'},
    {"root", required_argument, NULL, OPTION_ROOT},
    {"fspf-key", required_argument, NULL, OPTION_FSPF_KEY},
    {"fspf-tag", required_argument, NULL, OPTION_FSPF_TAG},
    {"task", required_argument, NULL, OPTION_TASK},
    {"trap", no_argument, NULL, 't'},
    {"no-patch", no_argument, NULL, 'n'},
    {"quiet", no_argument, NULL, 'q'},
    {"help", no_argument, NULL, 'h'},
    {"hostile", required_argument, NULL, OPTION_HOSTILE}, // tests: a host that lies
    {"hostile-rate", required_argument, NULL, OPTION_HOSTILE_RATE},
    {0},
};

static int complain(const char *what, const char *detail)
{
    fprintf(stderr, "cloister run: %s%s%s\n", what, detail[0] ? ": " : "", detail);
    return STATUS_FAILED;
}

static bool take_hash(uint8_t *into, const uint8_t **ret)
{
    *ret = into;
    return is_ok(hex_decode(SPAN(optarg, strlen(optarg)), into, 32));
}

// One option; false: not understood.
static bool take_option(struct settings *s, int key)
{
    switch (key) {
    case 'p':
        s->platform = optarg;
        return strcmp(optarg, "sgx") == 0 || strcmp(optarg, "emulated") == 0;
    case 's':
        s->stats = true;
        s->json = optarg != NULL;
        s->host.boot_flags |= BOOT_STATS;
        return optarg == NULL || strcmp(optarg, "json") == 0;
    case 'H':
        if (s->host.hint_count == HINTS_MAX || !strchr(optarg, '='))
            return false;
        s->hints[s->host.hint_count++] = optarg;
        return true;
    case 'c':
        s->host.configid = s->configid;
        return strlen(optarg) == 2 * sizeof s->configid &&
               is_ok(hex_decode(SPAN(optarg, strlen(optarg)), s->configid, sizeof s->configid));
    case 't':
        s->trap = true;
        return true;
    case 'n':
        s->host.boot_flags |= BOOT_NO_PATCH;
        return true;
    case 'q':
        s->quiet = true;
        s->host.boot_flags |= BOOT_QUIET;
        return true;
    case OPTION_ROOT:
        s->host.root = optarg;
        return true;
    case OPTION_FSPF_KEY:
        return take_hash(s->fspf_key, &s->host.fspf_key);
    case OPTION_FSPF_TAG:
        return take_hash(s->fspf_tag, &s->host.fspf_tag);
    case OPTION_TASK:
        return take_hash(s->task, &s->host.task);
    case OPTION_HOSTILE:
        s->host.hostile_seed = strtoull(optarg, NULL, 0);
        return s->host.hostile_seed != 0;
    case OPTION_HOSTILE_RATE:
        s->host.hostile_rate = (uint32_t)strtoul(optarg, NULL, 0);
        return s->host.hostile_rate != 0;
    default:
        return false;
    }
}

// As the images' entry points have it: hw, sim or auto.
static struct result platform_of_mode(const char **ret)
{
    const char *mode = getenv("CLOISTER_MODE");
    if (!mode || !*mode)
        mode = getenv("SCONE_MODE");
    if (!mode || !*mode || strcasecmp(mode, "auto") == 0)
        return RESULT_OK;
    bool hw = strcasecmp(mode, "hw") == 0;
    REQUIRE(hw || strcasecmp(mode, "sim") == 0, ERR_INVALID, "CLOISTER_MODE is hw, sim or auto");
    *ret = hw ? "sgx" : "emulated";
    return RESULT_OK;
}

static struct result choose_platform(const struct settings *s, const char *state_dir,
                                     const struct sgx_platform **ret)
{
    bool available = sgx_hw_available();
    if (s->platform && strcmp(s->platform, "sgx") == 0)
        REQUIRE(available, ERR_UNSUPPORTED,
                "this machine has no SGX2 that we may use; --platform emulated runs the image "
                "without protection");
    if (available && !(s->platform && strcmp(s->platform, "emulated") == 0)) {
        *ret = sgx_platform_hw();
        return RESULT_OK;
    }
    *ret = sgx_platform_emulated(
        &(struct sgx_emu_options){.state_dir = state_dir, .trap_mode = s->trap});
    return RESULT_OK;
}

// -- quotes, opened at the first use -------------------------------------------------------------

struct quoting_context {
    struct quoting_options options;
    struct quoting *quoting;
};

static struct result quoting_ready(struct quoting_context *c)
{
    if (c->quoting)
        return RESULT_OK;
    c->options.now = (int64_t)time(NULL);
    return quoting_open(&c->options, &c->quoting);
}

static struct result quoting_get_target(void *context, uint8_t ret_targetinfo[512])
{
    struct quoting_context *c = context;
    struct sgx_targetinfo target;
    GUARD(quoting_ready(c));
    quoting_targetinfo(c->quoting, &target);
    memcpy(ret_targetinfo, &target, sizeof(target));
    return RESULT_OK;
}

static struct result quoting_get_quote(void *context, const uint8_t *report, size_t report_size,
                                       uint8_t *buffer, size_t capacity, size_t *ret_size)
{
    struct quoting_context *c = context;
    struct sgx_report r;
    REQUIRE(report_size == sizeof(r), ERR_INVALID, "not a report");
    GUARD(quoting_ready(c));
    memcpy(&r, report, sizeof(r));
    GUARD(quoting_quote(c->quoting, &r, buffer, capacity, ret_size));
    // What any host can do: keep a quote that passes through. Tests replay it.
    const char *keep = getenv("CLOISTER_KEEP_QUOTE");
    if (!keep || access(keep, F_OK) == 0)
        return RESULT_OK;
    return file_write(keep, SPAN(buffer, *ret_size), 0644, FILE_MUST_BE_NEW);
}

static struct result quoting_get_collateral(void *context, uint8_t *buffer, size_t capacity,
                                            size_t *ret_size)
{
    struct quoting_context *c = context;
    GUARD(quoting_ready(c));
    return attest_collateral_write(quoting_collateral(c->quoting), buffer, capacity, ret_size);
}

// -- the run -------------------------------------------------------------------------------------

static int status_of(struct host_outcome outcome)
{
    switch (outcome.end) {
    case HOST_EXITED:
        return (int)outcome.value;
    case HOST_SIGNALLED:
        return 128 + (int)outcome.value;
    case HOST_PANICKED:
        fprintf(stderr, "cloister run: the enclave's kernel gave up (code %" PRIu64 ")\n",
                outcome.value);
        return STATUS_PANIC;
    default:
        fprintf(stderr, "cloister run: the enclave was lost (exception %" PRIu64 ")\n",
                outcome.value);
        return STATUS_CRASH;
    }
}

static int run(struct settings *s)
{
    char state_dir[PATH_MAX];
    struct image_note note = {0};
    struct host *host;
    struct host_outcome outcome;
    struct result r = home_path("platform", state_dir);
    if (is_ok(r) && !s->platform)
        r = platform_of_mode(&s->platform);
    if (is_ok(r))
        r = choose_platform(s, state_dir, &s->host.platform);
    if (!is_ok(r))
        return complain(r.why, "");
    bool emulated = s->host.platform->emulated;
    if (emulated && !s->quiet)
        fputs("cloister: emulated platform: no protection\n", stderr);
    struct quoting_context context = {.options = {.emulated = emulated, .state_dir = state_dir}};
    const struct host_quoting quoting = {&context, quoting_get_target, quoting_get_quote,
                                         quoting_get_collateral};
    s->host.quoting = &quoting;
    s->host.note = &note;
    r = host_launch(&s->host, &host, &outcome);
    if (!is_ok(r))
        return complain(r.why, note.text);
    if (s->stats && s->json)
        host_stats_print_json(host, stderr);
    if (s->stats && !s->json)
        host_stats_print(host, stderr);
    fflush(NULL);
    // Other threads may be inside the enclave or in a host call: no destructor may run under them.
    _Exit(status_of(outcome));
}

int cmd_run(int argc, char **argv)
{
    struct settings s = {.host = {.hostile_rate = HOSTILE_RATE_NORMAL}};
    int key;
    while ((key = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        if (key == 'h') {
            fputs(usage, stdout);
            return 0;
        }
        if (!take_option(&s, key)) {
            fputs(usage, stderr);
            return STATUS_USAGE;
        }
    }
    if (optind == argc) {
        fputs(usage, stderr);
        return STATUS_USAGE;
    }
    s.host.image_path = argv[optind];
    s.host.arguments = argv + optind + 1;
    s.host.argument_count = (size_t)(argc - optind - 1);
    s.host.hints = s.hints;
    return run(&s);
}
