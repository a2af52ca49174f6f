// SPDX-License-Identifier: Apache-2.0
#include "oci/layout.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hex.h"
#include "crypto/sha256.h"
#include "image/tool.h"
#include "os/file.h"

#define DIGEST_PREFIX        "sha256:"
#define INDEX_DEPTH          4 // an index that names an index, and so on

#define DOCKER_TYPE_MANIFEST "application/vnd.docker.distribution.manifest.v2+json"
#define DOCKER_TYPE_LIST     "application/vnd.docker.distribution.manifest.list.v2+json"
#define NAME_ANNOTATION      "org.opencontainers.image.ref.name"

bool oci_digest_is_good(const char *digest)
{
    size_t prefix = sizeof DIGEST_PREFIX - 1;
    return strlen(digest) == OCI_DIGEST_SIZE - 1 && strncmp(digest, DIGEST_PREFIX, prefix) == 0 &&
           strspn(digest + prefix, "0123456789abcdef") == 64;
}

void oci_digest_of(const uint8_t hash[32], char ret[OCI_DIGEST_SIZE])
{
    memcpy(ret, DIGEST_PREFIX, sizeof DIGEST_PREFIX - 1);
    hex_encode(hash, 32, ret + sizeof DIGEST_PREFIX - 1);
}

// --- JSON ----------------------------------------------------------------------------------------------

static bool is_too_deep(struct span text)
{
    size_t depth = 0;
    bool string = false;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        if (string && c == '\\')
            i++;
        else if (c == '"')
            string = !string;
        else if (!string && (c == '{' || c == '['))
            depth++;
        else if (!string && (c == '}' || c == ']') && depth > 0)
            depth--;
        if (depth > OCI_DEPTH_MAX)
            return true;
    }
    return false;
}

struct result oci_json_parse(struct span text, struct image_note *note, json_t **ret)
{
    json_error_t error;
    REQUIRE(text.size <= OCI_JSON_MAX, ERR_RANGE, "JSON is too large");
    REQUIRE(!is_too_deep(text), ERR_RANGE, "JSON is nested too deeply");
    json_t *json = json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, &error);
    if (!json)
        return image_fail(note, ERR_INVALID, "not JSON", "line %d: %s", error.line, error.text);
    if (!json_is_object(json)) {
        json_decref(json);
        return fail(ERR_INVALID, "not a JSON object");
    }
    *ret = json;
    return RESULT_OK;
}

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

// A descriptor (OCI descriptor.md); `type` NULL is taken from it.
static struct result parse_descriptor(const json_t *json, struct oci_blob *ret)
{
    struct oci_blob b = {.size = 0};
    const char *digest = text_of(json, "digest"), *type = text_of(json, "mediaType");
    const json_t *size = json_object_get(json, "size");
    REQUIRE(digest && oci_digest_is_good(digest), ERR_INVALID, "digest is not a sha256");
    REQUIRE(json_is_integer(size) && json_integer_value(size) >= 0, ERR_INVALID,
            "size of a blob is missing");
    REQUIRE(type && strlen(type) < sizeof b.type, ERR_INVALID, "media type of a blob is missing");
    // What a descriptor points at by URL lies outside of the layout: nobody pins how it is fetched.
    memcpy(b.digest, digest, strlen(digest) + 1);
    memcpy(b.type, type, strlen(type) + 1);
    b.size = (uint64_t)json_integer_value(size);
    *ret = b;
    return RESULT_OK;
}

static bool is_type(const char *type, const char *oci, const char *docker)
{
    return strcmp(type, oci) == 0 || strcmp(type, docker) == 0;
}

// Without a platform: for whoever takes it.
static bool fits_platform(const json_t *descriptor)
{
    const json_t *platform = json_object_get(descriptor, "platform");
    const char *os = text_of(platform, "os"), *cpu = text_of(platform, "architecture");
    return !platform || (os && cpu && strcmp(os, "linux") == 0 && strcmp(cpu, "amd64") == 0);
}

