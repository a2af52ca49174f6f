// SPDX-License-Identifier: Apache-2.0
#include "worker/fetch.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crypto/sha256.h"
#include "os/file.h"
#include "oci/pull.h"
#include "os/http_client.h"

#define TIME_MAX_S 600u

static struct result fetch_http(const char *uri, size_t size_max, uint8_t **ret_data,
                                size_t *ret_size)
{
    struct http_client_request q = {
        .method = "GET", .url = uri, .size_max = size_max, .time_max_s = TIME_MAX_S};
    unsigned status;
    uint8_t *data;
    size_t size;
    GUARD(http_client_do(&q, &status, &data, &size));
    if (status != 200) {
        free(data);
        return fail(ERR_NOT_FOUND, "the web server does not have the file");
    }
    *ret_data = data;
    *ret_size = size;
    return RESULT_OK;
}

struct result fetch_bytes(const char *uri, size_t size_max, uint8_t **ret_data, size_t *ret_size)
{
    if (strncmp(uri, "http://", 7) == 0 || strncmp(uri, "https://", 8) == 0)
        return fetch_http(uri, size_max, ret_data, ret_size);
    if (strncmp(uri, "file:///", 8) == 0)
        uri += 7;
    REQUIRE(uri[0] == '/', ERR_UNSUPPORTED, "the URI is neither http nor an absolute path");
    return file_read(uri, size_max, ret_data, ret_size);
}

static bool has_checksum(struct span data, const uint8_t *checksum)
{
    uint8_t hash[SHA256_SIZE];
    sha256(data, hash);
    return memcmp(hash, checksum, sizeof hash) == 0;
}

static bool is_there(const char *path, const uint8_t *checksum)
{
    uint8_t *data;
    size_t size;
    if (!is_ok(file_read(path, FETCH_SIZE_MAX, &data, &size)))
        return false;
    bool same = has_checksum(SPAN(data, size), checksum);
    free(data);
    return same;
}

struct result fetch_file(const char *uri, const char *path, const uint8_t *checksum)
{
    uint8_t *data;
    size_t size;
    if (checksum && is_zero(checksum, SHA256_SIZE))
        checksum = NULL;
    if (checksum && is_there(path, checksum))
        return RESULT_OK;
    GUARD(fetch_bytes(uri, FETCH_SIZE_MAX, &data, &size));
    struct result r = checksum && !has_checksum(SPAN(data, size), checksum)
                          ? fail(ERR_INTEGRITY, "what came does not have the ledger's checksum")
                          : file_write(path, SPAN(data, size), 0644, FILE_REPLACE);
    free(data);
    return r;
}

// Beside the image stands which digest it was made from.
static bool is_pulled(const char *path, const char *record, const char *digest)
{
    uint8_t *text;
    size_t size;
    if (!digest[0] || access(path, R_OK) != 0 ||
        !is_ok(file_read(record, OCI_DIGEST_SIZE, &text, &size)))
        return false;
    bool same = strcmp((const char *)text, digest) == 0;
    free(text);
    return same;
}

struct result fetch_app_image(const char *uri, const char *path, const uint8_t *checksum,
                              char *ret_why, size_t capacity)
{
    char record[PATH_MAX], digest[OCI_DIGEST_SIZE] = "";
    if (strncmp(uri, "docker://", 9) != 0 && strncmp(uri, "oci:", 4) != 0)
        return fetch_file(uri, path, checksum);
    if (checksum && !is_zero(checksum, SHA256_SIZE))
        oci_digest_of(checksum, digest);
    REQUIRE(snprintf(record, sizeof record, "%s.digest", path) < (int)sizeof record, ERR_RANGE,
            "path is too long");
    if (is_pulled(path, record, digest))
        return RESULT_OK;
    const struct oci_pull_options o = {
        .uri = uri, .digest = digest[0] ? digest : NULL, .output = path};
    struct image_note note = {0};
    struct oci_pull_report report;
    unlink(record);
    struct result r = oci_pull(&o, &note, &report);
    if (is_ok(r))
        return file_write(record, SPAN(report.digest, strlen(report.digest)), 0644, FILE_REPLACE);
    snprintf(ret_why, capacity, "%s", note.text);
    return r;
}
