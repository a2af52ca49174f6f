// SPDX-License-Identifier: Apache-2.0
// The stored ledger: every changed bit, removed, swapped, truncated or foreign record is refused;
// writers take turns; a remote that goes back or changes its past is refused.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#undef fail // base/result.h has its own

#include <sqlite3.h>

#include "base/cursor.h"
#include "ledger/ledger.h"

#define RECORDS 6

static uint64_t test_clock(void)
{
    return 1700000000;
}

struct store {
    char folder[64], path[128];
    struct eth_key key;
    uint8_t records[RECORDS][RECORD_SIZE_MAX];
    size_t sizes[RECORDS];
    struct ledger_pin pin;
};

static struct result add(struct ledger *l, const struct eth_key *key, const char *name)
{
    struct create_workerpool_args a = {{0}};
    snprintf(a.description, sizeof a.description, "%s", name);
    return ledger_send(l, key, METHOD_CREATE_WORKERPOOL, &a, NULL);
}

static void store_init(struct store *s)
{
    struct ledger *l;
    char name[32];
    memset(s, 0, sizeof *s);
    strcpy(s->folder, "/tmp/cloister-ledger-XXXXXX");
    assert_non_null(mkdtemp(s->folder));
    snprintf(s->path, sizeof s->path, "%s/l.db", s->folder);
    memset(s->key.bytes, 3, 32);
    assert_true(is_ok(ledger_embedded_init(s->path, 7, &s->key, test_clock)));
    assert_int_equal(ledger_embedded_init(s->path, 7, &s->key, test_clock).code, ERR_EXISTS);
    assert_true(is_ok(ledger_embedded_open(s->path, test_clock, NULL, &l)));
    for (int i = 1; i < RECORDS; i++) {
        snprintf(name, sizeof name, "pool %d", i);
        assert_true(is_ok(add(l, &s->key, name)));
    }
    for (uint64_t i = 0; i < RECORDS; i++)
        assert_true(is_ok(ledger_embedded_record(l, i, s->records[i], &s->sizes[i])));
    const struct poco_head *h = ledger_head(l);
    s->pin = (struct ledger_pin){h->genesis, h->count, h->hash};
    ledger_free(l);
}

static void store_done(struct store *s)
{
    char command[160];
    snprintf(command, sizeof command, "rm -rf '%s'", s->folder);
    assert_int_equal(system(command), 0);
}

static struct result reopen(const struct store *s, const struct ledger_pin *pin)
{
    struct ledger *l;
    GUARD(ledger_embedded_open(s->path, test_clock, pin, &l));
    ledger_free(l);
    return RESULT_OK;
}

