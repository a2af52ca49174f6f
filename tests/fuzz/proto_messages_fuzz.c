// must reach: proto_attest_request_read proto_attest_answer_read proto_provision_read
// proto_app_grant_read proto_post_grant_read proto_proof_read proto_certificate_read proto_refusal_read
// SPDX-License-Identifier: Apache-2.0
// Every binary message and the refusal: no crash, and what is taken is written back byte for byte.
#include <stdlib.h>
#include <string.h>

#include "proto/attest_message.h"
#include "proto/provision.h"
#include "proto/refusal.h"

static uint8_t out[1 << 20];

static void same(struct result r, size_t size, const uint8_t *data, size_t expected)
{
    if (!is_ok(r) || size != expected || memcmp(out, data, size) != 0)
        abort();
}

static void attest(struct span in)
{
    struct proto_attest_request q;
    struct proto_attest_answer a;
    size_t size = 0;
    if (is_ok(proto_attest_request_read(in, &q)))
        same(proto_attest_request_write(&q, out, sizeof out, &size), size, in.data, in.size);
    if (is_ok(proto_attest_answer_read(in, &a)))
        same(proto_attest_answer_write(&a, out, sizeof out, &size), size, in.data, in.size);
}

static void provision(struct span in)
{
    static struct proto_app_grant app;
    struct proto_provision q;
    struct proto_post_grant post;
    size_t size = 0;
    if (is_ok(proto_provision_read(in, &q)))
        same(proto_provision_write(&q, out, sizeof out, &size), size, in.data, in.size);
    if (is_ok(proto_app_grant_read(in, &app)))
        same(proto_app_grant_write(&app, out, sizeof out, &size), size, in.data, in.size);
    if (is_ok(proto_post_grant_read(in, &post)))
        same(proto_post_grant_write(&post, out, sizeof out, &size), size, in.data, in.size);
}

static void proof(struct span in)
{
    struct proto_proof p;
    struct proto_certificate c;
    size_t size = 0;
    if (is_ok(proto_proof_read(in, &p)))
        same(proto_proof_write(&p, out, sizeof out, &size), size, in.data, in.size);
    if (is_ok(proto_certificate_read(in, &c))) {
        proto_certificate_write(&c, out);
        same(RESULT_OK, PROTO_CERTIFICATE_SIZE, in.data, in.size);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct proto_refusal_message m;
    struct span in = SPAN(data, size);
    attest(in);
    provision(in);
    proof(in);
    if (is_ok(proto_refusal_read(in, &m)))
        for (const char *c = m.why; *c; c++)
            if (*c < ' ' || *c > '~')
                abort();
    return 0;
}
