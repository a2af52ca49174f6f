// SPDX-License-Identifier: Apache-2.0
// cloister dataset publish: one file over plain HTTP.
#include "cli/dataset.h"

#include "cli/options.h"
#include "cli/say.h"
#include "cli/serve.h"
#include "os/file.h"
#include "os/http_server.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char help[] =
    "Usage: cloister dataset publish FILE [--listen IPV4:PORT] [--once | --background] [--json]\n"
    "\n"
    "Serves an encrypted file over plain HTTP and prints its URI. Its checksum on the ledger\n"
    "protects it; any other web server does as well.\n"
    "\n"
    "  --listen IPV4:PORT   default 127.0.0.1:0, which takes any free port\n"
    "  --once               stop after one request\n"
    "  --background         print URI and process id, and serve on\n";

struct published {
    int fd;
    uint64_t size;
    char target[512]; // "/" and the percent-encoded name
};

static struct result answer(void *context, struct http_conn *conn, const struct http_head *head,
                            struct span body)
{
    const struct published *p = context;
    struct http_out out = {.content_type = "application/octet-stream"};
    bool is_head = http_method_is(head, "HEAD");
    (void)body;
    if (!is_head && !http_method_is(head, "GET"))
        return http_write_response(&conn->transport, 405, &(struct http_out){0});
    if (!http_path_is(head, p->target))
        return http_write_response(&conn->transport, 404, &(struct http_out){0});
    GUARD(http_write_response_head(&conn->transport, 200, &out, p->size));
    uint64_t at = 0;
    while (!is_head && at < p->size) {
        uint8_t part[64 * 1024];
        ssize_t n = pread(p->fd, part, MIN(sizeof part, p->size - at), (off_t)at);
        REQUIRE(n > 0, ERR_IO, "the published file became shorter");
        GUARD(conn->transport.write(conn->transport.context, SPAN(part, (size_t)n)));
        at += (uint64_t)n;
    }
    return RESULT_OK;
}

static struct result open_file(const char *path, struct published *ret)
{
    const char *name = strrchr(path, '/');
    name = name ? name + 1 : path;
    struct stat st;
    struct published p = {.fd = open(path, O_RDONLY | O_CLOEXEC), .target = "/"};
    REQUIRE(p.fd >= 0 && fstat(p.fd, &st) == 0 && S_ISREG(st.st_mode), ERR_NOT_FOUND,
            "there is no such file");
    p.size = (uint64_t)st.st_size;
    size_t at = 1;
    for (const char *c = name; *c; c++) {
        bool plain = (*c >= '0' && *c <= '9') || ((*c | 32) >= 'a' && (*c | 32) <= 'z') ||
                     strchr("._-", *c) != NULL;
        REQUIRE(at + 4 < sizeof p.target, ERR_RANGE, "the file's name is too long");
        at += (size_t)snprintf(p.target + at, 4, plain ? "%c" : "%%%02X", (unsigned char)*c);
    }
    *ret = p;
    return RESULT_OK;
}

static int announce(const char *where, unsigned port, const struct published *p, pid_t pid,
                    bool json)
{
    char uri[640];
    snprintf(uri, sizeof uri, "http://%.*s:%u%s", (int)strcspn(where, ":"), where, port, p->target);
    if (json)
        return say_json(json_pack("{s:s, s:i}", "uri", uri, "pid", (int)pid));
    printf("%s\n", uri);
    if (pid != getpid())
        fprintf(stderr, "serving in process %d; stop it with: kill %d\n", (int)pid, (int)pid);
    fflush(stdout);
    return EXIT_DONE;
}

int dataset_publish(int argc, char **argv)
{
    const char *where = "127.0.0.1:0";
    bool once = false, background = false, json = false, done;
    const struct option_slot slots[] = {{"listen", &where, NULL, 'l'},
                                        {"once", NULL, &once, 0},
                                        {"background", NULL, &background, 0},
                                        {"json", NULL, &json, 0},
                                        {0}};
    int at = options_read(argc, argv, slots, help, &done);
    if (at < 0 || done)
        return at < 0 ? EXIT_USAGE : EXIT_DONE;
    if (at + 1 != argc)
        return say_usage("dataset", "publish needs one file");
    struct published p;
    int fd;
    unsigned port;
    struct result r = open_file(argv[at], &p);
    if (!is_ok(r))
        return say_failure(argv[at], r);
    r = http_server_listen(where, &fd, &port);
    if (!is_ok(r))
        return say_failure(where, r);
    pid_t pid = getpid();
    if (background && !is_ok(r = serve_in_background(&pid)))
        return say_failure("dataset publish", r);
    if (pid) {
        int code = announce(where, port, &p, pid, json);
        if (background || code != EXIT_DONE)
            return code;
    }
    struct http_server server = {.fd = fd,
                                 .handle = answer,
                                 .context = &p,
                                 .request_count_max = once ? 1 : 0,
                                 .stop = serve_catch_signals()};
    r = http_server_run(&server);
    close(fd);
    return is_ok(r) ? EXIT_DONE : say_failure("dataset publish", r);
}
