// SPDX-License-Identifier: Apache-2.0
// Is a verdict with a cache the verdict without it, whatever the cache has seen, forgotten or kept
// too long?
#include <dirent.h>

#include "attest/cache.h"
#include "quoting/pki.h"
#include "vector.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define VECTORS_MAX 64

static struct vector vectors[VECTORS_MAX];
static size_t vector_count;

static int load_vectors(void **state)
{
    (void)state;
    DIR *dir = opendir(vectors_dir());
    assert_non_null(dir);
    for (struct dirent *e; (e = readdir(dir)) && vector_count < VECTORS_MAX;)
        if (strncmp(e->d_name, "sgx3-", 5) == 0 || strncmp(e->d_name, "tdx", 3) == 0)
            vectors[vector_count++] = vector_load(e->d_name);
    closedir(dir);
    return vector_count >= 10 ? 0 : -1;
}

static int free_vectors(void **state)
{
    (void)state;
    while (vector_count)
        vector_free(&vectors[--vector_count]);
    return 0;
}

static void assert_same(const struct attest_evidence *evidence, struct attest_cache *cache)
{
    static struct attest_verdict with, without;
    (void)!is_ok(attest_verify(evidence, &without));
    (void)!is_ok(attest_verify_cached(evidence, cache, &with));
    assert_int_equal(with.code, without.code);
    assert_memory_equal(&with.claims, &without.claims, sizeof with.claims);
}

// At any size: one that forgets all the time, one that keeps everything.
static void verdicts_are_the_same(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 3, 64};
    for (size_t s = 0; s < ARRAY_COUNT(sizes); s++) {
        struct attest_cache *cache;
        assert_true(is_ok(attest_cache_new(sizes[s], &cache)));
        for (int round = 0; round < 3; round++) {
            for (size_t i = 0; i < vector_count; i++) {
                struct attest_evidence evidence = vector_evidence(&vectors[i]);
                assert_same(&evidence, cache);
            }
            attest_cache_forget_platforms(round == 1 ? cache : NULL);
        }
        attest_cache_free(cache);
    }
}

// Nothing outlives its dates, on either side of them.
static void time_goes_on(void **state)
{
    (void)state;
    static const int64_t days[] = {-4000, -40, -1, 0, 1, 40, 400, 12000};
    struct attest_cache *cache;
    assert_true(is_ok(attest_cache_new(64, &cache)));
    for (size_t i = 0; i < vector_count; i++) {
        struct attest_evidence evidence = vector_evidence(&vectors[i]);
        struct attest_verdict verdict;
        assert_true(is_ok(attest_verify_cached(&evidence, cache, &verdict)));
        for (size_t d = 0; d < ARRAY_COUNT(days); d++) {
            evidence.now = vectors[i].now + days[d] * 86400;
            assert_same(&evidence, cache);
        }
        evidence.now = verdict.claims.valid_until;
        assert_same(&evidence, cache);
        evidence.now++;
        assert_same(&evidence, cache);
        assert_false(is_ok(attest_verify_cached(&evidence, cache, &verdict)));
        evidence.now = verdict.claims.issued_at - 1;
        assert_same(&evidence, cache);
    }
    attest_cache_free(cache);
}

// One platform's chain, another's collateral: known each, but not to each other.
static void parts_are_mixed(void **state)
{
    (void)state;
    struct attest_cache *cache;
    assert_true(is_ok(attest_cache_new(64, &cache)));
    for (size_t i = 0; i < vector_count; i++) {
        struct attest_evidence evidence = vector_evidence(&vectors[i]);
        assert_same(&evidence, cache);
    }
    for (size_t i = 0; i < vector_count; i++) {
        for (size_t j = 0; j < vector_count; j++) {
            struct attest_evidence evidence = vector_evidence(&vectors[i]);
            evidence.collateral = vector_evidence(&vectors[j]).collateral;
            evidence.now = vectors[j].now;
            static struct attest_verdict with, without;
            (void)!is_ok(attest_verify(&evidence, &without));
            (void)!is_ok(attest_verify_cached(&evidence, cache, &with));
            // which of several faults is found first may differ; whether there is one may not
            assert_int_equal(with.code == ATTEST_OK, without.code == ATTEST_OK);
            assert_memory_equal(&with.claims, &without.claims, sizeof with.claims);
        }
    }
    attest_cache_free(cache);
}

// A root that is accepted no more takes what it signed along.
static void roots_are_looked_up_anew(void **state)
{
    (void)state;
    static uint8_t quote[SGX_QUOTE_SIZE_MAX];
    const struct sgx_report_body body = {.isvsvn = 1};
    struct quoting_pki_params params = {.issued_at = 1750000000, .next_update = 1751000000};
    struct quoting_pki pki;
    struct attest_root root = {.name = "office"};
    struct attest_cache *cache;
    struct attest_verdict verdict;
    for (int i = 0; i < QUOTING_KEY_COUNT; i++)
        memset(params.seeds[i], 0x10 + i, 32);
    assert_true(is_ok(quoting_pki_make(&params, &pki)));
    struct writer w = writer_on(quote, sizeof quote);
    assert_true(is_ok(quoting_pki_quote(&pki, &body, &w)));
    memcpy(root.key_hash, pki.root_hash, 32);
    struct attest_evidence evidence = {.quote = writer_span(&w),
                                       .collateral = pki.collateral,
                                       .now = 1750500000,
                                       .roots = {&root, 1}};
    assert_true(is_ok(attest_cache_new(1, &cache)));
    assert_true(is_ok(attest_verify_cached(&evidence, cache, &verdict)));
    assert_same(&evidence, cache);
    evidence.roots.count = 0;
    assert_false(is_ok(attest_verify_cached(&evidence, cache, &verdict)));
    assert_int_equal(verdict.code, ATTEST_PCK_CHAIN_UNTRUSTED);
    evidence.roots.count = 1;
    memcpy(root.name, "annexe", 7);
    assert_true(is_ok(attest_verify_cached(&evidence, cache, &verdict)));
    assert_string_equal(verdict.claims.root, "annexe");
    attest_cache_free(cache);
    quoting_pki_done(&pki);
}

static void size_is_bounded(void **state)
{
    (void)state;
    struct attest_cache *cache;
    assert_false(is_ok(attest_cache_new(0, &cache)));
    assert_false(is_ok(attest_cache_new(ATTEST_CACHE_ENTRIES_MAX + 1, &cache)));
    attest_cache_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verdicts_are_the_same), cmocka_unit_test(time_goes_on),
        cmocka_unit_test(parts_are_mixed),       cmocka_unit_test(roots_are_looked_up_anew),
        cmocka_unit_test(size_is_bounded),
    };
    return cmocka_run_group_tests(tests, load_vectors, free_vectors);
}
