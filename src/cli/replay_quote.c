// SPDX-License-Identifier: Apache-2.0
// cloister worker replay-quote: what a hostile host may try with a quote that it saw pass by. It shows
// the quote on a
// connection of its own; a sound SMS refuses. For tests and the demonstration.
#include "cli/task_commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi/sgx/quote.h"
#include "base/fingerprint.h"
#include "base/hex.h"
#include "cli/ledger_open.h"
#include "cli/options.h"
#include "cli/say.h"
#include "os/file.h"
#include "os/home.h"
#include "worker/sms_link.h"

static const char help[] =
    "Usage: cloister worker replay-quote QUOTE --task ID --sms URL --sms-identity FILE\n"
    "\n"
    "Tries to obtain a task's secrets with a quote that an app's enclave made on another\n"
    "connection. The SMS must refuse; exit code 1 when it does, 0 when it gave secrets.\n";

struct stolen {
    uint8_t *quote, *collateral;
    size_t quote_size, collateral_size;
};

static struct result copy_out(const uint8_t *from, size_t size, uint8_t *buffer, size_t capacity,
                              size_t *ret_size)
{
    REQUIRE(size <= capacity, ERR_RANGE, "the file is too large");
    memcpy(buffer, from, size);
    *ret_size = size;
    return RESULT_OK;
}

static struct result give_quote(void *context, const uint8_t reportdata[PROTO_REPORTDATA_SIZE],
                                uint8_t *buffer, size_t capacity, size_t *ret_size)
{
    const struct stolen *s = context;
    (void)reportdata; // the old quote's own stands in it
    return copy_out(s->quote, s->quote_size, buffer, capacity, ret_size);
}

static struct result give_collateral(void *context, uint8_t *buffer, size_t capacity,
                                     size_t *ret_size)
{
    const struct stolen *s = context;
    return copy_out(s->collateral, s->collateral_size, buffer, capacity, ret_size);
}

static struct result app_fingerprint(const struct hash32 *id, struct proto_provision *ret)
{
    struct cli_ledger l = {0};
    struct ledger_task task;
    struct ledger_deal deal;
    struct ledger_app app;
    struct fingerprint fp;
    struct result r = cli_ledger_open(&l);
    if (is_ok(r))
        r = ledger_view_task(l.ledger, id, &task);
    if (is_ok(r))
        r = ledger_view_deal(l.ledger, &task.deal_id, &deal);
    if (is_ok(r))
        r = ledger_view_app(l.ledger, &deal.app.pointer, &app);
    cli_ledger_close(&l);
    GUARD(r);
    GUARD(fingerprint_parse(SPAN(app.mrenclave, strlen(app.mrenclave)), &fp));
    ret->role = PROTO_APP;
    ret->task = *id;
    memcpy(ret->fspf_key, fp.fspf_key, sizeof ret->fspf_key);
    memcpy(ret->fspf_tag, fp.fspf_tag, sizeof ret->fspf_tag);
    return RESULT_OK;
}

static struct result load(const char *path, struct stolen *s)
{
    char bundle[PATH_MAX];
    GUARD(file_read(path, SGX_QUOTE_SIZE_MAX, &s->quote, &s->quote_size));
    GUARD(home_path("platform/collateral.bundle", bundle));
    return file_read(bundle, PROTO_COLLATERAL_SIZE_MAX, &s->collateral, &s->collateral_size);
}

static int try_it(struct sms_link *link, struct stolen *s, const struct proto_provision *request)
{
    const struct proto_quoter quoter = {s, give_quote, give_collateral};
    struct proto_client *c = sms_link_client(link);
    uint8_t *body;
    size_t size;
    struct result r = proto_client_provision(c, &quoter, request, &body, &size);
    if (is_ok(r)) {
        proto_client_body_free(body, size);
        printf("the SMS gave its secrets to a replayed quote\n");
        return EXIT_DONE;
    }
    const struct proto_refusal_message *m = proto_client_refusal(c);
    fprintf(stderr, "refused: %s: %s\n", m->name[0] ? m->name : "?", m->why[0] ? m->why : r.why);
    return m->name[0] ? EXIT_REFUSED : EXIT_USAGE;
}

int worker_replay_quote(int argc, char **argv)
{
    const char *task = NULL, *url = NULL, *identity_path = NULL;
    bool done;
    const struct option_slot slots[] = {{"task", &task, NULL, 't'},
                                        {"sms", &url, NULL, 0},
                                        {"sms-identity", &identity_path, NULL, 0},
                                        {0}};
    int at = options_read(argc, argv, slots, help, &done);
    if (at < 0 || done)
        return at < 0 ? EXIT_USAGE : EXIT_DONE;
    if (at + 1 != argc || !task || !url || !identity_path)
        return say_usage("worker", "replay-quote needs a quote, --task, --sms and --sms-identity");
    struct proto_provision request = {0};
    struct proto_identity identity;
    struct stolen s = {0};
    struct hash32 id;
    struct sms_link *link = NULL;
    struct result r = hex_decode(SPAN(task, strlen(task)), id.bytes, sizeof id.bytes);
    if (is_ok(r))
        r = app_fingerprint(&id, &request);
    if (is_ok(r))
        r = load(argv[at], &s);
    if (is_ok(r))
        r = sms_identity_load(identity_path, &identity);
    if (is_ok(r))
        r = sms_link_open(url, &identity, &link, NULL);
    int code = EXIT_USAGE;
    if (is_ok(r))
        code = try_it(link, &s, &request);
    else
        say_failure("worker replay-quote", r);
    sms_link_close(link);
    free(s.quote);
    free(s.collateral);
    return code;
}
