// SPDX-License-Identifier: Apache-2.0
// One child process: working directory, log file, time limit. It dies with its parent.
#ifndef WORKER_CHILD_H
#define WORKER_CHILD_H

#include "base/result.h"
#include "worker/confine.h"

struct child {
    char *const *argv;     // NULL-terminated; argv[0] is the program's path
    const char *directory; // it runs there
    const char *log;       // its stdout and stderr; made anew
    unsigned time_max_s;
    const struct confine *confine; // NULL: it has all our rights
};

// *ret_status: the exit status, 128 + n after signal n. ERR_STALE: the time was over, and it was killed.
struct result child_run(const struct child *c, int *ret_status);

// The line of a log that says best why an enclave failed: the last refusal, else the last note of an
// integrity
// violation, else the last line. Printable ASCII.
#define CHILD_REASON_SIZE 256
void child_reason(const char *log, char ret[CHILD_REASON_SIZE]);

#endif
