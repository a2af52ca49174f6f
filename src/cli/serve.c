// SPDX-License-Identifier: Apache-2.0
#include "cli/serve.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
    (void)number;
    stop = 1;
}

const volatile sig_atomic_t *serve_catch_signals(void)
{
    struct sigaction a = {.sa_handler = on_signal}; // no SA_RESTART: poll must return
    sigaction(SIGINT, &a, NULL);
    sigaction(SIGTERM, &a, NULL);
    signal(SIGPIPE, SIG_IGN);
    return &stop;
}

struct result serve_in_background(pid_t *ret_pid)
{
    fflush(NULL);
    pid_t pid = fork();
    REQUIRE(pid >= 0, ERR_IO, "cannot start the background process");
    if (pid == 0) {
        setsid();
        int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
        for (int i = 0; fd >= 0 && i < 3; i++)
            dup2(fd, i);
    }
    *ret_pid = pid;
    return RESULT_OK;
}
