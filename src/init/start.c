// SPDX-License-Identifier: Apache-2.0
#include "init/start.h"

#include <stdlib.h>
#include <string.h>

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

static void fill(const struct process *p, const struct proto_app_grant *grant, struct start *s)
{
    struct block b = {s->block};
    struct reader arguments = reader_on(p->arguments), environment = reader_on(p->environment);
    size_t count = 0;
    s->executable = put(&b, p->executable);
    s->directory = put(&b, p->directory);
    for (uint32_t i = 0; i < p->argument_count; i++)
        s->arguments[count++] = put(&b, process_next(&arguments));
    for (size_t i = 0; grant && i < grant->arguments.count; i++)
        s->arguments[count++] = put(&b, grant->arguments.items[i]);
    count = 0;
    for (uint32_t i = 0; i < p->environment_count; i++) {
        struct span variable = process_next(&environment);
        if (!is_granted(grant, variable))
            s->environment[count++] = put(&b, variable);
    }
    for (size_t i = 0; grant && i < grant->environment.count; i++)
        s->environment[count++] = put(&b, grant->environment.items[i]);
}

struct result start_make(const struct process *p, const struct proto_app_grant *grant,
                         struct start *ret)
{
    struct start s = {.umask = p->umask};
    size_t arguments = p->argument_count + (grant ? grant->arguments.count : 0);
    size_t environment = p->environment_count + (grant ? grant->environment.count : 0);
    GUARD(check_grant(grant));
    // An encoded string has 4 bytes of size where a copy has one NUL.
    s.block_size =
        p->executable.size + 1 + p->directory.size + 1 + p->arguments.size + p->environment.size;
    if (grant)
        s.block_size += strings_size(&grant->arguments) + strings_size(&grant->environment);
    s.block = malloc(s.block_size);
    s.arguments = calloc(arguments + 1, sizeof *s.arguments);
    s.environment = calloc(environment + 1, sizeof *s.environment);
    if (!s.block || !s.arguments || !s.environment) {
        free(s.block);
        free(s.arguments);
        free(s.environment);
        return fail(ERR_MEMORY, "out of memory");
    }
    fill(p, grant, &s);
    *ret = s;
    return RESULT_OK;
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
