// SPDX-License-Identifier: Apache-2.0
// The program of tests/system/hostile.py: makes every host call there is, in rounds, under a host that lies.
//
// - Errors are allowed everywhere: a host may deny. What is authenticated (memory, the image, the
//   volume, keys,
//   reports, pipes, monotonic time) must be right whenever a call succeeds; "wrong …" is printed where
// it is not.
// - What comes from the host (not-protected files, sockets) must be well-formed, and no longer than
//   asked for.
// - It holds a canary, in memory and in the volume, that nobody outside may see.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "abi/device.h"

#define PAGE          4096u
#define FILE_WORDS    40000u // of 9 bytes each, as hostile.py writes them
#define VOLUME_BLOCKS 24u
#define THREADS       3
#define GUARD         0xa5
#define WAIT_MS       20

static uint8_t canary[32];
static uint64_t random_state = 1;
static int rounds_done;

static void wrong(const char *what, long detail)
{
    printf("wrong %s: %ld\n", what, detail);
    fflush(stdout);
}

static uint64_t random_next(void)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return random_state >> 33;
}

// Made here, not in the image: the host may see the image. hostile.py makes the same bytes.
static void canary_make(uint8_t ret[32])
{
    volatile uint64_t seed = 0x636c6f6973746572u;
    uint64_t x = seed;
    for (int i = 0; i < 32; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        ret[i] = (uint8_t)(x >> 32);
    }
}

static void canary_check(void)
{
    uint8_t again[32];
    canary_make(again);
    if (memcmp(again, canary, sizeof again) != 0)
        wrong("memory of the canary", 0);
}

// --- the image ---------------------------------------------------------------------------------------------

static char image_byte(size_t at)
{
    char text[16];
    snprintf(text, sizeof text, "%08u ", (unsigned)(at / 9 % 100000000));
    return text[at % 9];
}

static void image_check(const char *how, const char *data, size_t offset, size_t size)
{
    for (size_t i = 0; i < size; i += 1 + i / 64)
        if (data[i] != image_byte(offset + i)) {
            wrong(how, (long)(offset + i));
            return;
        }
}

static void test_image(void)
{
    char buffer[3000];
    int fd = open("/data/file", O_RDONLY);
    if (fd < 0)
        return;
    struct stat st;
    if (fstat(fd, &st) == 0 && st.st_size != 9 * FILE_WORDS)
        wrong("size of the image's file", st.st_size);
    for (int i = 0; i < 8; i++) {
        size_t at = random_next() % (9 * FILE_WORDS - sizeof buffer);
        ssize_t n = pread(fd, buffer, sizeof buffer, (off_t)at);
        if (n > 0)
            image_check("image by pread", buffer, at, (size_t)n);
    }
    size_t page = random_next() % (9 * FILE_WORDS / PAGE - 8);
    char *map = mmap(NULL, 8 * PAGE, PROT_READ, MAP_PRIVATE, fd, (off_t)(page * PAGE));
    if (map != MAP_FAILED) {
        image_check("image by mmap", map, page * PAGE, 8 * PAGE);
        madvise(map, 8 * PAGE, MADV_DONTNEED);
        image_check("image by mmap", map, page * PAGE, 8 * PAGE);
        munmap(map, 8 * PAGE);
    }
    close(fd);
}

// --- memory ------------------------------------------------------------------------------------------------

static bool all(const uint8_t *p, size_t size, uint8_t value)
{
    for (size_t i = 0; i < size; i++)
        if (p[i] != value)
            return false;
    return true;
}

static void test_memory(void)
{
    size_t pages = 4 + random_next() % 60, size = pages * PAGE;
    uint8_t *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return;
    if (!all(p, size, 0))
        wrong("new memory is not zero", (long)pages);
    memset(p, 0x5a, size);
    if (mprotect(p, size / 2, PROT_READ) == 0 && mprotect(p, size / 2, PROT_NONE) == 0)
        mprotect(p, size / 2, PROT_READ | PROT_WRITE);
    else
        mprotect(p, size / 2, PROT_READ);
    if (!all(p, size, 0x5a))
        wrong("memory after mprotect", (long)pages);
    if (madvise(p + PAGE, PAGE, MADV_DONTNEED) == 0 && !all(p + PAGE, PAGE, 0))
        wrong("memory after MADV_DONTNEED", 0);
    uint8_t *q = mremap(p, size, 2 * size, MREMAP_MAYMOVE);
    if (q == MAP_FAILED)
        q = p;
    else if (!all(q + size, size, 0) || !all(q + 2 * PAGE, size - 2 * PAGE, 0x5a))
        wrong("memory after mremap", (long)pages);
    else
        size *= 2;
    munmap(q, size);
}

