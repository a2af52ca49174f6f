// SPDX-License-Identifier: Apache-2.0
// Do host calls do what their names say, and never wait outside poll?
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "host/dispatch.h"
#include "host/runtime.h"

// Last: it has a macro fail().
#include <cmocka.h>

static char directory[] = "/tmp/cloister-calls-XXXXXX";
static struct host *host;
static struct host_thread *thread;

static int setup(void **context)
{
    (void)context;
    host = calloc(1, sizeof(*host));
    thread = &host->threads[0];
    thread->host = host;
    thread->event_fd = eventfd(0, EFD_NONBLOCK);
    return mkdtemp(directory) == NULL;
}

static int teardown(void **context)
{
    (void)context;
    close(thread->event_fd);
    free(host);
    return rmdir(directory);
}

static size_t path(char ret[256], const char *name)
{
    return (size_t)snprintf(ret, 256, "%s/%s", directory, name);
}

static void files(void **context)
{
    (void)context;
    char p[256], q[256], data[16] = {0};
    size_t n = path(p, "a"), m = path(q, "b");
    struct stat st;
    assert_int_equal(hostcall_do_file_open(thread, p, n, O_RDWR, 0), -ENOENT);
    long fd = hostcall_do_file_open(thread, p, n, O_RDWR | O_CREAT | O_EXCL, 0600);
    assert_true(fd > 2);
    uint32_t f = (uint32_t)fd;
    assert_int_equal(hostcall_do_file_open(thread, p, n, O_RDWR | O_CREAT | O_EXCL, 0600), -EEXIST);
    assert_int_equal(hostcall_do_file_pwrite(thread, f, 4, "late", 4), 4);
    assert_int_equal(hostcall_do_file_write(thread, f, "soon", 4), 4);
    assert_int_equal(hostcall_do_file_pread(thread, f, 0, data, 16), 8);
    assert_string_equal(data, "soonlate");
    assert_int_equal(hostcall_do_file_read(thread, f, data, 2), 2);
    assert_int_equal(hostcall_do_file_sync(thread, f), 0);
    assert_int_equal(hostcall_do_file_truncate(thread, f, 3), 0);
    assert_int_equal(hostcall_do_file_stat(thread, f, &st, sizeof(st)), 0);
    assert_int_equal(st.st_size, 3);
    long other = hostcall_do_file_open(thread, p, n, O_RDONLY, 0);
    assert_int_equal(hostcall_do_file_lock(thread, f, LOCK_EX), 0);
    assert_int_equal(hostcall_do_file_lock(thread, (uint32_t)other, LOCK_EX), -EAGAIN);
    assert_int_equal(hostcall_do_file_close(thread, (uint32_t)other), 0);
    assert_int_equal(hostcall_do_path_rename(thread, p, n, q, m), 0);
    assert_int_equal(hostcall_do_path_stat(thread, p, n, 1, &st, sizeof(st)), -ENOENT);
    assert_int_equal(hostcall_do_path_stat(thread, q, m, 1, &st, sizeof(st)), 0);
    assert_int_equal(hostcall_do_path_remove(thread, q, m, 0), 0);
    assert_int_equal(hostcall_do_file_close(thread, f), 0);
    assert_int_equal(hostcall_do_file_close(thread, f), -EBADF);
    assert_int_equal(hostcall_do_file_open(thread, "/etc\0/passwd", 12, O_RDONLY, 0), -ENOENT);
}

static void directories(void **context)
{
    (void)context;
    static const char *const names[] = {"x", "four", "seven77", "eight888", "nine99999"};
    char p[256], entries[4096];
    unsigned found = 0;
    size_t n = path(p, "d");
    assert_int_equal(hostcall_do_path_mkdir(thread, p, n, 0700), 0);
    for (size_t i = 0; i < 5; i++) {
        char q[256], name[32];
        snprintf(name, sizeof(name), "d/%s", names[i]);
        size_t m = path(q, name);
        assert_int_equal(symlink("target", q), 0);
        assert_int_equal(hostcall_do_path_readlink(thread, q, m, name, sizeof(name)), 6);
        assert_memory_equal(name, "target", 6);
    }
    assert_int_equal(hostcall_do_path_remove(thread, p, n, 1), -ENOTEMPTY);
    long fd = hostcall_do_file_open(thread, p, n, O_RDONLY | O_DIRECTORY, 0);
    long got = hostcall_do_dir_read(thread, (uint32_t)fd, entries, sizeof(entries));
    for (long at = 0; at < got;) {
        struct host_dirent e;
        memcpy(&e, entries + at, sizeof(e));
        for (unsigned i = 0; i < 5; i++)
            if (strlen(names[i]) == e.name_size &&
                memcmp(entries + at + sizeof(e), names[i], e.name_size) == 0 && e.type == DT_LNK)
                found |= 1u << i;
        at += (long)(sizeof(e) + ((e.name_size + 7) & ~7u));
    }
    assert_int_equal(found, 31);
    assert_int_equal(hostcall_do_dir_read(thread, (uint32_t)fd, entries, sizeof(entries)), 0);
    close((int)fd);
    for (size_t i = 0; i < 5; i++) {
        char q[256], name[32];
        snprintf(name, sizeof(name), "d/%s", names[i]);
        assert_int_equal(hostcall_do_path_remove(thread, q, path(q, name), 0), 0);
    }
    assert_int_equal(hostcall_do_path_remove(thread, p, n, 1), 0);
}

