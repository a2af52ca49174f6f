// Reaches: http_request_parse, http_response_parse, http_query_value, http_read_request, http_body_read_all
// SPDX-License-Identifier: Apache-2.0
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "wire/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    struct span data;
    size_t at;
};

static struct result input_read(void *context, void *buffer, size_t capacity, size_t *ret_size)
{
    struct input *in = context;
    size_t n = MIN(MIN(capacity, (size_t)17), in->data.size - in->at);
    if (n)
        memcpy(buffer, in->data.data + in->at, n);
    in->at += n;
    *ret_size = n;
    return RESULT_OK;
}

static void read_messages(struct input *in, bool is_response)
{
    static struct http_conn c;
    uint8_t body[512];
    char value[64];
    size_t size;
    struct http_head h;
    struct http_body b;
    http_conn_init(&c, (struct http_transport){in, input_read, NULL});
    for (int i = 0; i < 4; i++) {
        struct result r = is_response ? http_read_response(&c, &h) : http_read_request(&c, &h);
        if (!is_ok(r))
            return;
        if (is_ok(http_query_value(h.query, "a", value, sizeof value)) && strlen(value) >= 64)
            __builtin_trap();
        http_body_init(&b, &c, &h, is_response, false);
        if (!is_ok(http_body_read_all(&b, body, sizeof body, &size)) || size > sizeof body)
            return;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {SPAN(data, size), 0};
    read_messages(&in, false);
    in.at = 0;
    read_messages(&in, true);
    return 0;
}
