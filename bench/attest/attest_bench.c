// SPDX-License-Identifier: Apache-2.0
// How many quotes a CPU second verifies, against OpenSSL's P-256 verification in the same run.
//
//   attest_bench FOLDER…   each with a quote and its collateral, as in tests/vectors/dcap
//
// Rows: cold (everything anew: nine signatures), collateral cached (another platform each time would
// need four), all cached (one). Time is CPU time of this thread.
#define OPENSSL_SUPPRESS_DEPRECATED // EC_KEY, for the limit
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/obj_mac.h>
#include <cpuid.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "attest/attest.h"
#include "attest/cache.h"
#include "attest/facts.h"
#include "crypto/sha256.h"
#include "os/file.h"

#define FOLDERS_MAX   64
#define ROUNDS        15
#define ROUND_SECONDS 0.1

struct sample {
    struct attest_evidence evidence;
};

static struct sample samples[FOLDERS_MAX];
static size_t sample_count;

static double cpu_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static struct span load(const char *dir, const char *name)
{
    char path[4096];
    uint8_t *data;
    size_t size;
    snprintf(path, sizeof path, "%s/%s", dir, name);
    if (!is_ok(file_read(path, ATTEST_CRL_SIZE_MAX, &data, &size))) {
        fprintf(stderr, "cannot read %s\n", path);
        exit(2);
    }
    return SPAN(data, size);
}

static void load_sample(const char *dir)
{
    struct sample *s = &samples[sample_count++];
    struct span at = load(dir, "at");
    char text[32] = {0};
    memcpy(text, at.data, MIN(at.size, sizeof text - 1));
    s->evidence.now = atoll(text);
    s->evidence.quote = load(dir, "quote.bin");
    for (int i = 0; i < ATTEST_PART_COUNT; i++)
        s->evidence.collateral.parts[i] = load(dir, attest_part_file((enum attest_part)i));
}

static void verify(const struct sample *s, struct attest_cache *cache)
{
    static struct attest_verdict verdict;
    if (!is_ok(attest_verify_cached(&s->evidence, cache, &verdict))) {
        fprintf(stderr, "a vector is not genuine: %s\n", attest_code_name(verdict.code));
        exit(2);
    }
}

static void cold(void *unused)
{
    (void)unused;
    for (size_t i = 0; i < sample_count; i++)
        verify(&samples[i], NULL);
}

static void warm(void *cache)
{
    for (size_t i = 0; i < sample_count; i++)
        verify(&samples[i], cache);
}

// Every quote comes from a platform that was never seen: the cache forgets all but the collateral.
static void forgetful(void *cache)
{
    for (size_t i = 0; i < sample_count; i++) {
        attest_cache_forget_platforms(cache);
        verify(&samples[i], cache);
    }
}

struct limit {
    EC_KEY *key;
    ECDSA_SIG *sig;
    uint8_t digest[32];
};

static void openssl_verify(void *arg)
{
    struct limit *l = arg;
    if (ECDSA_do_verify(l->digest, 32, l->sig, l->key) != 1)
        abort();
}

// What is measured, in turns: the machine's speed changes, and each row meets the same share of it.
struct row {
    const char *name;
    void (*run)(void *);
    void *arg;
    double calls; // of one run
    double cost;  // in signatures
    double best;  // calls a second; other work on the machine only ever slows a round down
};

static void measure(struct row *row)
{
    double start = cpu_now(), spent, n = 0;
    do {
        row->run(row->arg);
        n += row->calls;
    } while ((spent = cpu_now() - start) < ROUND_SECONDS);
    row->best = MAX(row->best, n / spent);
}

int main(int argc, char **argv)
{
    unsigned a, b, c, d;
    struct attest_cache *cache;
    struct limit l = {.key = EC_KEY_new_by_curve_name(NID_X9_62_prime256v1)};
    if (argc < 2 || argc > FOLDERS_MAX || EC_KEY_generate_key(l.key) != 1)
        return 2;
    if (__get_cpuid_count(7, 0, &a, &b, &c, &d))
        sha256_select(b >> 29 & 1); // SHA extensions
    l.sig = ECDSA_do_sign(l.digest, 32, l.key);
    for (int i = 1; i < argc; i++)
        load_sample(argv[i]);
    if (!is_ok(attest_cache_new(4 * FOLDERS_MAX, &cache)))
        return 2;
    double count = (double)sample_count;
    struct row rows[] = {
        {"OpenSSL P-256 verify", openssl_verify, &l, 1, 1, 0},
        {"cold (limit: / 9)", cold, NULL, count, 9, 0},
        {"collateral cached (limit: / 4)", forgetful, cache, count, 4, 0},
        {"all but the quote cached (limit: / 1)", warm, cache, count, 1, 0},
    };
    for (int round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
            warm(cache);
            measure(&rows[i]);
        }
    }
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
        printf("%-38s %8.0f/s %6.1f %% of the limit\n", rows[i].name, rows[i].best,
               100 * rows[i].best * rows[i].cost / rows[0].best);
    attest_cache_free(cache);
    return 0;
}