// --- the encrypted volume ----------------------------------------------------------------------------------

// Every block says what it is: a whole block, or none, is what a commit holds.
struct block {
    uint64_t index, version;
    uint8_t canary[32];
    uint64_t words[(PAGE - 48) / 8];
};
_Static_assert(sizeof(struct block) == PAGE, "a block is a page");

static uint64_t volume_version[VOLUME_BLOCKS]; // of this run; 0: not written

static void block_make(struct block *b, uint64_t index, uint64_t version)
{
    *b = (struct block){.index = index, .version = version};
    memcpy(b->canary, canary, sizeof canary);
    for (size_t i = 0; i < sizeof b->words / 8; i++)
        b->words[i] = (index << 32 ^ version) * 0x9e3779b97f4a7c15u + i;
}

static void volume_read(int fd)
{
    for (uint64_t i = 0; i < VOLUME_BLOCKS; i++) {
        struct block have, want;
        ssize_t n = pread(fd, &have, sizeof have, (off_t)(i * PAGE));
        if (n != sizeof have || (volume_version[i] == 0 && all((uint8_t *)&have, PAGE, 0)))
            continue;
        block_make(&want, i, volume_version[i] ? volume_version[i] : have.version);
        if (memcmp(&have, &want, sizeof have) != 0)
            wrong("block of the volume", (long)i);
    }
}

