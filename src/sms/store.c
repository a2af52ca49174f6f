// SPDX-License-Identifier: Apache-2.0
#include "sms/store.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/random.h"

// One process and one connection: no file locks ("unix-none"), no shared memory, rollback journal.
#define STORE_VFS "unix-none"
#define SCHEMA                                                                                    \
    "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=TRUNCATE; PRAGMA synchronous=FULL;"       \
    "PRAGMA temp_store=MEMORY; PRAGMA secure_delete=ON; PRAGMA mmap_size=0;"                      \
    "CREATE TABLE IF NOT EXISTS secret(kind INTEGER, owner BLOB, name TEXT, value BLOB NOT NULL," \
    " emulated INTEGER NOT NULL, PRIMARY KEY(kind, owner, name)) WITHOUT ROWID;"                  \
    "CREATE TABLE IF NOT EXISTS task(id BLOB PRIMARY KEY, challenge_key BLOB NOT NULL,"           \
    " generation INTEGER NOT NULL DEFAULT 0, transfer_key BLOB, app_mrenclave BLOB,"              \
    " app_emulated INTEGER) WITHOUT ROWID;"                                                       \
    "CREATE TABLE IF NOT EXISTS mark(id INTEGER PRIMARY KEY CHECK(id = 1), signer BLOB,"          \
    " time INTEGER NOT NULL DEFAULT 0, ledger_count INTEGER NOT NULL DEFAULT 0,"                  \
    " ledger_hash BLOB);"                                                                         \
    "INSERT OR IGNORE INTO mark(id) VALUES(1);"                                                   \
    "CREATE TABLE IF NOT EXISTS head(generation INTEGER PRIMARY KEY, state BLOB NOT NULL);"       \
    "INSERT INTO head SELECT 0, zeroblob(32) WHERE NOT EXISTS(SELECT 1 FROM head);"

struct store {
    sqlite3 *db;
    pthread_mutex_t lock;
};

// A statement that is being run, with the lock held.
struct query {
    struct store *store;
    sqlite3_stmt *statement;
    int next; // parameter to bind
    bool failed;
};

// Goes on with another statement.
static void query_next(struct query *q, const char *sql)
{
    sqlite3_finalize(q->statement);
    q->statement = NULL;
    q->next = 1;
    q->failed |=
        q->failed || sqlite3_prepare_v2(q->store->db, sql, -1, &q->statement, NULL) != SQLITE_OK;
}

static struct query query_begin(struct store *s, const char *sql)
{
    struct query q = {.store = s};
    pthread_mutex_lock(&s->lock);
    query_next(&q, sql);
    return q;
}

static void bind_number(struct query *q, uint64_t value)
{
    q->failed |=
        q->failed || sqlite3_bind_int64(q->statement, q->next++, (sqlite3_int64)value) != SQLITE_OK;
}

static void bind_bytes(struct query *q, const void *data, size_t size)
{
    q->failed |= q->failed || sqlite3_bind_blob64(q->statement, q->next++, size ? data : "", size,
                                                  SQLITE_TRANSIENT) != SQLITE_OK;
}

static void bind_text(struct query *q, const char *text)
{
    q->failed |= q->failed || sqlite3_bind_text(q->statement, q->next++, text, -1,
                                                SQLITE_TRANSIENT) != SQLITE_OK;
}

// SQLITE_ROW, SQLITE_DONE, or an error.
static int step(struct query *q)
{
    return q->failed ? SQLITE_ERROR : sqlite3_step(q->statement);
}

static void query_end(struct query *q)
{
    sqlite3_finalize(q->statement);
    pthread_mutex_unlock(&q->store->lock);
}

static struct result broken(void)
{
    return fail(ERR_IO, "the database failed");
}

// Runs a write; ERR_NOT_FOUND when it changed no row.
static struct result query_run(struct query *q)
{
    int code = step(q);
    int changed = sqlite3_changes(q->store->db);
    query_end(q);
    if (code == SQLITE_CONSTRAINT)
        return fail(ERR_EXISTS, "it is stored already");
    if (code != SQLITE_DONE)
        return broken();
    return changed > 0 ? RESULT_OK : fail(ERR_NOT_FOUND, "it is not stored");
}

// A column that must be a blob of exactly this size.
static bool column_bytes(struct query *q, int column, void *ret, size_t size)
{
    const void *data = sqlite3_column_blob(q->statement, column);
    if (!data || sqlite3_column_bytes(q->statement, column) != (int)size)
        return false;
    memcpy(ret, data, size);
    return true;
}

