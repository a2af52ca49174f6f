// SPDX-License-Identifier: Apache-2.0
#include "result/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "base/hex.h"
#include "crypto/sha256.h"

#define DEPTH_MAX 16u
#define PATH_SIZE (ZIP_NAME_SIZE_MAX + 256u)
#define OUTPUT    "/iexec_out"
#define STATEMENT "computed.json"

static struct result read_all(int fd, uint8_t *buffer, size_t size)
{
    for (size_t at = 0; at < size;) {
        ssize_t n = read(fd, buffer + at, size - at);
        REQUIRE(n > 0, ERR_IO, "a result file cannot be read");
        at += (size_t)n;
    }
    return RESULT_OK;
}

static struct result add_file(struct result_files *f, int directory, const char *name,
                              const char *path, size_t size)
{
    REQUIRE(strlen(name) <= RESULT_FILE_NAME_MAX, ERR_RANGE,
            "a result file's name has more than 31 characters");
    REQUIRE(f->count < RESULT_FILE_COUNT_MAX, ERR_RANGE, "the result has too many files");
    REQUIRE(size <= RESULT_SIZE_MAX - f->size, ERR_RANGE, "the result is larger than 256 MiB");
    int fd = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    REQUIRE(fd >= 0, ERR_IO, "a result file cannot be opened");
    char *name_copy = strdup(path);
    uint8_t *data = malloc(size + 1);
    struct result r =
        name_copy && data ? read_all(fd, data, size) : fail(ERR_MEMORY, "out of memory");
    close(fd);
    if (!is_ok(r)) {
        free(name_copy);
        free(data);
        return r;
    }
    f->entries[f->count++] = (struct zip_entry){SPAN(name_copy, strlen(path)), SPAN(data, size)};
    f->size += size;
    return RESULT_OK;
}

// `fd` is taken over. `prefix`: "" or "a/b/".
static struct result add_directory(struct result_files *f, int fd, const char *prefix,
                                   unsigned depth)
{
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    if (!d && fd >= 0)
        close(fd);
    REQUIRE(d, ERR_IO, "the result's directory cannot be read");
    struct result r = depth < DEPTH_MAX ? RESULT_OK : fail(ERR_RANGE, "the result is too deep");
    for (struct dirent *e; is_ok(r) && (e = readdir(d));) {
        struct stat st;
        char path[PATH_SIZE];
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        int n = snprintf(path, sizeof path, "%s%s", prefix, e->d_name);
        if (n >= (int)sizeof path - 1 || fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW))
            r = fail(ERR_IO, "a result file cannot be read");
        else if (S_ISREG(st.st_mode))
            r = add_file(f, dirfd(d), e->d_name, path, (size_t)st.st_size);
        else if (S_ISDIR(st.st_mode)) {
            path[n] = '/';
            path[n + 1] = 0;
            r = add_directory(f, openat(dirfd(d), e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
                              path, depth + 1);
        } else
            r = fail(ERR_UNSUPPORTED, "the result holds something that is no file");
    }
    closedir(d);
    return r;
}

static int compare(const void *a, const void *b)
{
    struct span x = ((const struct zip_entry *)a)->name, y = ((const struct zip_entry *)b)->name;
    int order = memcmp(x.data, y.data, MIN(x.size, y.size));
    return order ? order : (x.size > y.size) - (x.size < y.size);
}

struct result result_files_read(const char *directory, struct result_files *ret)
{
    memset(ret, 0, sizeof *ret);
    struct result r =
        add_directory(ret, open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC), "", 0);
    if (!is_ok(r)) {
        result_files_done(ret);
        return r;
    }
    qsort(ret->entries, ret->count, sizeof ret->entries[0], compare);
    return RESULT_OK;
}

struct result result_files_take(uint8_t *archive, size_t size, struct result_files *ret)
{
    memset(ret, 0, sizeof *ret);
    ret->owned = archive;
    ret->owned_size = size;
    struct result r =
        zip_read(SPAN(archive, size), ret->entries, RESULT_FILE_COUNT_MAX, &ret->count);
    for (size_t i = 0; is_ok(r) && i < ret->count; i++) {
        ret->size += ret->entries[i].data.size;
        if (i && compare(&ret->entries[i - 1], &ret->entries[i]) >= 0)
            r = fail(ERR_INVALID, "the result's files are not in order");
    }
    if (!is_ok(r))
        result_files_done(ret);
    return r;
}