static bool has_tag(const json_t *descriptor, const char *tag)
{
    const char *name = text_of(json_object_get(descriptor, "annotations"), NAME_ANNOTATION);
    return !tag || (name && strcmp(name, tag) == 0);
}

struct result oci_index_choose(const json_t *index, const char *tag, struct image_note *note,
                               struct oci_blob *ret)
{
    const json_t *list = json_object_get(index, "manifests"), *item, *found = NULL;
    REQUIRE(json_is_array(list), ERR_INVALID, "index has no list of manifests");
    size_t i;
    json_array_foreach(list, i, item)
    {
        if (!has_tag(item, tag) || !fits_platform(item))
            continue;
        if (found && !json_equal(found, item))
            return image_fail(note, ERR_INVALID, "layout holds several images: name one by its tag",
                              "%s", tag ? tag : "index.json");
        found = item;
    }
    if (!found)
        return image_fail(note, ERR_NOT_FOUND, "no image for linux/amd64 in the index", "%s",
                          tag ? tag : "index.json");
    return parse_descriptor(found, ret);
}

struct result oci_manifest_parse(const json_t *json, struct image_note *note,
                                 struct oci_manifest *ret)
{
    struct oci_manifest m = {.layer_count = 0};
    const json_t *version = json_object_get(json, "schemaVersion");
    const json_t *layers = json_object_get(json, "layers");
    REQUIRE(json_integer_value(version) == 2, ERR_UNSUPPORTED, "manifest is not of version 2");
    GUARD(parse_descriptor(json_object_get(json, "config"), &m.config));
    REQUIRE(json_is_array(layers) && json_array_size(layers) <= OCI_LAYERS_MAX, ERR_INVALID,
            "manifest has no list of layers, or a list that is too long");
    m.layers = calloc(json_array_size(layers) + 1, sizeof *m.layers);
    REQUIRE(m.layers, ERR_MEMORY, "out of memory");
    struct result r = RESULT_OK;
    for (size_t i = 0; is_ok(r) && i < json_array_size(layers); i++)
        r = parse_descriptor(json_array_get(layers, i), &m.layers[m.layer_count++]);
    if (!is_ok(r)) {
        r = image_fail(note, r.code, r.why, "layer %zu", m.layer_count);
        oci_manifest_done(&m);
        return r;
    }
    *ret = m;
    return RESULT_OK;
}

void oci_manifest_done(struct oci_manifest *m)
{
    free(m->layers);
    *m = (struct oci_manifest){.layer_count = 0};
}

// --- reading -------------------------------------------------------------------------------------------

struct result oci_blob_path(const char *directory, const char *digest, struct image_note *note,
                            char *ret, size_t capacity)
{
    REQUIRE(oci_digest_is_good(digest), ERR_INVALID, "digest is not a sha256");
    int n =
        snprintf(ret, capacity, "%s/blobs/sha256/%s", directory, digest + sizeof DIGEST_PREFIX - 1);
    if (n < 0 || (size_t)n >= capacity)
        return image_fail(note, ERR_RANGE, "path is too long", "%s", directory);
    return RESULT_OK;
}

struct result oci_blob_read(const char *directory, const struct oci_blob *blob, size_t max,
                            struct image_note *note, uint8_t **ret, size_t *ret_size)
{
    char path[PATH_MAX], digest[OCI_DIGEST_SIZE];
    uint8_t hash[32], *data;
    size_t size;
    GUARD(oci_blob_path(directory, blob->digest, note, path, sizeof path));
    GUARD(tool_read(note, path, max, &data, &size));
    sha256(SPAN(data, size), hash);
    oci_digest_of(hash, digest);
    if (size != blob->size || strcmp(digest, blob->digest) != 0) {
        free(data);
        return image_fail(note, ERR_INTEGRITY, "blob does not have its digest and size", "%s",
                          blob->digest);
    }
    *ret = data;
    *ret_size = size;
    return RESULT_OK;
}

