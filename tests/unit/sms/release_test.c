// SPDX-License-Identifier: Apache-2.0
// The release decision: one scene that is granted, and for each refusal one change to it.
#include <stdio.h>
#include <string.h>

#include "base/fingerprint.h"
#include "proto/secret.h"
#include "shield/configid.h"
#include "sms/release.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define NOW 1000u

struct scene {
    struct release_input in;
    struct proto_sms_policy policy;
    struct proto_provision request;
    struct attest_claims claims;
    struct ledger_task task;
    struct ledger_deal deal;
    struct ledger_app app;
    struct ledger_dataset dataset;
    struct eth_key pool_key;
};

static void make_policy(struct scene *s)
{
    s->policy.trust.allow_emulated = true; // an emulated root is named
    s->policy.post_compute_count = 2;
    memset(s->policy.post_compute[1], 0x70, 32);
}

static void make_ledger(struct scene *s)
{
    struct fingerprint f = {0};
    memset(f.fspf_key, 0x61, 32);
    memset(f.fspf_tag, 0x62, 32);
    memset(f.mrenclave, 0x63, 32);
    memset(&s->task.id, 0x10, 32);
    memset(&s->deal.id, 0x11, 32);
    memset(&s->app.address, 0x12, 20);
    memset(&s->dataset.address, 0x13, 20);
    memset(&s->dataset.checksum, 0x14, 32);
    s->task.deal_id = s->deal.id;
    s->task.status = TASK_ACTIVE;
    s->task.contribution_deadline = NOW + 7;
    s->task.final_deadline = NOW + 10;
    s->deal.start_time = NOW - 1;
    s->deal.tag.bytes[31] = TAG_TEE | TAG_SCONE;
    s->deal.app.pointer = s->app.address;
    s->deal.dataset.pointer = s->dataset.address;
    fingerprint_format(&f, s->app.mrenclave);
    assert_true(is_ok(eth_key_generate(&s->pool_key)));
    assert_true(is_ok(eth_key_address(&s->pool_key, &s->deal.workerpool.owner)));
}

static void make_request(struct scene *s)
{
    struct proto_provision *q = &s->request;
    q->role = PROTO_APP;
    q->task = s->task.id;
    memset(q->fspf_key, 0x61, 32);
    memset(q->fspf_tag, 0x62, 32);
    memset(&q->worker, 0x15, 20);
    memset(&s->in.stored.challenge, 0x16, 20);
    struct hash32 h = proto_authorization_hash(&q->worker, &q->task, &s->in.stored.challenge);
    assert_true(is_ok(eth_sign_message(&s->pool_key, &h, &q->authorization)));
    memset(s->claims.body.mrenclave, 0x63, 32);
    s->claims.body.attributes.flags = SGX_FLAGS_INIT | SGX_FLAGS_MODE64BIT | SGX_FLAGS_KSS;
}

static void make_scene(struct scene *s)
{
    struct release_secret good = {.present = true, .well_formed = true};
    memset(s, 0, sizeof *s);
    make_policy(s);
    make_ledger(s);
    make_request(s);
    s->in.policy = &s->policy;
    s->in.request = &s->request;
    s->in.claims = &s->claims;
    s->in.now = NOW;
    s->in.ledger = (struct release_ledger){&s->task, &s->deal, &s->app, &s->dataset};
    s->in.stored.has_challenge = true;
    s->in.stored.has_app_session = true;
    s->in.stored.dataset_key = good;
    s->in.stored.beneficiary_key = good;
}

static void as_post(struct scene *s)
{
    s->request.role = PROTO_POST_COMPUTE;
    memset(s->claims.body.mrenclave, 0x70, 32);
}

// As an enclave whose file system MRENCLAVE does not name.
static void provide(struct scene *s)
{
    configid_make(s->request.fspf_key, s->request.fspf_tag, s->request.task.bytes,
                  s->claims.body.configid);
}

#define CHANGE(name, ...)                      \
    static void change_##name(struct scene *s) \
    {                                          \
        __VA_ARGS__;                           \
    }
CHANGE(nothing, (void)s)
CHANGE(hardware_and_leave, s->in.stored.dataset_key.allow_emulated = true)
CHANGE(emulated_with_leave, s->claims.emulated = true;
       s->in.stored.dataset_key.allow_emulated = true)
CHANGE(emulated, s->claims.emulated = true)
CHANGE(emulated_without_root, s->claims.emulated = true;
       s->in.stored.dataset_key.allow_emulated = true; s->policy.trust.allow_emulated = false)
CHANGE(emulated_other_secret, s->claims.emulated = true;
       s->in.stored.dataset_key.allow_emulated = true; s->in.stored.other_hardware_only = true)
