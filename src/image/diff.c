// SPDX-License-Identifier: Apache-2.0
#include "image/diff.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/hex.h"
#include "crypto/sha256.h"
#include "image/description.h"
#include "image/listing.h"
#include "sgx/sigstruct.h"

// Appends {field, a, b} unless the two values are equal. Takes both references.
static void compare(json_t *list, const char *field, json_t *a, json_t *b)
{
    if (json_equal(a, b)) {
        json_decref(a);
        json_decref(b);
        return;
    }
    json_array_append_new(list, json_pack("{s:s, s:o, s:o}", "field", field, "a", a, "b", b));
}

static json_t *number(uint64_t n)
{
    return json_integer((json_int_t)n);
}

static json_t *hex(const void *bytes, size_t size)
{
    char text[HEX_SIZE(64)];
    hex_encode(bytes, MIN(size, (size_t)64), text);
    return json_string(text);
}

static json_t *hash_of(struct span s)
{
    uint8_t hash[SHA256_SIZE];
    sha256(s, hash);
    return s.size ? hex(hash, sizeof hash) : json_null();
}

static json_t *flag(const struct image *i, uint32_t bit)
{
    return json_boolean(i->params->flags & bit);
}

static json_t *policy(const struct image *i)
{
    const struct enclave_params *p = i->params;
    size_t size = MIN((size_t)p->sms_policy_size, sizeof p->policy);
    if (size == 0)
        return json_null();
    json_t *j = json_loadb((const char *)p->policy, size, JSON_REJECT_DUPLICATES, NULL);
    return j ? j : listing_text(SPAN(p->policy, size));
}

// What MRENCLAVE measures.
static json_t *diff_parameters(const struct image *a, const struct image *b)
{
    static const struct {
        const char *name;
        uint32_t bit;
    } flags[] = {{"host-arguments", PARAMS_HOST_ARGUMENTS},
                 {"sms", PARAMS_SMS},
                 {"service", PARAMS_SMS_ENCLAVE},
                 {"fspf-provided", PARAMS_TAG_PROVIDED}};
    const struct enclave_params *p = a->params, *q = b->params;
    json_t *list = json_array();
    compare(list, "kernel_hash", hash_of(a->kernel), hash_of(b->kernel));
    compare(list, "heap", number(p->heap_max), number(q->heap_max));
    compare(list, "stack", number(p->stack_size), number(q->stack_size));
    compare(list, "threads", number(p->threads), number(q->threads));
    for (size_t i = 0; i < ARRAY_COUNT(flags); i++)
        compare(list, flags[i].name, flag(a, flags[i].bit), flag(b, flags[i].bit));
    compare(list, "cache_pages", number(p->cache_pages), number(q->cache_pages));
    compare(list, "init_hash", hex(p->init_hash, 32), hex(q->init_hash, 32));
    compare(list, "sms_policy", policy(a), policy(b));
    compare(list, "data_blocks", number(p->data_blocks), number(q->data_blocks));
    compare(list, "hash_offset", number(p->hash_offset), number(q->hash_offset));
    return list;
}

// SIGSTRUCT: not a part of the fingerprint.
static json_t *diff_signer(const struct image *a, const struct image *b)
{
    const struct sgx_sigstruct *s = a->sigstruct, *t = b->sigstruct;
    uint8_t m[SGX_HASH_SIZE], n[SGX_HASH_SIZE];
    char date_a[16], date_b[16];
    json_t *list = json_array();
    sgx_mrsigner(s, m);
    sgx_mrsigner(t, n);
    snprintf(date_a, sizeof date_a, "%08x", s->date);
    snprintf(date_b, sizeof date_b, "%08x", t->date);
    compare(list, "mrsigner", hex(m, sizeof m), hex(n, sizeof n));
    compare(list, "isvprodid", number(s->isvprodid), number(t->isvprodid));
    compare(list, "isvsvn", number(s->isvsvn), number(t->isvsvn));
    compare(list, "debug", json_boolean(s->attributes.flags & SGX_FLAGS_DEBUG),
            json_boolean(t->attributes.flags & SGX_FLAGS_DEBUG));
    compare(list, "date", json_string(date_a), json_string(date_b));
    return list;
}

