// SPDX-License-Identifier: Apache-2.0
// Private to the poco_*.c files: the state and what the rules do to it.
#ifndef LEDGER_POCO_STATE_H
#define LEDGER_POCO_STATE_H

#include "ledger/poco.h"

#define WORKER_STAKE_RATIO     30 // percent, PoCo's default policy
#define SCHEDULER_REWARD_RATIO 1  // percent, PoCo's default policy
#define CONTRIBUTION_TIMES     7  // PoCo: CONTRIBUTION_DEADLINE_RATIO
#define FINAL_TIMES            10 // PoCo: FINAL_DEADLINE_RATIO

struct poco_object {
    enum ledger_kind kind;
    struct hash32 key;
    struct poco_object *next; // in its bucket
    // The object's data follow.
    _Alignas(uint64_t) uint8_t data[];
};

struct poco {
    struct poco_head head;
    struct genesis_args genesis;
    uint64_t supply;              // all that was deposited and not withdrawn
    bool broken;                  // memory ran out half-way
    struct poco_object **objects; // in the order of their making
    size_t object_count;
    size_t object_capacity;
    struct poco_object **buckets;
    size_t bucket_count; // a power of two, or 0
    struct ledger_event *events;
    size_t event_capacity;
};

// One record on its way through a rule.
struct poco_step {
    struct poco *p;
    const struct record *record;
    struct hash32 subject;
    struct address workerpool;
};

// poco.c
void *poco_find(const struct poco *p, enum ledger_kind kind, const struct hash32 *key);
// Makes it, zeroed, when missing; NULL when memory ran out (the state is then broken).
void *poco_have(struct poco *p, enum ledger_kind kind, const struct hash32 *key);
struct result poco_owner(const struct poco *p, enum ledger_kind kind, const struct address *entry,
                         struct address *ret);

// poco_entry.c: entries, accounts and anchors
struct result poco_create_app(struct poco_step *s, const struct create_app_args *a);
struct result poco_create_dataset(struct poco_step *s, const struct create_dataset_args *a);
struct result poco_create_workerpool(struct poco_step *s, const struct create_workerpool_args *a);
struct result poco_transfer(struct poco_step *s, const struct transfer_args *a);
struct result poco_deposit(struct poco_step *s, const struct deposit_args *a);
struct result poco_withdraw(struct poco_step *s, const struct withdraw_args *a);
struct result poco_anchor(struct poco_step *s, const struct anchor_args *a);
struct result poco_lock(struct poco *p, const struct address *a, uint64_t amount);
void poco_unlock(struct poco *p, const struct address *a, uint64_t amount);
void poco_seize(struct poco *p, const struct address *a, uint64_t amount);
void poco_reward(struct poco *p, const struct address *a, uint64_t amount);

// poco_order.c
struct result poco_publish(struct poco_step *s, enum order_kind kind, const void *order);
struct result poco_manage(struct poco_step *s, enum order_kind kind, const void *order,
                          uint64_t operation);
struct result poco_match(struct poco_step *s, const struct match_orders_args *a);

// poco_task.c
struct result poco_initialize(struct poco_step *s, const struct initialize_args *a);
struct result poco_finalize(struct poco_step *s, const struct contribute_and_finalize_args *a);
struct result poco_claim(struct poco_step *s, const struct claim_args *a);

#endif
