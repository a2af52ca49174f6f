// SPDX-License-Identifier: Apache-2.0
// HTTP requests over libcurl, for data that is public or checked by hash: plain http, and https
// with the system's roots. (Connections that carry secrets speak wire/http over their own attested
// TLS.)
#ifndef OS_HTTP_CLIENT_H
#define OS_HTTP_CLIENT_H

#include "base/bytes.h"
#include "base/result.h"

struct http_client_request {
    const char *method; // "GET" or "POST"
    const char *url;    // http:// or https://; redirects are followed, to these two alone, for GET
    const char *content_type;
    struct span body;
    size_t size_max;     // of the answer's body
    unsigned time_max_s; // of the whole exchange; 0: 60
    // Called now and then when not NULL; total is 0 when unknown.
    void (*progress)(void *context, uint64_t done, uint64_t total);
    void *progress_context;
    // A header of the answer that is wanted, when not NULL; `header_value` is from malloc, or NULL
    // when the answer does not have it.
    const char *header;
    char **header_value;
};

// *ret_data is from malloc, followed by one NUL. Any HTTP status is a success; ERR_IO: no answer,
// ERR_RANGE: too large, ERR_STALE: too slow.
struct result http_client_do(const struct http_client_request *q, unsigned *ret_status,
                             uint8_t **ret_data, size_t *ret_size);

#endif
