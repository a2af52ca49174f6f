// SPDX-License-Identifier: Apache-2.0
// Sockets, pipes, eventfd, timerfd, poll, select and epoll, as an ordinary program uses them. Prints
// what each call
// gave; the output is the same natively, in the enclave, and on the kernel's code under the unit tests' shim.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <unistd.h>

static char big[1 << 20], back[1 << 20];

static long show(const char *what, long r)
{
    if (r < 0)
        printf("%-34s %s\n", what, strerrorname_np(errno));
    else
        printf("%-34s %ld\n", what, r);
    return r;
}

static void ok(const char *what, long r)
{
    show(what, r < 0 ? r : 0);
}

static short poll1(int fd, short events, int timeout)
{
    struct pollfd p = {fd, events, 0};
    return poll(&p, 1, timeout) < 0 ? -1 : p.revents;
}

static void pipes(void)
{
    int p[2];
    char buffer[16] = "";
    ok("pipe2", pipe2(p, O_NONBLOCK));
    show("read empty", read(p[0], buffer, 8));
    show("poll empty read end", poll1(p[0], POLLIN, 0));
    show("poll empty write end", poll1(p[1], POLLOUT, 0));
    show("write", write(p[1], "hello", 5));
    int n = 0;
    show("FIONREAD", ioctl(p[0], FIONREAD, &n));
    show("  bytes", n);
    show("poll read end", poll1(p[0], POLLIN, -1));
    show("read part", read(p[0], buffer, 3));
    show("read rest", read(p[0], buffer + 3, 8));
    printf("%s\n", buffer);
    show("F_GETPIPE_SZ", fcntl(p[1], F_GETPIPE_SZ));
    long total = 0, r;
    while ((r = write(p[1], big, 4096)) > 0)
        total += r;
    show("full", r);
    show("  total", total);
    show("poll full write end", poll1(p[1], POLLOUT, 0));
    show("read all", read(p[0], back, sizeof back));
    show("F_SETPIPE_SZ", fcntl(p[1], F_SETPIPE_SZ, 8192));
    show("write more than fits", write(p[1], big, 20000));
    close(p[0]);
    show("write without reader", write(p[1], "x", 1));
    show("poll without reader", poll1(p[1], POLLOUT, 0));
    close(p[1]);
    ok("pipe", pipe(p));
    close(p[1]);
    show("read at end", read(p[0], buffer, 8));
    show("poll at end", poll1(p[0], POLLIN, 0));
    close(p[0]);
    show("closed", read(p[0], buffer, 8));
}

static void *pipe_writer(void *arg)
{
    long total = 0, r;
    while (total < (long)sizeof big &&
           (r = write(*(int *)arg, big + total, sizeof big - (size_t)total)) > 0)
        total += r;
    close(*(int *)arg);
    return NULL;
}

static void pipe_threads(void)
{
    int p[2];
    pthread_t thread;
    long total = 0, r;
    ok("pipe", pipe(p));
    pthread_create(&thread, NULL, pipe_writer, &p[1]);
    while ((r = read(p[0], back + total, 7777)) > 0)
        total += r;
    pthread_join(thread, NULL);
    show("through the pipe", total);
    show("same bytes", memcmp(big, back, sizeof big) == 0);
    close(p[0]);
}

static void counters(void)
{
    uint64_t v = 5;
    int e = eventfd(3, EFD_NONBLOCK), s = eventfd(2, EFD_NONBLOCK | EFD_SEMAPHORE);
    show("eventfd write", write(e, &v, 8));
    show("poll", poll1(e, POLLIN | POLLOUT, 0));
    show("eventfd read", read(e, &v, 8));
    show("  value", (long)v);
    show("again", read(e, &v, 8));
    show("short", read(e, &v, 4));
    v = ~0ull;
    show("too much", write(e, &v, 8));
    show("semaphore", read(s, &v, 8));
    show("semaphore", read(s, &v, 8));
    show("semaphore", read(s, &v, 8));
    close(e);
    close(s);
}

