// SPDX-License-Identifier: Apache-2.0
// The measured operations: micro NAME prints nanoseconds for each of several rounds, one a line. The same binary runs
// natively and in the enclave.
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 7

static int64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static void bench_getppid(long n)
{
    for (long i = 0; i < n; i++)
        syscall(SYS_getppid);
}

static int file = -1;
static char buffer[1 << 16];

static void bench_pread(long n)
{
    if (file < 0)
        file = open("/data/cached", O_RDONLY);
    for (long i = 0; i < n; i++)
        if (pread(file, buffer, 4096, (i % 64) * 4096) != 4096)
            exit(3);
}

static void bench_loop(long n)
{
    uint64_t x = 88172645463325252ull;
    double y = 1;
    for (long i = 0; i < n; i++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        y = y * 1.0000001 + (double)(x & 1);
    }
    if (x == 0 || y < 0)
        exit(3);
}

static void bench_mmap(long n)
{
    for (long i = 0; i < n; i++) {
        char *p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        for (long at = 0; at < 1 << 20; at += 4096)
            p[at] = 1;
        munmap(p, 1 << 20);
    }
}

static void *nothing(void *argument)
{
    return argument;
}

static void bench_thread(long n)
{
    for (long i = 0; i < n; i++) {
        pthread_t t;
        if (pthread_create(&t, NULL, nothing, NULL) != 0)
            exit(3);
        pthread_join(t, NULL);
    }
}

static int32_t turn;
static long switches;

static void wait_turn(int32_t me)
{
    int32_t seen;
    while ((seen = __atomic_load_n(&turn, __ATOMIC_ACQUIRE)) != me)
        syscall(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, seen, NULL);
}

static void give_turn(int32_t other)
{
    __atomic_store_n(&turn, other, __ATOMIC_RELEASE);
    syscall(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, 1);
}

static void *partner(void *argument)
{
    for (long i = 0; i < switches; i++) {
        wait_turn(1);
        give_turn(0);
    }
    return argument;
}

static void bench_switch(long n)
{
    pthread_t t;
    switches = n;
    pthread_create(&t, NULL, partner, NULL);
    for (long i = 0; i < n; i++) {
        give_turn(1);
        wait_turn(0);
    }
    pthread_join(t, NULL);
}

static void *echo(void *argument)
{
    int c = accept(*(int *)argument, NULL, NULL), one = 1;
    char byte[64];
    ssize_t size;
    setsockopt(c, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    while ((size = read(c, byte, sizeof byte)) > 0)
        if (write(c, byte, (size_t)size) != size)
            break;
    close(c);
    return NULL;
}

static void bench_tcp(long n)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof a;
    int one = 1, l = socket(AF_INET, SOCK_STREAM, 0), c = socket(AF_INET, SOCK_STREAM, 0);
    pthread_t t;
    if (bind(l, (struct sockaddr *)&a, size) != 0 || listen(l, 1) != 0 ||
        getsockname(l, (struct sockaddr *)&a, &size) != 0)
        exit(3);
    pthread_create(&t, NULL, echo, &l);
    if (connect(c, (struct sockaddr *)&a, size) != 0)
        exit(3);
    setsockopt(c, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    for (long i = 0; i < n; i++)
        if (write(c, "ping", 4) != 4 || read(c, buffer, 64) != 4)
            exit(3);
    close(c);
    pthread_join(t, NULL);
    close(l);
}

static const struct {
    const char *name;
    void (*run)(long n);
    long count;
} benches[] = {
    {"getppid", bench_getppid, 200000}, {"pread", bench_pread, 50000},
    {"loop", bench_loop, 100000000},    {"mmap", bench_mmap, 60},
    {"thread", bench_thread, 300},      {"switch", bench_switch, 3000},
    {"tcp", bench_tcp, 1500},
};

int main(int argc, char **argv)
{
    for (size_t i = 0; argc > 1 && i < sizeof benches / sizeof *benches; i++) {
        if (strcmp(argv[1], benches[i].name) != 0)
            continue;
        benches[i].run(benches[i].count / 10 + 1); // caches are warm afterwards
        for (int round = 0; round < ROUNDS; round++) {
            int64_t start = now();
            benches[i].run(benches[i].count);
            printf("%.2f\n", (double)(now() - start) / (double)benches[i].count);
        }
        return 0;
    }
    return 2;
}
