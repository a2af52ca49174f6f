// SPDX-License-Identifier: Apache-2.0
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

struct result file_write_all(int fd, struct span data)
{
    while (data.size) {
        ssize_t n = write(fd, data.data, data.size);
        if (n < 0 && errno == EINTR)
            continue;
        REQUIRE(n > 0, ERR_IO, errno == ENOSPC ? "the disk is full" : "cannot write");
        data = SPAN(data.data + n, data.size - (size_t)n);
    }
    return RESULT_OK;
}

struct result file_read_some(int fd, void *buffer, size_t capacity, size_t *ret_size)
{
    ssize_t n;
    do
        n = read(fd, buffer, capacity);
    while (n < 0 && errno == EINTR);
    REQUIRE(n >= 0, ERR_IO, "cannot read");
    *ret_size = (size_t)n;
    return RESULT_OK;
}

static struct result read_all(int fd, size_t size_max, uint8_t **ret_data, size_t *ret_size)
{
    uint8_t *data = NULL;
    size_t size = 0, capacity = 0;
    struct result r = RESULT_OK;
    for (;;) {
        if (capacity - size < 2) {
            capacity = MIN(MAX(2 * capacity, (size_t)4096), size_max + 2);
            uint8_t *more = realloc(data, capacity);
            if (!more) {
                r = fail(ERR_MEMORY, "out of memory");
                break;
            }
            data = more;
        }
        size_t n = 0;
        r = file_read_some(fd, data + size, capacity - size - 1, &n);
        if (!is_ok(r) || n == 0)
            break;
        size += n;
        if (size > size_max) {
            r = fail(ERR_RANGE, "the file is too large");
            break;
        }
    }
    if (!is_ok(r)) {
        if (data)
            wipe(data, size);
        free(data);
        return r;
    }
    data[size] = 0;
    *ret_data = data;
    *ret_size = size;
    return RESULT_OK;
}

struct result file_read(const char *path, size_t size_max, uint8_t **ret_data, size_t *ret_size)
{
    REQUIRE(size_max < SIZE_MAX / 4, ERR_RANGE, "no sensible limit for the file");
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return fail(ERR_NOT_FOUND, "there is no such file");
    REQUIRE(fd >= 0, ERR_IO, errno == EACCES ? "no permission to read" : "cannot open");
    struct result r = read_all(fd, size_max, ret_data, ret_size);
    close(fd);
    return r;
}

static struct result sync_parent(const char *path)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    if (!slash)
        snprintf(folder, sizeof folder, ".");
    else
        snprintf(folder, sizeof folder, "%.*s", (int)MAX(slash - path, 1), path);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    REQUIRE(fd >= 0, ERR_IO, "cannot open the folder");
    int bad = fsync(fd);
    close(fd);
    REQUIRE(!bad || errno == EINVAL, ERR_IO, "cannot sync the folder");
    return RESULT_OK;
}

static struct result put_in_place(const char *temporary, const char *path,
                                  enum file_replace replace)
{
    if (replace == FILE_REPLACE) {
        REQUIRE(rename(temporary, path) == 0, ERR_IO, "cannot rename into place");
        return RESULT_OK;
    }
    int bad = link(temporary, path);
    REQUIRE(!bad || errno != EEXIST, ERR_EXISTS, "the file exists already");
    REQUIRE(!bad, ERR_IO, "cannot make the file");
    unlink(temporary);
    return RESULT_OK;
}

struct result file_write(const char *path, struct span data, mode_t mode, enum file_replace replace)
{
    char temporary[PATH_MAX];
    int n = snprintf(temporary, sizeof temporary, "%s.XXXXXX", path);
    REQUIRE(n > 0 && (size_t)n < sizeof temporary, ERR_RANGE, "the path is too long");
    int fd = mkostemp(temporary, O_CLOEXEC);
    REQUIRE(fd >= 0, ERR_IO, "cannot write in that folder");
    struct result r = file_write_all(fd, data);
    if (is_ok(r) && (fchmod(fd, mode) || fsync(fd)))
        r = fail(ERR_IO, "cannot sync the file");
    close(fd);
    if (is_ok(r))
        r = put_in_place(temporary, path, replace);
    if (!is_ok(r)) {
        unlink(temporary);
        return r;
    }
    return sync_parent(path);
}

struct result file_make_parents(const char *path)
{
    char part[PATH_MAX];
    size_t size = strlen(path);
    REQUIRE(size < sizeof part, ERR_RANGE, "the path is too long");
    memcpy(part, path, size + 1);
    for (char *p = part + 1; *p; p++) {
        if (*p != '/')
            continue;
        *p = 0;
        REQUIRE(mkdir(part, 0700) == 0 || errno == EEXIST, ERR_IO, "cannot make the folder");
        *p = '/';
    }
    return RESULT_OK;
}

struct result file_lock(const char *path, int *ret_fd)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    REQUIRE(fd >= 0, ERR_IO, "cannot open the lock file");
    int bad;
    do
        bad = flock(fd, LOCK_EX);
    while (bad && errno == EINTR);
    if (bad) {
        close(fd);
        return fail(ERR_IO, "cannot lock");
    }
    *ret_fd = fd;
    return RESULT_OK;
}

void file_unlock(int fd)
{
    if (fd >= 0)
        close(fd);
}