static void test_volume(void)
{
    static uint64_t version = 1;
    int fd = open("/vol/file", O_RDWR | O_CREAT, 0600);
    if (fd < 0)
        return;
    volume_read(fd);
    for (int i = 0; i < 6; i++) {
        struct block b;
        uint64_t index = random_next() % VOLUME_BLOCKS;
        block_make(&b, index, ++version);
        if (pwrite(fd, &b, sizeof b, (off_t)(index * PAGE)) == sizeof b)
            volume_version[index] = version;
        if (i % 3 == 2)
            (void)fsync(fd);
    }
    volume_read(fd);
    close(fd);
    mkdir("/vol/dir", 0700);
    int other = open("/vol/dir/a", O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (other >= 0) {
        char text[32] = {0};
        ssize_t n = write(other, canary, sizeof canary);
        if (ftruncate(other, 10) == 0 && n == sizeof canary && pread(other, text, 32, 0) >= 0 &&
            (memcmp(text, canary, 10) != 0 || !all((uint8_t *)text + 10, 22, 0)))
            wrong("small file of the volume", n);
        close(other);
    }
    struct stat st;
    if (rename("/vol/dir/a", "/vol/dir/b") == 0 && stat("/vol/dir/b", &st) == 0 &&
        !S_ISREG(st.st_mode))
        wrong("type of a file of the volume", (long)st.st_mode);
    DIR *d = opendir("/vol/dir");
    for (struct dirent *e; d && (e = readdir(d));)
        if (strcmp(e->d_name, ".") && strcmp(e->d_name, "..") && strcmp(e->d_name, "a") &&
            strcmp(e->d_name, "b"))
            wrong("name in the volume", (long)strlen(e->d_name));
    if (d)
        closedir(d);
    unlink("/vol/dir/b");
    sync();
}

// --- what belongs to the host ------------------------------------------------------------------------------

static void stat_check(const struct stat *st)
{
    if ((st->st_mode & S_IFMT) == 0 || st->st_size < 0 || st->st_mtim.tv_nsec < 0 ||
        st->st_mtim.tv_nsec >= 1000000000 || st->st_nlink == 0 || st->st_blksize <= 0)
        wrong("malformed stat", (long)st->st_mode);
}

// SIGBUS comes where the host says that the file has no such byte.
static sigjmp_buf before_bus;
static volatile sig_atomic_t bus_expected;

static void on_bus(int signal)
{
    if (bus_expected)
        siglongjmp(before_bus, 1);
    (void)!write(2, "SIGBUS\n", 7);
    _exit(128 + signal);
}

static void host_mapping(int fd)
{
    char *map = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
        return;
    bus_expected = 1;
    if (sigsetjmp(before_bus, 1) == 0) {
        map[0] = 'P';
        msync(map, PAGE, MS_SYNC);
    }
    bus_expected = 0;
    munmap(map, PAGE);
}

static void host_file(void)
{
    uint8_t buffer[256];
    struct stat st;
    int fd = open("/host/file", O_RDWR | O_CREAT, 0644);
    if (fd < 0)
        return;
    (void)!pwrite(fd, "public", 6, 0);
    memset(buffer, GUARD, sizeof buffer);
    ssize_t n = pread(fd, buffer, 100, 0);
    if (n > 100 || !all(buffer + 100, sizeof buffer - 100, GUARD))
        wrong("more than was asked for", n);
    if (fstat(fd, &st) == 0)
        stat_check(&st);
    (void)!ftruncate(fd, 50);
    fsync(fd);
    host_mapping(fd);
    flock(fd, LOCK_EX | LOCK_NB);
    close(fd);
}

// Names of the host's lead to nothing but the host's.
static void host_links(void)
{
    static const char *const paths[] = {"/host/absolute", "/host/up", "/host/d2/../up"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        char text[9] = {0};
        int fd = open(paths[i], O_RDONLY);
        if (fd >= 0 && read(fd, text, 9) == 9 && memcmp(text, "00000000 ", 9) == 0)
            wrong("a link of the host's led to the image", (long)i);
        void *code = mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
        if (fd >= 0 && code != MAP_FAILED)
            wrong("code of the host's", (long)i);
        close(fd);
    }
}

static void test_host_files(void)
{
    char target[64];
    struct stat st;
    host_file();
    host_links();
    memset(target, GUARD, sizeof target);
    ssize_t n = readlink("/host/link", target, 32);
    if (n > 32 || !all((uint8_t *)target + 32, 32, GUARD))
        wrong("long link", n);
    if (stat("/host/link", &st) == 0)
        stat_check(&st);
    if (lstat("/host/link", &st) == 0)
        stat_check(&st);
    mkdir("/host/d", 0755);
    rename("/host/file", "/host/d/moved");
    DIR *d = opendir("/host");
    for (struct dirent *e; d && (e = readdir(d));)
        if (!e->d_name[0] || strchr(e->d_name, '/') || strlen(e->d_name) > 255)
            wrong("malformed directory entry", (long)strlen(e->d_name));
    if (d)
        closedir(d);
    unlink("/host/d/moved");
    rmdir("/host/d");
}

// --- sockets, pipes, polling -------------------------------------------------------------------------------

static void name_check(const struct sockaddr_in *a, socklen_t size)
{
    if (size != sizeof *a || a->sin_family != AF_INET)
        wrong("malformed address", (long)size);
}

static void receive(int fd)
{
    uint8_t buffer[512];
    memset(buffer, GUARD, sizeof buffer);
    struct pollfd p = {fd, POLLIN, 0};
    if (poll(&p, 1, WAIT_MS) < 0)
        return;
    int pending = 0;
    if (ioctl(fd, FIONREAD, &pending) == 0 && pending < 0)
        wrong("pending bytes", pending);
    struct sockaddr_in from;
    socklen_t size = sizeof from;
    ssize_t n = recvfrom(fd, buffer, 200, MSG_DONTWAIT, (struct sockaddr *)&from, &size);
    if (n > 200 || !all(buffer + 200, sizeof buffer - 200, GUARD))
        wrong("more bytes than room", n);
}

static void talk(int client, int server)
{
    struct sockaddr_in a;
    socklen_t size = sizeof a;
    int one = 1, error = 0;
    if (getsockname(client, (struct sockaddr *)&a, &size) == 0)
        name_check(&a, size);
    size = sizeof a;
    if (getpeername(client, (struct sockaddr *)&a, &size) == 0)
        name_check(&a, size);
    setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    size = sizeof error;
    if (getsockopt(client, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && size != sizeof error)
        wrong("size of an option", (long)size);
    send(client, "hello over the loopback", 23, MSG_NOSIGNAL | MSG_DONTWAIT);
    receive(server);
    send(server, "and back", 8, MSG_NOSIGNAL | MSG_DONTWAIT);
    receive(client);
    shutdown(client, SHUT_WR);
}

static void test_tcp(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof a;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    int client = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), server = -1;
    if (listener >= 0 && client >= 0 && bind(listener, (struct sockaddr *)&a, sizeof a) == 0 &&
        listen(listener, 4) == 0 && getsockname(listener, (struct sockaddr *)&a, &size) == 0) {
        name_check(&a, size);
        (void)connect(client, (struct sockaddr *)&a, sizeof a);
        struct pollfd p[2] = {{listener, POLLIN, 0}, {client, POLLOUT, 0}};
        (void)poll(p, 2, WAIT_MS);
        size = sizeof a;
        server = accept4(listener, (struct sockaddr *)&a, &size, SOCK_NONBLOCK);
        if (server >= 0) {
            name_check(&a, size);
            talk(client, server);
        }
    }
    close(listener);
    close(client);
    close(server);
}

static void test_udp(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof a;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof a) == 0 &&
        getsockname(fd, (struct sockaddr *)&a, &size) == 0) {
        sendto(fd, "datagram", 8, MSG_DONTWAIT, (struct sockaddr *)&a, sizeof a);
        receive(fd);
    }
    close(fd);
}

