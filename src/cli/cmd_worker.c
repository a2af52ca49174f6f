// SPDX-License-Identifier: Apache-2.0
// cloister worker serve
#include "cli/cli.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/hex.h"
#include "cli/ledger_open.h"
#include "cli/options.h"
#include "cli/say.h"
#include "cli/serve.h"
#include "cli/task_commands.h"
#include "os/file.h"
#include "os/home.h"
#include "quoting/quoting.h"
#include "worker/sms_link.h"
#include "worker/worker.h"

static const char help[] =
    "Usage: cloister worker serve --workerpool A --sms URL --sms-identity FILE --dir DIR "
    "[options]\n"
    "\n"
    "Takes the active tasks of the wallet's workerpool from the ledger, runs them in enclaves,\n"
    "publishes the encrypted results and puts their digests on the ledger. It may be stopped at\n"
    "any time; what was not finished is done again.\n"
    "\n"
    "platform prints the hash of the emulated platform's root, which an SMS must name before it\n"
    "serves enclaves here (cloister sms policy --root NAME=HASH).\n"
    "\n"
    "  --ledger WHERE         file or http URL; default: as $CLOISTER_LEDGER says\n"
    "  --sms URL              https://HOST:PORT\n"
    "  --sms-identity FILE    the SMS that is accepted (cloister sms identity)\n"
    "  --dir DIR              images, tasks and results lie here\n"
    "  --post-compute IMAGE   default: DIR/postcompute.cloister\n"
    "  --listen IPV4:PORT     serve DIR/results over HTTP (port 0: any free one)\n"
    "  --results-url URL      where another web server serves DIR/results\n"
    "  --platform NAME        sgx or emulated, as for 'cloister run'\n"
    "  --unconfined           do not limit enclaves' processes to their task's files (Landlock)\n"
    "  --poll SECONDS         default 1\n"
    "  --task ID              work on this task only, then end\n"
    "  --once                 work on what there is, then end; exit code 1 if a task failed\n"
    "  --wallet NAME          owner of the workerpool\n";

struct choice {
    const char *ledger, *sms, *identity, *workerpool, *directory, *post_compute, *listen, *url,
        *platform, *poll, *wallet, *task;
    bool once, unconfined;
};

static int serve_rounds(const struct choice *c, struct worker *w)
{
    const volatile sig_atomic_t *stop = serve_catch_signals();
    bool once = c->once || c->task;
    unsigned seconds = (unsigned)strtoul(c->poll, NULL, 10), done = 0, failed = 0;
    do {
        struct result r = worker_round(w, &done, &failed);
        if (!is_ok(r) && once)
            return say_failure("worker", r);
        if (!is_ok(r))
            fprintf(stderr, "worker: %s; trying again\n", r.why);
        if (!once && !*stop)
            sleep(seconds ? seconds : 1);
    } while (!once && !*stop);
    return once && (failed || (c->task && !done)) ? EXIT_REFUSED : EXIT_DONE;
}

static struct result prepare(const struct choice *c, char directory[PATH_MAX],
                             char post_compute[PATH_MAX + 32], char program[PATH_MAX])
{
    char path[PATH_MAX];
    int n = snprintf(path, sizeof path, "%s/-", c->directory);
    REQUIRE(n < (int)sizeof path, ERR_RANGE, "the directory's path is too long");
    GUARD(file_make_parents(path));
    REQUIRE(realpath(c->directory, directory), ERR_IO, "cannot open the directory");
    if (c->post_compute)
        REQUIRE(realpath(c->post_compute, post_compute), ERR_NOT_FOUND,
                "there is no post-compute image");
    else
        snprintf(post_compute, PATH_MAX + 32, "%s/postcompute.cloister", directory);
    REQUIRE(access(post_compute, R_OK) == 0, ERR_NOT_FOUND, "there is no post-compute image");
    ssize_t size = readlink("/proc/self/exe", program, PATH_MAX - 1);
    REQUIRE(size > 0, ERR_IO, "cannot find this program");
    program[size] = 0;
    return RESULT_OK;
}

