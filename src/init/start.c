// SPDX-License-Identifier: Apache-2.0
#include "init/start.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREFIX "IEXEC_"

// Where the next text of the block goes.
struct block {
    char *at;
};

static char *put(struct block *b, struct span text)
{
    char *copy = b->at;
    memcpy(copy, text.data, text.size);
    copy[text.size] = 0;
    b->at += text.size + 1;
    return copy;
}

// The length of NAME in NAME=value; 0 when there is none.
static size_t name_size(struct span variable)
{
    const uint8_t *equals = variable.size ? memchr(variable.data, '=', variable.size) : NULL;
    return equals ? (size_t)(equals - variable.data) : 0;
}

static bool is_granted(const struct proto_app_grant *grant, struct span variable)
{
    size_t size = name_size(variable);
    for (size_t i = 0; grant && i < grant->environment.count; i++) {
        struct span g = grant->environment.items[i];
        if (name_size(g) == size && memcmp(g.data, variable.data, size) == 0)
            return true;
    }
    return false;
}

static struct result check_grant(const struct proto_app_grant *grant)
{
    size_t prefix = sizeof PREFIX - 1;
    for (size_t i = 0; grant && i < grant->environment.count; i++) {
        struct span g = grant->environment.items[i];
        REQUIRE(name_size(g) > prefix && memcmp(g.data, PREFIX, prefix) == 0, ERR_DENIED,
                "the SMS granted a variable that is not one of iExec's");
    }
    return RESULT_OK;
}

static size_t strings_size(const struct proto_strings *strings)
{
    size_t size = 0;
    for (size_t i = 0; i < strings->count; i++)
        size += strings->items[i].size + 1;
    return size;
}

// What starts, from the image and the grant.
struct parts {
    const struct process *process; // NULL: none
    const struct proto_app_grant *grant;
    struct span executable;
};

static const char *const defaults[] = {"PATH=" START_PATH, "HOME=/root"};

static void fill_arguments(const struct parts *p, struct block *b, struct start *s)
{
    size_t count = 0;
    if (p->grant && p->grant->command.count) {
        for (size_t i = 0; i < p->grant->command.count; i++)
            s->arguments[count++] = put(b, p->grant->command.items[i]);
    } else {
        struct reader arguments = reader_on(p->process->arguments);
        for (uint32_t i = 0; i < p->process->argument_count; i++)
            s->arguments[count++] = put(b, process_next(&arguments));
    }
    for (size_t i = 0; p->grant && i < p->grant->arguments.count; i++)
        s->arguments[count++] = put(b, p->grant->arguments.items[i]);
}

static void fill_environment(const struct parts *p, struct block *b, struct start *s)
{
    size_t count = 0;
    if (p->process) {
        struct reader environment = reader_on(p->process->environment);
        for (uint32_t i = 0; i < p->process->environment_count; i++) {
            struct span variable = process_next(&environment);
            if (!is_granted(p->grant, variable))
                s->environment[count++] = put(b, variable);
        }
    } else {
        for (size_t i = 0; i < ARRAY_COUNT(defaults); i++)
            s->environment[count++] = put(b, SPAN(defaults[i], strlen(defaults[i])));
    }
    for (size_t i = 0; p->grant && i < p->grant->environment.count; i++)
        s->environment[count++] = put(b, p->grant->environment.items[i]);
}

static struct result make(const struct parts *p, struct start *ret)
{
    const struct process *process = p->process;
    const struct span directory = process ? process->directory : SPAN_STR("/");
    struct start s = {.umask = process ? process->umask : 022};
    size_t arguments = process ? process->argument_count : 0;
    size_t environment = process ? process->environment_count : ARRAY_COUNT(defaults);
    // An encoded string has 4 bytes of size where a copy has one NUL.
    s.block_size = p->executable.size + 1 + directory.size + 1;
    if (process)
        s.block_size += process->arguments.size + process->environment.size;
    for (size_t i = 0; !process && i < ARRAY_COUNT(defaults); i++)
        s.block_size += strlen(defaults[i]) + 1;
    if (p->grant) {
        arguments += p->grant->command.count + p->grant->arguments.count;
        environment += p->grant->environment.count;
        s.block_size += strings_size(&p->grant->command) + strings_size(&p->grant->arguments) +
                        strings_size(&p->grant->environment);
    }
    s.block = malloc(s.block_size);
    s.arguments = calloc(arguments + 1, sizeof *s.arguments);
    s.environment = calloc(environment + 1, sizeof *s.environment);
    if (!s.block || !s.arguments || !s.environment) {
        free(s.block);
        free(s.arguments);
        free(s.environment);
        return fail(ERR_MEMORY, "out of memory");
    }
    struct block b = {s.block};
    s.executable = put(&b, p->executable);
    s.directory = put(&b, directory);
    fill_arguments(p, &b, &s);
    fill_environment(p, &b, &s);
    *ret = s;
    return RESULT_OK;
}

struct result start_make(const struct process *process, const struct proto_app_grant *grant,
                         struct start *ret)
{
    struct parts p = {.process = process, .grant = grant};
    char path[PATH_MAX];
    GUARD(check_grant(grant));
    if (grant && grant->command.count) {
        GUARD(start_find(grant->command.items[0], path, sizeof path));
        p.executable = SPAN(path, strlen(path));
    } else {
        REQUIRE(process, ERR_DENIED, "neither the image nor the ledger says what to start");
        p.executable = process->executable;
    }
    return make(&p, ret);
}

static bool is_program(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

struct result start_find(struct span name, char *ret, size_t capacity)
{
    bool plain = name.size > 0 && !memchr(name.data, '/', name.size);
    const char *at = plain ? START_PATH : "";
    REQUIRE(name.size < PATH_MAX && (plain || (name.size > 0 && name.data[0] == '/')), ERR_INVALID,
            "the command is neither an absolute path nor a name");
    do {
        size_t size = strcspn(at, ":");
        int n = snprintf(ret, capacity, "%.*s%s%.*s", (int)size, at, plain ? "/" : "",
                         (int)name.size, (const char *)name.data);
        REQUIRE(n > 0 && (size_t)n < capacity, ERR_RANGE, "the command's path is too long");
        if (is_program(ret))
            return RESULT_OK;
        at += size;
    } while (*at++ == ':');
    return fail(ERR_NOT_FOUND, "the image has no such program as the ledger names");
}

void start_done(struct start *s)
{
    if (s->block)
        wipe(s->block, s->block_size);
    free(s->block);
    free(s->arguments);
    free(s->environment);
    memset(s, 0, sizeof *s);
}
