// SPDX-License-Identifier: Apache-2.0
#include "image/sbom.h"

#include <errno.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>
#include <openssl/evp.h>

#include "base/hex.h"
#include "base/version.h"
#include "image/dpkg_status.h"
#include "image/packages.h"
#include "image/tool.h"
#include "os/file.h"

#define DATE_DEFAULT "2026-01-01T00:00:00Z"
#define ID_SIZE      48
#define SHA1_SIZE    20
#define PURL_SIZE    2400

struct document {
    struct image_note *note;
    json_t *packages, *files, *relations;
    char *codes; // SHA-1 of the files in hex, for the package verification code
    size_t code_count;
};

bool sbom_time(char ret[32])
{
    const char *text = getenv("SOURCE_DATE_EPOCH");
    if (!text || !*text || strspn(text, "0123456789") != strlen(text) || strlen(text) > 11)
        return false;
    time_t t = (time_t)strtoll(text, NULL, 10);
    struct tm tm;
    return gmtime_r(&t, &tm) && tm.tm_year + 1900 <= 9999 &&
           strftime(ret, 32, "%Y-%m-%dT%H:%M:%SZ", &tm) > 0;
}

static void relate(struct document *d, const char *from, const char *kind, const char *to)
{
    json_array_append_new(d->relations,
                          json_pack("{s:s, s:s, s:s}", "spdxElementId", from, "relationshipType",
                                    kind, "relatedSpdxElement", to));
}