// Inside the enclave: the host has no part in the bytes.
static void test_inside(void)
{
    int pipe_fd[2], pair[2];
    char text[16] = {0};
    if (pipe(pipe_fd) == 0) {
        if (write(pipe_fd[1], "through a pipe", 14) == 14 &&
            (read(pipe_fd[0], text, 14) != 14 || memcmp(text, "through a pipe", 14) != 0))
            wrong("pipe", 0);
        close(pipe_fd[0]);
        close(pipe_fd[1]);
    }
    if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0) {
        if (send(pair[0], canary, 16, 0) == 16 &&
            (recv(pair[1], text, 16, 0) != 16 || memcmp(text, canary, 16) != 0))
            wrong("socketpair", 0);
        close(pair[0]);
        close(pair[1]);
    }
}

static void test_epoll(void)
{
    int ep = epoll_create1(0), event = eventfd(0, EFD_NONBLOCK),
        timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    int udp = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    struct itimerspec when = {.it_value.tv_nsec = 1000000};
    const int fds[] = {event, timer, udp};
    for (int i = 0; i < 3; i++) {
        struct epoll_event e = {.events = EPOLLIN | (i == 2 ? EPOLLET : 0),
                                .data.u64 = (uint64_t)i};
        epoll_ctl(ep, EPOLL_CTL_ADD, fds[i], &e);
    }
    timerfd_settime(timer, 0, &when, NULL);
    eventfd_write(event, 7);
    struct epoll_event got[4];
    int n = epoll_wait(ep, got, 4, WAIT_MS);
    for (int i = 0; i < n; i++)
        if (got[i].data.u64 > 2)
            wrong("data of an epoll event", (long)got[i].data.u64);
    eventfd_t value;
    if (eventfd_read(event, &value) == 0 && value != 7)
        wrong("eventfd", (long)value);
    uint64_t expirations;
    if (read(timer, &expirations, sizeof expirations) == sizeof expirations && expirations == 0)
        wrong("timerfd", 0);
    close(ep);
    for (int i = 0; i < 3; i++)
        close(fds[i]);
}

// --- time, threads, signals --------------------------------------------------------------------------------

