// SPDX-License-Identifier: Apache-2.0
// The embedded ledger: records in one SQLite table, state by replay. Each record is one
// transaction with synchronous=FULL, so it is there or it is not; BEGIN IMMEDIATE makes writers of
// several processes take turns.
#include "ledger/chain.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUSY_TIMEOUT_MS 20000
#define TIME_SLACK_S    120 // how far a submitted record's time may be ahead of ours

struct embedded {
    struct ledger_chain chain;
    sqlite3 *db;
};

static struct embedded *embedded(struct ledger *l)
{
    return (struct embedded *)l;
}

static struct result run(sqlite3 *db, const char *sql)
{
    int code = sqlite3_exec(db, sql, NULL, NULL, NULL);
    REQUIRE(code != SQLITE_NOTADB && code != SQLITE_CORRUPT, ERR_INTEGRITY,
            "the ledger's file is damaged");
    REQUIRE(code != SQLITE_BUSY, ERR_IO, "the ledger's file is locked for too long");
    REQUIRE(code != SQLITE_READONLY, ERR_IO, "the ledger's file cannot be written");
    REQUIRE(code == SQLITE_OK, ERR_IO, "the ledger's file fails");
    return RESULT_OK;
}

static struct result insert(sqlite3 *db, uint64_t seq, struct span record)
{
    sqlite3_stmt *s = NULL;
    bool ok = sqlite3_prepare_v2(db, "INSERT INTO record (seq, bytes) VALUES (?, ?)", -1, &s,
                                 NULL) == SQLITE_OK &&
              sqlite3_bind_int64(s, 1, (sqlite3_int64)seq) == SQLITE_OK &&
              sqlite3_bind_blob(s, 2, record.data, (int)record.size, SQLITE_STATIC) == SQLITE_OK &&
              sqlite3_step(s) == SQLITE_DONE;
    sqlite3_finalize(s);
    REQUIRE(ok, ERR_IO, "the ledger's file cannot be written");
    return RESULT_OK;
}

// Applies the records from the state's count on. A gap, a wrong type or an altered record stops it.
static struct result catch_up(struct embedded *e)
{
    sqlite3_stmt *s = NULL;
    struct result r = RESULT_OK;
    uint64_t seq = poco_head(e->chain.poco)->count;
    int code = sqlite3_prepare_v2(
        e->db, "SELECT seq, bytes FROM record WHERE seq >= ? ORDER BY seq", -1, &s, NULL);
    if (code == SQLITE_OK)
        sqlite3_bind_int64(s, 1, (sqlite3_int64)seq);
    while (code == SQLITE_OK && is_ok(r) && (code = sqlite3_step(s)) == SQLITE_ROW) {
        struct span bytes = SPAN(sqlite3_column_blob(s, 1), (size_t)sqlite3_column_bytes(s, 1));
        if ((uint64_t)sqlite3_column_int64(s, 0) != seq++)
            r = fail(ERR_INTEGRITY, "a record is missing from the ledger");
        else
            r = ledger_chain_take(&e->chain, bytes);
        code = SQLITE_OK;
    }
    sqlite3_finalize(s);
    GUARD(r);
    REQUIRE(code == SQLITE_DONE, ERR_INTEGRITY, "the ledger's file is damaged");
    return RESULT_OK;
}

static struct result embedded_refresh(struct ledger *l)
{
    return catch_up(embedded(l));
}

static void embedded_free(struct ledger *l)
{
    struct embedded *e = embedded(l);
    poco_free(e->chain.poco);
    sqlite3_close(e->db);
    free(e);
}

// The state ran ahead of the store, or half-way: start it anew. If that fails too, the next call
// fails again.
static void reload(struct embedded *e)
{
    struct poco *fresh;
    if (!is_ok(poco_new(&fresh)))
        return;
    poco_free(e->chain.poco);
    e->chain.poco = fresh;
}

// Inside a transaction, with the state caught up: check, store, commit.
static struct result store(struct embedded *e, struct span record, struct hash32 *ret_subject)
{
    uint64_t seq = poco_head(e->chain.poco)->count;
    struct hash32 subject;
    GUARD(poco_apply(e->chain.poco, record, &subject));
    struct result r = insert(e->db, seq, record);
    if (is_ok(r))
        r = run(e->db, "COMMIT");
    if (!is_ok(r)) {
        reload(e);
        return r;
    }
    if (ret_subject)
        *ret_subject = subject;
    return RESULT_OK;
}

static struct result embedded_send(struct ledger *l, const struct eth_key *key,
                                   enum ledger_method method, const void *args,
                                   struct hash32 *ret_subject)
{
    struct embedded *e = embedded(l);
    uint8_t bytes[RECORD_SIZE_MAX];
    size_t size;
    GUARD(run(e->db, "BEGIN IMMEDIATE"));
    struct result r = catch_up(e);
    if (is_ok(r))
        r = ledger_chain_make(&e->chain, key, method, args, bytes, &size);
    if (is_ok(r))
        r = store(e, SPAN(bytes, size), ret_subject);
    if (!is_ok(r))
        sqlite3_exec(e->db, "ROLLBACK", NULL, NULL, NULL);
    return r;
}

