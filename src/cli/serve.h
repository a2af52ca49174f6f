// SPDX-License-Identifier: Apache-2.0
// What the serving commands share: stop on SIGINT and SIGTERM, and going to the background.
#ifndef CLI_SERVE_H
#define CLI_SERVE_H

#include "base/result.h"

#include <signal.h>
#include <sys/types.h>

// Becomes 1 on SIGINT or SIGTERM once serve_catch_signals() was called.
const volatile sig_atomic_t *serve_catch_signals(void);

// Forks. *ret_pid is the server's process in the parent, and 0 in the server, which has left the
// terminal.
struct result serve_in_background(pid_t *ret_pid);

#endif
