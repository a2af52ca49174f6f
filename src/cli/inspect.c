// SPDX-License-Identifier: Apache-2.0
#include "cli/inspect.h"

#include "base/hex.h"
#include "cli/protection.h"
#include "cli/say.h"
#include "image/description.h"
#include "image/enclave_build.h"
#include "sgx/sigstruct.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *hex_json(const void *bytes, size_t size)
{
    char text[HEX_SIZE(64)];
    hex_encode(bytes, MIN(size, (size_t)64), text);
    return json_string(text);
}

static json_t *number_json(uint64_t number)
{
    return json_integer((json_int_t)number);
}

static json_t *text_json(struct span s)
{
    json_t *text = json_stringn((const char *)s.data, s.size);
    return text ? text : json_string("(not UTF-8)");
}

static void put_filesystem(json_t *j, const struct image *i, const char *path)
{
    char tag[HEX_SIZE(32)], command[16384];
    struct fingerprint known;
    image_fspf(i, &known);
    hex_encode(known.fspf_tag, 32, tag);
    snprintf(command, sizeof command, "veritysetup verify %s %s %s --hash-offset=%llu", path, path,
             tag, (unsigned long long)i->layout.hash_offset);
    json_object_set_new(j, "fspf_key", hex_json(known.fspf_key, 32));
    json_object_set_new(j, "fspf_tag", json_string(tag));
    json_object_set_new(j, "hash_offset", number_json(i->layout.hash_offset));
    json_object_set_new(j, "data_blocks", number_json(i->trailer.data_blocks));
    json_object_set_new(j, "tree_blocks", number_json(i->trailer.tree_blocks));
    json_object_set_new(j, "data_block_size", number_json(VERITY_BLOCK_SIZE));
    json_object_set_new(j, "hash_block_size", number_json(VERITY_BLOCK_SIZE));
    json_object_set_new(j, "hash_format", number_json(1));
    json_object_set_new(j, "hash", json_string("sha256"));
    json_object_set_new(j, "salt", json_string("-"));
    json_object_set_new(j, "veritysetup", json_string(command));
}

static json_t *enclave_json(const struct image *i, const char *mrenclave)
{
    const struct enclave_params *p = i->params;
    const struct sgx_sigstruct *s = i->sigstruct;
    uint8_t mrsigner[SGX_HASH_SIZE];
    char flags[32];
    sgx_mrsigner(s, mrsigner);
    snprintf(flags, sizeof flags, "0x%llx", (unsigned long long)s->attributes.flags);
    json_t *j = json_object();
    json_object_set_new(j, "mrenclave", json_string(mrenclave));
    json_object_set_new(j, "mrsigner", hex_json(mrsigner, sizeof mrsigner));
    json_object_set_new(j, "attributes", json_string(flags));
    json_object_set_new(j, "xfrm", number_json(s->attributes.xfrm));
    json_object_set_new(j, "debug", json_boolean(s->attributes.flags & SGX_FLAGS_DEBUG));
    json_object_set_new(j, "isvprodid", number_json(s->isvprodid));
    json_object_set_new(j, "isvsvn", number_json(s->isvsvn));
    json_object_set_new(j, "heap", number_json(p->heap_max));
    json_object_set_new(j, "stack", number_json(p->stack_size));
    json_object_set_new(j, "cache_pages", number_json(p->cache_pages));
    json_object_set_new(j, "threads", number_json(p->threads));
    json_object_set_new(j, "fspf",
                        json_string(p->flags & PARAMS_TAG_PROVIDED ? "provided" : "measured"));
    json_object_set_new(j, "service", json_boolean(p->flags & PARAMS_SMS_ENCLAVE));
    json_object_set_new(j, "kernel_size", number_json(i->kernel.size));
    json_object_set_new(j, "kernel_hash", hex_json(i->trailer.kernel_hash, 32));
    json_object_set_new(j, "init_size", number_json(i->init.size));
    if (i->init.size)
        json_object_set_new(j, "init_hash", hex_json(p->init_hash, 32));
    return j;
}

static json_t *strings_json(struct span encoded)
{
    json_t *list = json_array();
    struct reader r = reader_on(encoded);
    while (reader_left(&r) > 0)
        json_array_append_new(list, text_json(process_next(&r)));
    return list;
}

static json_t *process_json(const struct image *i, const struct process *p)
{
    json_t *j = json_object();
    json_object_set_new(j, "entrypoint", text_json(p->executable));
    json_object_set_new(j, "arguments", strings_json(p->arguments));
    json_object_set_new(j, "environment", strings_json(p->environment));
    json_object_set_new(j, "working_directory", text_json(p->directory));
    json_object_set_new(j, "uid", number_json(p->uid));
    json_object_set_new(j, "gid", number_json(p->gid));
    json_object_set_new(j, "umask", number_json(p->umask));
    json_object_set_new(j, "host_arguments",
                        json_boolean(i->params->flags & PARAMS_HOST_ARGUMENTS));
    return j;
}

