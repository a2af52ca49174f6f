// SPDX-License-Identifier: Apache-2.0
// launch ROUNDS PROGRAM ARGUMENTS…: starts the program that often and prints, for each, its wall time in microseconds
// and its peak memory in KiB. Small, and by vfork, so that what it costs itself stays out of both numbers. With the root
// directory in $LAUNCH_ROOT the program runs there.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

int main(int argc, char **argv)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    const char *root = getenv("LAUNCH_ROOT");
    if (argc < 3 || (root && (chroot(root) != 0 || chdir("/") != 0)))
        return 2;
    unsetenv("LAUNCH_ROOT");
    for (int n = atoi(argv[1]); n >= 0; n--) {
        double start = now_us();
        pid_t pid = vfork();
        if (pid == 0) {
            dup2(null, 0);
            dup2(null, 1);
            execve(argv[2], argv + 2, environ);
            _exit(127);
        }
        int status;
        struct rusage usage;
        if (wait4(pid, &status, 0, &usage) != pid || status != 0) {
            fprintf(stderr, "%s ends with status %x\n", argv[2], (unsigned)status);
            return 1;
        }
        printf("%.0f %ld\n", now_us() - start, usage.ru_maxrss);
    }
    return 0;
}
