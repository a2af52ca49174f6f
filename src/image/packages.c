// SPDX-License-Identifier: Apache-2.0
#include "image/packages.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hex.h"
#include "image/tool.h"
#include "os/file.h"
#include "os/home.h"

// Letters that a field may have (deb-control(5), deb-version(7)); this keeps options and paths out
// of what apt is told.
static bool field_is_valid(const char *text, const char *more)
{
    if (!isalnum((unsigned char)text[0]))
        return false;
    for (const char *at = text; *at; at++) {
        if (!isalnum((unsigned char)*at) && !strchr(more, *at))
            return false;
    }
    return true;
}

static bool entry_is_valid(const struct lock_entry *e)
{
    return field_is_valid(e->name, "+-.") && field_is_valid(e->version, "+-.~:") &&
           (strcmp(e->architecture, "amd64") == 0 || strcmp(e->architecture, "all") == 0);
}

static struct result lock_add(struct lock *l, const struct lock_entry *e)
{
    REQUIRE(l->count < LOCK_MAX, ERR_RANGE, "too many packages");
    if (!l->entry)
        l->entry = calloc(LOCK_MAX, sizeof *l->entry);
    REQUIRE(l->entry, ERR_MEMORY, "out of memory");
    l->entry[l->count++] = *e;
    return RESULT_OK;
}

void lock_done(struct lock *l)
{
    free(l->entry);
    *l = (struct lock){0};
}

static bool parse_line(const char *line, size_t size, struct lock_entry *ret)
{
    char text[512], hash[65];
    if (size >= sizeof text)
        return false;
    memcpy(text, line, size);
    text[size] = 0;
    int used = 0;
    struct lock_entry e = {0};
    if (strlen(text) != size ||
        sscanf(text, "%127[^ ] %127[^ ] %15[^ ] %64[0-9a-f]%n", e.name, e.version, e.architecture,
               hash, &used) != 4 ||
        (size_t)used != size || !is_ok(hex_decode(SPAN(hash, strlen(hash)), e.sha256, 32)))
        return false;
    *ret = e;
    return entry_is_valid(&e);
}

static struct result parse_lines(struct span text, struct image_note *note, struct lock *l)
{
    size_t line_number = 1;
    for (size_t at = 0; at < text.size; line_number++) {
        const char *line = (const char *)text.data + at;
        const char *end = memchr(line, '\n', text.size - at);
        struct lock_entry e;
        if (!end || !parse_line(line, (size_t)(end - line), &e))
            return image_fail(note, ERR_INVALID,
                              "line is not `package version architecture sha256`", "%s:%zu",
                              LOCK_FILE, line_number);
        if (l->count && strcmp(l->entry[l->count - 1].name, e.name) >= 0)
            return image_fail(note, ERR_INVALID, "packages are not sorted", "%s:%zu", LOCK_FILE,
                              line_number);
        GUARD(lock_add(l, &e));
        at += (size_t)(end - line) + 1;
    }
    return RESULT_OK;
}

struct result lock_parse(struct span text, struct image_note *note, struct lock *ret)
{
    struct lock l = {0};
    struct result result = parse_lines(text, note, &l);
    if (!is_ok(result)) {
        lock_done(&l);
        return result;
    }
    *ret = l;
    return RESULT_OK;
}

struct result lock_format(const struct lock *l, char **ret)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    REQUIRE(out, ERR_MEMORY, "out of memory");
    for (size_t i = 0; i < l->count; i++) {
        const struct lock_entry *e = &l->entry[i];
        char hash[HEX_SIZE(32)];
        hex_encode(e->sha256, 32, hash);
        fprintf(out, "%s %s %s %s\n", e->name, e->version, e->architecture, hash);
    }
    if (fclose(out) != 0) {
        free(text);
        return fail(ERR_MEMORY, "out of memory");
    }
    *ret = text;
    return RESULT_OK;
}

struct result packages_path(const struct lock_entry *e, char ret[4096])
{
    char hash[HEX_SIZE(32)], relative[128];
    hex_encode(e->sha256, 32, hash);
    snprintf(relative, sizeof relative, "cache/debs/%s.deb", hash);
    return home_path(relative, ret);
}

// Decodes %3a and the like, as apt writes them into file names.
static void decode_percent(char *text)
{
    char *out = text;
    for (char *in = text; *in; out++) {
        unsigned value;
        if (in[0] == '%' && sscanf(in + 1, "%2x", &value) == 1) {
            *out = (char)value;
            in += 3;
        } else {
            *out = *in++;
        }
    }
    *out = 0;
}

