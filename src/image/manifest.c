// SPDX-License-Identifier: Apache-2.0
#include "image/manifest.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <yaml.h>

#include "abi/enclave.h"
#include "base/hex.h"
#include "image/tool.h"

// One parse: the document, and where its errors go.
struct parse {
    yaml_document_t *document;
    struct image_note *note;
};

struct key {
    const char *name;
    struct result (*set)(struct parse *p, const struct key *k, yaml_node_t *value, void *object);
    size_t offset; // of the field in the object
    uint64_t min, max;
};

static struct result complain(struct parse *p, const yaml_node_t *node, const char *name,
                              const char *why)
{
    return image_fail(p->note, ERR_INVALID, why, "line %zu: %s", node->start_mark.line + 1, name);
}

static const char *scalar(const yaml_node_t *node)
{
    return node->type == YAML_SCALAR_NODE ? (const char *)node->data.scalar.value : NULL;
}

// A scalar without a NUL inside, copied.
static struct result copy_text(struct parse *p, const char *name, const yaml_node_t *node,
                               char **ret)
{
    const char *text = scalar(node);
    if (!text || strlen(text) != node->data.scalar.length)
        return complain(p, node, name, "value must be one line of text");
    char *copy = strdup(text);
    REQUIRE(copy, ERR_MEMORY, "out of memory");
    *ret = copy;
    return RESULT_OK;
}

static struct result set_text(struct parse *p, const struct key *k, yaml_node_t *value,
                              void *object)
{
    char **field = (char **)((char *)object + k->offset);
    GUARD(copy_text(p, k->name, value, field));
    if (**field == 0)
        return complain(p, value, k->name, "value must not be empty");
    return RESULT_OK;
}

static struct result set_bool(struct parse *p, const struct key *k, yaml_node_t *value,
                              void *object)
{
    const char *text = scalar(value);
    bool yes = text && strcmp(text, "true") == 0;
    if (!yes && (!text || strcmp(text, "false") != 0))
        return complain(p, value, k->name, "value must be true or false");
    *(bool *)((char *)object + k->offset) = yes;
    return RESULT_OK;
}

static struct result set_fspf(struct parse *p, const struct key *k, yaml_node_t *value,
                              void *object)
{
    const char *text = scalar(value);
    bool provided = text && strcmp(text, "provided") == 0;
    if (!provided && (!text || strcmp(text, "measured") != 0))
        return complain(p, value, k->name, "value must be measured or provided");
    *(bool *)((char *)object + k->offset) = provided;
    return RESULT_OK;
}

// Decimal digits, then an optional K, M or G.
static bool parse_size(const char *text, bool units, uint64_t *ret)
{
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 18)
        return false;
    uint64_t number = strtoull(text, NULL, 10);
    static const char suffixes[] = "KMG";
    const char *unit = text + digits;
    if (*unit) {
        const char *at = strchr(suffixes, *unit);
        if (!units || !at || unit[1])
            return false;
        for (const char *s = suffixes; s <= at; s++) {
            if (mul_overflows(number, 1024, &number))
                return false;
        }
    }
    *ret = number;
    return true;
}

static struct result set_number(struct parse *p, const struct key *k, yaml_node_t *value,
                                void *object)
{
    const char *text = scalar(value);
    uint64_t number;
    if (!text || !parse_size(text, false, &number))
        return complain(p, value, k->name, "value must be a number");
    if (number < k->min || number > k->max)
        return complain(p, value, k->name, "number is outside its limits");
    *(uint64_t *)((char *)object + k->offset) = number;
    return RESULT_OK;
}

static struct result set_size(struct parse *p, const struct key *k, yaml_node_t *value,
                              void *object)
{
    const char *text = scalar(value);
    uint64_t number;
    if (!text || !parse_size(text, true, &number))
        return complain(p, value, k->name, "value must be a size, as 512M or 1G");
    if (number < k->min || number > k->max || number % 4096)
        return complain(p, value, k->name, "size is outside its limits or not whole pages");
    *(uint64_t *)((char *)object + k->offset) = number;
    return RESULT_OK;
}

// Octal digits, as chmod takes them.
static struct result set_mode(struct parse *p, const struct key *k, yaml_node_t *value,
                              void *object)
{
    const char *text = scalar(value);
    char *end = NULL;
    unsigned long mode = text ? strtoul(text, &end, 8) : 0;
    if (!text || !*text || strspn(text, "01234567") != strlen(text) || mode > k->max)
        return complain(p, value, k->name, "mode must be octal digits, as 0755");
    *(uint32_t *)((char *)object + k->offset) = (uint32_t)mode;
    return RESULT_OK;
}

