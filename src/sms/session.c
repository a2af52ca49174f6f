// SPDX-License-Identifier: Apache-2.0
// The attested part of a connection: who we are, who asks, and the decision.
#include <stdlib.h>
#include <string.h>

#include "abi/sgx/quote.h"
#include "crypto/random.h"
#include "sms/sms.h"

#define ANSWER_SIZE_MAX (1024u + SGX_QUOTE_SIZE_MAX + PROTO_COLLATERAL_SIZE_MAX)

// Our quote over this connection, into `scratch`.
static struct result show_ourselves(struct sms *s, const struct sms_session *session,
                                    const struct proto_attest_request *request, uint8_t *scratch,
                                    struct proto_attest_answer *answer)
{
    uint8_t reportdata[PROTO_REPORTDATA_SIZE];
    size_t size;
    struct proto_binding binding = {.role = PROTO_ROLE_SMS,
                                    .nonce = SPAN_OF(request->nonce),
                                    .exporter = SPAN_OF(session->exporter),
                                    .session = SPAN_OF(session->id)};
    proto_reportdata(&binding, reportdata);
    GUARD(s->quoter.quote(s->quoter.context, reportdata, scratch, SGX_QUOTE_SIZE_MAX, &size));
    answer->quote = SPAN(scratch, size);
    scratch += SGX_QUOTE_SIZE_MAX;
    GUARD(s->quoter.collateral(s->quoter.context, scratch, PROTO_COLLATERAL_SIZE_MAX, &size));
    answer->collateral = SPAN(scratch, size);
    memcpy(answer->session, session->id, sizeof answer->session);
    memcpy(answer->nonce, session->nonce, sizeof answer->nonce);
    return RESULT_OK;
}

enum proto_refusal sms_attest(struct sms *s, struct sms_session *session, struct span body,
                              struct sms_answer *ret)
{
    struct proto_attest_request request;
    struct proto_attest_answer answer;
    if (!is_ok(proto_attest_request_read(body, &request)))
        return PROTO_REFUSED_MALFORMED;
    if (session->attested)
        return PROTO_REFUSED_QUOTE_USED;
    uint8_t *scratch = malloc(SGX_QUOTE_SIZE_MAX + PROTO_COLLATERAL_SIZE_MAX);
    ret->body = malloc(ANSWER_SIZE_MAX);
    struct result r = scratch && ret->body ? RESULT_OK : fail(ERR_MEMORY, "out of memory");
    if (is_ok(r))
        r = random_bytes(session->id, sizeof session->id);
    if (is_ok(r))
        r = random_bytes(session->nonce, sizeof session->nonce);
    if (is_ok(r))
        r = show_ourselves(s, session, &request, scratch, &answer);
    if (is_ok(r))
        r = proto_attest_answer_write(&answer, ret->body, ANSWER_SIZE_MAX, &ret->size);
    free(scratch);
    if (!is_ok(r)) {
        sms_log(s, "attest", NULL, "failed", r.why);
        return PROTO_REFUSED_INTERNAL;
    }
    session->attested = true;
    ret->status = 200;
    ret->content_type = "application/octet-stream";
    return PROTO_GRANTED;
}

static enum proto_refusal check_quote(struct sms *s, const struct sms_session *session,
                                      const struct proto_provision *request, uint64_t now,
                                      const char **ret_why, struct attest_claims *ret)
{
    uint8_t reportdata[PROTO_REPORTDATA_SIZE];
    enum attest_code code = ATTEST_OK;
    struct proto_binding binding = {.role = proto_role_name(request->role),
                                    .nonce = SPAN_OF(session->nonce),
                                    .exporter = SPAN_OF(session->exporter),
                                    .session = SPAN_OF(session->id),
                                    .task = SPAN_OF(request->task)};
    proto_reportdata(&binding, reportdata);
    struct proto_evidence evidence = {request->quote, request->collateral, (int64_t)now,
                                      reportdata};
    struct result r = proto_trust_check(&s->policy.trust, &evidence, &code, ret);
    if (is_ok(r))
        return PROTO_GRANTED;
    enum proto_refusal refusal = release_refusal_of(code);
    *ret_why =
        refusal == PROTO_REFUSED_QUOTE_INVALID || refusal == PROTO_REFUSED_POLICY ? r.why : NULL;
    return refusal == PROTO_GRANTED ? PROTO_REFUSED_QUOTE_INVALID : refusal;
}

// With the ledger's view in `view`, which is large.
static enum proto_refusal decide(struct sms *s, struct grant_input *in,
                                 struct ledger_task_view *view, const char **ret_why,
                                 struct sms_answer *ret)
{
    struct release_input input = {
        .policy = &s->policy, .request = in->request, .claims = in->claims};
    struct result r = ledger_link_task(s->ledger, &in->request->task, view);
    if (!is_ok(r)) {
        *ret_why = r.why;
        return PROTO_REFUSED_LEDGER;
    }
    in->now = sms_now(s, MAX(view->time, (uint64_t)MAX(in->claims->issued_at, (int64_t)0)));
    r = grant_stored(s, view, &in->request->task, &input.stored);
    if (is_ok(r)) {
        input.now = in->now;
        input.ledger = ledger_link_release(view);
        enum proto_refusal refusal = release_decide(&input);
        if (refusal != PROTO_GRANTED)
            return refusal;
        r = in->request->role == PROTO_APP ? grant_app(s, in, ret) : grant_post(s, in, ret);
    }
    if (is_ok(r)) {
        r = sms_anchor(s);
        *ret_why = r.why;
        return is_ok(r) ? PROTO_GRANTED : PROTO_REFUSED_NOT_ANCHORED;
    }
    *ret_why = r.why;
    return PROTO_REFUSED_INTERNAL;
}

enum proto_refusal sms_provision(struct sms *s, struct sms_session *session, struct span body,
                                 const char **ret_why, struct sms_answer *ret)
{
    struct proto_provision request;
    struct attest_claims claims;
    struct grant_input in = {.request = &request, .claims = &claims};
    if (!session->attested)
        return PROTO_REFUSED_NOT_ATTESTED;
    if (session->nonce_used)
        return PROTO_REFUSED_QUOTE_USED;
    session->nonce_used = true;
    if (!is_ok(proto_provision_read(body, &request)))
        return PROTO_REFUSED_MALFORMED;
    enum proto_refusal refusal = check_quote(s, session, &request, sms_now(s, 0), ret_why, &claims);
    if (refusal == PROTO_GRANTED) {
        struct ledger_task_view *view = malloc(sizeof *view);
        in.view = view;
        refusal = view ? decide(s, &in, view, ret_why, ret) : PROTO_REFUSED_INTERNAL;
        free(view);
    }
    const char *what = request.role == PROTO_APP ? "provision app" : "provision post-compute";
    const char *why = refusal == PROTO_GRANTED ? (claims.emulated ? "EMULATED enclave" : "")
                      : *ret_why               ? *ret_why
                                               : proto_refusal_text(refusal);
    sms_log(s, what, &request.task, proto_refusal_name(refusal), why);
    return refusal;
}