static void sql(const struct store *s, const char *text)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(s->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

// Replays the records in memory with the pin's checks: what every implementation does.
static struct result replay(const struct store *s, size_t changed, const uint8_t *bytes,
                            size_t size)
{
    struct poco *p;
    struct result r = poco_new(&p);
    for (size_t i = 0; is_ok(r) && i < RECORDS; i++)
        r = poco_apply(p, i == changed ? SPAN(bytes, size) : SPAN(s->records[i], s->sizes[i]),
                       NULL);
    if (is_ok(r) && !hash32_equal(&poco_head(p)->hash, &s->pin.hash))
        r = fail(ERR_STALE, "another head");
    poco_free(p);
    return r;
}

static void every_bit_counts(void **state)
{
    (void)state;
    static struct store s;
    store_init(&s);
    assert_true(is_ok(replay(&s, RECORDS, NULL, 0)));
    for (size_t i = 0; i < RECORDS; i += 2) {
        for (size_t bit = 0; bit < 8 * s.sizes[i]; bit++) {
            s.records[i][bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_false(is_ok(replay(&s, RECORDS, NULL, 0)));
            s.records[i][bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
    }
    for (size_t n = 0; n < s.sizes[2]; n++)
        assert_false(is_ok(replay(&s, 2, s.records[2], n)));
    assert_false(is_ok(replay(&s, 2, s.records[3], s.sizes[3])));
    store_done(&s);
}

static void altered_files_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *sql;
        enum err code;
    } rows[] = {
        {"DELETE FROM record WHERE seq = 3", ERR_INTEGRITY},
        {"DELETE FROM record WHERE seq = 0", ERR_INTEGRITY},
        {"DELETE FROM record WHERE seq >= 4", ERR_STALE}, // the pin knows better
        {"DELETE FROM record", ERR_NOT_FOUND},
        {"UPDATE record SET seq = -seq - 1; UPDATE record SET seq = 2 WHERE seq = -4;"
         "UPDATE record SET seq = 3 WHERE seq = -3; UPDATE record SET seq = -seq - 1 WHERE seq < 0",
         ERR_STALE},                                                                 // two swapped
        {"INSERT INTO record SELECT 6, bytes FROM record WHERE seq = 5", ERR_STALE}, // twice
        {"UPDATE record SET bytes = x'' WHERE seq = 2", ERR_INVALID},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        static struct store s;
        store_init(&s);
        assert_true(is_ok(reopen(&s, &s.pin)));
        sql(&s, rows[i].sql);
        assert_int_equal(reopen(&s, &s.pin).code, rows[i].code);
        store_done(&s);
    }
}

static void pins_are_held(void **state)
{
    (void)state;
    static struct store s, other;
    store_init(&s);
    store_init(&other); // same key, same second: another ledger all the same
    assert_int_equal(reopen(&other, &s.pin).code, ERR_DENIED);
    struct ledger_pin pin = s.pin;
    memset(&pin.genesis, 0, 32);
    assert_int_equal(reopen(&other, &pin).code, ERR_STALE);
    // Records of one ledger do not fit the other.
    struct ledger *l;
    assert_true(is_ok(ledger_embedded_open(other.path, test_clock, NULL, &l)));
    assert_int_equal(ledger_embedded_submit(l, SPAN(s.records[5], s.sizes[5])).code, ERR_STALE);
    ledger_free(l);
    store_done(&s);
    store_done(&other);
}

static void future_records_are_refused(void **state)
{
    (void)state;
    static struct store s;
    static uint8_t bytes[RECORD_SIZE_MAX];
    size_t size;
    store_init(&s);
    struct ledger *l;
    assert_true(is_ok(ledger_embedded_open(s.path, test_clock, NULL, &l)));
    struct create_workerpool_args a = {.description = "future"};
    struct record r = {.chain_id = 7,
                       .seq = s.pin.count,
                       .prev = s.pin.hash,
                       .time = test_clock() + 1000,
                       .method = METHOD_CREATE_WORKERPOOL};
    assert_true(is_ok(record_make(&r, &a, &s.key, bytes, &size)));
    assert_int_equal(ledger_embedded_submit(l, SPAN(bytes, size)).code, ERR_DENIED);
    r.time = test_clock();
    assert_true(is_ok(record_make(&r, &a, &s.key, bytes, &size)));
    assert_true(is_ok(ledger_embedded_submit(l, SPAN(bytes, size))));
    assert_int_equal(ledger_embedded_submit(l, SPAN(bytes, size)).code, ERR_STALE); // replayed
    ledger_free(l);
    store_done(&s);
}

#define WRITERS 4
#define EACH    10

static void write_some(const struct store *s, int writer)
{
    struct ledger *l;
    char name[32];
    if (!is_ok(ledger_embedded_open(s->path, test_clock, NULL, &l)))
        _exit(1);
    for (int i = 0; i < EACH; i++) {
        snprintf(name, sizeof name, "writer %d, %d", writer, i);
        if (!is_ok(add(l, &s->key, name)))
            _exit(2);
    }
    ledger_free(l);
    _exit(0);
}

static void writers_take_turns(void **state)
{
    (void)state;
    static struct store s;
    store_init(&s);
    for (int i = 0; i < WRITERS; i++)
        if (fork() == 0)
            write_some(&s, i);
    for (int i = 0; i < WRITERS; i++) {
        int status;
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    struct ledger *l;
    assert_true(is_ok(ledger_embedded_open(s.path, test_clock, &s.pin, &l)));
    assert_int_equal(ledger_head(l)->count, RECORDS + WRITERS * EACH);
    ledger_free(l);
    store_done(&s);
}

// A server in memory over the store's records.
struct server {
    struct store *store;
    size_t count;
    unsigned status; // instead of an answer, when not 0
    bool stuck;      // sends the first record again and again
};

static struct result exchange(void *context, const char *method, const char *target,
                              struct span body, size_t size_max, unsigned *ret_status,
                              uint8_t **ret_data, size_t *ret_size)
{
    struct server *v = context;
    static uint8_t page[LEDGER_PAGE_SIZE_MAX];
    struct writer w = writer_on(page, size_max);
    (void)body;
    size_t from = strtoul(target + strlen("/records?from="), NULL, 10);
    *ret_status = v->status ? v->status : strcmp(method, "GET") ? 422 : from > v->count ? 404 : 200;
    if (v->stuck)
        from = 0;
    for (size_t i = from; i < v->count && i < from + 2; i++) { // two to a page
        put_be32(&w, (uint32_t)v->store->sizes[i]);
        put_bytes(&w, v->store->records[i], v->store->sizes[i]);
    }
    *ret_data = malloc(w.size + 1);
    memcpy(*ret_data, page, w.size);
    *ret_size = w.size;
    return RESULT_OK;
}

static void remote_is_verified(void **state)
{
    (void)state;
    static struct store s, other;
    struct ledger *l;
    store_init(&s);
    store_init(&other);
    struct server v = {.store = &s, .count = RECORDS - 2};
    struct ledger_transport t = {&v, exchange};
    struct ledger_pin short_pin = {.genesis = s.pin.genesis};
    assert_true(is_ok(ledger_remote_open(t, test_clock, &short_pin, &l)));
    assert_int_equal(ledger_head(l)->count, RECORDS - 2);
    v.count = RECORDS;
    assert_true(is_ok(ledger_refresh(l)));
    assert_true(hash32_equal(&ledger_head(l)->hash, &s.pin.hash));
    v.count = RECORDS - 1;
    assert_int_equal(ledger_refresh(l).code, ERR_STALE); // it went back
    assert_int_equal(ledger_head(l)->count, RECORDS);    // and we did not follow
    v = (struct server){.store = &s, .count = RECORDS, .stuck = true};
    assert_int_equal(ledger_refresh(l).code, ERR_STALE);
    v = (struct server){.store = &s, .count = RECORDS, .status = 500};
    assert_int_equal(ledger_refresh(l).code, ERR_IO);
    // A refusal by the server's rules is explained by ours.
    v = (struct server){.store = &s, .count = RECORDS};
    assert_int_equal(add(l, &s.key, "pool 1").code, ERR_EXISTS);
    ledger_free(l);
    // Opening: an older state than the pinned, another ledger, a damaged record.
    v.count = RECORDS - 1;
    assert_int_equal(ledger_remote_open(t, test_clock, &s.pin, &l).code, ERR_STALE);
    v = (struct server){.store = &other, .count = RECORDS};
    assert_int_equal(ledger_remote_open(t, test_clock, &s.pin, &l).code, ERR_DENIED);
    s.records[3][120] ^= 1;
    v = (struct server){.store = &s, .count = RECORDS};
    assert_int_equal(ledger_remote_open(t, test_clock, &s.pin, &l).code, ERR_INTEGRITY);
    store_done(&s);
    store_done(&other);
}

// The order book: the cheapest order that fits and is not used up.
static void orders_are_found(void **state)
{
    (void)state;
    static struct store s;
    static struct match_orders_args found;
    struct ledger *l;
    struct hash32 subject;
    store_init(&s);
    assert_true(is_ok(ledger_embedded_open(s.path, test_clock, NULL, &l)));
    const struct eip712_domain *d = &ledger_head(l)->domain;
    struct create_app_args app = {.name = "a", .multiaddr = "http://h/a"};
    struct request_order q = {.app_max_price = 5, .workerpool_max_price = 5, .volume = 1};
    struct app_order a = {.price = 3, .volume = 1};
    struct workerpool_order w = {.price = 0, .volume = 1, .trust = 1};
    assert_true(is_ok(eth_key_address(&s.key, &q.requester)));
    assert_true(is_ok(ledger_send(l, &s.key, METHOD_CREATE_APP, &app, &subject)));
    memcpy(&q.app, subject.bytes + 12, 20);
    a.app = q.app;
    struct create_workerpool_args pool = {.description = "pool"};
    assert_true(is_ok(ledger_send(l, &s.key, METHOD_CREATE_WORKERPOOL, &pool, &subject)));
    memcpy(&w.workerpool, subject.bytes + 12, 20);
    assert_int_equal(ledger_find_orders(l, &q, &found).code, ERR_NOT_FOUND);
    for (uint64_t price = 6; price > 0; price -= 2) { // 6 is too much, 4 and 2 fit
        a.price = price;
        assert_true(is_ok(order_sign(ORDER_APP, &a, d, &s.key)));
        assert_true(is_ok(ledger_send(l, &s.key, METHOD_PUBLISH_ORDER + ORDER_APP, &a, NULL)));
    }
    assert_int_equal(ledger_find_orders(l, &q, &found).code, ERR_NOT_FOUND); // no workerpool yet
    assert_true(is_ok(order_sign(ORDER_WORKERPOOL, &w, d, &s.key)));
    assert_true(is_ok(ledger_send(l, &s.key, METHOD_PUBLISH_ORDER + ORDER_WORKERPOOL, &w, NULL)));
    assert_true(is_ok(ledger_find_orders(l, &q, &found)));
    assert_int_equal(found.app.price, 2);
    struct manage_app_order_args close = {found.app, ORDER_CLOSE};
    assert_true(is_ok(ledger_send(l, &s.key, METHOD_MANAGE_ORDER + ORDER_APP, &close, NULL)));
    assert_true(is_ok(ledger_find_orders(l, &q, &found)));
    assert_int_equal(found.app.price, 4);
    q.workerpool = q.requester; // a pool that offers nothing
    assert_int_equal(ledger_find_orders(l, &q, &found).code, ERR_NOT_FOUND);
    memset(&q.workerpool, 0, 20);
    assert_true(is_ok(ledger_find_orders(l, &q, &found)));
    struct deposit_args deposit = {q.requester, 4};
    assert_true(is_ok(ledger_send(l, &s.key, METHOD_DEPOSIT, &deposit, NULL)));
    assert_true(is_ok(order_sign(ORDER_REQUEST, &found.request, d, &s.key)));
    assert_true(is_ok(ledger_match(l, &s.key, &found, &subject)));
    assert_true(is_ok(ledger_initialize_task(l, &s.key, &subject, 0, NULL)));
    assert_int_equal(ledger_match(l, &s.key, &found, &subject).code, ERR_DENIED);
    ledger_free(l);
    store_done(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_bit_counts),   cmocka_unit_test(altered_files_are_refused),
        cmocka_unit_test(pins_are_held),      cmocka_unit_test(future_records_are_refused),
        cmocka_unit_test(writers_take_turns), cmocka_unit_test(remote_is_verified),
        cmocka_unit_test(orders_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