static json_t *strings(struct span encoded)
{
    json_t *list = json_array();
    struct reader r = reader_on(encoded);
    while (reader_left(&r) > 0)
        json_array_append_new(list, listing_text(process_next(&r)));
    return list;
}

static json_t *diff_process(const struct process *p, const struct process *q)
{
    json_t *list = json_array();
    compare(list, "entrypoint", listing_text(p->executable), listing_text(q->executable));
    compare(list, "arguments", strings(p->arguments), strings(q->arguments));
    compare(list, "environment", strings(p->environment), strings(q->environment));
    compare(list, "working-directory", listing_text(p->directory), listing_text(q->directory));
    compare(list, "uid", number(p->uid), number(q->uid));
    compare(list, "gid", number(p->gid), number(q->gid));
    compare(list, "umask", number(p->umask), number(q->umask));
    return list;
}

// NULL gives null: the table has no such region.
static json_t *region_json(const struct region *r)
{
    if (!r)
        return json_null();
    json_t *j = json_pack("{s:s}", "kind", description_kind(r->kind));
    if (r->key != REGION_KEY_NONE)
        json_object_set_new(j, "key", json_string(description_key(r->key)));
    if (r->source.size)
        json_object_set_new(j, "source", listing_text(r->source));
    return j;
}

static const struct region *region_at(const struct regions *r, uint32_t index)
{
    return index < r->count ? &r->region[index] : NULL;
}

// A path that stands in one table alone has null on the other side.
static json_t *diff_regions(const struct regions *r, const struct regions *s)
{
    json_t *list = json_array();
    for (uint32_t i = 0, k = 0; i < r->count || k < s->count;) {
        const struct region *x = region_at(r, i), *y = region_at(s, k);
        int order = !x ? 1 : !y ? -1 : span_compare(x->path, y->path);
        char path[REGION_PATH_MAX + 1];
        struct span name = order <= 0 ? x->path : y->path;
        snprintf(path, sizeof path, "%.*s", (int)name.size, (const char *)name.data);
        compare(list, path, region_json(order <= 0 ? x : NULL), region_json(order >= 0 ? y : NULL));
        i += order <= 0;
        k += order >= 0;
    }
    return list;
}

// False where what the tag covers is the same for both.
static struct result entries_differ(const struct listing *a, const struct listing_entry *x,
                                    const struct listing *b, const struct listing_entry *y,
                                    bool *ret)
{
    const struct erofs_inode *p = &x->inode, *q = &y->inode;
    bool directory = S_ISDIR(p->mode);
    if (p->mode != q->mode || p->uid != q->uid || p->gid != q->gid ||
        (!directory && (p->size != q->size || p->links != q->links))) {
        *ret = true;
        return RESULT_OK;
    }
    *ret = false;
    if (directory || p->size == 0)
        return RESULT_OK;
    uint8_t *memory_a = NULL, *memory_b = NULL;
    struct span s, t;
    struct result result = listing_content(a, x, &memory_a, &s);
    if (is_ok(result))
        result = listing_content(b, y, &memory_b, &t);
    if (is_ok(result))
        *ret = span_compare(s, t) != 0;
    free(memory_a);
    free(memory_b);
    return result;
}

// {path, change, a, b}; of a changed file also `fields`, the names of what differs.
static struct result put_file(json_t *list, const struct listing *a, const struct listing_entry *x,
                              const struct listing *b, const struct listing_entry *y)
{
    json_t *p = NULL, *q = NULL;
    const char *path = x ? x->path : y->path, *key;
    json_t *name = listing_text(SPAN(path, strlen(path))), *value;
    struct result result = x ? listing_json(a, x, &p) : RESULT_OK;
    if (is_ok(result) && y)
        result = listing_json(b, y, &q);
    if (!is_ok(result)) {
        json_decref(name);
        json_decref(p);
        return result;
    }
    if (p && q && !S_ISDIR(x->inode.mode) && !S_ISDIR(y->inode.mode)) {
        json_object_set_new(p, "links", number(x->inode.links));
        json_object_set_new(q, "links", number(y->inode.links));
    }
    json_t *j = json_pack("{s:o, s:s}", "path", name, "change",
                          x && y ? "changed"
                          : x    ? "removed"
                                 : "added");
    json_t *fields = json_array();
    json_object_foreach(p, key, value)
    {
        if (q && !json_equal(value, json_object_get(q, key)))
            json_array_append_new(fields, json_string(key));
    }
    if (q && p)
        json_object_set(j, "fields", fields);
    json_decref(fields);
    if (p)
        json_object_set_new(j, "a", p);
    if (q)
        json_object_set_new(j, "b", q);
    json_array_append_new(list, j);
    return RESULT_OK;
}

