// SPDX-License-Identifier: Apache-2.0
#include "proto/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi/sgx/quote.h"
#include "crypto/random.h"
#include "proto/attest_message.h"

#define HOST_SIZE    272u
#define BINARY       "application/octet-stream"
#define MESSAGE_SIZE (4096u + SGX_QUOTE_SIZE_MAX + PROTO_COLLATERAL_SIZE_MAX)
#define REFUSAL_SIZE 4096u

struct proto_client {
    struct http_conn http;
    char host[HOST_SIZE];
    uint8_t exporter[PROTO_EXPORTER_SIZE];
    uint8_t session[PROTO_SESSION_SIZE];
    uint8_t nonce[PROTO_NONCE_SIZE]; // the server's
    bool attested;
    bool nonce_used;
    struct proto_refusal_message refusal;
};

struct result proto_client_open(struct http_transport transport, const char *host,
                                const uint8_t exporter[PROTO_EXPORTER_SIZE],
                                struct proto_client **ret)
{
    REQUIRE(strlen(host) < HOST_SIZE && http_text_is_safe(host), ERR_INVALID,
            "the SMS's host name is malformed");
    struct proto_client *c = calloc(1, sizeof *c);
    REQUIRE(c, ERR_MEMORY, "out of memory");
    http_conn_init(&c->http, transport);
    memcpy(c->host, host, strlen(host) + 1);
    memcpy(c->exporter, exporter, PROTO_EXPORTER_SIZE);
    *ret = c;
    return RESULT_OK;
}

void proto_client_free(struct proto_client *c)
{
    if (c)
        wipe(c, sizeof *c);
    free(c);
}

const struct proto_refusal_message *proto_client_refusal(const struct proto_client *c)
{
    return &c->refusal;
}

void proto_client_body_free(uint8_t *body, size_t size)
{
    if (body)
        wipe(body, size);
    free(body);
}

// One exchange. The body of a success is *ret_body, of at most `capacity` bytes; any other status is the
// SMS's refusal.
static struct result exchange(struct proto_client *c, const char *path, struct span body,
                              uint8_t *buffer, size_t capacity, size_t *ret_size)
{
    struct http_head head;
    struct http_body in;
    size_t size;
    struct http_out out = {.content_type = BINARY, .body = body};
    memset(&c->refusal, 0, sizeof c->refusal);
    GUARD(http_write_request(&c->http.transport, "POST", c->host, path, &out));
    GUARD(http_read_response(&c->http, &head));
    http_body_init(&in, &c->http, &head, true, false);
    if (head.status == 200) {
        GUARD(http_body_read_all(&in, buffer, capacity, &size));
        *ret_size = size;
        return RESULT_OK;
    }
    uint8_t text[REFUSAL_SIZE];
    GUARD(http_body_read_all(&in, text, sizeof text, &size));
    GUARD(proto_refusal_read(SPAN(text, size), &c->refusal));
    return fail(ERR_DENIED, "the SMS refused");
}

static struct result check_sms(struct proto_client *c, const struct proto_identity *identity,
                               int64_t now, const uint8_t nonce[PROTO_NONCE_SIZE],
                               const struct proto_attest_answer *answer, struct attest_claims *ret)
{
    uint8_t reportdata[PROTO_REPORTDATA_SIZE];
    struct proto_binding binding = {.role = PROTO_ROLE_SMS,
                                    .nonce = SPAN(nonce, PROTO_NONCE_SIZE),
                                    .exporter = SPAN_OF(c->exporter),
                                    .session = SPAN_OF(answer->session)};
    proto_reportdata(&binding, reportdata);
    struct proto_evidence evidence = {answer->quote, answer->collateral, now, reportdata};
    return proto_identity_check(identity, &evidence, ret);
}

struct result proto_client_attest(struct proto_client *c, const struct proto_identity *identity,
                                  int64_t now, struct attest_claims *ret)
{
    struct proto_attest_request request;
    struct proto_attest_answer answer;
    struct attest_claims claims;
    uint8_t text[PROTO_ATTEST_REQUEST_SIZE];
    size_t size = 0;
    REQUIRE(!c->attested, ERR_DENIED, "the connection is attested already");
    GUARD(random_bytes(request.nonce, sizeof request.nonce));
    GUARD(proto_attest_request_write(&request, text, sizeof text, &size));
    uint8_t *buffer = malloc(MESSAGE_SIZE);
    REQUIRE(buffer, ERR_MEMORY, "out of memory");
    struct result r = exchange(c, PROTO_PATH_ATTEST, SPAN(text, size), buffer, MESSAGE_SIZE, &size);
    if (is_ok(r))
        r = proto_attest_answer_read(SPAN(buffer, size), &answer);
    if (is_ok(r))
        r = check_sms(c, identity, now, request.nonce, &answer, &claims);
    if (is_ok(r)) {
        memcpy(c->session, answer.session, sizeof c->session);
        memcpy(c->nonce, answer.nonce, sizeof c->nonce);
        c->attested = true;
        if (ret)
            *ret = claims;
    }
    free(buffer);
    return r;
}