CHANGE(hardware_other_secret, s->in.stored.other_hardware_only = true)
CHANGE(debug, s->claims.debug = true)
CHANGE(debug_flag, s->claims.body.attributes.flags |= SGX_FLAGS_DEBUG)
CHANGE(debug_allowed, s->claims.debug = true; s->policy.trust.allow_debug = true)
CHANGE(provisionkey, s->claims.body.attributes.flags |= SGX_FLAGS_PROVISIONKEY)
CHANGE(einittoken, s->claims.body.attributes.flags |= SGX_FLAGS_EINITTOKENKEY)
CHANGE(configid, s->claims.body.configid[63] = 1)
CHANGE(provided, provide(s))
CHANGE(provided_entrypoint, provide(s); strcat(s->app.mrenclave, "|python3 /app.py"))
CHANGE(provided_other_task, provide(s); s->claims.body.configid[5] ^= 1)
CHANGE(provided_without_task, configid_make(s->request.fspf_key, s->request.fspf_tag,
                                            (uint8_t[32]){0}, s->claims.body.configid))
CHANGE(provided_other_key, s->request.fspf_key[0] ^= 1; provide(s))
CHANGE(provided_other_tag, s->request.fspf_tag[0] ^= 1; provide(s))
CHANGE(provided_says_ledgers, s->request.fspf_tag[0] ^= 1; provide(s); s->request.fspf_tag[0] ^= 1)
CHANGE(provided_tail, provide(s); s->claims.body.configid[32] = 1)
CHANGE(bad_entrypoint, strcat(s->app.mrenclave, "|"))
CHANGE(post_configid, as_post(s); provide(s))
CHANGE(no_task, s->in.ledger.task = NULL)
CHANGE(unset_task, s->task.status = TASK_UNSET)
CHANGE(other_task, s->request.task.bytes[0] ^= 1)
CHANGE(done_task, s->task.status = TASK_COMPLETED)
CHANGE(failed_task, s->task.status = TASK_FAILED)
CHANGE(late, s->in.now = NOW + 7)
CHANGE(just_in_time, s->in.now = NOW + 6)
CHANGE(late_final, s->task.final_deadline = NOW)
CHANGE(no_deal, s->in.ledger.deal = NULL)
CHANGE(other_deal, s->deal.id.bytes[0] ^= 1)
CHANGE(not_started, s->deal.start_time = 0)
CHANGE(not_tee, s->deal.tag.bytes[31] = TAG_SCONE)
CHANGE(no_challenge, s->in.stored.has_challenge = false)
CHANGE(other_worker, s->request.worker.bytes[0] ^= 1)
CHANGE(other_challenge, s->in.stored.challenge.bytes[0] ^= 1)
CHANGE(other_pool, s->deal.workerpool.owner.bytes[0] ^= 1)
CHANGE(no_app, s->in.ledger.app = NULL)
CHANGE(other_app, s->app.address.bytes[0] ^= 1)
CHANGE(no_fingerprint, s->app.mrenclave[0] = 0)
CHANGE(json_fingerprint, strcpy(s->app.mrenclave, "{\"fingerprint\":\"00\"}"))
CHANGE(mrenclave, s->claims.body.mrenclave[31] ^= 1)
CHANGE(fspf_key, s->request.fspf_key[0] ^= 1)
CHANGE(fspf_tag, s->request.fspf_tag[0] ^= 1)
CHANGE(no_dataset, s->in.ledger.dataset = NULL)
CHANGE(deal_without_dataset, memset(&s->deal.dataset.pointer, 0, 20); s->in.ledger.dataset = NULL;
       s->in.stored.dataset_key.present = false)
CHANGE(other_dataset, s->dataset.address.bytes[0] ^= 1)
CHANGE(zero_checksum, memset(&s->dataset.checksum, 0, 32))
CHANGE(no_key, s->in.stored.dataset_key.present = false)
CHANGE(bad_key, s->in.stored.dataset_key.well_formed = false)
CHANGE(post, as_post(s))
CHANGE(post_zero_mrenclave, as_post(s); memset(s->claims.body.mrenclave, 0x71, 32))
CHANGE(post_as_app, s->request.role = PROTO_POST_COMPUTE)
CHANGE(app_as_post, as_post(s); s->request.role = PROTO_APP)
CHANGE(post_first, as_post(s); s->in.stored.has_app_session = false)
CHANGE(post_emulated, as_post(s); s->claims.emulated = true)
CHANGE(post_both_emulated, as_post(s); s->claims.emulated = true; s->in.stored.app_emulated = true)
CHANGE(post_no_key, as_post(s); s->in.stored.beneficiary_key.present = false)
CHANGE(post_bad_key, as_post(s); s->in.stored.beneficiary_key.well_formed = false)
CHANGE(post_debug, as_post(s); s->claims.debug = true)
CHANGE(post_late, as_post(s); s->in.now = NOW + 7)
CHANGE(post_worker, as_post(s); s->request.authorization.bytes[3] ^= 1)