static void timers(void)
{
    int t = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    struct itimerspec v = {{0, 0}, {0, 20000000}}, old;
    uint64_t n = 0;
    ok("timerfd_settime", timerfd_settime(t, 0, &v, NULL));
    show("before", read(t, &n, 8));
    show("poll", poll1(t, POLLIN, 5000));
    show("read", read(t, &n, 8));
    show("  expirations", (long)n);
    ok("timerfd_gettime", timerfd_gettime(t, &old));
    show("  off", old.it_value.tv_sec + old.it_value.tv_nsec);
    v.it_value.tv_nsec = 2000000000;
    ok("bad time", timerfd_settime(t, 0, &v, NULL));
    close(t);
    t = timerfd_create(CLOCK_REALTIME, 0);
    clock_gettime(CLOCK_REALTIME, &v.it_value);
    ok("absolute, in the past", timerfd_settime(t, TFD_TIMER_ABSTIME, &v, NULL));
    show("read blocking", read(t, &n, 8));
    close(t);
}

static struct sockaddr_in loopback(int port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = (in_port_t)port};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return a;
}

static void *tcp_server(void *arg)
{
    int listener = *(int *)arg;
    struct sockaddr_in peer;
    socklen_t size = sizeof peer;
    int c = accept4(listener, (struct sockaddr *)&peer, &size, 0);
    long total = 0, r;
    while ((r = recv(c, back + total, sizeof back - (size_t)total, 0)) > 0)
        total += r;
    if (size != sizeof peer || peer.sin_family != AF_INET)
        total = -1;
    for (long done = 0; done < total; done += r)
        if ((r = send(c, back + done, (size_t)(total - done), MSG_NOSIGNAL)) <= 0)
            break;
    close(c);
    return (void *)total;
}

static void tcp(void)
{
    struct sockaddr_in a = loopback(0), b;
    socklen_t size = sizeof a;
    int one = 1, value = 0;
    socklen_t value_size = sizeof value;
    pthread_t thread;
    void *received;
    int l = socket(AF_INET, SOCK_STREAM, 0),
        c = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
    ok("SO_REUSEADDR", setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one));
    ok("bind", bind(l, (struct sockaddr *)&a, sizeof a));
    ok("bind again", bind(l, (struct sockaddr *)&a, sizeof a));
    ok("listen", listen(l, 5));
    ok("getsockname", getsockname(l, (struct sockaddr *)&a, &size));
    show("  size", size);
    ok("getpeername", getpeername(c, (struct sockaddr *)&b, &size));
    ok("SO_ACCEPTCONN", getsockopt(l, SOL_SOCKET, SO_ACCEPTCONN, &value, &value_size));
    show("  value", value);
    pthread_create(&thread, NULL, tcp_server, &l);
    ok("connect", connect(c, (struct sockaddr *)&a, sizeof a));
    ok("connect again", connect(c, (struct sockaddr *)&a, sizeof a));
    ok("getpeername", getpeername(c, (struct sockaddr *)&b, &size));
    show("  same port", b.sin_port == a.sin_port);
    ok("TCP_NODELAY", setsockopt(c, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one));
    ok("getsockopt", getsockopt(c, IPPROTO_TCP, TCP_NODELAY, &value, &value_size));
    show("  value", value != 0);
    ok("unknown option", setsockopt(c, SOL_SOCKET, 9999, &one, sizeof one));
    show("send 1 MiB", send(c, big, sizeof big, 0));
    ok("shutdown", shutdown(c, SHUT_WR));
    memset(big, 0, 1);
    show("MSG_WAITALL", recv(c, big, sizeof big, MSG_WAITALL));
    pthread_join(thread, &received);
    show("server saw", (long)received);
    show("same bytes", memcmp(big, back, sizeof big) == 0);
    show("at end", recv(c, back, 1, 0));
    show("send after shutdown", send(c, "x", 1, MSG_NOSIGNAL));
    close(c);
    c = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    close(l);
    ok("connect refused, nonblocking", connect(c, (struct sockaddr *)&a, sizeof a));
    show("poll", poll1(c, POLLOUT, 1000) & POLLERR);
    ok("SO_ERROR", getsockopt(c, SOL_SOCKET, SO_ERROR, &value, &value_size));
    show("  refused", value == ECONNREFUSED);
    close(c);
    ok("bad family", socket(99, SOCK_DGRAM, 0));
    ok("short address", connect(socket(AF_INET, SOCK_DGRAM, 0), (struct sockaddr *)&a, 4));
}

