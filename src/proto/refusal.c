// SPDX-License-Identifier: Apache-2.0
#include "proto/refusal.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

static const struct {
    unsigned status;
    const char *name;
    const char *text;
} refusals[] = {
#define X(code, status, name, text) [PROTO_REFUSED_##code] = {status, name, text},
    PROTO_REFUSALS(X)
#undef X
};

static enum proto_refusal known(enum proto_refusal code)
{
    return (unsigned)code < PROTO_REFUSAL_COUNT ? code : PROTO_REFUSED_INTERNAL;
}

unsigned proto_refusal_status(enum proto_refusal code)
{
    return refusals[known(code)].status;
}

const char *proto_refusal_name(enum proto_refusal code)
{
    return refusals[known(code)].name;
}

const char *proto_refusal_text(enum proto_refusal code)
{
    return refusals[known(code)].text;
}

void proto_refusal_write(enum proto_refusal code, const char *why,
                         char ret[PROTO_REFUSAL_JSON_SIZE])
{
    char text[PROTO_REFUSAL_WHY_SIZE];
    size_t at = 0;
    const char *from = why ? why : proto_refusal_text(code);
    for (; *from && at < sizeof text - 1; from++)
        if (*from >= ' ' && *from < 0x7f && *from != '"' && *from != '\\')
            text[at++] = *from;
    text[at] = 0;
    snprintf(ret, PROTO_REFUSAL_JSON_SIZE, "{\"error\": \"%s\", \"why\": \"%s\"}",
             proto_refusal_name(code), text);
}

// Keeps what a terminal can show.
static void copy_text(const char *from, char *to, size_t capacity)
{
    size_t at = 0;
    for (; from && *from && at < capacity - 1; from++)
        to[at++] = *from >= ' ' && *from < 0x7f ? *from : '?';
    to[at] = 0;
}

struct result proto_refusal_read(struct span json, struct proto_refusal_message *ret)
{
    REQUIRE(json.size <= 4096, ERR_RANGE, "the refusal is too long");
    json_t *root = json_loadb((const char *)json.data, json.size, JSON_REJECT_DUPLICATES, NULL);
    const char *name = json_string_value(json_object_get(root, "error"));
    const char *why = json_string_value(json_object_get(root, "why"));
    if (name) {
        copy_text(name, ret->name, sizeof ret->name);
        copy_text(why, ret->why, sizeof ret->why);
    }
    json_decref(root);
    return name ? RESULT_OK : fail(ERR_INVALID, "not a refusal");
}