static json_t *regions_json(const struct regions *r)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < r->count; i++) {
        const struct region *region = &r->region[i];
        json_t *j = json_object();
        json_object_set_new(j, "path", text_json(region->path));
        json_object_set_new(j, "kind", json_string(description_kind(region->kind)));
        if (region->key != REGION_KEY_NONE)
            json_object_set_new(j, "key", json_string(description_key(region->key)));
        if (region->source.size)
            json_object_set_new(j, "source", text_json(region->source));
        json_array_append_new(list, j);
    }
    return list;
}

static json_t *sites_json(struct span table)
{
    uint64_t patched[3] = {0}, trapped[3] = {0};
    struct reader r = sites_first(table);
    for (struct site_file f; sites_next(&r, &f);) {
        for (uint32_t i = 0; i < f.count; i++) {
            struct site s = site_at(&f, i);
            *(s.window_size == SITE_WINDOW_TRAP ? &trapped[s.kind] : &patched[s.kind]) += 1;
        }
    }
    json_t *j = json_object();
    json_object_set_new(j, "programs", number_json(sites_file_count(table)));
    json_object_set_new(j, "syscall_patched", number_json(patched[SITE_SYSCALL]));
    json_object_set_new(j, "syscall_trapped", number_json(trapped[SITE_SYSCALL]));
    json_object_set_new(j, "cpuid_patched", number_json(patched[SITE_CPUID]));
    json_object_set_new(j, "cpuid_trapped", number_json(trapped[SITE_CPUID]));
    return j;
}

struct result inspect_image(const struct image *i, const char *path, bool files, json_t **ret)
{
    char fingerprint[IMAGE_FINGERPRINT_SIZE];
    struct description d;
    GUARD(image_fingerprint(i, fingerprint));
    GUARD(description_read(i, &d));
    json_t *j = json_object();
    json_object_set_new(j, "fingerprint", json_string(fingerprint));
    put_filesystem(j, i, path);
    json_object_set_new(j, "enclave", enclave_json(i, fingerprint + 130));
    json_object_set_new(j, "process", process_json(i, &d.process));
    json_object_set_new(j, "regions", regions_json(&d.regions));
    json_t *sms = i->params->sms_policy_size
                      ? json_loadb((const char *)i->params->policy, i->params->sms_policy_size,
                                   JSON_REJECT_DUPLICATES, NULL)
                      : NULL;
    json_object_set_new(j, "sms", sms ? sms : json_null());
    json_object_set_new(j, "sites", sites_json(d.sites));
    struct result result = protection_put(i, &d, files, j);
    description_done(&d);
    if (!is_ok(result)) {
        json_decref(j);
        return result;
    }
    REQUIRE(j, ERR_MEMORY, "out of memory");
    *ret = j;
    return RESULT_OK;
}

// `name` and value on a line; objects and lists indented below their name.
static void print_value(const char *name, const json_t *value, int indent)
{
    const char *key;
    json_t *member;
    size_t index;
    if (!json_is_object(value) && !json_is_array(value)) {
        char *text = json_dumps(value, JSON_ENCODE_ANY);
        bool plain = json_is_string(value);
        printf("%*s%s%s%s\n", indent, "", name, *name ? ": " : "- ",
               plain  ? json_string_value(value)
               : text ? text
                      : "");
        free(text);
        return;
    }
    if (*name)
        printf("%*s%s:\n", indent, "", name);
    if (json_is_object(value)) {
        json_object_foreach((json_t *)value, key, member) print_value(key, member, indent + 2);
    } else {
        json_array_foreach(value, index, member) print_value("", member, indent + 2);
    }
}

// One line each: there are thousands.
static void print_files(const json_t *files)
{
    size_t index;
    json_t *f;
    puts("files:");
    json_array_foreach(files, index, f)
    {
        const char *hash = json_string_value(json_object_get(f, "sha256"));
        const char *target = json_string_value(json_object_get(f, "target"));
        printf("  %s %5lld:%-5lld %12lld %64s %-13s ",
               json_string_value(json_object_get(f, "mode")),
               (long long)json_integer_value(json_object_get(f, "uid")),
               (long long)json_integer_value(json_object_get(f, "gid")),
               (long long)json_integer_value(json_object_get(f, "size")),
               hash ? hash : json_string_value(json_object_get(f, "type")),
               json_string_value(json_object_get(f, "region")));
        say_name(json_string_value(json_object_get(f, "path")));
        if (target) {
            printf(" -> ");
            say_name(target);
        }
        putchar('\n');
    }
}

void inspect_print(const json_t *object)
{
    const char *key;
    json_t *member;
    json_object_foreach((json_t *)object, key, member)
    {
        if (strcmp(key, "files") == 0)
            print_files(member);
        else
            print_value(key, member, 0);
    }
}