static bool execute(struct store *s, const char *sql)
{
    return sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK;
}

// A write that makes a new head; commit_end() or commit_run() ends it.
static struct query commit_begin(struct store *s, const char *sql)
{
    struct query q = {.store = s};
    pthread_mutex_lock(&s->lock);
    q.failed = !execute(s, "BEGIN IMMEDIATE");
    query_next(&q, sql);
    return q;
}

static bool read_head(struct query *q, struct store_head *ret)
{
    struct store_head h;
    query_next(q, "SELECT generation, state FROM head ORDER BY generation DESC LIMIT 1");
    if (step(q) != SQLITE_ROW || !column_bytes(q, 1, &h.state, sizeof h.state))
        return false;
    h.generation = (uint64_t)sqlite3_column_int64(q->statement, 0);
    *ret = h;
    return true;
}

static bool advance(struct query *q)
{
    struct store_head h;
    uint8_t fresh[32], number[8];
    struct keccak k;
    if (!read_head(q, &h) || !is_ok(random_bytes(fresh, sizeof fresh)))
        return false;
    store_be64(number, ++h.generation);
    keccak_init(&k);
    keccak_update(&k, SPAN_STR("cloister sms head 1"));
    keccak_update(&k, SPAN_OF(number));
    keccak_update(&k, SPAN_OF(h.state));
    keccak_update(&k, SPAN_OF(fresh));
    h.state = keccak_final(&k);
    query_next(q, "INSERT INTO head VALUES(?, ?)");
    bind_number(q, h.generation);
    bind_bytes(q, &h.state, sizeof h.state);
    return step(q) == SQLITE_DONE;
}

// Commits a write that went well, with its head; false: nothing was written.
static bool commit_end(struct query *q, bool good)
{
    good = good && advance(q);
    sqlite3_finalize(q->statement);
    q->statement = NULL;
    good = good && execute(q->store, "COMMIT");
    if (!good)
        (void)execute(q->store, "ROLLBACK");
    query_end(q);
    return good;
}

// As query_run().
static struct result commit_run(struct query *q)
{
    int code = step(q);
    bool changed = code == SQLITE_DONE && sqlite3_changes(q->store->db) > 0;
    bool done = commit_end(q, changed);
    if (code == SQLITE_CONSTRAINT)
        return fail(ERR_EXISTS, "it is stored already");
    if (code == SQLITE_DONE && !changed)
        return fail(ERR_NOT_FOUND, "it is not stored");
    return done ? RESULT_OK : broken();
}

struct result store_open(const char *path, struct store **ret)
{
    struct store *s = calloc(1, sizeof *s);
    REQUIRE(s, ERR_MEMORY, "out of memory");
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    pthread_mutex_init(&s->lock, NULL);
    if (sqlite3_open_v2(path, &s->db, flags, STORE_VFS) != SQLITE_OK ||
        sqlite3_exec(s->db, SCHEMA, NULL, NULL, NULL) != SQLITE_OK) {
        store_close(s);
        return fail(ERR_IO, "the database cannot be opened");
    }
    *ret = s;
    return RESULT_OK;
}