struct result ledger_embedded_submit(struct ledger *l, struct span bytes)
{
    struct embedded *e = embedded(l);
    struct record record;
    GUARD(record_parse(bytes, &record));
    REQUIRE(record.time <= e->chain.clock() + TIME_SLACK_S, ERR_DENIED,
            "the record's time is in the future");
    GUARD(run(e->db, "BEGIN IMMEDIATE"));
    struct result r = catch_up(e);
    if (is_ok(r))
        r = store(e, bytes, NULL);
    if (!is_ok(r))
        sqlite3_exec(e->db, "ROLLBACK", NULL, NULL, NULL);
    return r;
}

struct result ledger_embedded_record(struct ledger *l, uint64_t seq, uint8_t ret[RECORD_SIZE_MAX],
                                     size_t *ret_size)
{
    sqlite3_stmt *s = NULL;
    struct result r = fail(ERR_NOT_FOUND, "no such record");
    if (sqlite3_prepare_v2(embedded(l)->db, "SELECT bytes FROM record WHERE seq = ?", -1, &s,
                           NULL) == SQLITE_OK &&
        sqlite3_bind_int64(s, 1, (sqlite3_int64)seq) == SQLITE_OK &&
        sqlite3_step(s) == SQLITE_ROW) {
        size_t size = (size_t)sqlite3_column_bytes(s, 0);
        const void *data = sqlite3_column_blob(s, 0);
        if (size > 0 && size <= RECORD_SIZE_MAX) {
            memcpy(ret, data, size);
            *ret_size = size;
            r = RESULT_OK;
        }
    }
    sqlite3_finalize(s);
    return r;
}

static const struct ledger_ops embedded_ops = {
    .free = embedded_free,
    .refresh = embedded_refresh,
    .send = embedded_send,
    .head = ledger_chain_head,
    .view = ledger_chain_view,
    .next = ledger_chain_next,
    .category = ledger_chain_category,
    .event = ledger_chain_event,
};

static struct result open_db(const char *path, int flags, sqlite3 **ret)
{
    sqlite3 *db = NULL;
    int code = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | flags, NULL);
    struct result r = RESULT_OK;
    if (code != SQLITE_OK)
        r = fail(ERR_IO, "cannot open the ledger's file");
    if (is_ok(r)) {
        sqlite3_busy_timeout(db, BUSY_TIMEOUT_MS);
        r = run(db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;");
    }
    if (!is_ok(r)) {
        sqlite3_close(db);
        return r;
    }
    *ret = db;
    return RESULT_OK;
}

static struct result write_genesis(sqlite3 *db, uint64_t chain_id, const struct eth_key *key,
                                   const struct genesis_args *args, uint64_t now)
{
    uint8_t bytes[RECORD_SIZE_MAX];
    size_t size;
    struct record r = {.chain_id = chain_id, .time = now, .method = METHOD_GENESIS};
    GUARD(record_make(&r, args, key, bytes, &size));
    GUARD(run(db, "BEGIN IMMEDIATE"));
    GUARD(run(db, "CREATE TABLE record (seq INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT"));
    GUARD(insert(db, 0, SPAN(bytes, size)));
    return run(db, "COMMIT");
}

struct result ledger_embedded_init(const char *path, uint64_t chain_id, const struct eth_key *key,
                                   ledger_clock *clock)
{
    // PoCo's categories on the public chain.
    struct genesis_args args = {
        .categories = {{"XS", 300}, {"S", 1200}, {"M", 3600}, {"L", 10800}, {"XL", 36000}}};
    struct address issuer;
    GUARD(eth_key_address(key, &issuer));
    REQUIRE(access(path, F_OK) != 0, ERR_EXISTS, "the ledger's file exists already");
    // Two ledgers of one issuer in one second differ by the salt.
    sqlite3_randomness(sizeof args.salt, &args.salt);
    char fresh[4096];
    int n = snprintf(fresh, sizeof fresh, "%s.new.%ld", path, (long)getpid());
    REQUIRE(n > 0 && (size_t)n < sizeof fresh, ERR_RANGE, "the path is too long");
    sqlite3 *db;
    GUARD(open_db(fresh, SQLITE_OPEN_CREATE, &db));
    struct result r = write_genesis(db, chain_id, key, &args, clock());
    sqlite3_close(db); // the last close folds the write-ahead log into the file
    if (is_ok(r) && (chmod(fresh, 0600) || link(fresh, path)))
        r = fail(ERR_EXISTS, "the ledger's file exists already");
    unlink(fresh);
    return r;
}

struct result ledger_embedded_open(const char *path, ledger_clock *clock,
                                   const struct ledger_pin *pin, struct ledger **ret)
{
    REQUIRE(access(path, F_OK) == 0, ERR_NOT_FOUND,
            "there is no ledger; make one: cloister ledger init");
    struct embedded *e = calloc(1, sizeof *e);
    REQUIRE(e, ERR_MEMORY, "out of memory");
    e->chain.base.ops = &embedded_ops;
    e->chain.clock = clock;
    if (pin)
        e->chain.pin = *pin;
    struct result r = poco_new(&e->chain.poco);
    if (is_ok(r))
        r = open_db(path, 0, &e->db);
    if (is_ok(r))
        r = catch_up(e);
    if (is_ok(r))
        r = ledger_chain_check_pin(&e->chain);
    if (!is_ok(r)) {
        embedded_free(&e->chain.base);
        return r;
    }
    *ret = &e->chain.base;
    return RESULT_OK;
}
