// SPDX-License-Identifier: Apache-2.0
#include "image/runtime_params.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "crypto/sha256.h"
#include "image/enclave_build.h"

#define PAGE_SIZE       4096u
#define HEAP_DEFAULT    (1ull << 30)
#define STACK_DEFAULT   (8ull << 20)
#define THREADS_DEFAULT 16u
#define LOG_QUIET       3u // below it: errors alone

enum form {
    FORM_SIZE,   // bytes, with K, M or G
    FORM_BOOL,   // 0 or 1
    FORM_NUMBER, // at most `max`
    FORM_MODE,   // hw, sim, auto
    FORM_ONLY,   // `only` and nothing else, which changes nothing
    FORM_NONE,   // refused whenever it is set
};

// One line for each variable; `why` is said when its value is refused.
static const struct variable {
    const char *name;
    enum form form;
    size_t offset;
    uint64_t max;
    const char *only, *why;
} variables[] = {
    {"HEAP", FORM_SIZE, offsetof(struct runtime, heap), USER_END - ENCLAVE_GUARD, NULL,
     "the heap's size must be a number of bytes, as 1073741824, 512M or 1G"},
    {"STACK", FORM_SIZE, offsetof(struct runtime, stack), 1u << 30, NULL,
     "the stack's size must be a number of bytes up to 1G, as 8388608 or 8M"},
    {"QUEUES", FORM_NUMBER, offsetof(struct runtime, threads), THREADS_MAX, NULL,
     "there are no queues of system calls here: the number is that of threads that run inside at "
     "once, 1 to 256"},
    {"MODE", FORM_MODE, offsetof(struct runtime, mode), 0, NULL,
     "the mode must be hw, sim or auto"},
    {"HASH", FORM_BOOL, offsetof(struct runtime, hash), 0, NULL, "must be 0 or 1"},
    {"VERSION", FORM_BOOL, offsetof(struct runtime, version), 0, NULL, "must be 0 or 1"},
    {"LOG", FORM_NUMBER, offsetof(struct runtime, quiet), 7, NULL,
     "the log level must be a number, 0 to 7; below 3 there are no notices"},
    {"ALLOW_DLOPEN", FORM_ONLY, 0, 0, "1",
     "dlopen is the program's own: it opens what lies in an authenticated or encrypted region (1), "
     "cannot be "
     "switched off (0), and never opens other files (2)"},
    {"ALPINE", FORM_ONLY, 0, 0, "01", "must be 0 or 1: programs of musl and of glibc run alike"},
    {"FORK", FORM_ONLY, 0, 0, "0", "there is one process in an enclave: fork is not there"},
    {"SLOTS", FORM_NONE, 0, 0, NULL,
     "there are no queues of system calls here, so they have no slots: unset it"},
    {"CONFIG", FORM_NONE, 0, 0, NULL,
     "configuration files of SCONE are not read: say heap, stack and threads by HEAP, STACK and "
     "QUEUES"},
};

static bool parse_number(const char *text, bool units, uint64_t *ret)
{
    static const char suffixes[] = "KMG";
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 18)
        return false;
    uint64_t number = strtoull(text, NULL, 10);
    const char *unit = text + digits;
    const char *at = *unit ? strchr(suffixes, *unit) : NULL;
    if (*unit && (!units || !at || unit[1]))
        return false;
    for (const char *s = suffixes; at && s <= at; s++) {
        if (mul_overflows(number, 1024, &number))
            return false;
    }
    *ret = number;
    return true;
}

static bool take_mode(const char *text, enum runtime_mode *ret)
{
    static const struct {
        const char *word;
        enum runtime_mode mode;
    } modes[] = {{"auto", RUNTIME_AUTO}, {"hw", RUNTIME_HW}, {"sim", RUNTIME_SIM}};
    for (size_t i = 0; i < ARRAY_COUNT(modes); i++) {
        if (strcmp(text, modes[i].word) == 0) {
            *ret = modes[i].mode;
            return true;
        }
    }
    return false;
}

static bool take(const struct variable *v, const char *text, struct runtime *r)
{
    void *field = (char *)r + v->offset;
    uint64_t number;
    switch (v->form) {
    case FORM_SIZE:
        if (!parse_number(text, true, &number) || number == 0 || number > v->max)
            return false;
        *(uint64_t *)field = MIN(align_up(number, PAGE_SIZE), v->max);
        return true;
    case FORM_NUMBER:
        if (!parse_number(text, false, &number) || number > v->max)
            return false;
        if (field == &r->quiet)
            r->quiet = number < LOG_QUIET;
        else // fewer than the default would only make the enclave another one
            r->threads = MAX(r->threads, number);
        return number > 0 || field == &r->quiet;
    case FORM_BOOL:
        *(bool *)field = *text == '1';
        return (*text == '0' || *text == '1') && !text[1];
    case FORM_MODE:
        return take_mode(text, field);
    case FORM_ONLY:
        return strchr(v->only, *text) && !text[1];
    default:
        return false;
    }
}

struct result runtime_read(const char *(*get)(void *context, const char *name), void *context,
                           struct image_note *note, struct runtime *ret)
{
    static const char *const prefixes[] = {"CLOISTER_", "SCONE_"};
    struct runtime r = {.heap = HEAP_DEFAULT, .stack = STACK_DEFAULT, .threads = THREADS_DEFAULT};
    for (size_t i = 0; i < ARRAY_COUNT(variables); i++) {
        for (size_t k = 0; k < ARRAY_COUNT(prefixes); k++) {
            char name[64];
            snprintf(name, sizeof name, "%s%s", prefixes[k], variables[i].name);
            const char *text = get(context, name);
            if (!text || !*text)
                continue;
            if (!take(&variables[i], text, &r))
                return image_fail(note, ERR_UNSUPPORTED, variables[i].why, "%s=%s", name, text);
            break;
        }
    }
    *ret = r;
    return RESULT_OK;
}

// Canonical JSON (sorted keys, no white space), as in images that `cloister build` makes.
static struct result set_policy(struct span sms, struct image_note *note, struct enclave_params *p)
{
    json_error_t error;
    json_t *json = json_loadb((const char *)sms.data, sms.size, JSON_REJECT_DUPLICATES, &error);
    if (!json_is_object(json)) {
        json_decref(json);
        return image_fail(note, ERR_INVALID, "SMS identity is not a JSON object", "%s",
                          RUNTIME_SMS_FILE);
    }
    size_t size =
        json_dumpb(json, (char *)p->policy, sizeof p->policy, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(json);
    if (size == 0 || size > sizeof p->policy)
        return image_fail(note, ERR_RANGE, "SMS identity is too large", "%s", RUNTIME_SMS_FILE);
    p->sms_policy_size = (uint32_t)size;
    return RESULT_OK;
}

struct result runtime_params(const struct runtime *r, struct span sms, struct span init,
                             struct image_note *note, struct enclave_params *ret)
{
    struct enclave_params p = {
        .magic = PARAMS_MAGIC,
        .version = ENCLAVE_VERSION,
        .flags = PARAMS_TAG_PROVIDED | (sms.size ? PARAMS_SMS : PARAMS_HOST_ARGUMENTS),
        .heap_max = r->heap,
        .stack_size = r->stack,
        .threads = (uint32_t)r->threads,
    };
    if (sms.size) {
        REQUIRE(init.size > 0, ERR_NOT_FOUND, "an image that names an SMS needs the init program");
        GUARD(set_policy(sms, note, &p));
        p.init_size = init.size;
        sha256(init, p.init_hash);
    }
    GUARD(enclave_check_params(&p));
    *ret = p;
    return RESULT_OK;
}
