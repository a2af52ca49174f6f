// SPDX-License-Identifier: Apache-2.0
#include "worker/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static _Noreturn void start(const struct child *c, pid_t parent)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(127);
    int log = open(c->log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (log < 0 || null < 0 || dup2(null, 0) < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0 ||
        chdir(c->directory) != 0)
        _exit(127);
    struct result r = c->confine ? confine_self(c->confine) : RESULT_OK;
    if (!is_ok(r)) {
        dprintf(2, "refused: %s (`cloister worker serve --unconfined` gives an app your rights)\n",
                r.why);
        _exit(127);
    }
    execv(c->argv[0], c->argv);
    _exit(127);
}

struct result child_run(const struct child *c, int *ret_status)
{
    pid_t parent = getpid(), pid = fork();
    REQUIRE(pid >= 0, ERR_IO, "cannot start a process");
    if (pid == 0)
        start(c, parent);
    int fd = (int)syscall(SYS_pidfd_open, pid, 0), status = 0;
    struct pollfd p = {fd, POLLIN, 0};
    int ready = -1;
    if (fd >= 0)
        do
            ready = poll(&p, 1, (int)(c->time_max_s > 1000000 ? 1000000 : c->time_max_s) * 1000);
        while (ready < 0 && errno == EINTR && kill(pid, 0) == 0);
    if (ready <= 0)
        kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (fd >= 0)
        close(fd);
    REQUIRE(ready > 0, ERR_STALE, "the time of the task's category is over");
    *ret_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return RESULT_OK;
}

// How well a line of an enclave's log explains its end.
static int rank_of(const char *line)
{
    static const char *const words[] = {"panic", "integrity:", "refused"};
    int rank = 0;
    for (int i = 0; i < (int)(sizeof words / sizeof words[0]); i++)
        rank = strstr(line, words[i]) ? i + 1 : rank;
    return rank;
}

void child_reason(const char *log, char ret[CHILD_REASON_SIZE])
{
    char line[1024];
    int best = 0;
    FILE *f = fopen(log, "re");
    ret[0] = 0;
    while (f && fgets(line, sizeof line, f)) {
        int rank = rank_of(line);
        size_t n = 0;
        if (line[strspn(line, " \n")] == 0 || rank < best)
            continue;
        best = rank;
        for (size_t i = 0; line[i] && line[i] != '\n' && n < CHILD_REASON_SIZE - 1; i++)
            ret[n++] = line[i] >= ' ' && line[i] < 0x7f ? line[i] : '?';
        ret[n] = 0;
    }
    if (f)
        fclose(f);
}