void store_close(struct store *s)
{
    if (!s)
        return;
    sqlite3_close(s->db);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

struct result store_add(struct store *s, enum store_kind kind, const struct address *owner,
                        const char *name, struct span value, bool allow_emulated)
{
    struct query q = commit_begin(s, "INSERT INTO secret VALUES(?, ?, ?, ?, ?)");
    bind_number(&q, kind);
    bind_bytes(&q, owner, sizeof *owner);
    bind_text(&q, name);
    bind_bytes(&q, value.data, value.size);
    bind_number(&q, allow_emulated);
    return commit_run(&q);
}

struct result store_replace(struct store *s, enum store_kind kind, const struct address *owner,
                            const char *name, struct span value)
{
    struct query q =
        commit_begin(s, "UPDATE secret SET value = ? WHERE kind = ? AND owner = ? AND name = ?");
    bind_bytes(&q, value.data, value.size);
    bind_number(&q, kind);
    bind_bytes(&q, owner, sizeof *owner);
    bind_text(&q, name);
    return commit_run(&q);
}

// The value and the leave in columns `first` and the next.
static bool column_secret(struct query *q, int first, struct store_secret *ret)
{
    const void *value = sqlite3_column_blob(q->statement, first);
    int size = sqlite3_column_bytes(q->statement, first);
    if (size < 0 || size > (int)sizeof ret->value)
        return false;
    memcpy(ret->value, value ? value : "", (size_t)size);
    ret->size = (size_t)size;
    ret->allow_emulated = sqlite3_column_int(q->statement, first + 1) == 1;
    return true;
}

struct result store_get(struct store *s, enum store_kind kind, const struct address *owner,
                        const char *name, struct store_secret *ret)
{
    struct query q = query_begin(
        s, "SELECT value, emulated FROM secret WHERE kind = ? AND owner = ? AND name = ?");
    bind_number(&q, kind);
    bind_bytes(&q, owner, sizeof *owner);
    bind_text(&q, name);
    int code = step(&q);
    struct result r = code == SQLITE_ROW    ? RESULT_OK
                      : code == SQLITE_DONE ? fail(ERR_NOT_FOUND, "it is not stored")
                                            : broken();
    if (is_ok(r) && !column_secret(&q, 0, ret))
        r = broken();
    query_end(&q);
    return r;
}

struct result store_each(struct store *s, enum store_kind kind, const struct address *owner,
                         struct result (*visit)(void *context, const char *name,
                                                const struct store_secret *secret),
                         void *context)
{
    struct store_secret secret;
    struct result r = RESULT_OK;
    struct query q = query_begin(s, "SELECT value, emulated, name FROM secret WHERE kind = ? AND"
                                    " owner = ? ORDER BY name");
    bind_number(&q, kind);
    bind_bytes(&q, owner, sizeof *owner);
    int code = step(&q);
    for (; code == SQLITE_ROW && is_ok(r); code = step(&q)) {
        const char *name = (const char *)sqlite3_column_text(q.statement, 2);
        r = name && column_secret(&q, 0, &secret) ? visit(context, name, &secret) : broken();
    }
    query_end(&q);
    wipe(&secret, sizeof secret);
    return is_ok(r) && code != SQLITE_DONE ? broken() : r;
}

struct result store_challenge(struct store *s, const struct hash32 *task, struct address *ret)
{
    struct eth_key key;
    struct store_task t;
    GUARD(eth_key_generate(&key));
    struct query q = commit_begin(s, "INSERT OR IGNORE INTO task(id, challenge_key) VALUES(?, ?)");
    bind_bytes(&q, task, sizeof *task);
    bind_bytes(&q, &key, sizeof key);
    wipe(&key, sizeof key);
    struct result r = commit_run(&q);
    if (!is_ok(r) && r.code != ERR_NOT_FOUND)
        return r;
    GUARD(store_task(s, task, &t));
    *ret = t.challenge;
    wipe(&t, sizeof t);
    return RESULT_OK;
}

struct result store_task(struct store *s, const struct hash32 *task, struct store_task *ret)
{
    struct store_task t = {.generation = 0};
    struct query q = query_begin(s, "SELECT challenge_key, generation, transfer_key,"
                                    " app_mrenclave, app_emulated FROM task WHERE id = ?");
    bind_bytes(&q, task, sizeof *task);
    int code = step(&q);
    bool good = code == SQLITE_ROW && column_bytes(&q, 0, &t.challenge_key, 32);
    if (good)
        t.generation = (uint64_t)sqlite3_column_int64(q.statement, 1);
    if (good && t.generation) {
        good = column_bytes(&q, 2, t.transfer_key, 32) && column_bytes(&q, 3, t.app_mrenclave, 32);
        t.app_emulated = sqlite3_column_int(q.statement, 4) != 0;
    }
    query_end(&q);
    REQUIRE(code != SQLITE_DONE, ERR_NOT_FOUND, "no challenge was made for this task");
    if (!good)
        return broken();
    struct result r = eth_key_address(&t.challenge_key, &t.challenge);
    if (is_ok(r))
        *ret = t;
    wipe(&t, sizeof t);
    return r;
}

struct result store_app_session(struct store *s, const struct hash32 *task,
                                const uint8_t mrenclave[32], bool emulated,
                                uint64_t *ret_generation, uint8_t ret_transfer_key[32])
{
    uint8_t key[32];
    uint64_t generation = 0;
    GUARD(random_bytes(key, sizeof key));
    struct query q = commit_begin(
        s, "UPDATE task SET generation = generation + 1, transfer_key = ?, app_mrenclave = ?,"
           " app_emulated = ? WHERE id = ? RETURNING generation");
    bind_bytes(&q, key, sizeof key);
    bind_bytes(&q, mrenclave, 32);
    bind_number(&q, emulated);
    bind_bytes(&q, task, sizeof *task);
    int code = step(&q);
    if (code == SQLITE_ROW) {
        generation = (uint64_t)sqlite3_column_int64(q.statement, 0);
        code = step(&q); // the write is done when the statement is
    }
    bool done = commit_end(&q, code == SQLITE_DONE && generation > 0);
    REQUIRE(code != SQLITE_DONE || generation > 0, ERR_NOT_FOUND,
            "no challenge was made for this task");
    REQUIRE(done, ERR_IO, "the database failed");
    *ret_generation = generation;
    memcpy(ret_transfer_key, key, sizeof key);
    wipe(key, sizeof key);
    return RESULT_OK;
}

static struct result signer_load(struct store *s, struct eth_key *ret)
{
    struct query q = query_begin(s, "SELECT signer FROM mark WHERE id = 1");
    bool good = step(&q) == SQLITE_ROW && column_bytes(&q, 0, ret, sizeof *ret);
    query_end(&q);
    return good ? RESULT_OK : fail(ERR_NOT_FOUND, "there is no signing key");
}

struct result store_signer(struct store *s, struct eth_key *ret_key, struct address *ret_address)
{
    struct eth_key key;
    GUARD(eth_key_generate(&key));
    struct query q = query_begin(s, "UPDATE mark SET signer = ? WHERE id = 1 AND signer IS NULL");
    bind_bytes(&q, &key, sizeof key);
    struct result r = query_run(&q);
    if (is_ok(r) || r.code == ERR_NOT_FOUND)
        r = signer_load(s, &key);
    if (is_ok(r))
        r = eth_key_address(&key, ret_address);
    if (is_ok(r))
        *ret_key = key;
    wipe(&key, sizeof key);
    return r;
}

struct result store_mark_get(struct store *s, struct store_mark *ret)
{
    struct store_mark m = {.time = 0};
    struct query q =
        query_begin(s, "SELECT time, ledger_count, ledger_hash FROM mark WHERE id = 1");
    bool good = step(&q) == SQLITE_ROW;
    if (good) {
        m.time = (uint64_t)sqlite3_column_int64(q.statement, 0);
        m.ledger_count = (uint64_t)sqlite3_column_int64(q.statement, 1);
        good = m.ledger_count == 0 || column_bytes(&q, 2, &m.ledger_hash, sizeof m.ledger_hash);
    }
    query_end(&q);
    if (!good)
        return broken();
    *ret = m;
    return RESULT_OK;
}

struct result store_mark_set(struct store *s, const struct store_mark *mark)
{
    struct query q = query_begin(s, "UPDATE mark SET time = max(time, ?1), ledger_hash ="
                                    " CASE WHEN ?2 >= ledger_count THEN ?3 ELSE ledger_hash END,"
                                    " ledger_count = max(ledger_count, ?2) WHERE id = 1");
    bind_number(&q, mark->time);
    bind_number(&q, mark->ledger_count);
    bind_bytes(&q, &mark->ledger_hash, sizeof mark->ledger_hash);
    return query_run(&q);
}

struct result store_head(struct store *s, struct store_head *ret)
{
    struct query q = {.store = s};
    pthread_mutex_lock(&s->lock);
    bool good = read_head(&q, ret);
    query_end(&q);
    return good ? RESULT_OK : broken();
}

struct result store_anchored(struct store *s, const struct store_head *anchored)
{
    struct query q = query_begin(s, "SELECT 1 FROM head WHERE generation = ? AND state = ?");
    bind_number(&q, anchored->generation);
    bind_bytes(&q, &anchored->state, sizeof anchored->state);
    int known = step(&q);
    query_next(&q, "DELETE FROM head WHERE generation < ?");
    bind_number(&q, anchored->generation);
    int forgotten = known == SQLITE_ROW ? step(&q) : SQLITE_DONE;
    query_end(&q);
    REQUIRE(known != SQLITE_DONE, ERR_STALE,
            "this database is older than its anchor on the ledger");
    return known == SQLITE_ROW && forgotten == SQLITE_DONE ? RESULT_OK : broken();
}
