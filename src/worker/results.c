// SPDX-License-Identifier: Apache-2.0
// DIR/results over plain HTTP: bundles are encrypted and signed, so anybody may have them.
#include "worker/worker.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "os/file.h"
#include "os/http_server.h"

#define NAME_SIZE (1 + 64 + 4) // "/", 64 hex digits, ".zip"

static bool is_bundle(struct span path)
{
    if (path.size != NAME_SIZE || path.data[0] != '/' || memcmp(path.data + 1 + 64, ".zip", 4) != 0)
        return false;
    for (size_t i = 1; i <= 64; i++)
        if (!((path.data[i] >= '0' && path.data[i] <= '9') ||
              (path.data[i] >= 'a' && path.data[i] <= 'f')))
            return false;
    return true;
}

static struct result send_file(int fd, struct http_conn *conn)
{
    struct http_out out = {.content_type = "application/zip"};
    off_t size = lseek(fd, 0, SEEK_END);
    REQUIRE(size >= 0 && lseek(fd, 0, SEEK_SET) == 0, ERR_IO, "cannot read a result");
    GUARD(http_write_response_head(&conn->transport, 200, &out, (uint64_t)size));
    for (off_t left = size; left > 0;) {
        uint8_t part[64 * 1024];
        size_t n;
        GUARD(file_read_some(fd, part, MIN(sizeof part, (size_t)left), &n));
        REQUIRE(n, ERR_IO, "a result became shorter");
        GUARD(conn->transport.write(conn->transport.context, SPAN(part, n)));
        left -= (off_t)n;
    }
    return RESULT_OK;
}

static struct result answer(void *context, struct http_conn *conn, const struct http_head *head,
                            struct span body)
{
    const int *directory = context;
    char name[NAME_SIZE] = "";
    (void)body;
    if (!http_method_is(head, "GET"))
        return http_write_response(&conn->transport, 405, &(struct http_out){0});
    int fd = -1;
    if (is_bundle(head->path)) {
        memcpy(name, head->path.data + 1, NAME_SIZE - 1);
        fd = openat(*directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    }
    if (fd < 0)
        return http_write_response(&conn->transport, 404, &(struct http_out){0});
    struct result r = send_file(fd, conn);
    close(fd);
    return r;
}

struct result worker_serve_results(const char *directory, const char *where,
                                   char ret_url[WORKER_URL_SIZE])
{
    char path[PATH_MAX];
    int fd;
    unsigned port;
    pid_t parent = getpid();
    int n = snprintf(path, sizeof path, "%s/results", directory);
    REQUIRE(n < (int)sizeof path, ERR_RANGE, "the directory's path is too long");
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    REQUIRE(folder >= 0, ERR_IO, "cannot open the directory of results");
    GUARD(http_server_listen(where, &fd, &port));
    snprintf(ret_url, WORKER_URL_SIZE, "http://%.*s:%u", (int)MIN(strcspn(where, ":"), 64u), where,
             port);
    pid_t pid = fork();
    REQUIRE(pid >= 0, ERR_IO, "cannot start the server of results");
    if (pid == 0) {
        signal(SIGPIPE, SIG_IGN);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        struct http_server server = {.fd = fd, .handle = answer, .context = &folder};
        _exit(getppid() == parent && is_ok(http_server_run(&server)) ? 0 : 1);
    }
    close(fd);
    close(folder);
    return RESULT_OK;
}
