// SPDX-License-Identifier: Apache-2.0
// Entries (apps, datasets, workerpools), their owners, accounts, and anchors.
#include "ledger/poco_state.h"

#include "base/fingerprint.h"

#include <string.h>

// As CREATE2 does it: the address follows from the owner and the arguments, so the same twice is
// refused.
static struct result new_entry(struct poco_step *s, enum ledger_kind kind, struct address *ret)
{
    uint8_t b[1 + 20 + 32 + 20];
    struct hash32 args = keccak256(s->record->args);
    b[0] = (uint8_t)s->record->method;
    memcpy(b + 1, &s->p->head.domain.hub, 20);
    memcpy(b + 21, &args, 32);
    memcpy(b + 53, &s->record->sender, 20);
    struct hash32 h = keccak256(SPAN_OF(b));
    struct address a;
    memcpy(a.bytes, h.bytes + 12, 20);
    struct hash32 key = word_of_address(&a);
    REQUIRE(!poco_find(s->p, kind, &key), ERR_EXISTS,
            "the same was deployed before by this owner; give it another name");
    s->subject = key;
    *ret = a;
    return RESULT_OK;
}

struct result poco_create_app(struct poco_step *s, const struct create_app_args *a)
{
    struct address address;
    struct fingerprint f;
    REQUIRE(a->name[0] && a->multiaddr[0], ERR_INVALID, "an app needs a name and a URI");
    if (a->mrenclave[0])
        GUARD(fingerprint_parse(SPAN(a->mrenclave, strlen(a->mrenclave)), &f));
    GUARD(new_entry(s, LEDGER_APP, &address));
    struct ledger_app *o = poco_have(s->p, LEDGER_APP, &s->subject);
    REQUIRE(o, ERR_MEMORY, "out of memory");
    o->address = address;
    o->owner = s->record->sender;
    memcpy(o->name, a->name, sizeof o->name);
    memcpy(o->type, a->type, sizeof o->type);
    memcpy(o->multiaddr, a->multiaddr, sizeof o->multiaddr);
    o->checksum = a->checksum;
    memcpy(o->mrenclave, a->mrenclave, sizeof o->mrenclave);
    return RESULT_OK;
}

struct result poco_create_dataset(struct poco_step *s, const struct create_dataset_args *a)
{
    struct address address;
    REQUIRE(a->multiaddr[0], ERR_INVALID, "a dataset needs a URI");
    REQUIRE(!is_zero(&a->checksum, sizeof a->checksum), ERR_DENIED,
            "a dataset needs its checksum: it is the ciphertext's only protection");
    GUARD(new_entry(s, LEDGER_DATASET, &address));
    struct ledger_dataset *o = poco_have(s->p, LEDGER_DATASET, &s->subject);
    REQUIRE(o, ERR_MEMORY, "out of memory");
    o->address = address;
    o->owner = s->record->sender;
    memcpy(o->name, a->name, sizeof o->name);
    memcpy(o->multiaddr, a->multiaddr, sizeof o->multiaddr);
    o->checksum = a->checksum;
    return RESULT_OK;
}

struct result poco_create_workerpool(struct poco_step *s, const struct create_workerpool_args *a)
{
    struct address address;
    GUARD(new_entry(s, LEDGER_WORKERPOOL, &address));
    struct ledger_workerpool *o = poco_have(s->p, LEDGER_WORKERPOOL, &s->subject);
    REQUIRE(o, ERR_MEMORY, "out of memory");
    o->address = address;
    o->owner = s->record->sender;
    memcpy(o->description, a->description, sizeof o->description);
    o->worker_stake_ratio = WORKER_STAKE_RATIO;
    o->scheduler_reward_ratio = SCHEDULER_REWARD_RATIO;
    s->workerpool = address;
    return RESULT_OK;
}

