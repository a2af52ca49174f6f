// SPDX-License-Identifier: Apache-2.0
// What tests/syscall/net.c cannot show: answers of a hostile host, what waiting costs, threads that
// change a set while
// others wait on it. Linked with --wrap as wrap.txt says, so the C library's calls reach the kernel's code.
#include "shim.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static void tcp_pair(int ret[2])
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof a;
    int l = socket(AF_INET, SOCK_STREAM, 0);
    ret[0] = socket(AF_INET, SOCK_STREAM, 0);
    assert_return_code(bind(l, (struct sockaddr *)&a, sizeof a), errno);
    assert_return_code(listen(l, 5), errno);
    assert_return_code(getsockname(l, (struct sockaddr *)&a, &size), errno);
    assert_return_code(connect(ret[0], (struct sockaddr *)&a, sizeof a), errno);
    ret[1] = accept(l, NULL, NULL);
    assert_return_code(ret[1], errno);
    close(l);
}

static void hostile_answers_become_eio(void **state)
{
    struct sockaddr_in a;
    socklen_t size = sizeof a;
    int s[2], value = 0;
    (void)state;
    tcp_pair(s);
    shim_hostile = 1;
    assert_int_equal(getsockname(s[0], (struct sockaddr *)&a, &size), -1);
    assert_int_equal(errno, EIO);
    assert_int_equal(send(s[0], "x", 1, 0), -1); // 0 bytes of 1 would loop for ever
    assert_int_equal(errno, EIO);
    size = sizeof value;
    assert_int_equal(getsockopt(s[0], SOL_SOCKET, SO_ERROR, &value, &size), -1);
    assert_int_equal(errno, EIO);
    assert_int_equal(value, 0);
    shim_hostile = 0;
    close(s[0]);
    close(s[1]);
}

static void hostile_sender_address_is_refused(void **state)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof a;
    char c;
    int s = socket(AF_INET, SOCK_DGRAM, 0);
    (void)state;
    assert_return_code(bind(s, (struct sockaddr *)&a, sizeof a), errno);
    assert_return_code(getsockname(s, (struct sockaddr *)&a, &size), errno);
    assert_int_equal(sendto(s, "x", 1, 0, (struct sockaddr *)&a, sizeof a), 1);
    shim_hostile = 1;
    assert_int_equal(recv(s, &c, 1, 0), -1);
    assert_int_equal(errno, EIO);
    shim_hostile = 0;
    close(s);
}

static void sigpipe_once_a_write(void **state)
{
    int p[2], before = shim_sigpipes;
    (void)state;
    assert_int_equal(pipe(p), 0);
    close(p[0]);
    assert_int_equal(write(p[1], "x", 1), -1);
    assert_int_equal(errno, EPIPE);
    assert_int_equal(shim_sigpipes, before + 1);
    close(p[1]);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, p), 0);
    close(p[0]);
    assert_int_equal(send(p[1], "x", 1, MSG_NOSIGNAL), -1);
    assert_int_equal(shim_sigpipes, before + 1);
    assert_int_equal(write(p[1], "x", 1), -1);
    assert_int_equal(shim_sigpipes, before + 2);
    close(p[1]);
}

#define IDLE 400 // pairs of host sockets: both ends stay below the usual limit of descriptors

static void idle_sockets_cost_one_host_poll(void **state)
{
    static int s[IDLE];
    int ep = epoll_create1(0);
    struct epoll_event e = {.events = EPOLLIN};
    (void)state;
    for (int i = 0; i < IDLE; i++) {
        s[i] = socket(AF_INET, SOCK_DGRAM, 0);
        assert_return_code(s[i], errno);
        assert_return_code(epoll_ctl(ep, EPOLL_CTL_ADD, s[i], &e), errno);
    }
    unsigned before = shim_host_polls;
    assert_int_equal(epoll_wait(ep, &e, 1, 0), 0);
    assert_int_equal(shim_host_polls, before + 1);
    for (int i = 0; i < IDLE; i++)
        close(s[i]);
    before = shim_host_polls;
    assert_int_equal(epoll_wait(ep, &e, 1, 0), 0);
    assert_int_equal(shim_host_polls, before); // nothing left in the set
    close(ep);
}