struct result oci_blob_verify(const char *directory, const struct oci_blob *blob,
                              struct image_note *note)
{
    char path[PATH_MAX], digest[OCI_DIGEST_SIZE];
    uint8_t hash[32];
    struct stat st;
    GUARD(oci_blob_path(directory, blob->digest, note, path, sizeof path));
    if (stat(path, &st) != 0)
        return image_fail_errno(note, path, "cannot open");
    GUARD(tool_sha256(note, path, hash));
    oci_digest_of(hash, digest);
    if ((uint64_t)st.st_size != blob->size || strcmp(digest, blob->digest) != 0)
        return image_fail(note, ERR_INTEGRITY, "blob does not have its digest and size", "%s",
                          blob->digest);
    return RESULT_OK;
}

struct result oci_blob_json(const char *directory, const struct oci_blob *blob,
                            struct image_note *note, json_t **ret)
{
    uint8_t *text;
    size_t size;
    GUARD(oci_blob_read(directory, blob, OCI_JSON_MAX, note, &text, &size));
    struct result r = oci_json_parse(SPAN(text, size), note, ret);
    free(text);
    return r;
}

static struct result read_json(const char *directory, const char *name, struct image_note *note,
                               json_t **ret)
{
    char path[PATH_MAX];
    uint8_t *text;
    size_t size;
    GUARD(tool_path(note, directory, name, path));
    GUARD(tool_read(note, path, OCI_JSON_MAX, &text, &size));
    struct result r = oci_json_parse(SPAN(text, size), note, ret);
    free(text);
    return is_ok(r) ? r : image_fail(note, r.code, r.why, "%s", path);
}

static struct result check_version(const char *directory, struct image_note *note)
{
    json_t *json;
    GUARD(read_json(directory, "oci-layout", note, &json));
    const char *version = text_of(json, "imageLayoutVersion");
    bool good = version && strncmp(version, "1.", 2) == 0;
    json_decref(json);
    return good ? RESULT_OK
                : image_fail(note, ERR_UNSUPPORTED, "not an OCI layout of version 1", "%s",
                             directory);
}

struct result oci_layout_find(const char *directory, const char *tag, struct image_note *note,
                              struct oci_manifest *ret)
{
    json_t *json;
    struct oci_blob at;
    GUARD(check_version(directory, note));
    GUARD(read_json(directory, "index.json", note, &json));
    for (int depth = 0; depth < INDEX_DEPTH; depth++) {
        struct result r = oci_index_choose(json, depth ? NULL : tag, note, &at);
        json_decref(json);
        GUARD(r);
        GUARD(oci_blob_json(directory, &at, note, &json));
        if (is_type(at.type, OCI_TYPE_INDEX, DOCKER_TYPE_LIST))
            continue;
        if (is_type(at.type, OCI_TYPE_MANIFEST, DOCKER_TYPE_MANIFEST))
            r = oci_manifest_parse(json, note, ret);
        else
            r = image_fail(note, ERR_UNSUPPORTED, "not a manifest of an image", "%s", at.type);
        json_decref(json);
        GUARD(r);
        ret->self = at;
        return RESULT_OK;
    }
    json_decref(json);
    return fail(ERR_RANGE, "index names an index too often");
}

// --- writing -------------------------------------------------------------------------------------------

static struct result make_directory(const char *path, struct image_note *note)
{
    if (mkdir(path, 0755) != 0 && errno != EEXIST)
        return image_fail_errno(note, path, "cannot make directory");
    return RESULT_OK;
}

struct result oci_layout_create(const char *directory, struct image_note *note)
{
    static const char version[] = "{\"imageLayoutVersion\":\"1.0.0\"}";
    char path[PATH_MAX];
    GUARD(make_directory(directory, note));
    GUARD(tool_path(note, directory, "blobs", path));
    GUARD(make_directory(path, note));
    GUARD(tool_path(note, directory, "blobs/sha256", path));
    GUARD(make_directory(path, note));
    GUARD(tool_path(note, directory, "oci-layout", path));
    return file_write(path, SPAN_STR(version), 0644, FILE_REPLACE);
}