static void udp(void)
{
    struct sockaddr_in a = loopback(0), from;
    socklen_t size = sizeof a;
    char buffer[64] = "";
    struct timeval tv = {0, 20000};
    int s = socket(AF_INET, SOCK_DGRAM, 0), c = socket(AF_INET, SOCK_DGRAM, 0);
    ok("bind", bind(s, (struct sockaddr *)&a, sizeof a));
    ok("getsockname", getsockname(s, (struct sockaddr *)&a, &size));
    show("sendto", sendto(c, "datagram", 8, 0, (struct sockaddr *)&a, sizeof a));
    show("send without address", send(c, "x", 1, 0));
    show("peek", recv(s, buffer, 4, MSG_PEEK | MSG_TRUNC));
    show("recvfrom", recvfrom(s, buffer, sizeof buffer, 0, (struct sockaddr *)&from, &size));
    show("  from loopback", ntohl(from.sin_addr.s_addr) == INADDR_LOOPBACK);
    show("empty datagram", sendto(c, "", 0, 0, (struct sockaddr *)&a, sizeof a));
    show("recv", recv(s, buffer, sizeof buffer, 0));
    show("MSG_DONTWAIT", recv(s, buffer, sizeof buffer, MSG_DONTWAIT));
    ok("SO_RCVTIMEO", setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv));
    show("recv times out", recv(s, buffer, sizeof buffer, 0));
    struct iovec iov[2] = {{"two ", 4}, {"parts", 5}};
    struct msghdr m = {.msg_name = &a, .msg_namelen = sizeof a, .msg_iov = iov, .msg_iovlen = 2};
    show("sendmsg", sendmsg(c, &m, 0));
    iov[0] = (struct iovec){buffer, 3};
    iov[1] = (struct iovec){buffer + 3, 2};
    show("recvmsg", recvmsg(s, &m, 0));
    show("  truncated", m.msg_flags == MSG_TRUNC);
    show("  address size", m.msg_namelen);
    ok("connect", connect(c, (struct sockaddr *)&a, sizeof a));
    struct mmsghdr mm[2] = {{{.msg_iov = iov, .msg_iovlen = 1}, 0},
                            {{.msg_iov = iov, .msg_iovlen = 2}, 0}};
    show("sendmmsg", sendmmsg(c, mm, 2, 0));
    show("recvmmsg", recvmmsg(s, mm, 2, 0, NULL));
    show("  sizes", mm[0].msg_len * 10 + mm[1].msg_len);
    close(s);
    close(c);
}

static void *unix_client(void *arg)
{
    int c = socket(AF_UNIX, SOCK_STREAM, 0);
    char buffer[32] = "";
    if (connect(c, arg, sizeof(sa_family_t) + 9) < 0)
        return (void *)(long)-errno;
    long r = write(c, "ping", 4);
    r += read(c, buffer, sizeof buffer);
    close(c);
    return (void *)r;
}

static void unix_sockets(void)
{
    struct sockaddr_un a = {AF_UNIX, "\0cloister"}, peer;
    socklen_t size = sizeof peer;
    char buffer[64];
    int p[2];
    pthread_t thread;
    void *r;
    ok("socketpair", socketpair(AF_UNIX, SOCK_STREAM, 0, p));
    show("write", write(p[0], "stream", 6));
    show("read part", read(p[1], buffer, 2));
    show("peek", recv(p[1], buffer, 10, MSG_PEEK));
    show("read", read(p[1], buffer, 10));
    show("poll", poll1(p[1], POLLIN | POLLOUT, 0));
    ok("shutdown", shutdown(p[0], SHUT_WR));
    show("poll", poll1(p[1], POLLIN | POLLOUT | POLLRDHUP, 0));
    show("at end", read(p[1], buffer, 10));
    show("write", write(p[1], "back", 4));
    close(p[1]);
    show("read", read(p[0], buffer, 10));
    show("poll", poll1(p[0], POLLIN | POLLOUT | POLLRDHUP, 0));
    close(p[0]);
    ok("socketpair", socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, p));
    show("record", send(p[0], "one", 3, 0));
    show("record", send(p[0], "second", 6, 0));
    show("short read", recv(p[1], buffer, 2, 0));
    show("next", recv(p[1], buffer, sizeof buffer, 0));
    show("none", recv(p[1], buffer, sizeof buffer, 0));
    close(p[0]);
    show("send", send(p[1], "x", 1, MSG_NOSIGNAL));
    close(p[1]);
    int l = socket(AF_UNIX, SOCK_STREAM, 0);
    ok("connect to nobody", connect(l, (struct sockaddr *)&a, sizeof(sa_family_t) + 9));
    ok("bind", bind(l, (struct sockaddr *)&a, sizeof(sa_family_t) + 9));
    ok("listen", listen(l, 1));
    pthread_create(&thread, NULL, unix_client, &a);
    int c = accept(l, (struct sockaddr *)&peer, &size);
    show("accept address size", size);
    show("read", read(c, buffer, sizeof buffer));
    show("write", write(c, "pong!", 5));
    pthread_join(thread, &r);
    show("client", (long)r);
    size = sizeof peer;
    ok("getsockname", getsockname(c, (struct sockaddr *)&peer, &size));
    show("  size", size);
    close(c);
    close(l);
    int d = socket(AF_UNIX, SOCK_DGRAM, 0), e = socket(AF_UNIX, SOCK_DGRAM, 0);
    ok("bind", bind(d, (struct sockaddr *)&a, sizeof(sa_family_t) + 9));
    ok("bind the same", bind(e, (struct sockaddr *)&a, sizeof(sa_family_t) + 9));
    show("sendto", sendto(e, "dgram", 5, 0, (struct sockaddr *)&a, sizeof(sa_family_t) + 9));
    size = sizeof peer;
    show("recvfrom", recvfrom(d, buffer, sizeof buffer, 0, (struct sockaddr *)&peer, &size));
    show("  size", size);
    close(d);
    close(e);
}

