// SPDX-License-Identifier: Apache-2.0
// The worker: takes the active tasks of its pool from the ledger, runs the app's enclave and the
// post-compute enclave,
// publishes the result. It is not trusted: it holds no secret of the task, and what it forges is
// refused elsewhere.
//
// - It may be killed at any point. What is done stands in its directory in whole files; a restart
//   redoes the rest.
//     DIR/apps/ADDRESS.cloister   images
//     DIR/tasks/ID/               working directory of one task: cloister_in/, cloister_out/, volume, logs
//     DIR/results/ID.zip          result bundles, kept
// - One wallet is the pool's owner (scheduler) and the worker.
#ifndef WORKER_WORKER_H
#define WORKER_WORKER_H

#include <stdio.h>

#include "ledger/ledger.h"
#include "os/wallet.h"
#include "proto/trust.h"

struct worker_options {
    const char *program;      // `cloister` itself, for `cloister run`
    const char *directory;    // absolute
    const char *post_compute; // image of the post-compute enclave
    const char *platform;     // for `cloister run --platform`, or NULL
    bool unconfined;          // enclaves run with all rights of this process (confine.h)
    const char *results_url;  // where DIR/results is served; NULL: the ledger names the file
    const char *sms_url;
    const struct proto_identity *sms;
    const struct wallet *wallet;
    struct address workerpool;
    bool one_task; // only `task`
    struct hash32 task;
    FILE *log; // plain lines
};

#define WORKER_FAILED_MAX 1024u

struct worker {
    const struct worker_options *options;
    struct ledger *ledger;
    struct hash32 failed[WORKER_FAILED_MAX]; // not tried again by this process
    size_t failed_count;
};

// Makes the directories and checks that the wallet owns the pool.
struct result worker_open(const struct worker_options *o, struct ledger *l, struct worker *ret);

// Works on every active task that has not failed yet.
struct result worker_round(struct worker *w, unsigned *ret_done, unsigned *ret_failed);

// task.c: one task from the ledger's ACTIVE to COMPLETED. `reason` gets the circumstances of a failure.
#define WORKER_REASON_SIZE 320
struct result worker_task(const struct worker *w, const struct ledger_task *task,
                          char reason[WORKER_REASON_SIZE]);

// results.c: serves DIR/results over plain HTTP in a child process. *ret_url is "http://ADDRESS:PORT".
#define WORKER_URL_SIZE 128
struct result worker_serve_results(const char *directory, const char *where,
                                   char ret_url[WORKER_URL_SIZE]);

#endif
