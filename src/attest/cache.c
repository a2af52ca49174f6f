// SPDX-License-Identifier: Apache-2.0
#include "attest/cache.h"

#include <stdlib.h>
#include <string.h>

struct slot {
    void *facts;
    uint64_t used;
};

struct table {
    struct slot *slots;
    size_t count;
};

struct attest_cache {
    struct table pcks, collaterals, qes;
    uint64_t clock; // uses so far
};

static bool same(struct span a, struct span b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static bool is_current(const struct attest_window *w, int64_t now)
{
    return w->from <= now && now <= w->until;
}

// An empty slot, or the one whose use is the longest ago.
static struct slot *oldest(struct table *t)
{
    struct slot *slot = &t->slots[0];
    for (size_t i = 0; i < t->count && slot->facts; i++)
        if (!t->slots[i].facts || t->slots[i].used < slot->used)
            slot = &t->slots[i];
    return slot;
}

static void *use(struct attest_cache *cache, struct slot *slot)
{
    slot->used = ++cache->clock;
    return slot->facts;
}

struct result attest_cache_new(size_t entries, struct attest_cache **ret)
{
    REQUIRE(entries > 0 && entries <= ATTEST_CACHE_ENTRIES_MAX, ERR_RANGE,
            "the cache's size is out of range");
    struct attest_cache *cache = calloc(1, sizeof *cache);
    REQUIRE(cache, ERR_MEMORY, "out of memory");
    struct table *const tables[] = {&cache->pcks, &cache->collaterals, &cache->qes};
    for (size_t i = 0; i < ARRAY_COUNT(tables); i++) {
        tables[i]->count = tables[i] == &cache->collaterals ? entries / 4 + 1 : entries;
        tables[i]->slots = calloc(tables[i]->count, sizeof(struct slot));
        if (!tables[i]->slots) {
            tables[i]->count = 0;
            attest_cache_free(cache);
            return fail(ERR_MEMORY, "out of memory");
        }
    }
    *ret = cache;
    return RESULT_OK;
}

void attest_cache_forget_platforms(struct attest_cache *cache)
{
    if (!cache)
        return;
    for (size_t i = 0; i < cache->pcks.count; i++) {
        attest_pck_facts_free(cache->pcks.slots[i].facts);
        cache->pcks.slots[i] = (struct slot){NULL, 0};
    }
    for (size_t i = 0; i < cache->qes.count; i++) {
        free(cache->qes.slots[i].facts);
        cache->qes.slots[i] = (struct slot){NULL, 0};
    }
}

void attest_cache_free(struct attest_cache *cache)
{
    if (!cache)
        return;
    attest_cache_forget_platforms(cache);
    for (size_t i = 0; i < cache->collaterals.count; i++)
        attest_collateral_facts_free(cache->collaterals.slots[i].facts);
    free(cache->pcks.slots);
    free(cache->collaterals.slots);
    free(cache->qes.slots);
    free(cache);
}

const struct attest_pck_facts *attest_cache_pck(struct attest_cache *cache, struct span pem,
                                                int64_t now)
{
    for (size_t i = 0; cache && i < cache->pcks.count; i++) {
        const struct attest_pck_facts *f = cache->pcks.slots[i].facts;
        if (f && same(f->pem, pem) && is_current(&f->window, now))
            return use(cache, &cache->pcks.slots[i]);
    }
    return NULL;
}

static bool same_collateral(const struct attest_collateral_facts *f,
                            const struct attest_collateral *collateral)
{
    for (int i = ATTEST_PART_PCK_CRL; i < ATTEST_PART_COUNT; i++)
        if (!same(f->parts[i], collateral->parts[i]))
            return false;
    return true;
}

const struct attest_collateral_facts *
attest_cache_collateral(struct attest_cache *cache, const struct attest_collateral *collateral,
                        int64_t now)
{
    for (size_t i = 0; cache && i < cache->collaterals.count; i++) {
        const struct attest_collateral_facts *f = cache->collaterals.slots[i].facts;
        if (f && is_current(&f->window, now) && same_collateral(f, collateral))
            return use(cache, &cache->collaterals.slots[i]);
    }
    return NULL;
}

bool attest_cache_has_qe(struct attest_cache *cache, const struct attest_qe_facts *facts,
                         int64_t now)
{
    for (size_t i = 0; cache && i < cache->qes.count; i++) {
        const struct attest_qe_facts *f = cache->qes.slots[i].facts;
        if (f && memcmp(f->report, facts->report, sizeof f->report) == 0 &&
            memcmp(f->key, facts->key, sizeof f->key) == 0 &&
            memcmp(f->signature, facts->signature, sizeof f->signature) == 0 && now <= f->until)
            return use(cache, &cache->qes.slots[i]);
    }
    return false;
}

void attest_cache_put_pck(struct attest_cache *cache, struct attest_pck_facts *facts)
{
    struct slot *slot = oldest(&cache->pcks);
    attest_pck_facts_free(slot->facts);
    slot->facts = facts;
    (void)use(cache, slot);
}

void attest_cache_put_collateral(struct attest_cache *cache, struct attest_collateral_facts *facts)
{
    struct slot *slot = oldest(&cache->collaterals);
    attest_collateral_facts_free(slot->facts);
    slot->facts = facts;
    (void)use(cache, slot);
}

void attest_cache_put_qe(struct attest_cache *cache, const struct attest_qe_facts *facts)
{
    struct slot *slot = oldest(&cache->qes);
    struct attest_qe_facts *copy = malloc(sizeof *copy);
    if (!copy)
        return; // remembering is optional
    *copy = *facts;
    free(slot->facts);
    slot->facts = copy;
    (void)use(cache, slot);
}