static int serve_with(const struct choice *c, const struct wallet *wallet, struct ledger *l)
{
    char directory[PATH_MAX], post_compute[PATH_MAX + 32], program[PATH_MAX], url[WORKER_URL_SIZE];
    struct proto_identity identity;
    struct worker_options o = {.program = program,
                               .directory = directory,
                               .post_compute = post_compute,
                               .platform = c->platform,
                               .unconfined = c->unconfined,
                               .results_url = c->url,
                               .sms_url = c->sms,
                               .sms = &identity,
                               .wallet = wallet,
                               .log = stderr};
    struct worker *w = calloc(1, sizeof *w);
    struct result r =
        w ? prepare(c, directory, post_compute, program) : fail(ERR_MEMORY, "out of memory");
    if (is_ok(r))
        r = address_parse(SPAN(c->workerpool, strlen(c->workerpool)), &o.workerpool);
    if (is_ok(r) && c->task) {
        o.one_task = true;
        r = hex_decode(SPAN(c->task, strlen(c->task)), o.task.bytes, sizeof o.task.bytes);
    }
    if (is_ok(r))
        r = sms_identity_load(c->identity, &identity);
    if (is_ok(r))
        r = worker_open(&o, l, w);
    if (is_ok(r) && c->listen) {
        r = worker_serve_results(directory, c->listen, url);
        o.results_url = o.results_url ? o.results_url : url;
    }
    int code = EXIT_REFUSED;
    if (is_ok(r)) {
        fprintf(stderr, "worker: serving workerpool %s%s%s\n", c->workerpool,
                o.results_url ? ", results at " : "", o.results_url ? o.results_url : "");
        code = serve_rounds(c, w);
    }
    free(w);
    return is_ok(r) ? code : say_failure("worker", r);
}

static int serve(int argc, char **argv)
{
    struct choice c = {.poll = "1"};
    bool done;
    const struct option_slot slots[] = {{"ledger", &c.ledger, NULL, 0},
                                        {"sms", &c.sms, NULL, 0},
                                        {"sms-identity", &c.identity, NULL, 0},
                                        {"workerpool", &c.workerpool, NULL, 0},
                                        {"dir", &c.directory, NULL, 'd'},
                                        {"post-compute", &c.post_compute, NULL, 0},
                                        {"listen", &c.listen, NULL, 0},
                                        {"results-url", &c.url, NULL, 0},
                                        {"platform", &c.platform, NULL, 0},
                                        {"poll", &c.poll, NULL, 0},
                                        {"wallet", &c.wallet, NULL, 'w'},
                                        {"task", &c.task, NULL, 't'},
                                        {"once", NULL, &c.once, 0},
                                        {"unconfined", NULL, &c.unconfined, 0},
                                        {0}};
    int at = options_read(argc, argv, slots, help, &done);
    if (at < 0 || done)
        return at < 0 ? EXIT_USAGE : EXIT_DONE;
    if (at != argc || !c.sms || !c.identity || !c.workerpool || !c.directory)
        return say_usage("worker", "serve needs --workerpool, --sms, --sms-identity and --dir");
    if (c.ledger && setenv("CLOISTER_LEDGER", c.ledger, 1) != 0)
        return say_failure("worker", fail(ERR_MEMORY, "out of memory"));
    struct wallet w;
    struct cli_ledger l = {0};
    struct result r = wallet_load(c.wallet, &w);
    if (!is_ok(r))
        return say_failure("wallet", r);
    r = cli_ledger_open(&l);
    int code = is_ok(r) ? serve_with(&c, &w, l.ledger) : say_failure("ledger", r);
    cli_ledger_close(&l);
    wallet_done(&w);
    return code;
}

static struct result platform_root(char ret[HEX_SIZE(32)])
{
    char directory[PATH_MAX];
    uint8_t hash[32];
    struct quoting *q;
    GUARD(home_path("platform", directory));
    const struct quoting_options options = {
        .emulated = true, .state_dir = directory, .now = (int64_t)time(NULL)};
    GUARD(quoting_open(&options, &q));
    quoting_root_hash(q, hash);
    quoting_free(q);
    hex_encode(hash, sizeof hash, ret);
    return RESULT_OK;
}

static int platform(int argc, char **argv)
{
    char text[HEX_SIZE(32)];
    bool done;
    const struct option_slot slots[] = {{0}};
    int at = options_read(argc, argv, slots, help, &done);
    if (at < 0 || done)
        return at < 0 ? EXIT_USAGE : EXIT_DONE;
    if (at != argc)
        return say_usage("worker", "platform takes no argument");
    struct result r = platform_root(text);
    if (!is_ok(r))
        return say_failure("worker platform", r);
    printf("%s\n", text);
    return EXIT_DONE;
}

int cmd_worker(int argc, char **argv)
{
    static const struct subcommand list[] = {
        {"serve", serve}, {"platform", platform}, {"replay-quote", worker_replay_quote}, {0}};
    return subcommand_run(argc, argv, list, help);
}