static void rights(void)
{
    int p[2], q[2], got = -1;
    char byte = 'x', control[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec iov = {&byte, 1};
    struct msghdr m = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    ok("socketpair", socketpair(AF_UNIX, SOCK_STREAM, 0, p));
    ok("pipe", pipe(q));
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    *c = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
    memcpy(CMSG_DATA(c), &q[1], sizeof(int));
    show("sendmsg", sendmsg(p[0], &m, 0));
    close(q[1]);
    memset(control, 0, sizeof control);
    show("recvmsg", recvmsg(p[1], &m, 0));
    show("  control", (long)m.msg_controllen);
    memcpy(&got, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(int));
    show("write to it", write(got, "via", 3));
    show("read", read(q[0], back, 10));
    close(got);
    show("at end", read(q[0], back, 10));
    m.msg_controllen = 4;
    show("bad control", sendmsg(p[0], &m, 0));
    close(p[0]);
    close(p[1]);
    close(q[0]);
}

static long wait1(int ep, int timeout)
{
    struct epoll_event e[4] = {{0}};
    int n = epoll_wait(ep, e, 4, timeout);
    return n <= 0 ? n : (long)(e[0].events | (unsigned)n << 16 | (unsigned)e[0].data.u32 << 20);
}

static void ctl(const char *what, int ep, int op, int fd, uint32_t events)
{
    struct epoll_event e = {.events = events, .data.u32 = 7};
    ok(what, epoll_ctl(ep, op, fd, &e));
}

static void epolls(void)
{
    int p[2], ep = epoll_create1(0), outer = epoll_create1(EPOLL_CLOEXEC);
    char c;
    ok("pipe2", pipe2(p, O_NONBLOCK));
    ctl("add", ep, EPOLL_CTL_ADD, p[0], EPOLLIN);
    ctl("add again", ep, EPOLL_CTL_ADD, p[0], EPOLLIN);
    ctl("del unknown", ep, EPOLL_CTL_DEL, p[1], 0);
    ctl("add itself", ep, EPOLL_CTL_ADD, ep, EPOLLIN);
    ctl("nest", outer, EPOLL_CTL_ADD, ep, EPOLLIN);
    ctl("loop", ep, EPOLL_CTL_ADD, outer, EPOLLIN);
    show("nothing", wait1(ep, 10));
    show("write", write(p[1], "ab", 2));
    show("level", wait1(ep, -1));
    show("level", wait1(ep, 0));
    show("nested", wait1(outer, 0));
    ctl("mod edge", ep, EPOLL_CTL_MOD, p[0], EPOLLIN | EPOLLET);
    show("edge", wait1(ep, 0));
    show("edge, no news", wait1(ep, 0));
    show("write", write(p[1], "c", 1));
    show("edge", wait1(ep, 0));
    ctl("mod oneshot", ep, EPOLL_CTL_MOD, p[0], EPOLLIN | EPOLLONESHOT);
    show("oneshot", wait1(ep, 0));
    show("oneshot again", wait1(ep, 0));
    ctl("mod oneshot", ep, EPOLL_CTL_MOD, p[0], EPOLLIN | EPOLLONESHOT);
    show("oneshot", wait1(ep, 0));
    while (read(p[0], &c, 1) > 0)
        ;
    close(p[0]);
    show("closed", wait1(ep, 0));
    close(p[1]);
    show("bad max", epoll_wait(ep, &(struct epoll_event){0}, 0, 0));
    show("not an epoll", epoll_wait(0, &(struct epoll_event){0}, 1, 0));
    close(ep);
    close(outer);
}

static void epoll_tcp(void)
{
    struct sockaddr_in a = loopback(0);
    socklen_t size = sizeof a;
    char buffer[64];
    int ep = epoll_create1(0), l = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    int c = socket(AF_INET, SOCK_STREAM, 0);
    ok("bind", bind(l, (struct sockaddr *)&a, sizeof a));
    ok("listen", listen(l, 5));
    ok("getsockname", getsockname(l, (struct sockaddr *)&a, &size));
    ctl("add", ep, EPOLL_CTL_ADD, l, EPOLLIN | EPOLLET);
    show("nothing", wait1(ep, 10));
    ok("connect", connect(c, (struct sockaddr *)&a, sizeof a));
    show("listener", wait1(ep, 5000));
    show("listener, no news", wait1(ep, 0));
    int s = accept4(l, NULL, NULL, SOCK_NONBLOCK);
    ok("accept again", accept4(l, NULL, NULL, SOCK_NONBLOCK));
    ctl("add", ep, EPOLL_CTL_ADD, s, EPOLLIN | EPOLLRDHUP | EPOLLET);
    show("nothing", wait1(ep, 10));
    show("send", send(c, "abcdef", 6, 0));
    show("data", wait1(ep, 5000));
    show("no news", wait1(ep, 0));
    show("read", read(s, buffer, sizeof buffer));
    show("again", read(s, buffer, sizeof buffer));
    show("nothing", wait1(ep, 0));
    show("send", send(c, "gh", 2, 0));
    show("data", wait1(ep, 5000));
    show("read", read(s, buffer, sizeof buffer));
    show("again", read(s, buffer, sizeof buffer));
    close(c);
    show("hang-up", wait1(ep, 5000));
    show("at end", read(s, buffer, sizeof buffer));
    show("hang-up, no news", wait1(ep, 10));
    ctl("mod level", ep, EPOLL_CTL_MOD, s, EPOLLIN | EPOLLOUT);
    show("level", wait1(ep, 0));
    show("level", wait1(ep, 0));
    ctl("del", ep, EPOLL_CTL_DEL, s, 0);
    show("nothing", wait1(ep, 0));
    close(s);
    close(l);
    close(ep);
}

static void selects(void)
{
    int p[2];
    fd_set in, out;
    struct timeval tv = {0, 10000};
    ok("pipe", pipe(p));
    FD_ZERO(&in);
    FD_SET(p[0], &in);
    show("select times out", select(p[0] + 1, &in, NULL, NULL, &tv));
    FD_ZERO(&in);
    FD_ZERO(&out);
    FD_SET(p[0], &in);
    FD_SET(p[1], &out);
    show("select", select(p[1] + 1, &in, &out, NULL, NULL));
    show("  in", FD_ISSET(p[0], &in) != 0);
    show("  out", FD_ISSET(p[1], &out) != 0);
    close(p[0]);
    FD_ZERO(&in);
    FD_SET(p[0], &in);
    show("bad descriptor", select(p[0] + 1, &in, NULL, NULL, NULL));
    close(p[1]);
    show("poll bad descriptor", poll1(p[1], POLLIN, -1));
    show("poll nothing", poll(NULL, 0, 10));
}

int main(void)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } parts[] = {
        {"pipes", pipes},       {"pipe threads", pipe_threads},
        {"eventfd", counters},  {"timerfd", timers},
        {"tcp", tcp},           {"udp", udp},
        {"unix", unix_sockets}, {"rights", rights},
        {"epoll", epolls},      {"epoll tcp", epoll_tcp},
        {"select", selects},
    };
    signal(SIGPIPE, SIG_IGN);
    setvbuf(stdout, NULL, _IONBF, 0);
    for (size_t i = 0; i < sizeof big; i++)
        big[i] = (char)(i * 31 + i / 251);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        printf("== %s\n", parts[i].name);
        parts[i].run();
    }
    return 0;
}
