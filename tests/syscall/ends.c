// SPDX-License-Identifier: Apache-2.0
// How a program ends: exit N | signal N | abort | segv | thread (exit from another thread) | return.
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "show.h"

static void *leave(void *unused)
{
    (void)unused;
    exit(33);
}

static void at_end(void)
{
    puts("atexit ran");
}

int main(int argc, char **argv)
{
    const char *how = argc > 1 ? argv[1] : "return";
    int n = argc > 2 ? atoi(argv[2]) : 0;
    atexit(at_end);
    printf("%s %d\n", how, n);
    fflush(stdout);
    if (strcmp(how, "exit") == 0)
        exit(n);
    if (strcmp(how, "quick") == 0)
        _exit(n);
    if (strcmp(how, "signal") == 0)
        kill(getpid(), n);
    if (strcmp(how, "abort") == 0)
        abort();
    if (strcmp(how, "segv") == 0)
        *(volatile int *)wrong_pointer = 0;
    if (strcmp(how, "thread") == 0) {
        pthread_t t;
        pthread_create(&t, NULL, leave, NULL);
        pthread_join(t, NULL);
    }
    return n;
}