// ERC-721: the entry's owner gives it away; what the owner may do goes with it.
struct result poco_transfer(struct poco_step *s, const struct transfer_args *a)
{
    struct hash32 key = word_of_address(&a->entry);
    REQUIRE(!address_is_zero(&a->to), ERR_INVALID, "no transfer to the zero address");
    for (enum ledger_kind kind = LEDGER_APP; kind <= LEDGER_WORKERPOOL; kind++) {
        struct ledger_app *o = poco_find(s->p, kind, &key); // see poco_owner
        if (!o)
            continue;
        REQUIRE(address_equal(&o->owner, &s->record->sender), ERR_DENIED,
                "only the owner may transfer");
        o->owner = a->to;
        s->subject = key;
        return RESULT_OK;
    }
    return fail(ERR_NOT_FOUND, "the app, dataset or workerpool is not registered");
}

static struct ledger_account *account(struct poco *p, const struct address *a)
{
    struct hash32 key = word_of_address(a);
    struct ledger_account *o = poco_have(p, LEDGER_ACCOUNT, &key);
    if (o)
        o->address = *a;
    return o;
}

// The ledger's issuer mints. The supply fits 64 bits, hence every balance does.
struct result poco_deposit(struct poco_step *s, const struct deposit_args *a)
{
    uint64_t supply;
    REQUIRE(address_equal(&s->record->sender, &s->p->head.issuer), ERR_DENIED,
            "only the ledger's issuer, who made it, may deposit");
    REQUIRE(a->amount > 0 && !address_is_zero(&a->account), ERR_INVALID,
            "a deposit needs an account and an amount");
    REQUIRE(!add_overflows(s->p->supply, a->amount, &supply), ERR_RANGE,
            "the deposit is too large");
    struct ledger_account *o = account(s->p, &a->account);
    REQUIRE(o, ERR_MEMORY, "out of memory");
    o->stake += a->amount;
    s->p->supply = supply;
    s->subject = word_of_address(&a->account);
    return RESULT_OK;
}

struct result poco_withdraw(struct poco_step *s, const struct withdraw_args *a)
{
    struct hash32 key = word_of_address(&s->record->sender);
    struct ledger_account *o = poco_find(s->p, LEDGER_ACCOUNT, &key);
    REQUIRE(a->amount > 0 && o && o->stake >= a->amount, ERR_DENIED,
            "the account's free stake is too small");
    o->stake -= a->amount;
    s->p->supply -= a->amount;
    s->subject = key;
    return RESULT_OK;
}

// Not of PoCo: a sender's own counter, which only grows, and what it stands for.
struct result poco_anchor(struct poco_step *s, const struct anchor_args *a)
{
    struct hash32 key = word_of_address(&s->record->sender);
    const struct ledger_anchor *last = poco_find(s->p, LEDGER_ANCHOR, &key);
    REQUIRE(a->generation > (last ? last->generation : 0), ERR_DENIED,
            "the sender's last anchor has this generation or a higher one");
    struct ledger_anchor *o = poco_have(s->p, LEDGER_ANCHOR, &key);
    REQUIRE(o, ERR_MEMORY, "out of memory");
    *o = (struct ledger_anchor){s->record->sender, a->generation, a->state};
    s->subject = key;
    return RESULT_OK;
}

struct result poco_lock(struct poco *p, const struct address *a, uint64_t amount)
{
    if (amount == 0)
        return RESULT_OK;
    struct hash32 key = word_of_address(a);
    struct ledger_account *o = poco_find(p, LEDGER_ACCOUNT, &key);
    REQUIRE(o && o->stake >= amount, ERR_DENIED, "the account's free stake is too small");
    o->stake -= amount;
    o->locked += amount;
    return RESULT_OK;
}

void poco_unlock(struct poco *p, const struct address *a, uint64_t amount)
{
    struct hash32 key = word_of_address(a);
    struct ledger_account *o = poco_find(p, LEDGER_ACCOUNT, &key);
    if (!amount || !o)
        return;
    o->locked -= amount;
    o->stake += amount;
}

void poco_seize(struct poco *p, const struct address *a, uint64_t amount)
{
    struct hash32 key = word_of_address(a);
    struct ledger_account *o = poco_find(p, LEDGER_ACCOUNT, &key);
    if (amount && o)
        o->locked -= amount;
}

void poco_reward(struct poco *p, const struct address *a, uint64_t amount)
{
    struct ledger_account *o = amount ? account(p, a) : NULL;
    if (o)
        o->stake += amount;
}
