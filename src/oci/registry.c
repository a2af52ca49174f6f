// SPDX-License-Identifier: Apache-2.0
#include "oci/registry.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/sha256.h"
#include "image/tool.h"
#include "os/file.h"

#define ARGUMENTS_MAX 40u
#define POLICY_FILE   "/etc/containers/policy.json"
#define ANY_POLICY    "{\"default\":[{\"type\":\"insecureAcceptAnything\"}]}"

// A command line that is put together.
struct command {
    char *argv[ARGUMENTS_MAX];
    size_t count;
};

static void put(struct command *c, const char *word)
{
    if (c->count < ARGUMENTS_MAX - 1)
        c->argv[c->count++] = (char *)word;
    c->argv[c->count] = NULL;
}

static void put_all(struct command *c, const char *const *words)
{
    for (; *words; words++)
        put(c, *words);
}

#define PUT(c, ...) put_all((c), (const char *const[]){__VA_ARGS__, NULL})

// The option's name differs between copying from and to a registry.
static void put_tls(struct command *c, const struct oci_tls *tls, const char *prefix, char *verify,
                    size_t capacity)
{
    static const char *const options[][2] = {{"--cert-dir", "--tls-verify"},
                                             {"--src-cert-dir", "--src-tls-verify"},
                                             {"--dest-cert-dir", "--dest-tls-verify"}};
    const char *const *names = options[*prefix == 's' ? 1 : *prefix == 'd' ? 2 : 0];
    if (tls && tls->cert_dir)
        PUT(c, names[0], tls->cert_dir);
    if (tls && tls->tls_verify) {
        snprintf(verify, capacity, "%s=%s", names[1], tls->tls_verify);
        put(c, verify);
    }
}

const char *oci_uri_digest(const char *uri)
{
    const char *at = strrchr(uri, '@');
    return at ? at + 1 : NULL;
}

struct result oci_uri_layout(const char *uri, const char *base, struct image_note *note, char *ret,
                             size_t capacity, const char **ret_tag)
{
    char path[PATH_MAX];
    REQUIRE(strncmp(uri, "oci:", 4) == 0 && uri[4], ERR_INVALID, "not an oci: URI");
    GUARD(tool_path(note, base, uri + 4, path));
    const char *tag = NULL;
    char *colon = strrchr(path, ':');
    if (access(path, F_OK) != 0 && colon && !strchr(colon, '/')) {
        *colon = 0;
        tag = strrchr(uri, ':') + 1;
    }
    size_t size = strlen(path);
    REQUIRE(size < capacity, ERR_RANGE, "path is too long");
    memcpy(ret, path, size + 1);
    *ret_tag = tag;
    return RESULT_OK;
}

// --- a directory as skopeo writes it (manifest.json and blobs by their hex digests) becomes a layout ---------

static struct result move_blob(const char *from, const char *to, const struct oci_blob *blob,
                               struct image_note *note)
{
    char source[PATH_MAX], target[PATH_MAX];
    GUARD(tool_path(note, from, strchr(blob->digest, ':') + 1, source));
    GUARD(oci_blob_path(to, blob->digest, note, target, sizeof target));
    if (rename(source, target) != 0 && access(target, F_OK) != 0) // a layer may stand there twice
        return image_fail_errno(note, source, "cannot write");
    return RESULT_OK;
}

static struct result adopt_manifest(const char *from, const char *to, struct span text,
                                    struct image_note *note, struct oci_blob *ret)
{
    json_t *json;
    struct oci_manifest m;
    GUARD(oci_json_parse(text, note, &json));
    const char *type = json_string_value(json_object_get(json, "mediaType"));
    struct result r = oci_manifest_parse(json, note, &m);
    if (is_ok(r)) {
        r = oci_blob_add(to, text, type ? type : OCI_TYPE_MANIFEST, note, ret);
        if (is_ok(r))
            r = move_blob(from, to, &m.config, note);
        for (size_t i = 0; is_ok(r) && i < m.layer_count; i++)
            r = move_blob(from, to, &m.layers[i], note);
        oci_manifest_done(&m);
    }
    json_decref(json);
    return r;
}

// `digest` of the manifest itself, or of an index that names it for our platform.
static struct result check_digest(const char *uri, const char *digest, const struct oci_tls *tls,
                                  const struct oci_blob *manifest, struct image_note *note)
{
    if (!digest || strcmp(manifest->digest, digest) == 0)
        return RESULT_OK;
    struct command c = {.count = 0};
    char verify[32], *text, have[OCI_DIGEST_SIZE];
    uint8_t hash[32];
    json_t *json;
    struct oci_blob chosen;
    PUT(&c, "skopeo", "inspect", "--raw");
    put_tls(&c, tls, "", verify, sizeof verify);
    put(&c, uri);
    GUARD(tool_run(note, NULL, c.argv, &text));
    sha256(SPAN(text, strlen(text)), hash);
    oci_digest_of(hash, have);
    struct result r = strcmp(have, digest) == 0
                          ? oci_json_parse(SPAN(text, strlen(text)), note, &json)
                          : fail(ERR_INTEGRITY, "digest does not match");
    free(text);
    if (is_ok(r)) {
        r = oci_index_choose(json, NULL, note, &chosen);
        json_decref(json);
    }
    if (is_ok(r) && strcmp(chosen.digest, manifest->digest) != 0)
        r = fail(ERR_INTEGRITY, "digest does not match");
    return is_ok(r) ? r
                    : image_fail(note, ERR_INTEGRITY, "registry gave another image than asked for",
                                 "%.900s", uri);
}

