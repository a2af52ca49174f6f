// SPDX-License-Identifier: Apache-2.0
#include "os/http_client.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct answer {
    uint8_t *data;
    size_t size;
    size_t capacity;
    size_t size_max;
    bool too_large;
    const struct http_client_request *request;
};

static size_t on_data(char *data, size_t one, size_t size, void *context)
{
    struct answer *a = context;
    (void)one;
    if (size > a->size_max - a->size) {
        a->too_large = true;
        return 0;
    }
    if (a->capacity - a->size < size + 1) {
        size_t capacity = MAX(2 * a->capacity, a->size + size + 1);
        uint8_t *more = realloc(a->data, capacity);
        if (!more)
            return 0;
        a->data = more;
        a->capacity = capacity;
    }
    memcpy(a->data + a->size, data, size);
    a->size += size;
    a->data[a->size] = 0;
    return size;
}

static int on_progress(void *context, curl_off_t total, curl_off_t done, curl_off_t up_total,
                       curl_off_t up)
{
    struct answer *a = context;
    (void)up_total;
    (void)up;
    if (a->request->progress)
        a->request->progress(a->request->progress_context, (uint64_t)done, (uint64_t)total);
    return 0;
}

static struct curl_slist *set_options(CURL *c, struct answer *a)
{
    const struct http_client_request *q = a->request;
    struct curl_slist *headers = NULL;
    curl_easy_setopt(c, CURLOPT_URL, q->url);
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, 10L);
    curl_easy_setopt(c, CURLOPT_TIMEOUT, (long)(q->time_max_s ? q->time_max_s : 60));
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, a);
    curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(c, CURLOPT_XFERINFODATA, a);
    curl_easy_setopt(c, CURLOPT_NOPROGRESS, q->progress ? 0L : 1L);
    curl_easy_setopt(c, CURLOPT_MAXREDIRS, 5L);
    curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, strcmp(q->method, "GET") == 0 ? 1L : 0L);
    headers = curl_slist_append(headers, "Expect:");
    if (strcmp(q->method, "POST") == 0) {
        char line[128];
        snprintf(line, sizeof line, "Content-Type: %s",
                 q->content_type ? q->content_type : "application/octet-stream");
        headers = curl_slist_append(headers, line);
        curl_easy_setopt(c, CURLOPT_POST, 1L);
        curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)q->body.size);
        curl_easy_setopt(c, CURLOPT_POSTFIELDS, q->body.size ? (const char *)q->body.data : "");
    }
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
    return headers;
}

static void copy_header(CURL *c, const struct http_client_request *q)
{
    struct curl_header *h;
    if (q->header)
        *q->header_value = curl_easy_header(c, q->header, 0, CURLH_HEADER, -1, &h) == CURLHE_OK
                               ? strdup(h->value)
                               : NULL;
}

static struct result verdict(CURLcode code, const struct answer *a)
{
    REQUIRE(!a->too_large, ERR_RANGE, "the HTTP answer is too large");
    REQUIRE(code != CURLE_URL_MALFORMAT && code != CURLE_UNSUPPORTED_PROTOCOL, ERR_INVALID,
            "not an http or https URL");
    REQUIRE(code != CURLE_OPERATION_TIMEDOUT, ERR_STALE, "the HTTP server is too slow");
    REQUIRE(code != CURLE_COULDNT_CONNECT && code != CURLE_COULDNT_RESOLVE_HOST, ERR_IO,
            "cannot reach the HTTP server");
    REQUIRE(code == CURLE_OK, ERR_IO, "the HTTP exchange failed");
    return RESULT_OK;
}

struct result http_client_do(const struct http_client_request *q, unsigned *ret_status,
                             uint8_t **ret_data, size_t *ret_size)
{
    CURL *c = curl_easy_init();
    struct answer a = {.size_max = q->size_max, .request = q};
    REQUIRE(c, ERR_MEMORY, "libcurl does not start");
    struct curl_slist *headers = set_options(c, &a);
    CURLcode code = curl_easy_perform(c);
    long status = 0;
    curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
    copy_header(c, q);
    curl_slist_free_all(headers);
    curl_easy_cleanup(c);
    struct result r = verdict(code, &a);
    if (is_ok(r) && !a.data && !(a.data = calloc(1, 1)))
        r = fail(ERR_MEMORY, "out of memory");
    if (!is_ok(r)) {
        free(a.data);
        return r;
    }
    *ret_status = (unsigned)status;
    *ret_data = a.data;
    *ret_size = a.size;
    return RESULT_OK;
}