// A line of `apt-get --print-uris`: 'uri' name_version_architecture.deb size hash
static struct result parse_uri_line(const char *line, struct lock *l)
{
    char file[400];
    if (line[0] != '\'' || sscanf(line, "'%*[^']' %399s", file) != 1)
        return RESULT_OK;
    struct lock_entry e = {0};
    decode_percent(file);
    REQUIRE(sscanf(file, "%127[^_]_%127[^_]_%15[a-z0-9]", e.name, e.version, e.architecture) == 3 &&
                entry_is_valid(&e),
            ERR_INVALID, "apt names a package in an unknown way");
    return lock_add(l, &e);
}

static int compare_entries(const void *a, const void *b)
{
    return strcmp(((const struct lock_entry *)a)->name, ((const struct lock_entry *)b)->name);
}

static struct result ask_apt(const struct manifest_strings *packages, struct image_note *note,
                             const char *directory, char **ret)
{
    // Neither what is installed nor what lies in apt's own cache may shorten the list.
    char status[PATH_MAX + 32], archives[PATH_MAX + 32], empty[PATH_MAX];
    if (snprintf(empty, sizeof empty, "%s/status", directory) >= (int)sizeof empty)
        return fail(ERR_RANGE, "path is too long");
    GUARD(file_write(empty, SPAN("", 0), 0600, FILE_REPLACE));
    snprintf(status, sizeof status, "Dir::State::status=%s", empty);
    snprintf(archives, sizeof archives, "Dir::Cache::archives=%s/", directory);
    const char *fixed[] = {"apt-get",
                           "-q",
                           "-y",
                           "-o",
                           status,
                           "-o",
                           archives,
                           "-o",
                           "APT::Architecture=amd64",
                           "-o",
                           "APT::Architectures=amd64",
                           "-o",
                           "Debug::NoLocking=true",
                           "--no-install-recommends",
                           "--print-uris",
                           "install",
                           "--"};
    const char *argv[ARRAY_COUNT(fixed) + MANIFEST_LIST_MAX + 1] = {0};
    memcpy(argv, fixed, sizeof fixed);
    for (size_t i = 0; i < packages->count; i++) {
        if (!field_is_valid(packages->item[i], "+-."))
            return image_fail(note, ERR_INVALID, "not a package name", "%s", packages->item[i]);
        argv[ARRAY_COUNT(fixed) + i] = packages->item[i];
    }
    return tool_run(note, NULL, (char *const *)argv, ret);
}

// apt's package lists; without them it knows no package.
static struct result refresh_lists(struct image_note *note)
{
    if (geteuid() != 0)
        return image_fail(note, ERR_NOT_FOUND, "apt cannot resolve the packages",
                          "if its lists are missing, run `apt-get update` as root");
    image_progress(note, "apt-get update");
    char *argv[] = {"apt-get", "-q", "update", NULL};
    return tool_run(note, NULL, argv, NULL);
}

// Moves each downloaded .deb to the cache under its hash, and writes the hash into the entry whose
// package it is. With `expected`, only files with the hash that an entry has already are taken.
static struct result collect(struct image_note *note, const char *directory, struct lock *l,
                             bool expected)
{
    for (size_t i = 0; i < l->count; i++) {
        struct lock_entry *e = &l->entry[i];
        char cached[PATH_MAX], file[PATH_MAX], version[400] = "";
        for (const char *at = e->version; *at; at++)
            snprintf(version + strlen(version), sizeof version - strlen(version),
                     *at == ':' ? "%%3a" : "%c", *at);
        if (snprintf(file, sizeof file, "%s/%s_%s_%s.deb", directory, e->name, version,
                     e->architecture) >= (int)sizeof file)
            return fail(ERR_RANGE, "path is too long");
        if (expected && access(file, F_OK) != 0)
            continue; // it was in the cache
        uint8_t hash[32];
        GUARD(tool_sha256(note, file, hash));
        if (expected && memcmp(hash, e->sha256, sizeof hash) != 0)
            return image_fail(note, ERR_INTEGRITY, "package has another hash than the lock says",
                              "%s %s", e->name, e->version);
        memcpy(e->sha256, hash, sizeof hash);
        uint8_t *content;
        size_t size;
        GUARD(packages_path(e, cached));
        GUARD(file_make_parents(cached));
        GUARD(tool_read(note, file, 1u << 30, &content, &size));
        struct result written = file_write(cached, SPAN(content, size), 0600, FILE_REPLACE);
        free(content);
        if (!is_ok(written))
            return image_fail(note, written.code, written.why, "%s", cached);
        unlink(file);
    }
    return RESULT_OK;
}

