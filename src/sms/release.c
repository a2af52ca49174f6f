// SPDX-License-Identifier: Apache-2.0
#include "sms/release.h"

#include <string.h>

#include "base/fingerprint.h"
#include "proto/secret.h"
#include "shield/configid.h"

#define FLAGS_SPECIAL (SGX_FLAGS_PROVISIONKEY | SGX_FLAGS_EINITTOKENKEY)

#define REFUSE_UNLESS(cond, code)        \
    do {                                 \
        if (!(cond))                     \
            return PROTO_REFUSED_##code; \
    } while (0)
#define PASS(expr)                         \
    do {                                   \
        enum proto_refusal code_ = (expr); \
        if (code_ != PROTO_GRANTED)        \
            return code_;                  \
    } while (0)

enum proto_refusal release_refusal_of(enum attest_code code)
{
    switch (code) {
    case ATTEST_OK:
        return PROTO_GRANTED;
    case ATTEST_POLICY_REPORTDATA:
        return PROTO_REFUSED_QUOTE_NOT_BOUND;
    case ATTEST_POLICY_DEBUG:
        return PROTO_REFUSED_DEBUG_ENCLAVE;
    case ATTEST_POLICY_PROVISIONKEY:
    case ATTEST_POLICY_EINITTOKENKEY:
    case ATTEST_POLICY_ATTRIBUTES:
        return PROTO_REFUSED_ATTRIBUTES;
    case ATTEST_PCK_CHAIN_UNTRUSTED:
    case ATTEST_POLICY_TEE:
    case ATTEST_POLICY_ADVISORY:
    case ATTEST_POLICY_TCB_DATE:
    case ATTEST_TCB_UNSUPPORTED:
    case ATTEST_POLICY_ROOT:
    case ATTEST_POLICY_EMULATED:
    case ATTEST_POLICY_TCB_STATUS:
    case ATTEST_POLICY_TCB_EVALUATION:
        return PROTO_REFUSED_POLICY;
    default:
        return PROTO_REFUSED_QUOTE_INVALID;
    }
}

enum proto_refusal release_check_task(const struct release_ledger *ledger, uint64_t now)
{
    const struct ledger_task *task = ledger->task;
    REFUSE_UNLESS(task && task->status != TASK_UNSET, TASK_UNKNOWN);
    REFUSE_UNLESS(task->status == TASK_ACTIVE, TASK_NOT_ACTIVE);
    REFUSE_UNLESS(now < task->contribution_deadline && now < task->final_deadline, TASK_EXPIRED);
    REFUSE_UNLESS(ledger->deal && ledger->deal->start_time > 0 &&
                      hash32_equal(&ledger->deal->id, &task->deal_id),
                  DEAL_UNKNOWN);
    REFUSE_UNLESS(ledger->deal->tag.bytes[31] & TAG_TEE, NOT_TEE);
    return PROTO_GRANTED;
}

// Said again here although the verifier's policy said it: this function stands alone.
static enum proto_refusal check_enclave(const struct release_input *in)
{
    const struct sgx_report_body *body = &in->claims->body;
    bool debug = in->claims->debug || (body->attributes.flags & SGX_FLAGS_DEBUG);
    REFUSE_UNLESS(!debug || in->policy->trust.allow_debug, DEBUG_ENCLAVE);
    REFUSE_UNLESS(!(body->attributes.flags & FLAGS_SPECIAL), ATTRIBUTES);
    REFUSE_UNLESS(!in->claims->emulated || in->policy->trust.allow_emulated, POLICY);
    return PROTO_GRANTED;
}

static enum proto_refusal check_worker(const struct release_input *in)
{
    const struct proto_provision *q = in->request;
    REFUSE_UNLESS(in->stored.has_challenge, CHALLENGE_MISSING);
    struct hash32 hash = proto_authorization_hash(&q->worker, &q->task, &in->stored.challenge);
    REFUSE_UNLESS(
        is_ok(eth_check_message(&hash, &q->authorization, &in->ledger.deal->workerpool.owner)),
        WORKER_NOT_AUTHORISED);
    return PROTO_GRANTED;
}