struct result oci_blob_add_file(const char *directory, const char *path, const char *type,
                                struct image_note *note, struct oci_blob *ret)
{
    struct oci_blob b = {.size = 0};
    char to[PATH_MAX];
    uint8_t hash[32];
    struct stat st;
    GUARD(tool_sha256(note, path, hash));
    oci_digest_of(hash, b.digest);
    GUARD(oci_blob_path(directory, b.digest, note, to, sizeof to));
    if (stat(path, &st) != 0 || chmod(path, 0644) != 0 || rename(path, to) != 0)
        return image_fail_errno(note, to, "cannot write");
    b.size = (uint64_t)st.st_size;
    snprintf(b.type, sizeof b.type, "%s", type);
    *ret = b;
    return RESULT_OK;
}

struct result oci_blob_add(const char *directory, struct span content, const char *type,
                           struct image_note *note, struct oci_blob *ret)
{
    struct oci_blob b = {.size = content.size};
    char to[PATH_MAX];
    uint8_t hash[32];
    sha256(content, hash);
    oci_digest_of(hash, b.digest);
    GUARD(oci_blob_path(directory, b.digest, note, to, sizeof to));
    struct result r = file_write(to, content, 0644, FILE_REPLACE);
    if (!is_ok(r))
        return image_fail(note, r.code, r.why, "%s", to);
    snprintf(b.type, sizeof b.type, "%s", type);
    *ret = b;
    return RESULT_OK;
}

struct result oci_blob_add_json(const char *directory, const json_t *json, const char *type,
                                struct image_note *note, struct oci_blob *ret)
{
    char *text = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);
    REQUIRE(text, ERR_MEMORY, "out of memory");
    struct result r = oci_blob_add(directory, SPAN(text, strlen(text)), type, note, ret);
    free(text);
    return r;
}

struct result oci_blob_copy(const char *from, const char *to, const struct oci_blob *blob,
                            struct image_note *note)
{
    char source[PATH_MAX], target[PATH_MAX];
    GUARD(oci_blob_path(from, blob->digest, note, source, sizeof source));
    GUARD(oci_blob_path(to, blob->digest, note, target, sizeof target));
    unlink(target);
    if (link(source, target) != 0) {
        char *argv[] = {"cp", "--reflink=auto", "--", source, target, NULL};
        GUARD(tool_run(note, NULL, argv, NULL));
    }
    return oci_blob_verify(to, blob, note);
}

json_t *oci_blob_descriptor(const struct oci_blob *blob)
{
    return json_pack("{s:s, s:s, s:I}", "mediaType", blob->type, "digest", blob->digest, "size",
                     (json_int_t)blob->size);
}

struct result oci_layout_finish(const char *directory, const struct oci_blob *manifest,
                                const char *tag, struct image_note *note)
{
    char path[PATH_MAX];
    GUARD(tool_path(note, directory, "index.json", path));
    json_t *index =
        json_pack("{s:i, s:s, s:[{s:s, s:s, s:I, s:{s:s}, s:{s:s, s:s}}]}", "schemaVersion", 2,
                  "mediaType", OCI_TYPE_INDEX, "manifests", "mediaType", manifest->type, "digest",
                  manifest->digest, "size", (json_int_t)manifest->size, "annotations",
                  NAME_ANNOTATION, tag, "platform", "architecture", "amd64", "os", "linux");
    char *text = index ? json_dumps(index, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    json_decref(index);
    REQUIRE(text, ERR_MEMORY, "out of memory");
    struct result r = file_write(path, SPAN(text, strlen(text)), 0644, FILE_REPLACE);
    free(text);
    return is_ok(r) ? r : image_fail(note, r.code, r.why, "%s", path);
}