// Our evidence for this session, into `scratch`; the request's spans then point there.
static struct result add_evidence(const struct proto_client *c, const struct proto_quoter *quoter,
                                  struct proto_provision *request, uint8_t *scratch)
{
    uint8_t reportdata[PROTO_REPORTDATA_SIZE];
    size_t quote_size, collateral_size;
    struct proto_binding binding = {.role = proto_role_name(request->role),
                                    .nonce = SPAN_OF(c->nonce),
                                    .exporter = SPAN_OF(c->exporter),
                                    .session = SPAN_OF(c->session),
                                    .task = SPAN_OF(request->task)};
    proto_reportdata(&binding, reportdata);
    GUARD(quoter->quote(quoter->context, reportdata, scratch, SGX_QUOTE_SIZE_MAX, &quote_size));
    GUARD(quoter->collateral(quoter->context, scratch + SGX_QUOTE_SIZE_MAX,
                             PROTO_COLLATERAL_SIZE_MAX, &collateral_size));
    REQUIRE(quote_size <= SGX_QUOTE_SIZE_MAX && collateral_size <= PROTO_COLLATERAL_SIZE_MAX,
            ERR_RANGE, "our own evidence is too large");
    request->quote = SPAN(scratch, quote_size);
    request->collateral = SPAN(scratch + SGX_QUOTE_SIZE_MAX, collateral_size);
    return RESULT_OK;
}

struct result proto_client_provision(struct proto_client *c, const struct proto_quoter *quoter,
                                     const struct proto_provision *request, uint8_t **ret_body,
                                     size_t *ret_size)
{
    struct proto_provision m = *request;
    size_t size = 0;
    REQUIRE(c->attested, ERR_DENIED, "the SMS has not been verified on this connection");
    REQUIRE(!c->nonce_used, ERR_DENIED, "the connection's nonce was used");
    uint8_t *scratch = malloc(SGX_QUOTE_SIZE_MAX + PROTO_COLLATERAL_SIZE_MAX);
    uint8_t *text = malloc(MESSAGE_SIZE);
    uint8_t *body = malloc(PROTO_GRANT_SIZE_MAX);
    struct result r = scratch && text && body ? RESULT_OK : fail(ERR_MEMORY, "out of memory");
    if (is_ok(r))
        r = add_evidence(c, quoter, &m, scratch);
    if (is_ok(r))
        r = proto_provision_write(&m, text, MESSAGE_SIZE, &size);
    if (is_ok(r)) {
        c->nonce_used = true;
        r = exchange(c, PROTO_PATH_PROVISION, SPAN(text, size), body, PROTO_GRANT_SIZE_MAX, &size);
    }
    free(scratch);
    free(text);
    if (!is_ok(r)) {
        proto_client_body_free(body, body ? PROTO_GRANT_SIZE_MAX : 0);
        return r;
    }
    *ret_body = body;
    *ret_size = size;
    return RESULT_OK;
}

struct result proto_client_text(struct proto_client *c, const char *method, const char *target,
                                const char *fields, struct span value, char *ret, size_t capacity,
                                unsigned *ret_status)
{
    struct http_head head;
    struct http_body in;
    uint8_t text[REFUSAL_SIZE];
    size_t size;
    bool head_only = strcmp(method, "HEAD") == 0;
    struct http_out out = {
        .content_type = head_only ? NULL : "text/plain", .fields = fields, .body = value};
    REQUIRE(c->attested, ERR_DENIED, "the SMS has not been verified on this connection");
    memset(&c->refusal, 0, sizeof c->refusal);
    GUARD(http_write_request(&c->http.transport, method, c->host, target, &out));
    GUARD(http_read_response(&c->http, &head));
    http_body_init(&in, &c->http, &head, true, head_only);
    GUARD(http_body_read_all(&in, text, sizeof text, &size));
    if (head.status >= 400 && size)
        (void)!is_ok(proto_refusal_read(SPAN(text, size), &c->refusal));
    if (head.status < 400 && ret) {
        REQUIRE(size < capacity && !memchr(text, 0, size), ERR_RANGE,
                "the SMS's answer is too large or malformed");
        memcpy(ret, text, size);
        ret[size] = 0;
    }
    *ret_status = head.status;
    return RESULT_OK;
}

struct result proto_client_secret(struct proto_client *c, const char *method, const char *target,
                                  const char *fields, struct span value, unsigned *ret_status)
{
    return proto_client_text(c, method, target, fields, value, NULL, 0, ret_status);
}