// Appends `literal` and the text, whose characters are escaped but for those that a package URL keeps as they are (its
// specification, "character encoding").
static void put_encoded(char purl[PURL_SIZE], const char *literal, struct span text)
{
    static const char hex[] = "0123456789ABCDEF";
    size_t at = strlen(purl);
    at += (size_t)snprintf(purl + at, PURL_SIZE - at, "%s", literal);
    for (size_t i = 0; i < text.size && at + 4 < PURL_SIZE; i++) {
        uint8_t c = text.data[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '.' || c == '-' || c == '_' || c == '~';
        purl[at++] = plain ? (char)c : '%';
        if (!plain) {
            purl[at++] = hex[c >> 4];
            purl[at++] = hex[c & 15];
        }
    }
    purl[at] = 0;
}

static json_t *package_json(struct document *d, const char *id, struct span name,
                            struct span version)
{
    json_t *j = json_pack("{s:s, s:s%, s:s, s:b, s:s, s:s, s:s}", "SPDXID", id, "name",
                          (const char *)name.data, name.size, "downloadLocation", "NOASSERTION",
                          "filesAnalyzed", 0, "licenseConcluded", "NOASSERTION", "licenseDeclared",
                          "NOASSERTION", "copyrightText", "NOASSERTION");
    if (version.size)
        json_object_set_new(j, "versionInfo",
                            json_stringn((const char *)version.data, version.size));
    json_array_append_new(d->packages, j);
    return j;
}

static void put_purl(json_t *package, const char *purl)
{
    json_object_set_new(package, "externalRefs",
                        json_pack("[{s:s, s:s, s:s}]", "referenceCategory", "PACKAGE-MANAGER",
                                  "referenceType", "purl", "referenceLocator", purl));
}

static void put_sha256(json_t *element, const char *hex)
{
    json_object_set_new(element, "checksums",
                        json_pack("[{s:s, s:s}]", "algorithm", "SHA256", "checksumValue", hex));
}

// A Debian package; `sha256` of its .deb, or NULL.
static void add_deb(struct document *d, const struct dpkg_package *p, const uint8_t *sha256)
{
    char id[ID_SIZE], purl[PURL_SIZE] = "", hex[HEX_SIZE(32)];
    snprintf(id, sizeof id, "SPDXRef-Package-%zu", json_array_size(d->packages));
    put_encoded(purl, "pkg:deb/debian/", p->name);
    put_encoded(purl, "@", p->version);
    put_encoded(purl, "?arch=", p->architecture);
    json_t *j = package_json(d, id, p->name, p->version);
    if (sha256) {
        hex_encode(sha256, 32, hex);
        put_sha256(j, hex);
    }
    put_purl(j, purl);
    relate(d, "SPDXRef-image", "CONTAINS", id);
}

static struct span text_span(const char *text)
{
    return SPAN(text, strlen(text));
}

static struct result add_lock(struct document *d, const char *directory)
{
    char path[PATH_MAX];
    uint8_t *text;
    size_t size;
    struct lock l;
    GUARD(tool_path(d->note, directory, LOCK_FILE, path));
    GUARD(tool_read(d->note, path, LOCK_SIZE_MAX, &text, &size));
    struct result result = lock_parse(SPAN(text, size), d->note, &l);
    free(text);
    GUARD(result);
    for (size_t i = 0; i < l.count; i++) {
        const struct lock_entry *e = &l.entry[i];
        const struct dpkg_package p = {text_span(e->name), text_span(e->version),
                                       text_span(e->architecture)};
        add_deb(d, &p, e->sha256);
    }
    lock_done(&l);
    return RESULT_OK;
}

static void add_source(struct document *d, const struct image_origin *o)
{
    const char *digest = o->source_digest;
    json_t *j = package_json(d, "SPDXRef-source-image", text_span(o->source), (struct span){0});
    if (digest && strncmp(digest, "sha256:", 7) == 0 && strlen(digest) == 7 + 64)
        put_sha256(j, digest + 7);
    relate(d, "SPDXRef-image", "DESCENDANT_OF", "SPDXRef-source-image");
}

// SPDX 2.3 demands SHA-1 of files (8.4); SHA-256 is what counts.
static struct result add_file(struct document *d, const char *path, const char *in_image)
{
    static const struct {
        const char *name;
        const EVP_MD *(*type)(void);
    } kinds[] = {{"SHA1", EVP_sha1}, {"SHA256", EVP_sha256}};
    uint8_t *content;
    size_t size;
    char id[ID_SIZE], hex[HEX_SIZE(EVP_MAX_MD_SIZE)];
    GUARD(tool_read(d->note, path, (size_t)1 << 32, &content, &size));
    json_t *sums = json_array();
    for (size_t i = 0; i < ARRAY_COUNT(kinds); i++) {
        uint8_t digest[EVP_MAX_MD_SIZE];
        unsigned digest_size = 0;
        (void)EVP_Digest(content, size, digest, &digest_size, kinds[i].type(), NULL);
        hex_encode(digest, digest_size, hex);
        json_array_append_new(
            sums, json_pack("{s:s, s:s}", "algorithm", kinds[i].name, "checksumValue", hex));
        if (i == 0) {
            char *codes = realloc(d->codes, (d->code_count + 1) * 2 * SHA1_SIZE);
            if (codes)
                memcpy(codes + 2 * SHA1_SIZE * d->code_count++, hex, 2 * SHA1_SIZE);
            d->codes = codes ? codes : d->codes;
        }
    }
    free(content);
    snprintf(id, sizeof id, "SPDXRef-File-%zu", json_array_size(d->files));
    char *name;
    REQUIRE(asprintf(&name, ".%s", in_image) >= 0, ERR_MEMORY, "out of memory");
    json_t *text = json_string(name);
    free(name);
    json_array_append_new(d->files,
                          json_pack("{s:s, s:o, s:o, s:s, s:[s], s:s}", "SPDXID", id, "fileName",
                                    text ? text : json_string("./(not UTF-8)"), "checksums", sums,
                                    "licenseConcluded", "NOASSERTION", "licenseInfoInFiles",
                                    "NOASSERTION", "copyrightText", "NOASSERTION"));
    relate(d, "SPDXRef-application", "CONTAINS", id);
    return RESULT_OK;
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

// In an encrypted region: names and digests of what is there are for the key's owner alone.
static bool is_hidden(const struct manifest *m, const char *path)
{
    const struct manifest_region *found = NULL;
    size_t found_size = 0;
    for (size_t i = 0; i < m->region_count; i++) {
        const char *prefix = m->regions[i].path;
        size_t size = strcmp(prefix, "/") == 0 ? 0 : strlen(prefix);
        bool holds = strncmp(path, prefix, size) == 0 && (path[size] == '/' || !path[size]);
        if (holds && (!found || size > found_size)) {
            found = &m->regions[i];
            found_size = size;
        }
    }
    return found && strcmp(found->kind, "encrypted") == 0;
}

// The regular files at or below `path`, which are at `to` in the image.
static struct result add_files(struct document *d, const struct image_origin *o, const char *from,
                               const char *to)
{
    char path[PATH_MAX], in_image[PATH_MAX];
    GUARD(tool_path(d->note, o->directory, from, path));
    char *const roots[] = {path, NULL};
    FTS *walk = fts_open(roots, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, by_name);
    if (!walk)
        return image_fail_errno(d->note, path, "cannot list the files");
    size_t prefix = strlen(path);
    struct result result = RESULT_OK;
    for (FTSENT *e; is_ok(result) && (errno = 0, e = fts_read(walk));) {
        if (e->fts_info != FTS_F)
            continue;
        const char *below = e->fts_path + prefix;
        int n = snprintf(in_image, sizeof in_image, "%s%s%s", strcmp(to, "/") == 0 ? "" : to,
                         *below && *below != '/' ? "/" : "", below);
        if (n >= (int)sizeof in_image)
            result = fail(ERR_RANGE, "path is too long");
        else if (!is_hidden(o->manifest, in_image))
            result = add_file(d, e->fts_path, in_image);
    }
    fts_close(walk);
    return result;
}

static int compare_codes(const void *a, const void *b)
{
    return memcmp(a, b, 2 * SHA1_SIZE);
}

// Package verification code (SPDX 2.3, 7.9): SHA-1 of the sorted SHA-1 texts.
static void finish_application(struct document *d, const struct image_origin *o)
{
    if (json_array_size(d->files) == 0)
        return;
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    char hex[HEX_SIZE(EVP_MAX_MD_SIZE)];
    qsort(d->codes, d->code_count, 2 * SHA1_SIZE, compare_codes);
    (void)EVP_Digest(d->codes, d->code_count * 2 * SHA1_SIZE, digest, &size, EVP_sha1(), NULL);
    hex_encode(digest, size, hex);
    char name[512];
    snprintf(name, sizeof name, "%.400s (files of the manifest)", o->name);
    json_t *j = package_json(d, "SPDXRef-application", text_span(name), (struct span){0});
    json_object_set_new(j, "filesAnalyzed", json_true());
    json_object_set_new(j, "packageVerificationCode",
                        json_pack("{s:s}", "packageVerificationCodeValue", hex));
    relate(d, "SPDXRef-image", "CONTAINS", "SPDXRef-application");
}

static struct result fill(struct document *d, const struct image_origin *o)
{
    const struct manifest *m = o->manifest;
    char comment[256];
    json_t *image = package_json(d, "SPDXRef-image", text_span(o->name), (struct span){0});
    snprintf(comment, sizeof comment, "fingerprint %s", o->fingerprint);
    json_object_set_new(image, "comment", json_string(comment));
    relate(d, "SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-image");
    if (o->source)
        add_source(d, o);
    if (m && m->packages.count)
        GUARD(add_lock(d, o->directory));
    struct span rest = o->dpkg_status;
    for (struct dpkg_package p; dpkg_status_next(&rest, &p);)
        add_deb(d, &p, NULL);
    if (m && m->root)
        GUARD(add_files(d, o, m->root, "/"));
    for (size_t i = 0; m && i < m->file_count; i++)
        GUARD(add_files(d, o, m->files[i].from, m->files[i].to));
    finish_application(d, o);
    return RESULT_OK;
}

struct result sbom_write(const struct image_origin *o, struct image_note *note, char **ret)
{
    struct document d = {note, json_array(), json_array(), json_array(), NULL, 0};
    struct result result = fill(&d, o);
    char created[32] = DATE_DEFAULT, *space, *text = NULL;
    (void)sbom_time(created);
    // Unique for each content: the tag and the measurement name it.
    if (is_ok(result) && asprintf(&space, "urn:cloister:spdx:%s:%s", o->name,
                                  strlen(o->fingerprint) > 65 ? o->fingerprint + 65 : "") >= 0) {
        for (char *at = space; *at; at++)
            *at = *at == '|' ? ':' : *at;
        json_t *j =
            json_pack("{s:s, s:s, s:s, s:s, s:s, s:{s:s, s:[s]}, s:O, s:O, s:O}", "spdxVersion",
                      "SPDX-2.3", "dataLicense", "CC0-1.0", "SPDXID", "SPDXRef-DOCUMENT", "name",
                      o->name, "documentNamespace", space, "creationInfo", "created", created,
                      "creators", "Tool: cloister-" CLOISTER_VERSION, "packages", d.packages,
                      "files", d.files, "relationships", d.relations);
        char *body = json_dumps(j, JSON_INDENT(1));
        if (!body || asprintf(&text, "%s\n", body) < 0)
            text = NULL;
        free(body);
        json_decref(j);
        free(space);
    }
    json_decref(d.packages);
    json_decref(d.files);
    json_decref(d.relations);
    free(d.codes);
    GUARD(result);
    REQUIRE(text, ERR_MEMORY, "out of memory");
    *ret = text;
    return RESULT_OK;
}