struct result oci_fetch(const char *uri, const char *base, const struct oci_tls *tls,
                        const char *directory, struct image_note *note)
{
    char dir[PATH_MAX], target[PATH_MAX + 4], verify[32], manifest[PATH_MAX];
    const char *digest = strncmp(uri, "docker://", 9) == 0 ? oci_uri_digest(uri) : NULL;
    if (strncmp(uri, "docker://", 9) != 0 && strncmp(uri, "docker-archive:", 15) != 0)
        return image_fail(note, ERR_UNSUPPORTED,
                          "URI is neither docker:// nor docker-archive:", "%.900s", uri);
    REQUIRE(!digest || oci_digest_is_good(digest), ERR_INVALID, "digest is not a sha256");
    GUARD(oci_layout_create(directory, note));
    GUARD(tool_path(note, directory, "fetched", dir));
    snprintf(target, sizeof target, "dir:%s", dir);
    struct command c = {.count = 0};
    PUT(&c, "skopeo", "copy", "--quiet", "--insecure-policy", "--override-os", "linux",
        "--override-arch", "amd64");
    put_tls(&c, tls, "src", verify, sizeof verify);
    PUT(&c, uri, target);
    image_progress(note, "fetching %s", uri);
    GUARD(tool_run(note, base, c.argv, NULL));
    uint8_t *text;
    size_t size;
    struct oci_blob self;
    GUARD(tool_path(note, dir, "manifest.json", manifest));
    GUARD(tool_read(note, manifest, OCI_JSON_MAX, &text, &size));
    struct result r = adopt_manifest(dir, directory, SPAN(text, size), note, &self);
    free(text);
    tool_remove_tree(dir);
    GUARD(r);
    GUARD(check_digest(uri, digest, tls, &self, note));
    return oci_layout_finish(directory, &self, OCI_TAG, note);
}

struct result oci_push(const char *directory, const char *tag, const char *uri,
                       const struct oci_tls *tls, struct image_note *note)
{
    char source[PATH_MAX + 64], verify[32];
    struct command c = {.count = 0};
    if (strncmp(uri, "docker://", 9) != 0)
        return image_fail(note, ERR_UNSUPPORTED, "only docker:// can be pushed to", "%.900s", uri);
    if (snprintf(source, sizeof source, "oci:%s%s%s", directory, tag ? ":" : "", tag ? tag : "") >=
        (int)sizeof source)
        return fail(ERR_RANGE, "path is too long");
    PUT(&c, "skopeo", "copy", "--quiet", "--insecure-policy", "--preserve-digests");
    put_tls(&c, tls, "dest", verify, sizeof verify);
    PUT(&c, source, uri);
    return tool_run(note, NULL, c.argv, NULL);
}

// --- Dockerfiles -----------------------------------------------------------------------------------------

static struct result own_policy(const char *scratch, struct image_note *note, char ret[PATH_MAX])
{
    if (access(POLICY_FILE, R_OK) == 0)
        return tool_path(note, "/", POLICY_FILE, ret);
    GUARD(tool_path(note, scratch, "policy.json", ret));
    return file_write(ret, SPAN_STR(ANY_POLICY), 0600, FILE_REPLACE);
}

struct result oci_build_dockerfile(const char *dockerfile, const char *context,
                                   const struct oci_tls *tls, const char *scratch,
                                   const char *directory, struct image_note *note)
{
    static const char *const names[] = {"storage", "run", "cache"};
    char path[ARRAY_COUNT(names)][PATH_MAX], policy[PATH_MAX], verify[32], target[PATH_MAX + 16];
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        GUARD(tool_path(note, scratch, names[i], path[i]));
        if (mkdir(path[i], 0700) != 0 && errno != EEXIST)
            return image_fail_errno(note, path[i], "cannot make directory");
    }
    GUARD(own_policy(scratch, note, policy));
    struct command build = {.count = 0}, push = {.count = 0};
    struct command *const both[] = {&build, &push};
    for (size_t i = 0; i < ARRAY_COUNT(both); i++)
        PUT(both[i], "buildah", "--root", path[0], "--runroot", path[1], "--storage-driver", "vfs",
            i ? "push" : "bud", "--signature-policy", policy, "--blob-cache", path[2]);
    PUT(&build, "--quiet", "--isolation", "chroot", "--timestamp", "0", "--format", "oci",
        "--platform", "linux/amd64", "--tag", "cloister-build");
    put_tls(&build, tls, "", verify, sizeof verify);
    PUT(&build, "--file", dockerfile, context);
    image_progress(note, "running %s", dockerfile);
    GUARD(tool_run(note, NULL, build.argv, NULL));
    snprintf(target, sizeof target, "oci:%s:" OCI_TAG, directory);
    PUT(&push, "--quiet", "cloister-build", target);
    return tool_run(note, NULL, push.argv, NULL);
}