void result_files_done(struct result_files *f)
{
    for (size_t i = 0; !f->owned && i < f->count; i++) {
        wipe((void *)(uintptr_t)f->entries[i].data.data, f->entries[i].data.size);
        free((void *)(uintptr_t)f->entries[i].data.data);
        free((void *)(uintptr_t)f->entries[i].name.data);
    }
    if (f->owned)
        wipe(f->owned, f->owned_size);
    free(f->owned);
    memset(f, 0, sizeof *f);
}

// -- digest (iExec: a file's SHA-256; a directory's keccak-256 over the SHA-256 of its direct files) -------

static struct result digest_directory(const struct result_files *f, const char *prefix,
                                      struct hash32 *ret)
{
    struct keccak k;
    size_t n = strlen(prefix), found = 0;
    keccak_init(&k);
    for (size_t i = 0; i < f->count; i++) {
        struct span name = f->entries[i].name;
        if (name.size <= n || memcmp(name.data, prefix, n) != 0)
            continue;
        found++;
        if (memchr(name.data + n, '/', name.size - n))
            continue; // in a sub-directory
        uint8_t hash[SHA256_SIZE];
        sha256(f->entries[i].data, hash);
        keccak_update(&k, SPAN_OF(hash));
    }
    REQUIRE(found, ERR_NOT_FOUND, "computed.json names an output that is not there");
    *ret = keccak_final(&k);
    return RESULT_OK;
}

static struct result digest_path(const struct result_files *f, const char *path, struct hash32 *ret)
{
    char relative[PATH_SIZE];
    size_t n = strlen(OUTPUT);
    REQUIRE(strncmp(path, OUTPUT, n) == 0 && (path[n] == '/' || path[n] == 0) &&
                strlen(path) < ZIP_NAME_SIZE_MAX,
            ERR_INVALID, "computed.json names an output outside /iexec_out");
    path += n;
    path += strspn(path, "/");
    n = strlen(path);
    memcpy(relative, path, n + 1);
    while (n && relative[n - 1] == '/')
        relative[--n] = 0;
    const struct zip_entry *e = zip_find(f->entries, f->count, relative);
    if (e) {
        sha256(e->data, ret->bytes);
        return RESULT_OK;
    }
    if (n) {
        relative[n] = '/';
        relative[n + 1] = 0;
    }
    return digest_directory(f, relative, ret);
}

static struct result digest_callback(const char *text, struct hash32 *ret_digest,
                                     struct result_callback *ret)
{
    size_t size = text ? strlen(text) : 0;
    REQUIRE(size > 2 && size % 2 == 0 && strncmp(text, "0x", 2) == 0 &&
                size / 2 - 1 <= sizeof ret->data,
            ERR_INVALID, "the deal has a callback, and computed.json has no callback-data for it");
    GUARD(hex_decode(SPAN(text, size), ret->data, size / 2 - 1));
    ret->size = size / 2 - 1;
    *ret_digest = keccak256(SPAN(ret->data, ret->size));
    return RESULT_OK;
}

struct result result_files_digest(const struct result_files *f, bool has_callback,
                                  struct hash32 *ret_digest, struct result_callback *ret_callback)
{
    const struct zip_entry *e = zip_find(f->entries, f->count, STATEMENT);
    REQUIRE(e, ERR_NOT_FOUND, "the application wrote no /iexec_out/computed.json");
    json_t *j = json_loadb((const char *)e->data.data, e->data.size, JSON_REJECT_DUPLICATES, NULL);
    const char *path = json_string_value(json_object_get(j, "deterministic-output-path"));
    const char *callback = json_string_value(json_object_get(j, "callback-data"));
    struct result r;
    if (has_callback)
        r = digest_callback(callback, ret_digest, ret_callback);
    else if (path)
        r = digest_path(f, path, ret_digest);
    else
        r = fail(ERR_INVALID, "computed.json states no deterministic-output-path");
    json_decref(j);
    return r;
}