static enum proto_refusal check_dataset(const struct release_input *in)
{
    const struct release_secret *key = &in->stored.dataset_key;
    const struct ledger_dataset *dataset = in->ledger.dataset;
    if (address_is_zero(&in->ledger.deal->dataset.pointer))
        return PROTO_GRANTED;
    REFUSE_UNLESS(dataset && address_equal(&dataset->address, &in->ledger.deal->dataset.pointer),
                  DATASET_UNKNOWN);
    REFUSE_UNLESS(!is_zero(&dataset->checksum, sizeof dataset->checksum), DATASET_CHECKSUM);
    REFUSE_UNLESS(key->present, DATASET_KEY_MISSING);
    REFUSE_UNLESS(key->well_formed, DATASET_KEY_MALFORMED);
    REFUSE_UNLESS(!in->claims->emulated || key->allow_emulated, DATASET_HARDWARE_ONLY);
    return PROTO_GRANTED;
}

bool release_file_system_provided(const struct attest_claims *claims)
{
    return !is_zero(claims->body.configid, sizeof claims->body.configid);
}

// Zero where MRENCLAVE names the file system; else it names the one of the ledger, and this task.
static enum proto_refusal check_file_system(const struct release_input *in,
                                            const struct fingerprint *f)
{
    uint8_t expected[CONFIGID_SIZE];
    REFUSE_UNLESS(ct_equal(f->fspf_key, in->request->fspf_key, sizeof f->fspf_key) &&
                      ct_equal(f->fspf_tag, in->request->fspf_tag, sizeof f->fspf_tag),
                  APP_FSPF);
    if (!release_file_system_provided(in->claims))
        return PROTO_GRANTED;
    configid_make(f->fspf_key, f->fspf_tag, in->request->task.bytes, expected);
    REFUSE_UNLESS(ct_equal(expected, in->claims->body.configid, sizeof expected), CONFIGID);
    return PROTO_GRANTED;
}

static enum proto_refusal decide_app(const struct release_input *in)
{
    const struct ledger_app *app = in->ledger.app;
    struct fingerprint f;
    REFUSE_UNLESS(app && address_equal(&app->address, &in->ledger.deal->app.pointer), APP_UNKNOWN);
    REFUSE_UNLESS(is_ok(fingerprint_parse(SPAN(app->mrenclave, strlen(app->mrenclave)), &f)),
                  APP_FINGERPRINT);
    REFUSE_UNLESS(ct_equal(f.mrenclave, in->claims->body.mrenclave, sizeof f.mrenclave),
                  APP_MRENCLAVE);
    PASS(check_file_system(in, &f));
    PASS(check_dataset(in));
    REFUSE_UNLESS(!in->claims->emulated || !in->stored.other_hardware_only, SECRET_HARDWARE_ONLY);
    return PROTO_GRANTED;
}

static enum proto_refusal decide_post(const struct release_input *in)
{
    const struct sgx_report_body *body = &in->claims->body;
    bool named = false;
    REFUSE_UNLESS(is_zero(body->configid, sizeof body->configid), CONFIGID);
    for (size_t i = 0; i < in->policy->post_compute_count; i++)
        named |= ct_equal(in->policy->post_compute[i], in->claims->body.mrenclave, 32);
    REFUSE_UNLESS(named, POST_MRENCLAVE);
    REFUSE_UNLESS(in->stored.has_app_session, NO_APP_SESSION);
    REFUSE_UNLESS(!in->claims->emulated || in->stored.app_emulated, POST_HARDWARE_ONLY);
    REFUSE_UNLESS(in->stored.beneficiary_key.present, BENEFICIARY_KEY_MISSING);
    REFUSE_UNLESS(in->stored.beneficiary_key.well_formed, BENEFICIARY_KEY_MALFORMED);
    return PROTO_GRANTED;
}

enum proto_refusal release_decide(const struct release_input *in)
{
    PASS(check_enclave(in));
    PASS(release_check_task(&in->ledger, in->now));
    REFUSE_UNLESS(hash32_equal(&in->ledger.task->id, &in->request->task), TASK_UNKNOWN);
    PASS(check_worker(in));
    switch (in->request->role) {
    case PROTO_APP:
        return decide_app(in);
    case PROTO_POST_COMPUTE:
        return decide_post(in);
    }
    return PROTO_REFUSED_MALFORMED;
}