static struct result set_umask(struct parse *p, const struct key *k, yaml_node_t *value,
                               void *object)
{
    uint32_t mode;
    struct key inner = {k->name, NULL, 0, 0, 0777};
    GUARD(set_mode(p, &inner, value, &mode));
    *(uint64_t *)((char *)object + k->offset) = mode;
    return RESULT_OK;
}

static struct result set_hex_key(struct parse *p, const struct key *k, yaml_node_t *value,
                                 void *object)
{
    uint8_t key[32];
    const char *text = scalar(value);
    if (!text || !is_ok(hex_decode(SPAN(text, strlen(text)), key, sizeof key)))
        return complain(p, value, k->name, "value must be 64 hex digits");
    return set_text(p, k, value, object);
}

static size_t list_size(const yaml_node_t *node)
{
    return (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
}

static struct result check_list(struct parse *p, const struct key *k, const yaml_node_t *value)
{
    if (value->type != YAML_SEQUENCE_NODE)
        return complain(p, value, k->name, "value must be a list");
    if (list_size(value) > MANIFEST_LIST_MAX)
        return complain(p, value, k->name, "list is too long");
    return RESULT_OK;
}

static struct result set_texts(struct parse *p, const struct key *k, yaml_node_t *value,
                               void *object)
{
    GUARD(check_list(p, k, value));
    struct manifest_strings *list = (void *)((char *)object + k->offset);
    list->item = calloc(list_size(value) + 1, sizeof *list->item);
    REQUIRE(list->item, ERR_MEMORY, "out of memory");
    for (size_t i = 0; i < list_size(value); i++) {
        yaml_node_t *item =
            yaml_document_get_node(p->document, value->data.sequence.items.start[i]);
        GUARD(copy_text(p, k->name, item, &list->item[i]));
        list->count++;
    }
    return RESULT_OK;
}

static struct result set_environment(struct parse *p, const struct key *k, yaml_node_t *value,
                                     void *object)
{
    if (value->type != YAML_MAPPING_NODE)
        return complain(p, value, k->name, "value must be a map of names to texts");
    struct manifest_strings *list = (void *)((char *)object + k->offset);
    yaml_node_pair_t *first = value->data.mapping.pairs.start;
    size_t count = (size_t)(value->data.mapping.pairs.top - first);
    if (count > MANIFEST_LIST_MAX)
        return complain(p, value, k->name, "map is too long");
    list->item = calloc(count + 1, sizeof *list->item);
    REQUIRE(list->item, ERR_MEMORY, "out of memory");
    for (size_t i = 0; i < count; i++) {
        yaml_node_t *name_node = yaml_document_get_node(p->document, first[i].key);
        yaml_node_t *text_node = yaml_document_get_node(p->document, first[i].value);
        const char *name = scalar(name_node), *text = scalar(text_node);
        if (!name || !*name || strchr(name, '=') || strlen(name) != name_node->data.scalar.length ||
            !text || strlen(text) != text_node->data.scalar.length)
            return complain(p, name_node, k->name, "variable must be NAME: text");
        size_t name_size = strlen(name);
        for (size_t before = 0; before < i; before++) {
            if (strncmp(list->item[before], name, name_size) == 0 &&
                list->item[before][name_size] == '=')
                return complain(p, name_node, name, "variable stands twice");
        }
        if (asprintf(&list->item[i], "%s=%s", name, text) < 0) {
            list->item[i] = NULL;
            return fail(ERR_MEMORY, "out of memory");
        }
        list->count++;
    }
    return RESULT_OK;
}

// Applies a table of keys to one map.
static struct result set_map(struct parse *p, const char *what, yaml_node_t *node,
                             const struct key *keys, size_t key_count, void *object)
{
    if (node->type != YAML_MAPPING_NODE)
        return complain(p, node, what, "value must be a map");
    uint64_t seen = 0;
    for (yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top; pair++) {
        yaml_node_t *name_node = yaml_document_get_node(p->document, pair->key);
        yaml_node_t *value = yaml_document_get_node(p->document, pair->value);
        const char *name = scalar(name_node);
        size_t i = 0;
        while (i < key_count && (!name || strcmp(name, keys[i].name) != 0))
            i++;
        if (i == key_count)
            return complain(p, name_node, name ? name : what, "unknown key");
        if (seen & 1ull << i)
            return complain(p, name_node, name, "key stands twice");
        seen |= 1ull << i;
        GUARD(keys[i].set(p, &keys[i], value, object));
    }
    return RESULT_OK;
}

#define FIELD(type, field) offsetof(struct type, field)

static struct result set_files(struct parse *p, const struct key *k, yaml_node_t *value,
                               void *object)
{
    static const struct key keys[] = {
        {"from", set_text, FIELD(manifest_copy, from), 0, 0},
        {"to", set_text, FIELD(manifest_copy, to), 0, 0},
        {"mode", set_mode, FIELD(manifest_copy, mode), 0, 07777},
    };
    GUARD(check_list(p, k, value));
    struct manifest *m = object;
    m->files = calloc(list_size(value) + 1, sizeof *m->files);
    REQUIRE(m->files, ERR_MEMORY, "out of memory");
    for (size_t i = 0; i < list_size(value); i++) {
        yaml_node_t *item =
            yaml_document_get_node(p->document, value->data.sequence.items.start[i]);
        struct manifest_copy *copy = &m->files[m->file_count++];
        copy->mode = UINT32_MAX; // as the source has it
        GUARD(set_map(p, k->name, item, keys, ARRAY_COUNT(keys), copy));
        if (!copy->from || !copy->to || copy->to[0] != '/')
            return complain(p, item, k->name, "a file needs `from` and an absolute `to`");
    }
    return RESULT_OK;
}

static struct result set_regions(struct parse *p, const struct key *k, yaml_node_t *value,
                                 void *object)
{
    static const struct key keys[] = {
        {"path", set_text, FIELD(manifest_region, path), 0, 0},
        {"kind", set_text, FIELD(manifest_region, kind), 0, 0},
        {"source", set_text, FIELD(manifest_region, source), 0, 0},
        {"key", set_text, FIELD(manifest_region, key), 0, 0},
        {"content-key", set_text, FIELD(manifest_region, content_key), 0, 0},
    };
    GUARD(check_list(p, k, value));
    struct manifest *m = object;
    m->regions = calloc(list_size(value) + 1, sizeof *m->regions);
    REQUIRE(m->regions, ERR_MEMORY, "out of memory");
    for (size_t i = 0; i < list_size(value); i++) {
        yaml_node_t *item =
            yaml_document_get_node(p->document, value->data.sequence.items.start[i]);
        struct manifest_region *region = &m->regions[m->region_count++];
        GUARD(set_map(p, k->name, item, keys, ARRAY_COUNT(keys), region));
        if (!region->path || !region->kind)
            return complain(p, item, k->name, "a region needs `path` and `kind`");
    }
    return RESULT_OK;
}

static const struct key manifest_keys[] = {
    {"name", set_text, FIELD(manifest, name), 0, 0},
    {"root", set_text, FIELD(manifest, root), 0, 0},
    {"image", set_text, FIELD(manifest, image), 0, 0},
    {"dockerfile", set_text, FIELD(manifest, dockerfile), 0, 0},
    {"packages", set_texts, FIELD(manifest, packages), 0, 0},
    {"files", set_files, 0, 0, 0},
    {"entrypoint", set_text, FIELD(manifest, entrypoint), 0, 0},
    {"arguments", set_texts, FIELD(manifest, arguments), 0, 0},
    {"environment", set_environment, FIELD(manifest, environment), 0, 0},
    {"working-directory", set_text, FIELD(manifest, directory), 0, 0},
    {"heap", set_size, FIELD(manifest, heap), 1u << 20, USER_END - ENCLAVE_GUARD},
    {"stack", set_size, FIELD(manifest, stack), 64u << 10, 1u << 30},
    {"file-cache", set_size, FIELD(manifest, file_cache), 256u << 10, 4ull << 30},
    {"threads", set_number, FIELD(manifest, threads), 1, THREADS_MAX},
    {"host-arguments", set_bool, FIELD(manifest, host_arguments), 0, 0},
    {"regions", set_regions, 0, 0, 0},
    {"sms", set_text, FIELD(manifest, sms), 0, 0},
    {"key", set_text, FIELD(manifest, key), 0, 0},
    {"isvprodid", set_number, FIELD(manifest, isvprodid), 0, UINT16_MAX},
    {"isvsvn", set_number, FIELD(manifest, isvsvn), 0, UINT16_MAX},
    {"fspf", set_fspf, FIELD(manifest, fspf_provided), 0, 0},
    {"fspf-key", set_hex_key, FIELD(manifest, fspf_key), 0, 0},
    {"debug", set_bool, FIELD(manifest, debug), 0, 0},
    {"service", set_bool, FIELD(manifest, service), 0, 0},
    {"python-bytecode", set_bool, FIELD(manifest, python_bytecode), 0, 0},
    {"tools", set_bool, FIELD(manifest, tools), 0, 0},
    {"uid", set_number, FIELD(manifest, uid), 0, 65535},
    {"gid", set_number, FIELD(manifest, gid), 0, 65535},
    {"umask", set_umask, FIELD(manifest, umask), 0, 0},
};
_Static_assert(ARRAY_COUNT(manifest_keys) <= 64, "set_map keeps one bit a key");

// The name becomes a file name; the rest of what a manifest needs as a whole.
static struct result check_manifest(struct image_note *note, const struct manifest *m)
{
    bool from_image = m->image || m->dockerfile; // which says what to start, unless we do
    if (!m->name || (!m->entrypoint && !from_image))
        return image_fail(note, ERR_INVALID, "key is missing", "%s",
                          m->name ? "entrypoint" : "name");
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    if (strspn(m->name, letters) != strlen(m->name) || m->name[0] == '.')
        return image_fail(note, ERR_INVALID, "name may hold letters, digits, '.', '_', '-'", "%s",
                          m->name);
    if ((m->entrypoint && m->entrypoint[0] != '/') || (m->directory && m->directory[0] != '/'))
        return image_fail(note, ERR_INVALID, "path must be absolute",
                          "entrypoint or "
                          "working-directory");
    if (from_image && (m->packages.count > 0 || m->root || (m->image && m->dockerfile)))
        return image_fail(note, ERR_INVALID,
                          "image, dockerfile, root and packages exclude each other", "%s", m->name);
    if (!from_image && m->packages.count == 0 && !m->root && m->file_count == 0)
        return image_fail(note, ERR_INVALID, "nothing to put into the image",
                          "give packages, root, files, image or dockerfile");
    return RESULT_OK;
}

struct result manifest_parse(struct span text, struct image_note *note, struct manifest *ret)
{
    REQUIRE(text.size <= MANIFEST_SIZE_MAX, ERR_RANGE, "manifest is too large");
    yaml_parser_t parser;
    yaml_document_t document;
    REQUIRE(yaml_parser_initialize(&parser), ERR_MEMORY, "out of memory");
    yaml_parser_set_input_string(&parser, text.data, text.size);
    struct manifest m = {.heap = 1ull << 30,
                         .stack = 8u << 20,
                         .threads = 16,
                         .umask = 022,
                         .python_bytecode = true};
    struct result result;
    if (!yaml_parser_load(&parser, &document)) {
        result = image_fail(note, ERR_INVALID, "not YAML", "line %zu: %s",
                            parser.problem_mark.line + 1, parser.problem ? parser.problem : "");
    } else {
        struct parse p = {&document, note};
        yaml_node_t *root = yaml_document_get_root_node(&document);
        result =
            root ? set_map(&p, "the manifest", root, manifest_keys, ARRAY_COUNT(manifest_keys), &m)
                 : image_fail(note, ERR_INVALID, "manifest is empty", "%s", MANIFEST_FILE);
        if (is_ok(result))
            result = check_manifest(note, &m);
        yaml_document_delete(&document);
    }
    yaml_parser_delete(&parser);
    if (!is_ok(result)) {
        manifest_done(&m);
        return result;
    }
    *ret = m;
    return RESULT_OK;
}

struct result manifest_load(const char *path, struct image_note *note, struct manifest *ret)
{
    uint8_t *text;
    size_t size;
    GUARD(tool_read(note, path, MANIFEST_SIZE_MAX, &text, &size));
    struct result result = manifest_parse(SPAN(text, size), note, ret);
    free(text);
    return result;
}

struct result manifest_find(const char *directory, struct image_note *note, struct manifest *ret)
{
    char path[PATH_MAX], real[PATH_MAX], text[NAME_MAX + 64];
    GUARD(tool_path(note, directory, "Dockerfile", path));
    bool dockerfile = access(path, R_OK) == 0;
    GUARD(tool_path(note, directory, MANIFEST_FILE, path));
    if (!dockerfile || access(path, F_OK) == 0 || !realpath(directory, real))
        return manifest_load(path, note, ret);
    const char *name = strrchr(real, '/') + 1;
    int n =
        snprintf(text, sizeof text, "name: '%s'\ndockerfile: Dockerfile\n", *name ? name : "root");
    REQUIRE(n > 0 && (size_t)n < sizeof text, ERR_RANGE, "path is too long");
    return manifest_parse(SPAN(text, (size_t)n), note, ret);
}

static void strings_done(struct manifest_strings *s)
{
    for (size_t i = 0; s->item && s->item[i]; i++)
        free(s->item[i]);
    free(s->item);
}

void manifest_done(struct manifest *m)
{
    for (size_t i = 0; i < m->file_count; i++) {
        free(m->files[i].from);
        free(m->files[i].to);
    }
    for (size_t i = 0; i < m->region_count; i++) {
        free(m->regions[i].path);
        free(m->regions[i].kind);
        free(m->regions[i].source);
        free(m->regions[i].key);
        free(m->regions[i].content_key);
    }
    free(m->files);
    free(m->regions);
    strings_done(&m->packages);
    strings_done(&m->arguments);
    strings_done(&m->environment);
    char *texts[] = {m->name,      m->root, m->image, m->dockerfile, m->entrypoint,
                     m->directory, m->sms,  m->key,   m->fspf_key};
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++)
        free(texts[i]);
    *m = (struct manifest){0};
}