static void sockets_never_wait(void **context)
{
    (void)context;
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in peer;
    char data[8];
    size_t size = 0;
    uint32_t s = (uint32_t)hostcall_do_sock_open(thread, AF_INET, SOCK_STREAM, 0);
    assert_int_equal(hostcall_do_sock_bind(thread, s, &a, sizeof(a)), 0);
    assert_int_equal(hostcall_do_sock_listen(thread, s, 1), 0);
    assert_int_equal(hostcall_do_sock_accept(thread, s, &peer, sizeof(peer), &size), -EAGAIN);
    assert_int_equal(hostcall_do_sock_name(thread, s, 0, &a, sizeof(a), &size), 0);
    assert_int_equal(size, sizeof(a));
    uint32_t c = (uint32_t)hostcall_do_sock_open(thread, AF_INET, SOCK_STREAM, 0);
    long connected = hostcall_do_sock_connect(thread, c, &a, sizeof(a));
    assert_true(connected == 0 || connected == -EINPROGRESS);
    struct host_pollfd ask = {s, POLLIN, 0}, ready = {0};
    assert_int_equal(hostcall_do_poll(thread, 2000000000, &ask, sizeof(ask), &ready, sizeof(ready)),
                     1);
    assert_int_equal(ready.revents, POLLIN);
    long accepted = hostcall_do_sock_accept(thread, s, &peer, sizeof(peer), &size);
    assert_true(accepted > 2);
    assert_int_equal(hostcall_do_sock_send(thread, c, 0, "hello", 5, NULL, 0), 5);
    uint32_t r = (uint32_t)accepted;
    assert_int_equal(hostcall_do_sock_pending(thread, r), 5);
    assert_int_equal(hostcall_do_sock_recv(thread, r, MSG_TRUNC, data, 3, &peer, 0, &size), 3);
    assert_int_equal(hostcall_do_sock_shutdown(thread, c, SHUT_WR), 0);
    int type = 0;
    assert_int_equal(hostcall_do_sock_getopt(thread, c, SOL_SOCKET, SO_TYPE, &type, 4), 4);
    assert_int_equal(type, SOCK_STREAM);
    close((int)r);
    close((int)c);
    close((int)s);
}

static void poll_ends_in_three_ways(void **context)
{
    (void)context;
    int pipe_fds[2];
    assert_int_equal(pipe(pipe_fds), 0);
    struct host_pollfd ask = {(uint32_t)pipe_fds[0], POLLIN, 0}, ready = {0};
    assert_int_equal(hostcall_do_poll(thread, 1000000, &ask, sizeof(ask), &ready, sizeof(ready)),
                     0);
    eventfd_write(thread->event_fd, 3);
    assert_int_equal(hostcall_do_poll(thread, UINT64_MAX, &ask, sizeof(ask), &ready, sizeof(ready)),
                     0);
    assert_int_equal(hostcall_do_poll(thread, 0, &ask, sizeof(ask), &ready, sizeof(ready)), 0);
    assert_int_equal(write(pipe_fds[1], "x", 1), 1);
    assert_int_equal(hostcall_do_poll(thread, UINT64_MAX, &ask, sizeof(ask), &ready, sizeof(ready)),
                     1);
    assert_int_equal(ready.revents, POLLIN);
    assert_int_equal(hostcall_do_poll(thread, 0, &ask, sizeof(ask), &ready, 0), -EINVAL);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
}

static void clocks_and_terminals(void **context)
{
    (void)context;
    struct timespec t = {0};
    char data[64];
    assert_int_equal(hostcall_do_clock_get(thread, CLOCK_REALTIME, &t, sizeof(t)), 0);
    assert_true(labs(t.tv_sec - time(NULL)) <= 1);
    assert_int_equal(hostcall_do_clock_get(thread, 9999, &t, sizeof(t)), -EINVAL);
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_int_equal(hostcall_do_tty_get(thread, (uint32_t)fd, 0x5401, data, 64), -ENOTTY);
    assert_int_equal(hostcall_do_tty_get(thread, (uint32_t)fd, 0x5401, data, 8), -EINVAL);
    assert_int_equal(hostcall_do_tty_get(thread, (uint32_t)fd, 0x541b, data, 64), -EINVAL);
    close(fd);
    int terminal = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (terminal < 0)
        return;
    assert_int_equal(hostcall_do_tty_get(thread, (uint32_t)terminal, 0x5401, data, 64), 36);
    assert_int_equal(hostcall_do_tty_get(thread, (uint32_t)terminal, 0x5413, data, 64), 8);
    close(terminal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files),
        cmocka_unit_test(directories),
        cmocka_unit_test(sockets_never_wait),
        cmocka_unit_test(poll_ends_in_three_ways),
        cmocka_unit_test(clocks_and_terminals),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
