// SPDX-License-Identifier: Apache-2.0
// Remembers what verified, so that the next quote of the same platform costs one signature. The
// caller owns it; one thread at a time.
//
// - An entry is found by its content, compared whole, and only while all dates in it hold.
// - Only what took part in a genuine verdict is kept; the oldest use makes room.
// - A verdict with a cache is the verdict without it (of several faults it may name another).
#ifndef ATTEST_CACHE_H
#define ATTEST_CACHE_H

#include "attest/facts.h"

#define ATTEST_CACHE_ENTRIES_MAX 4096u

struct attest_cache;

// `entries` platforms (1 to the maximum), and a quarter as many sets of collateral but at least one.
struct result attest_cache_new(size_t entries, struct attest_cache **ret);
void attest_cache_free(struct attest_cache *cache); // takes NULL

// Forgets the platforms and keeps the collateral; takes NULL.
void attest_cache_forget_platforms(struct attest_cache *cache);

// The finders take a NULL cache and return NULL when there is nothing of use at `now`.
const struct attest_pck_facts *attest_cache_pck(struct attest_cache *cache, struct span pem,
                                                int64_t now);
const struct attest_collateral_facts *
attest_cache_collateral(struct attest_cache *cache, const struct attest_collateral *collateral,
                        int64_t now);
bool attest_cache_has_qe(struct attest_cache *cache, const struct attest_qe_facts *facts,
                         int64_t now);

// They take over the facts.
void attest_cache_put_pck(struct attest_cache *cache, struct attest_pck_facts *facts);
void attest_cache_put_collateral(struct attest_cache *cache, struct attest_collateral_facts *facts);
void attest_cache_put_qe(struct attest_cache *cache, const struct attest_qe_facts *facts);

#endif
