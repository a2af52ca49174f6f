// SPDX-License-Identifier: Apache-2.0
// What a process that runs somebody's enclave may touch of this machine's files. The publisher of an app
// chooses its kernel and its not-protected regions, and an enclave may jump anywhere in its host process: so
// the limit is Linux's (Landlock, Documentation/userspace-api/landlock.rst), not a check of ours.
//
// Allowed: everything below `directory`; the emulated platform's state; reading `image`, system libraries and
// what SGX's quoting needs; the SGX devices. The network is not limited.
#ifndef WORKER_CONFINE_H
#define WORKER_CONFINE_H

#include "base/result.h"

struct confine {
    const char *program, *image; // files: executed, read
    const char *directory;       // of the task
    const char *state;           // of the emulated platform
    const char *extra;           // one more directory, that the operator opened; or NULL
};

// This process and all that it executes from now on. ERR_UNSUPPORTED: the kernel has no Landlock.
struct result confine_self(const struct confine *c);

#endif
