// SPDX-License-Identifier: Apache-2.0
#include "image/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crypto/sha256.h"
#include "os/file.h"

struct result tool_path(struct image_note *note, const char *directory, const char *name,
                        char ret[PATH_MAX])
{
    bool absolute = name[0] == '/';
    int n = snprintf(ret, PATH_MAX, "%s%s%s", absolute ? "" : directory, absolute ? "" : "/", name);
    return n < PATH_MAX ? RESULT_OK : image_fail(note, ERR_RANGE, "path is too long", "%s", name);
}

struct result tool_read(struct image_note *note, const char *path, size_t max, uint8_t **ret,
                        size_t *ret_size)
{
    struct result r = file_read(path, max, ret, ret_size);
    return is_ok(r) ? r : image_fail(note, r.code, r.why, "%s", path);
}

struct result tool_sha256(struct image_note *note, const char *path, uint8_t ret[32])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return image_fail_errno(note, path, "cannot open");
    struct sha256_ctx hash;
    sha256_init(&hash);
    uint8_t buffer[65536];
    size_t n = 0;
    struct result r;
    while (is_ok(r = file_read_some(fd, buffer, sizeof buffer, &n)) && n > 0)
        sha256_update(&hash, buffer, n);
    close(fd);
    if (!is_ok(r))
        return image_fail(note, r.code, r.why, "%s", path);
    sha256_final(&hash, ret);
    return RESULT_OK;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st;
    (void)ftw;
    if (kind == FTW_DP)
        rmdir(path);
    else
        unlink(path);
    return 0;
}

void tool_remove_tree(const char *path)
{
    nftw(path, remove_one, 32, FTW_DEPTH | FTW_PHYS);
}

#define FIXED_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// The environment of programs that we run: nothing of the user's but where apt finds its proxy,
// and skopeo its registries.
static char **pinned_environment(void)
{
    static char *const pinned[] = {FIXED_PATH, "LC_ALL=C", "TZ=UTC",
                                   "DEBIAN_FRONTEND=noninteractive"};
    static const char *const passed[] = {
        "http_proxy", "https_proxy", "no_proxy", "APT_CONFIG", "HOME",
        // where registries' certificates and passwords are
        "SSL_CERT_FILE", "SSL_CERT_DIR", "REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR"};
    char **environment = calloc(ARRAY_COUNT(pinned) + ARRAY_COUNT(passed) + 1, sizeof *environment);
    if (!environment)
        return NULL;
    size_t count = 0;
    for (size_t i = 0; i < ARRAY_COUNT(pinned); i++)
        environment[count++] = strdup(pinned[i]);
    for (size_t i = 0; i < ARRAY_COUNT(passed); i++) {
        const char *value = getenv(passed[i]);
        if (value && asprintf(&environment[count], "%s=%s", passed[i], value) > 0)
            count++;
    }
    return environment;
}

static void environment_free(char **environment)
{
    for (size_t i = 0; environment && environment[i]; i++)
        free(environment[i]);
    free(environment);
}

// Standard error of the child goes to `error_fd`; ours is not disturbed.
static struct result spawn(struct image_note *note, const char *directory, char *const argv[],
                           int output_fd, int error_fd, int *ret_pid)
{
    char **environment = pinned_environment();
    REQUIRE(environment, ERR_MEMORY, "out of memory");
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (output_fd >= 0)
        posix_spawn_file_actions_adddup2(&actions, output_fd, STDOUT_FILENO);
    else
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    if (error_fd >= 0)
        posix_spawn_file_actions_adddup2(&actions, error_fd, STDERR_FILENO);
    if (directory)
        posix_spawn_file_actions_addchdir_np(&actions, directory);
    pid_t pid;
    int error = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environment);
    posix_spawn_file_actions_destroy(&actions);
    environment_free(environment);
    errno = error;
    if (error)
        return image_fail_errno(note, argv[0], "cannot run");
    *ret_pid = pid;
    return RESULT_OK;
}

struct result tool_run_wait(struct image_note *note, const char *name, int pid)
{
    int status;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return RESULT_OK;
    return image_fail(note, ERR_IO, "program failed", "%s (status %d)", name,
                      WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

struct result tool_run_start(struct image_note *note, char *const argv[], int *ret_fd, int *ret_pid)
{
    int pipe_fd[2];
    if (pipe2(pipe_fd, O_CLOEXEC) != 0)
        return image_fail_errno(note, argv[0], "cannot run");
    struct result result = spawn(note, NULL, argv, pipe_fd[1], -1, ret_pid);
    close(pipe_fd[1]);
    if (!is_ok(result)) {
        close(pipe_fd[0]);
        return result;
    }
    *ret_fd = pipe_fd[0];
    return RESULT_OK;
}

// The last bytes of what a failed program said, appended to the note.
static void note_stderr(struct image_note *note, int fd)
{
    char tail[512];
    off_t size = lseek(fd, 0, SEEK_END);
    off_t from = size > (off_t)sizeof tail - 1 ? size - ((off_t)sizeof tail - 1) : 0;
    ssize_t n = pread(fd, tail, sizeof tail - 1, from);
    if (n <= 0)
        return;
    tail[n] = 0;
    if (tail[n - 1] == '\n')
        tail[n - 1] = 0;
    size_t used = strlen(note->text);
    snprintf(note->text + used, sizeof note->text - used, ": %s", tail);
}

#define OUTPUT_MAX (16u << 20)

// All that a program writes, NUL-terminated.
static struct result read_output(int fd, uint8_t **ret)
{
    size_t size = 0, n = 1, capacity = 4096;
    uint8_t *output = malloc(capacity);
    struct result r = output ? RESULT_OK : fail(ERR_MEMORY, "out of memory");
    while (is_ok(r) && n > 0) {
        r = file_read_some(fd, output + size, capacity - size - 1, &n);
        size += is_ok(r) ? n : 0;
        if (capacity - size > 1)
            continue;
        uint8_t *more = capacity < OUTPUT_MAX ? realloc(output, 2 * capacity) : NULL;
        if (!more) {
            r = fail(ERR_MEMORY, "program writes too much");
            break;
        }
        output = more;
        capacity *= 2;
    }
    if (!is_ok(r)) {
        free(output);
        return r;
    }
    output[size] = 0;
    *ret = output;
    return RESULT_OK;
}

struct result tool_run(struct image_note *note, const char *directory, char *const argv[],
                       char **ret_output)
{
    int pipe_fd[2], pid;
    FILE *errors = tmpfile();
    if (!errors || pipe2(pipe_fd, O_CLOEXEC) != 0) {
        if (errors)
            fclose(errors);
        return image_fail_errno(note, argv[0], "cannot run");
    }
    struct result result = spawn(note, directory, argv, pipe_fd[1], fileno(errors), &pid);
    close(pipe_fd[1]);
    uint8_t *output = NULL;
    if (is_ok(result)) {
        struct result read_result = read_output(pipe_fd[0], &output);
        close(pipe_fd[0]);
        pipe_fd[0] = -1;
        result = tool_run_wait(note, argv[0], pid);
        if (!is_ok(result))
            note_stderr(note, fileno(errors));
        else
            result = read_result;
    }
    if (pipe_fd[0] >= 0)
        close(pipe_fd[0]);
    fclose(errors);
    if (is_ok(result) && ret_output) {
        *ret_output = (char *)output;
        return RESULT_OK;
    }
    free(output);
    return result;
}