static void test_clock(void)
{
    static const clockid_t clocks[] = {CLOCK_MONOTONIC, CLOCK_BOOTTIME, CLOCK_MONOTONIC_RAW,
                                       CLOCK_MONOTONIC_COARSE, CLOCK_PROCESS_CPUTIME_ID};
    static struct timespec seen[5];
    struct timespec now;
    for (int i = 0; i < 10; i++) {
        struct timespec *last = &seen[i % 5];
        if (clock_gettime(clocks[i % 5], &now) != 0)
            continue;
        if (now.tv_sec < last->tv_sec ||
            (now.tv_sec == last->tv_sec && now.tv_nsec < last->tv_nsec))
            wrong("time went back", (long)now.tv_sec);
        *last = now;
        if (clock_gettime(CLOCK_REALTIME, &now) == 0 &&
            (now.tv_nsec < 0 || now.tv_nsec >= 1000000000))
            wrong("nanoseconds", now.tv_nsec);
    }
    struct timespec little = {0, 200000};
    nanosleep(&little, NULL);
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turn = PTHREAD_COND_INITIALIZER;
static long counter;
static volatile sig_atomic_t alarms, pokes;

static void on_alarm(int signal)
{
    if (signal == SIGALRM)
        alarms++;
    else
        pokes++;
}

static void *thread_main(void *context)
{
    uint64_t mark = (uint64_t)(uintptr_t)context;
    for (long i = 0; mark == 1 && !pokes && i < 3000000; i++) // to be kicked while it runs
        __asm__ volatile("pause");
    for (int i = 0; i < 20; i++) {
        pthread_mutex_lock(&lock);
        counter++;
        pthread_cond_broadcast(&turn);
        pthread_mutex_unlock(&lock);
        if (i % 5 == 0)
            sched_yield();
    }
    return (void *)(uintptr_t)(mark * 3);
}

static void test_threads(void)
{
    pthread_t t[THREADS];
    int started = 0;
    counter = 0;
    pokes = 0;
    while (started < THREADS &&
           pthread_create(&t[started], NULL, thread_main, (void *)(uintptr_t)(started + 1)) == 0)
        started++;
    if (started)
        (void)pthread_kill(t[0], SIGUSR1);
    pthread_mutex_lock(&lock);
    if (started && counter < 20)
        pthread_cond_wait(&turn, &lock);
    pthread_mutex_unlock(&lock);
    for (int i = 0; i < started; i++) {
        void *ret = NULL;
        pthread_join(t[i], &ret);
        if ((uintptr_t)ret != (uintptr_t)(i + 1) * 3)
            wrong("a thread's result", i);
    }
    if (counter != 20L * started)
        wrong("the threads' counter", counter);
}

static void test_timer(void)
{
    struct itimerval soon = {.it_value.tv_usec = 500};
    if (setitimer(ITIMER_REAL, &soon, NULL) != 0)
        return;
    struct timespec little = {0, 2000000};
    nanosleep(&little, NULL); // ends early, by the signal
    struct itimerval off = {0};
    setitimer(ITIMER_REAL, &off, NULL);
}

// --- terminals, the device ---------------------------------------------------------------------------------

static void test_stdio(void)
{
    char buffer[64];
    struct stat st;
    struct winsize size;
    memset(buffer, GUARD, sizeof buffer);
    ssize_t n = read(0, buffer, 32);
    if (n > 32 || !all((uint8_t *)buffer + 32, 32, GUARD))
        wrong("standard input", n);
    for (int fd = 0; fd < 3; fd++) {
        (void)isatty(fd);
        (void)ioctl(fd, TIOCGWINSZ, &size);
        if (fstat(fd, &st) == 0)
            stat_check(&st);
    }
    (void)syscall(1999); // the kernel says on its log that there is no such call
}

static void test_device(void)
{
    static uint8_t bytes[131072], first_key[32];
    int fd = open(CLOISTER_DEVICE, O_RDWR);
    if (fd < 0)
        return;
    struct device_key key = {.label = "a key of the hostile load"};
    if (ioctl(fd, DEVICE_KEY, &key) == 0) {
        if (all(first_key, 32, 0))
            memcpy(first_key, key.key, 32);
        if (all(key.key, 32, 0) || memcmp(first_key, key.key, 32) != 0)
            wrong("sealing key", 0);
    }
    struct device_report report = {0};
    memset(report.reportdata, 0x17, sizeof report.reportdata);
    if (ioctl(fd, DEVICE_REPORT, &report) == 0 && !all(report.report + 320, 64, 0x17))
        wrong("report", 0);
    struct device_quote quote = {.quote = {(uint64_t)(uintptr_t)bytes, 32768}};
    memset(bytes, GUARD, sizeof bytes);
    if (rounds_done % 4 == 0 && ioctl(fd, DEVICE_QUOTE, &quote) == 0 &&
        (quote.quote.size > 32768 ||
         !all(bytes + quote.quote.size, sizeof bytes - quote.quote.size, GUARD)))
        wrong("quote", (long)quote.quote.size);
    struct device_buffer buffer = {(uint64_t)(uintptr_t)bytes, sizeof bytes};
    if (rounds_done % 4 == 0 && ioctl(fd, DEVICE_COLLATERAL, &buffer) == 0 &&
        buffer.size > sizeof bytes)
        wrong("collateral", (long)buffer.size);
    close(fd);
}

static const struct {
    const char *name;
    void (*run)(void);
} tests[] = {
    {"image", test_image},           {"memory", test_memory},  {"volume", test_volume},
    {"host-files", test_host_files}, {"tcp", test_tcp},        {"udp", test_udp},
    {"inside", test_inside},         {"epoll", test_epoll},    {"clock", test_clock},
    {"threads", test_threads},       {"timer", test_timer},    {"stdio", test_stdio},
    {"device", test_device},         {"canary", canary_check},
};

int main(int argc, char **argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : 2;
    random_state += argc > 2 ? strtoull(argv[2], NULL, 0) : 0;
    canary_make(canary);
    struct sigaction handler = {.sa_handler = on_alarm};
    sigaction(SIGALRM, &handler, NULL);
    sigaction(SIGUSR1, &handler, NULL);
    handler.sa_handler = on_bus;
    sigaction(SIGBUS, &handler, NULL);
    for (; rounds_done < rounds; rounds_done++)
        for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
            tests[i].run();
            if (rounds_done == 0) {
                printf("ok %s\n", tests[i].name);
                fflush(stdout);
            }
        }
    puts("end");
    return 0;
}
