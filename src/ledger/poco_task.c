// SPDX-License-Identifier: Apache-2.0
// The life of a task: initialize, contributeAndFinalize (the path of enclave tasks), claim.
#include "ledger/poco_state.h"

#include <string.h>

#define KITTY_RATIO 10            // percent
#define KITTY_MIN   1000000000ull // one RLC

// PoCo's KITTY_ADDRESS, where the stakes of failed tasks go: uint256(keccak256("iExecKitty")) - 1,
// low 20 bytes.
static struct address kitty_address(void)
{
    struct hash32 h = keccak256(SPAN_STR("iExecKitty"));
    for (size_t i = 32; i > 0 && h.bytes[i - 1]-- == 0; i--)
        ;
    struct address a;
    memcpy(a.bytes, h.bytes + 12, 20);
    return a;
}

struct result poco_initialize(struct poco_step *s, const struct initialize_args *a)
{
    const struct ledger_deal *d = poco_find(s->p, LEDGER_DEAL, &a->deal_id);
    REQUIRE(d, ERR_NOT_FOUND, "the ledger has no such deal");
    REQUIRE(a->index >= d->bot_first && a->index - d->bot_first < d->bot_size, ERR_RANGE,
            "the deal has no task of this index");
    uint64_t ref = s->p->genesis.categories[d->category].time_ref_s;
    s->subject = task_id_of(&a->deal_id, a->index);
    s->workerpool = d->workerpool.pointer;
    REQUIRE(!poco_find(s->p, LEDGER_TASK, &s->subject), ERR_EXISTS,
            "the task is initialized already");
    uint64_t start = d->start_time;
    struct ledger_task *t = poco_have(s->p, LEDGER_TASK, &s->subject);
    REQUIRE(t, ERR_MEMORY, "out of memory");
    t->id = s->subject;
    t->deal_id = a->deal_id;
    t->status = TASK_ACTIVE;
    t->index = a->index;
    t->time_ref_s = ref;
    t->contribution_deadline = start + CONTRIBUTION_TIMES * ref;
    t->final_deadline = start + FINAL_TIMES * ref;
    return RESULT_OK;
}

static struct result check_contribution(const struct poco_step *s, const struct ledger_task *t,
                                        const struct ledger_deal *d,
                                        const struct contribute_and_finalize_args *a)
{
    const struct address *worker = &s->record->sender;
    REQUIRE(t->status == TASK_ACTIVE, ERR_DENIED, "the task is not active");
    REQUIRE(s->record->time < t->contribution_deadline, ERR_STALE,
            "the task's contribution deadline has passed");
    bool has_challenge = !address_is_zero(&a->enclave_challenge);
    REQUIRE(has_challenge || (d->tag.bytes[31] & TAG_TEE) == 0, ERR_DENIED,
            "an enclave task needs an enclave challenge");
    struct hash32 h = authorization_hash(worker, &a->task_id, &a->enclave_challenge);
    if (!is_ok(eth_check_message(&h, &a->authorization_sign, &d->workerpool.owner)))
        return fail(ERR_INTEGRITY,
                    "the workerpool's owner did not authorise this worker and enclave");
    h = result_message_hash(worker, &a->task_id, &a->digest);
    if (has_challenge && !is_ok(eth_check_message(&h, &a->enclave_sign, &a->enclave_challenge)))
        return fail(ERR_INTEGRITY, "the result is not signed by the task's enclave key");
    REQUIRE(!is_zero(&a->digest, sizeof a->digest), ERR_INVALID, "the result has no digest");
    bool has_callback = !address_is_zero(&d->callback);
    REQUIRE(has_callback == (a->results_callback.size > 0), ERR_INVALID,
            "callback data go with a deal that has a callback, and no other");
    struct hash32 digest = keccak256(SPAN(a->results_callback.data, a->results_callback.size));
    REQUIRE(!has_callback || hash32_equal(&digest, &a->digest), ERR_INTEGRITY,
            "the callback data do not have the result's digest");
    return RESULT_OK;
}

// PoCo: distributeRewardsFast, with the kitty.
static void pay(struct poco *p, const struct ledger_deal *d, const struct address *worker)
{
    poco_seize(p, &d->sponsor, d->app.price + d->dataset.price + d->workerpool.price);
    poco_reward(p, &d->app.owner, d->app.price);
    poco_reward(p, &d->dataset.owner, d->dataset.price);
    poco_unlock(p, &d->workerpool.owner, d->worker_stake);
    uint64_t to_worker = d->workerpool.price * (100 - d->scheduler_reward_ratio) / 100;
    poco_reward(p, worker, to_worker);
    poco_reward(p, &d->workerpool.owner, d->workerpool.price - to_worker);
    struct address kitty = kitty_address();
    struct hash32 key = word_of_address(&kitty);
    const struct ledger_account *k = poco_find(p, LEDGER_ACCOUNT, &key);
    if (!k || k->stake == 0)
        return;
    uint64_t share = MIN(MAX(k->stake / 100 * KITTY_RATIO, KITTY_MIN), k->stake);
    if (is_ok(poco_lock(p, &kitty, share))) {
        poco_seize(p, &kitty, share);
        poco_reward(p, &d->workerpool.owner, share);
    }
}

struct result poco_finalize(struct poco_step *s, const struct contribute_and_finalize_args *a)
{
    struct ledger_task *t = poco_find(s->p, LEDGER_TASK, &a->task_id);
    REQUIRE(t, ERR_NOT_FOUND, "the ledger has no such task");
    const struct ledger_deal *d = poco_find(s->p, LEDGER_DEAL, &t->deal_id);
    REQUIRE(d, ERR_NOT_FOUND, "the ledger has no such deal");
    GUARD(check_contribution(s, t, d, a));
    t->status = TASK_COMPLETED;
    t->worker = s->record->sender;
    t->enclave_challenge = a->enclave_challenge;
    t->result_digest = a->digest;
    memcpy(t->results, a->results, sizeof t->results);
    t->results_timestamp = s->record->time;
    t->results_callback = a->results_callback;
    t->enclave_sign = a->enclave_sign;
    t->authorization_sign = a->authorization_sign;
    s->subject = a->task_id;
    s->workerpool = d->workerpool.pointer;
    pay(s->p, d, &s->record->sender);
    return RESULT_OK;
}

// After the final deadline anyone may claim: the requester is refunded, the pool's stake goes to
// the kitty.
struct result poco_claim(struct poco_step *s, const struct claim_args *a)
{
    struct ledger_task *t = poco_find(s->p, LEDGER_TASK, &a->task_id);
    REQUIRE(t, ERR_NOT_FOUND, "the ledger has no such task");
    const struct ledger_deal *d = poco_find(s->p, LEDGER_DEAL, &t->deal_id);
    REQUIRE(d, ERR_NOT_FOUND, "the ledger has no such deal");
    REQUIRE(t->status == TASK_ACTIVE, ERR_DENIED, "the task is not active");
    REQUIRE(s->record->time >= t->final_deadline, ERR_DENIED,
            "the task's final deadline has not passed");
    t->status = TASK_FAILED;
    s->subject = a->task_id;
    s->workerpool = d->workerpool.pointer;
    poco_unlock(s->p, &d->sponsor, d->app.price + d->dataset.price + d->workerpool.price);
    poco_seize(s->p, &d->workerpool.owner, d->worker_stake);
    struct address kitty = kitty_address();
    poco_reward(s->p, &kitty, d->worker_stake);
    return RESULT_OK;
}
