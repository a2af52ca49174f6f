// SPDX-License-Identifier: Apache-2.0
#include "image/provenance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "base/hex.h"
#include "base/version.h"
#include "image/packages.h"
#include "image/sbom.h"
#include "image/tool.h"

static void add_digest(json_t *list, const char *name, const char *hex)
{
    json_array_append_new(list, json_pack("{s:s, s:{s:s}}", "name", name, "digest", "sha256", hex));
}

static void add_hash(json_t *list, const char *name, const uint8_t *hash)
{
    char hex[HEX_SIZE(32)];
    if (!hash)
        return;
    hex_encode(hash, 32, hex);
    add_digest(list, name, hex);
}

// A file of the directory, when it is there.
static struct result add_file(json_t *list, const struct image_origin *o, struct image_note *note,
                              const char *name)
{
    char path[PATH_MAX];
    uint8_t hash[32];
    if (!o->directory || !name)
        return RESULT_OK;
    GUARD(tool_path(note, o->directory, name, path));
    if (access(path, F_OK) != 0)
        return RESULT_OK;
    GUARD(tool_sha256(note, path, hash));
    add_hash(list, name, hash);
    return RESULT_OK;
}

static struct result add_dependencies(json_t *list, const struct image_origin *o,
                                      struct image_note *note)
{
    const char *digest = o->source_digest;
    GUARD(add_file(list, o, note, MANIFEST_FILE));
    if (o->manifest && o->manifest->packages.count)
        GUARD(add_file(list, o, note, LOCK_FILE));
    GUARD(add_file(list, o, note, o->dockerfile));
    if (o->source && digest && strncmp(digest, "sha256:", 7) == 0)
        json_array_append_new(list, json_pack("{s:s, s:s, s:{s:s}}", "name", "source image", "uri",
                                              o->source, "digest", "sha256", digest + 7));
    add_hash(list, "kernel.elf", o->kernel_hash);
    add_hash(list, "init", o->init_hash);
    return RESULT_OK;
}

// in-toto Statement v1, with the predicate of SLSA v1.0 ("Provenance").
struct result provenance_write(const struct image_origin *o, struct image_note *note, char **ret)
{
    REQUIRE(strlen(o->fingerprint) == 3 * 64 + 2, ERR_INVALID, "not a fingerprint");
    json_t *dependencies = json_array(), *metadata = json_object(), *parameters = json_object();
    struct result result = add_dependencies(dependencies, o, note);
    char when[32], *text = NULL, *body = NULL;
    if (sbom_time(when))
        json_object_set_new(metadata, "finishedOn", json_string(when));
    if (o->dockerfile)
        json_object_set_new(parameters, "dockerfile", json_string(o->dockerfile));
    if (o->source)
        json_object_set_new(parameters, "image", json_string(o->source));
    json_t *j = json_pack(
        "{s:s, s:[{s:s, s:{s:s%, s:s%}, s:{s:s}}], s:s, s:{s:{s:s, s:O, s:{}, s:O}, "
        "s:{s:{s:s, s:{s:s}}, s:O}}}",
        "_type", "https://in-toto.io/Statement/v1", "subject", "name", o->name, "digest",
        "dmVerityRoot", o->fingerprint + 65, (size_t)64, "sgxMrenclave", o->fingerprint + 130,
        (size_t)64, "annotations", "fingerprint", o->fingerprint, "predicateType",
        "https://slsa.dev/provenance/v1", "predicate", "buildDefinition", "buildType",
        "urn:cloister:build:v1", "externalParameters", parameters, "internalParameters",
        "resolvedDependencies", dependencies, "runDetails", "builder", "id", "urn:cloister:builder",
        "version", "cloister", CLOISTER_VERSION, "metadata", metadata);
    if (is_ok(result))
        body = json_dumps(j, JSON_INDENT(1));
    if (!body || asprintf(&text, "%s\n", body) < 0)
        text = NULL;
    free(body);
    json_decref(j);
    json_decref(dependencies);
    json_decref(metadata);
    json_decref(parameters);
    GUARD(result);
    REQUIRE(text, ERR_MEMORY, "out of memory");
    *ret = text;
    return RESULT_OK;
}
