// SPDX-License-Identifier: Apache-2.0
#include "cli/ledger_serve.h"

#include "base/cursor.h"
#include "base/hex.h"
#include "cli/ledger_open.h"
#include "cli/options.h"
#include "cli/say.h"
#include "cli/serve.h"
#include "os/http_server.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct result answer_text(struct http_conn *conn, unsigned status, const char *text)
{
    struct http_out out = {.content_type = "application/json", .body = SPAN(text, strlen(text))};
    return http_write_response(&conn->transport, status, &out);
}

static struct result get_head(struct ledger *l, struct http_conn *conn)
{
    const struct poco_head *h = ledger_head(l);
    char id[HEX_SIZE(32)], head[HEX_SIZE(32)], text[512];
    hex_encode(h->genesis.bytes, 32, id);
    hex_encode(h->hash.bytes, 32, head);
    snprintf(text, sizeof text,
             "{\"id\":\"0x%s\",\"chainId\":%" PRIu64 ",\"count\":%" PRIu64 ",\"head\":\"0x%s\"}\n",
             id, h->domain.chain_id, h->count, head);
    return answer_text(conn, 200, text);
}

static bool parse_from(struct span query, uint64_t *ret)
{
    char text[24], *end;
    if (!is_ok(http_query_value(query, "from", text, sizeof text)))
        return false;
    if (text[0] < '0' || text[0] > '9')
        return false;
    *ret = strtoull(text, &end, 10);
    return *end == 0;
}

// Whole records, each behind its size, as many as a page holds.
static struct result get_records(struct ledger *l, struct http_conn *conn, struct span query)
{
    uint64_t from, count = ledger_head(l)->count;
    if (!parse_from(query, &from))
        return answer_text(conn, 400, "{\"error\":\"from is a number\"}\n");
    if (from > count)
        return answer_text(conn, 404, "{\"error\":\"the ledger has fewer records\"}\n");
    uint8_t *page = malloc(LEDGER_PAGE_SIZE_MAX);
    REQUIRE(page, ERR_MEMORY, "out of memory");
    struct writer w = writer_on(page, LEDGER_PAGE_SIZE_MAX);
    struct result r = RESULT_OK;
    for (uint64_t seq = from; seq < count; seq++) {
        uint8_t record[RECORD_SIZE_MAX];
        size_t size;
        r = ledger_embedded_record(l, seq, record, &size);
        if (!is_ok(r) || w.capacity - w.size < size + 4)
            break;
        put_be32(&w, (uint32_t)size);
        put_bytes(&w, record, size);
    }
    struct http_out out = {.content_type = "application/octet-stream", .body = writer_span(&w)};
    if (is_ok(r))
        r = http_write_response(&conn->transport, 200, &out);
    free(page);
    return r;
}

static struct result post_record(struct ledger *l, struct http_conn *conn, struct span body)
{
    struct result r = ledger_embedded_submit(l, body);
    if (is_ok(r))
        return get_head(l, conn);
    unsigned status = r.code == ERR_IO || r.code == ERR_MEMORY ? 503 : 422;
    // Not the next record: the sender makes it anew. A stale task or deal is a refusal like others.
    struct record record;
    if (r.code == ERR_STALE && is_ok(record_parse(body, &record)) &&
        record.seq != ledger_head(l)->count)
        status = 409;
    char text[256];
    snprintf(text, sizeof text, "{\"error\":\"%.200s\"}\n", r.why);
    return answer_text(conn, status, text);
}

static struct result answer(void *context, struct http_conn *conn, const struct http_head *head,
                            struct span body)
{
    struct ledger *l = context;
    bool get = http_method_is(head, "GET");
    struct result r = ledger_refresh(l);
    if (!is_ok(r))
        return answer_text(conn, 503, "{\"error\":\"the ledger's file fails\"}\n");
    if (get && http_path_is(head, "/head"))
        return get_head(l, conn);
    if (get && http_path_is(head, "/records"))
        return get_records(l, conn, head->query);
    if (http_method_is(head, "POST") && http_path_is(head, "/records"))
        return post_record(l, conn, body);
    return answer_text(conn, 404,
                       "{\"error\":\"there is GET /head, GET /records?from=N and POST "
                       "/records\"}\n");
}

static int run(struct cli_ledger *l, const char *where, bool background, bool json)
{
    int fd;
    unsigned port;
    struct result r = http_server_listen(where, &fd, &port);
    if (!is_ok(r))
        return say_failure(where, r);
    char url[64];
    snprintf(url, sizeof url, "http://%.*s:%u", (int)strcspn(where, ":"), where, port);
    pid_t pid = getpid();
    // SQLite's connections do not live across a fork: the server opens its own.
    cli_ledger_close(l);
    if (background && !is_ok(r = serve_in_background(&pid)))
        return say_failure("ledger serve", r);
    if (pid) {
        int code = EXIT_DONE;
        if (json)
            code = say_json(json_pack("{s:s, s:i}", "url", url, "pid", (int)pid));
        else
            printf("%s\n", url);
        fflush(stdout);
        if (background) {
            fprintf(stderr, "serving in process %d; stop it with: kill %d\n", (int)pid, (int)pid);
            return code;
        }
    }
    r = cli_ledger_open(l);
    if (!is_ok(r))
        return say_failure(l->where, r);
    struct http_server server = {.fd = fd,
                                 .body_size_max = RECORD_SIZE_MAX,
                                 .handle = answer,
                                 .context = l->ledger,
                                 .stop = serve_catch_signals()};
    r = http_server_run(&server);
    close(fd);
    return is_ok(r) ? EXIT_DONE : say_failure("ledger serve", r);
}

int ledger_serve(int argc, char **argv, const char *help)
{
    const char *where = "127.0.0.1:8545";
    bool background = false, json = false, done;
    const struct option_slot slots[] = {{"listen", &where, NULL, 'l'},
                                        {"background", NULL, &background, 0},
                                        {"json", NULL, &json, 0},
                                        {0}};
    int at = options_read(argc, argv, slots, help, &done);
    if (at < 0 || done)
        return at < 0 ? EXIT_USAGE : EXIT_DONE;
    if (at != argc)
        return say_usage("ledger", "one argument too many");
    struct cli_ledger l;
    struct result r = cli_ledger_open(&l);
    if (is_ok(r) && l.is_remote)
        r = fail(ERR_INVALID, "a ledger is served from its file; set CLOISTER_LEDGER to a path");
    int code = is_ok(r) ? run(&l, where, background, json) : say_failure("ledger serve", r);
    cli_ledger_close(&l);
    return code;
}
