// SPDX-License-Identifier: Apache-2.0
// execve replaces the program: arguments, environment, descriptors, ignored signals; and how it fails.
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "show.h"

extern char **environ;

// Started by a link: /proc/self/exe is the file, the name is the link's.
static void show_program(void)
{
    char text[200] = "";
    if (readlink("/proc/self/exe", text, sizeof text - 1) > 0)
        printf("exe: %s\n", text);
    int fd = open("/proc/self/comm", O_RDONLY);
    if (read(fd, memset(text, 0, sizeof text), sizeof text - 1) > 0)
        printf("comm: %s", text);
    close(fd);
}

static int second(int argc, char **argv)
{
    show_program();
    for (int i = 1; i < argc; i++)
        printf("argument %d: %.40s\n", i, argv[i]);
    for (char **e = environ; *e; e++)
        printf("environment: %s\n", *e);
    show("inherited descriptor", fcntl(20, F_GETFD));
    show("offset", lseek(20, 0, SEEK_CUR));
    show("close-on-exec descriptor", fcntl(21, F_GETFD));
    struct sigaction a;
    sigaction(SIGUSR1, NULL, &a);
    show("ignored stays", a.sa_handler == SIG_IGN);
    sigaction(SIGUSR2, NULL, &a);
    show("handler resets", a.sa_handler == SIG_DFL);
    sigset_t mask;
    sigprocmask(SIG_SETMASK, NULL, &mask);
    show("mask stays", sigismember(&mask, SIGHUP));
    char *big = argc > 1 ? argv[argc - 1] : NULL;
    show("long argument", big ? (long)strlen(big) : 0);
    fflush(stdout);
    execl("/data/script", "script", "from exec", (char *)NULL);
    show("script", -1);
    return 0;
}

static void handler(int n)
{
    (void)n;
}

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc > 1 && strcmp(argv[1], "second") == 0)
        return second(argc, argv);
    if (argc > 2 && strcmp(argv[1], "-script") == 0) { // as the interpreter of /data/script
        for (int i = 1; i < argc; i++)
            printf("script: %s\n", argv[i]);
        return 17;
    }
    char self[200] = "";
    show("readlink", readlink("/proc/self/exe", self, sizeof self - 1) > 0);
    show("absent", execl("/absent", "absent", (char *)NULL));
    show("a directory", execl("/data", "data", (char *)NULL));
    show("not executable", execl("/data/text", "text", (char *)NULL));
    show("not a program", execl("/data/noise", "noise", (char *)NULL));
    show("bad pointer", execve(self, (char **)wrong_pointer, environ));
    int fd = open("/data/text", O_RDONLY);
    lseek(fd, 3, SEEK_SET);
    dup2(fd, 20);
    dup3(fd, 21, O_CLOEXEC);
    signal(SIGUSR1, SIG_IGN);
    signal(SIGUSR2, handler);
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, SIGHUP);
    sigprocmask(SIG_BLOCK, &mask, NULL);
    char *big = malloc(100001);
    memset(big, 'a', 100000);
    big[100000] = 0;
    char *arguments[] = {"exec", "second", "", "two words", big, NULL},
         *environment[] = {"A=1", "B=", NULL};
    mmap(NULL, 1 << 24, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    ok("link", symlink(argc > 1 ? argv[1] : self, "/tmp/a-link-with-a-long-name"));
    execve("/tmp/a-link-with-a-long-name", arguments, environment);
    show("execve", -1);
    return 1;
}