// apt-get download of the entries that `missing` marks, into `directory`.
static struct result download(struct image_note *note, const char *directory, const struct lock *l,
                              const bool *missing)
{
    char **argv = calloc(l->count + 8, sizeof *argv);
    REQUIRE(argv, ERR_MEMORY, "out of memory");
    size_t count = 0, first;
    static char *const fixed[] = {"apt-get",  "-q", "-o", "APT::Sandbox::User=root",
                                  "download", "--"};
    for (; count < ARRAY_COUNT(fixed); count++)
        argv[count] = fixed[count];
    first = count;
    struct result result = RESULT_OK;
    for (size_t i = 0; i < l->count; i++) {
        if (missing && !missing[i])
            continue;
        if (asprintf(&argv[count], "%s=%s", l->entry[i].name, l->entry[i].version) < 0) {
            argv[count] = NULL;
            result = fail(ERR_MEMORY, "out of memory");
            break;
        }
        count++;
    }
    image_progress(note, "fetching %zu packages", count - first);
    if (is_ok(result) && count > first)
        result = tool_run(note, directory, argv, NULL);
    for (size_t i = first; i < count; i++)
        free(argv[i]);
    free(argv);
    return result;
}

static struct result resolve_in(const struct manifest_strings *packages, struct image_note *note,
                                const char *directory, struct lock *l)
{
    char *output;
    if (!is_ok(ask_apt(packages, note, directory, &output))) {
        GUARD(refresh_lists(note));
        GUARD(ask_apt(packages, note, directory, &output));
    }
    struct result result = RESULT_OK;
    char *state = NULL;
    for (char *line = strtok_r(output, "\n", &state); line && is_ok(result);
         line = strtok_r(NULL, "\n", &state))
        result = parse_uri_line(line, l);
    free(output);
    GUARD(result);
    REQUIRE(l->count > 0, ERR_NOT_FOUND, "apt names no package");
    qsort(l->entry, l->count, sizeof *l->entry, compare_entries);
    GUARD(download(note, directory, l, NULL));
    return collect(note, directory, l, false);
}

static struct result temporary_directory(struct image_note *note, char ret[PATH_MAX])
{
    const char *tmp = getenv("TMPDIR");
    snprintf(ret, PATH_MAX, "%s/cloister-debs.XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (!mkdtemp(ret))
        return image_fail(note, ERR_IO, "cannot make a temporary directory", "%s", ret);
    return RESULT_OK;
}

struct result packages_resolve(const struct manifest_strings *packages, struct image_note *note,
                               struct lock *ret)
{
    char directory[PATH_MAX];
    GUARD(temporary_directory(note, directory));
    struct lock l = {0};
    struct result result = resolve_in(packages, note, directory, &l);
    tool_remove_tree(directory);
    if (!is_ok(result)) {
        lock_done(&l);
        return result;
    }
    *ret = l;
    return RESULT_OK;
}

// Which packages the cache lacks; a cached file whose hash is wrong counts as absent.
static struct result find_missing(const struct lock *l, bool *missing, size_t *ret_count)
{
    size_t count = 0;
    for (size_t i = 0; i < l->count; i++) {
        char path[PATH_MAX];
        uint8_t hash[32];
        struct image_note ignored = {0};
        GUARD(packages_path(&l->entry[i], path));
        missing[i] = !is_ok(tool_sha256(&ignored, path, hash)) ||
                     memcmp(hash, l->entry[i].sha256, sizeof hash) != 0;
        count += missing[i];
    }
    *ret_count = count;
    return RESULT_OK;
}

struct result packages_fetch(const struct lock *l, struct image_note *note)
{
    bool missing[LOCK_MAX];
    size_t missing_count;
    char directory[PATH_MAX];
    GUARD(find_missing(l, missing, &missing_count));
    if (missing_count == 0)
        return RESULT_OK;
    GUARD(temporary_directory(note, directory));
    struct result result = download(note, directory, l, missing);
    if (!is_ok(result)) {
        size_t used = strlen(note->text);
        snprintf(note->text + used, sizeof note->text - used,
                 " (a locked version may no longer be offered: `cloister build --update-lock` "
                 "resolves anew)");
    } else {
        struct lock copy = *l; // the hashes are as expected, so nothing in it changes
        result = collect(note, directory, &copy, true);
    }
    tool_remove_tree(directory);
    GUARD(result);
    GUARD(find_missing(l, missing, &missing_count));
    REQUIRE(missing_count == 0, ERR_NOT_FOUND, "apt did not bring every locked package");
    return RESULT_OK;
}