struct waiter {
    int ep;
    struct epoll_event event;
    int result;
};

static void *wait_on(void *arg)
{
    struct waiter *w = arg;
    w->result = epoll_wait(w->ep, &w->event, 1, 3000);
    return NULL;
}

static void start(pthread_t *thread, struct waiter *w)
{
    pthread_create(thread, NULL, wait_on, w);
    usleep(30000); // it sleeps by now, most likely; the outcome is the same if not
}

static void add_and_rearm_reach_a_sleeping_waiter(void **state)
{
    int s[2];
    char c;
    pthread_t thread;
    struct waiter w = {.ep = epoll_create1(0)};
    struct epoll_event e = {.events = EPOLLIN | EPOLLET, .data.u32 = 1};
    (void)state;
    tcp_pair(s);
    start(&thread, &w);
    assert_return_code(epoll_ctl(w.ep, EPOLL_CTL_ADD, s[1], &e), errno);
    assert_int_equal(send(s[0], "a", 1, 0), 1);
    pthread_join(thread, NULL);
    assert_int_equal(w.result, 1);
    // Reported: silent until somebody reads. The reader is another thread than the one that waits.
    start(&thread, &w);
    assert_int_equal(recv(s[1], &c, 1, 0), 1);
    assert_int_equal(send(s[0], "b", 1, 0), 1);
    pthread_join(thread, NULL);
    assert_int_equal(w.result, 1);
    assert_int_equal(w.event.events, EPOLLIN);
    close(s[0]);
    close(s[1]);
    close(w.ep);
}

static void closing_a_watched_socket_hangs_up(void **state)
{
    int s[2];
    char c;
    pthread_t thread;
    struct waiter w = {.ep = epoll_create1(0)};
    struct epoll_event e = {.events = EPOLLIN, .data.u32 = 1};
    int wake = eventfd(0, 0);
    uint64_t one = 1;
    (void)state;
    tcp_pair(s);
    assert_return_code(epoll_ctl(w.ep, EPOLL_CTL_ADD, s[1], &e), errno);
    e.data.u32 = 2;
    assert_return_code(epoll_ctl(w.ep, EPOLL_CTL_ADD, wake, &e), errno);
    start(&thread, &w);
    close(s[1]);
    assert_int_equal(recv(s[0], &c, 1, 0), 0); // though another thread had it in its set
    assert_int_equal(write(wake, &one, 8), 8);
    pthread_join(thread, NULL);
    assert_int_equal(w.result, 1);
    assert_int_equal(w.event.data.u32, 2);
    close(s[0]);
    close(wake);
    close(w.ep);
}

// tests/syscall/net.c, natively and on the kernel's handlers; both stand beside this program (net.mk).
static void same_output_as_linux(void **state)
{
    char self[512], command[2048];
    (void)state;
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    assert_in_range(n, 1, sizeof self - 1);
    self[n] = 0;
    *strrchr(self, '/') = 0;
    snprintf(command, sizeof command,
             "cd '%s' && timeout 30 ./net_native >native.txt && timeout 30 ./net_shim >shim.txt && "
             "diff native.txt shim.txt",
             self);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hostile_answers_become_eio),
        cmocka_unit_test(hostile_sender_address_is_refused),
        cmocka_unit_test(sigpipe_once_a_write),
        cmocka_unit_test(idle_sockets_cost_one_host_poll),
        cmocka_unit_test(add_and_rearm_reach_a_sleeping_waiter),
        cmocka_unit_test(closing_a_watched_socket_hangs_up),
        cmocka_unit_test(same_output_as_linux),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
