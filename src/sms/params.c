// SPDX-License-Identifier: Apache-2.0
#include "sms/params.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

bool params_secret_name_is_valid(const char *name)
{
    size_t size = strlen(name);
    return size > 0 && size < PARAMS_NAME_SIZE &&
           strspn(name, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-") == size;
}

static struct result split(const char *arguments, struct params *p)
{
    char *rest;
    REQUIRE(strlen(arguments) < sizeof p->text, ERR_RANGE, "the deal's params are too long");
    memcpy(p->text, arguments, strlen(arguments) + 1);
    for (char *word = strtok_r(p->text, " \t\r\n", &rest); word;
         word = strtok_r(NULL, " \t\r\n", &rest)) {
        REQUIRE(p->argument_count < PARAMS_ARGUMENTS_MAX, ERR_RANGE, "too many arguments");
        p->arguments[p->argument_count++] = word;
    }
    return RESULT_OK;
}

// {"1": "name", …}; keys that are no positive number are skipped, as iExec does.
static struct result read_secrets(const json_t *object, struct params *p)
{
    const char *key;
    const json_t *value;
    void *iterator = json_object_iter((json_t *)object);
    for (; iterator; iterator = json_object_iter_next((json_t *)object, iterator)) {
        key = json_object_iter_key(iterator);
        value = json_object_iter_value(iterator);
        const char *name = json_string_value(value);
        bool number = *key >= '1' && *key <= '9' && strlen(key) <= 6 &&
                      strspn(key, "0123456789") == strlen(key);
        if (!number || !name || !params_secret_name_is_valid(name))
            continue;
        REQUIRE(p->secret_count < PARAMS_SECRETS_MAX, ERR_RANGE, "too many requester secrets");
        struct params_secret *s = &p->secrets[p->secret_count++];
        s->index = (unsigned)strtoul(key, NULL, 10);
        memcpy(s->name, name, strlen(name) + 1);
    }
    return RESULT_OK;
}

struct result params_parse(const char *text, struct params *ret)
{
    memset(ret, 0, sizeof *ret);
    json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(json)) {
        json_decref(json);
        return split(text, ret);
    }
    const char *arguments = json_string_value(json_object_get(json, "iexec_args"));
    struct result r = split(arguments ? arguments : "", ret);
    if (is_ok(r))
        r = read_secrets(json_object_get(json, "iexec_secrets"), ret);
    json_decref(json);
    return r;
}
