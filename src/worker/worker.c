// SPDX-License-Identifier: Apache-2.0
#include "worker/worker.h"

#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "os/file.h"

struct result worker_open(const struct worker_options *o, struct ledger *l, struct worker *ret)
{
    struct ledger_workerpool pool;
    static const char *const folders[] = {"apps", "tasks", "results"};
    GUARD(ledger_view_workerpool(l, &o->workerpool, &pool));
    REQUIRE(address_equal(&pool.owner, &o->wallet->address), ERR_DENIED,
            "the wallet does not own the workerpool");
    for (size_t i = 0; i < ARRAY_COUNT(folders); i++) {
        char path[PATH_MAX];
        int n = snprintf(path, sizeof path, "%s/%s/-", o->directory, folders[i]);
        REQUIRE(n < (int)sizeof path, ERR_RANGE, "the directory's path is too long");
        GUARD(file_make_parents(path));
    }
    memset(ret, 0, sizeof *ret);
    ret->options = o;
    ret->ledger = l;
    return RESULT_OK;
}

static bool has_failed(const struct worker *w, const struct hash32 *id)
{
    for (size_t i = 0; i < w->failed_count; i++)
        if (hash32_equal(&w->failed[i], id))
            return true;
    return false;
}

static bool is_ours(const struct worker *w, const struct ledger_task *t)
{
    struct ledger_deal d;
    if (w->options->one_task && !hash32_equal(&w->options->task, &t->id))
        return false;
    return t->status == TASK_ACTIVE && !has_failed(w, &t->id) &&
           is_ok(ledger_view_deal(w->ledger, &t->deal_id, &d)) &&
           address_equal(&d.workerpool.pointer, &w->options->workerpool);
}

static bool work_on(struct worker *w, const struct ledger_task *t)
{
    char id[HEX_SIZE(32)], reason[WORKER_REASON_SIZE] = "";
    hex_encode(&t->id, 32, id);
    fprintf(w->options->log, "worker: task 0x%s\n", id);
    struct result r = worker_task(w, t, reason);
    if (is_ok(r)) {
        fprintf(w->options->log, "worker: task 0x%s: completed\n", id);
        return true;
    }
    bool says_refused = strstr(reason, "refused") != NULL;
    fprintf(w->options->log, "worker: task 0x%s: %s%s%s%s\n", id,
            says_refused ? "" : "refused: ", r.why, reason[0] ? ": " : "", reason);
    if (w->failed_count < WORKER_FAILED_MAX)
        w->failed[w->failed_count++] = t->id;
    return false;
}

struct result worker_round(struct worker *w, unsigned *ret_done, unsigned *ret_failed)
{
    size_t cursor = 0;
    struct ledger_task task;
    *ret_done = *ret_failed = 0;
    GUARD(ledger_refresh(w->ledger));
    for (;;) {
        struct result r = ledger_next(w->ledger, LEDGER_TASK, &cursor, NULL, &task);
        if (r.code == ERR_NOT_FOUND)
            return RESULT_OK;
        GUARD(r);
        if (!is_ours(w, &task))
            continue;
        if (work_on(w, &task))
            ++*ret_done;
        else
            ++*ret_failed;
        fflush(w->options->log);
    }
}