#define ROW(name, code)                            \
    {                                              \
#name, change_##name, PROTO_REFUSED_##code \
    }
static const struct {
    const char *name;
    void (*change)(struct scene *s);
    enum proto_refusal expected;
} rows[] = {
    ROW(nothing, NONE),
    ROW(hardware_and_leave, NONE),
    ROW(emulated_with_leave, NONE),
    ROW(emulated, DATASET_HARDWARE_ONLY),
    ROW(emulated_without_root, POLICY),
    ROW(emulated_other_secret, SECRET_HARDWARE_ONLY),
    ROW(hardware_other_secret, NONE),
    ROW(debug, DEBUG_ENCLAVE),
    ROW(debug_flag, DEBUG_ENCLAVE),
    ROW(debug_allowed, NONE),
    ROW(provisionkey, ATTRIBUTES),
    ROW(einittoken, ATTRIBUTES),
    ROW(configid, CONFIGID),
    ROW(provided, NONE),
    ROW(provided_entrypoint, NONE),
    ROW(provided_other_task, CONFIGID),
    ROW(provided_without_task, CONFIGID),
    ROW(provided_other_key, APP_FSPF),
    ROW(provided_other_tag, APP_FSPF),
    ROW(provided_says_ledgers, CONFIGID),
    ROW(provided_tail, CONFIGID),
    ROW(bad_entrypoint, APP_FINGERPRINT),
    ROW(post_configid, CONFIGID),
    ROW(no_task, TASK_UNKNOWN),
    ROW(unset_task, TASK_UNKNOWN),
    ROW(other_task, TASK_UNKNOWN),
    ROW(done_task, TASK_NOT_ACTIVE),
    ROW(failed_task, TASK_NOT_ACTIVE),
    ROW(late, TASK_EXPIRED),
    ROW(just_in_time, NONE),
    ROW(late_final, TASK_EXPIRED),
    ROW(no_deal, DEAL_UNKNOWN),
    ROW(other_deal, DEAL_UNKNOWN),
    ROW(not_started, DEAL_UNKNOWN),
    ROW(not_tee, NOT_TEE),
    ROW(no_challenge, CHALLENGE_MISSING),
    ROW(other_worker, WORKER_NOT_AUTHORISED),
    ROW(other_challenge, WORKER_NOT_AUTHORISED),
    ROW(other_pool, WORKER_NOT_AUTHORISED),
    ROW(no_app, APP_UNKNOWN),
    ROW(other_app, APP_UNKNOWN),
    ROW(no_fingerprint, APP_FINGERPRINT),
    ROW(json_fingerprint, APP_FINGERPRINT),
    ROW(mrenclave, APP_MRENCLAVE),
    ROW(fspf_key, APP_FSPF),
    ROW(fspf_tag, APP_FSPF),
    ROW(no_dataset, DATASET_UNKNOWN),
    ROW(deal_without_dataset, NONE),
    ROW(other_dataset, DATASET_UNKNOWN),
    ROW(zero_checksum, DATASET_CHECKSUM),
    ROW(no_key, DATASET_KEY_MISSING),
    ROW(bad_key, DATASET_KEY_MALFORMED),
    ROW(post, NONE),
    ROW(post_zero_mrenclave, POST_MRENCLAVE),
    ROW(post_as_app, POST_MRENCLAVE),
    ROW(app_as_post, APP_MRENCLAVE),
    ROW(post_first, NO_APP_SESSION),
    ROW(post_emulated, POST_HARDWARE_ONLY),
    ROW(post_both_emulated, NONE),
    ROW(post_no_key, BENEFICIARY_KEY_MISSING),
    ROW(post_bad_key, BENEFICIARY_KEY_MALFORMED),
    ROW(post_debug, DEBUG_ENCLAVE),
    ROW(post_late, TASK_EXPIRED),
    ROW(post_worker, WORKER_NOT_AUTHORISED),
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct scene s;
        make_scene(&s);
        rows[i].change(&s);
        enum proto_refusal got = release_decide(&s.in);
        if (got != rows[i].expected)
            fail_msg("%s: %s, not %s", rows[i].name, proto_refusal_name(got),
                     proto_refusal_name(rows[i].expected));
    }
}

// Every verdict but "genuine and accepted" is a refusal.
static void test_codes(void **state)
{
    (void)state;
    for (int code = 0; code < ATTEST_CODE_COUNT; code++)
        assert_int_equal(release_refusal_of((enum attest_code)code) == PROTO_GRANTED,
                         code == ATTEST_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows), cmocka_unit_test(test_codes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