static struct result merge_files(const struct listing *a, const struct listing *b, json_t *list)
{
    for (size_t i = 0, k = 0; i < a->count || k < b->count;) {
        const struct listing_entry *x = i < a->count ? &a->entry[i] : NULL;
        const struct listing_entry *y = k < b->count ? &b->entry[k] : NULL;
        int order = !x ? 1 : !y ? -1 : strcmp(x->path, y->path);
        bool differ = true;
        if (order == 0)
            GUARD(entries_differ(a, x, b, y, &differ));
        if (differ)
            GUARD(put_file(list, a, order <= 0 ? x : NULL, b, order >= 0 ? y : NULL));
        i += order <= 0;
        k += order >= 0;
    }
    return RESULT_OK;
}

static struct result diff_files(const struct image *a, const struct image *b, json_t *list)
{
    struct listing x, y;
    GUARD(listing_read(a, &x));
    struct result result = listing_read(b, &y);
    if (is_ok(result)) {
        result = merge_files(&x, &y, list);
        listing_done(&y);
    }
    listing_done(&x);
    return result;
}

// Process and regions; a file system alone, or an image of any file system, may lack them: then the files say it.
static void diff_descriptions(const struct image *a, const struct image *b, json_t *ret)
{
    struct description d = {0}, e = {0};
    if (!a->params || !b->params || !is_ok(description_read(a, &d)))
        return;
    if (is_ok(description_read(b, &e))) {
        json_object_set_new(ret, "process", diff_process(&d.process, &e.process));
        json_object_set_new(ret, "regions", diff_regions(&d.regions, &e.regions));
    }
    description_done(&d);
    description_done(&e);
}

// [FSPF_KEY, FSPF_TAG, MRENCLAVE]; MRENCLAVE is empty for a file system alone.
static struct result identity(const struct image *i, json_t **ret)
{
    struct fingerprint f;
    char text[IMAGE_FINGERPRINT_SIZE] = "";
    if (i->params)
        GUARD(image_fingerprint(i, text));
    image_fspf(i, &f);
    *ret = json_pack("{s:o, s:o, s:s}", "FSPF_KEY", hex(f.fspf_key, 32), "FSPF_TAG",
                     hex(f.fspf_tag, 32), "MRENCLAVE", i->params ? text + 130 : "");
    return RESULT_OK;
}

static bool all_empty(json_t *j)
{
    const char *key;
    json_t *value;
    json_object_foreach(j, key, value)
    {
        if (json_array_size(value) > 0)
            return false;
    }
    return true;
}

struct result image_diff(const struct image *a, const struct image *b, json_t **ret, bool *ret_same)
{
    json_t *p = NULL, *q = NULL, *j = json_object(), *value;
    const char *key;
    struct result result = identity(a, &p);
    if (is_ok(result))
        result = identity(b, &q);
    json_t *parts = json_array(), *files = json_array();
    json_object_foreach(p, key, value)
        compare(parts, key, json_incref(value), json_incref(json_object_get(q, key)));
    json_object_set_new(j, "fingerprint", parts);
    diff_descriptions(a, b, j);
    if (is_ok(result))
        result = diff_files(a, b, files);
    json_object_set_new(j, "files", files);
    if (a->params && b->params) {
        json_object_set_new(j, "parameters", diff_parameters(a, b));
        json_object_set_new(j, "signer", diff_signer(a, b));
    }
    json_decref(p);
    json_decref(q);
    if (is_ok(result) && !j)
        result = fail(ERR_MEMORY, "out of memory");
    if (!is_ok(result)) {
        json_decref(j);
        return result;
    }
    *ret_same = all_empty(j);
    *ret = j;
    return RESULT_OK;
}
