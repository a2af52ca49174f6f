// SPDX-License-Identifier: Apache-2.0
// How fast blocks of 4096 bytes can be hashed and opened on this CPU, in MB/s: by our code, and by ipsec-mb where it is.
// That bounds what cold reads can reach. The blocks are 16 MiB in turn, as file data is: not in the first caches.
#include <cpuid.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifdef HAVE_IPSEC_MB
#include <intel-ipsec-mb.h>
#endif

#include "crypto/gcm.h"
#include "crypto/sha256.h"

#define BLOCK  4096u
#define BLOCKS 4096u

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static uint8_t *data, out[2 * BLOCK];
static struct gcm_key key;

static void ours_sha256(unsigned i)
{
    uint8_t a[32], b[32];
    sha256_4k_pair(data + i * BLOCK, data + (i + 1) * BLOCK, a, b);
}

// What does not open is zeroed, which costs less than opening: the tags must be right.
static uint8_t *sealed, *tags;

static void seal_all(void)
{
    uint8_t nonce[12] = {0};
    for (unsigned i = 0; i < BLOCKS; i++)
        gcm_seal(&key, nonce, SPAN(nonce, 12), SPAN(data + i * BLOCK, BLOCK), sealed + i * BLOCK,
                 tags + i * 16);
}

static void ours_gcm(unsigned i)
{
    uint8_t nonce[12] = {0};
    for (unsigned k = i; k < i + 2; k++)
        if (!gcm_open(&key, nonce, SPAN(nonce, 12), SPAN(sealed + k * BLOCK, BLOCK), tags + k * 16,
                      out))
            exit(1);
}

static void measure(const char *name, void (*two)(unsigned))
{
    double best = 1e9;
    for (int round = 0; round < 7; round++) {
        double start = now();
        for (unsigned i = 0; i < BLOCKS; i += 2)
            two(i);
        double t = now() - start;
        best = t < best ? t : best;
    }
    printf("%s %.1f\n", name, BLOCKS * (double)BLOCK / best / 1e6);
}

#ifdef HAVE_IPSEC_MB
static IMB_MGR *mgr;
static struct gcm_key_data mb_key;

static void mb_sha256(unsigned i)
{
    uint8_t hash[32];
    IMB_SHA256(mgr, data + i * BLOCK, BLOCK, hash);
    IMB_SHA256(mgr, data + (i + 1) * BLOCK, BLOCK, hash);
}

static void mb_gcm(unsigned i)
{
    struct gcm_context_data c;
    uint8_t nonce[12] = {0}, tag[16];
    for (unsigned k = i; k < i + 2; k++)
        IMB_AES256_GCM_DEC(mgr, &mb_key, &c, out, data + k * BLOCK, BLOCK, nonce, nonce, 12, tag,
                           16);
}
#endif

int main(void)
{
    unsigned a, b, c, d;
    if (__get_cpuid_count(7, 0, &a, &b, &c, &d))
        sha256_select(b >> 29 & 1);
    if (__get_cpuid(1, &a, &b, &c, &d) && (c & bit_AES) && (c & bit_PCLMUL) && (c & bit_SSE4_1))
        gcm_select(GCM_AESNI);
    data = aligned_alloc(BLOCK, BLOCKS * BLOCK);
    sealed = aligned_alloc(BLOCK, BLOCKS * BLOCK);
    tags = malloc(BLOCKS * 16);
    if (!data || !sealed || !tags)
        return 1;
    memset(data, 1, BLOCKS * BLOCK);
    uint8_t bytes[32] = {1};
    gcm_key_init(&key, bytes);
    seal_all();
    measure("sha256", ours_sha256);
    measure("gcm", ours_gcm);
#ifdef HAVE_IPSEC_MB
    mgr = alloc_mb_mgr(0);
    if (!mgr)
        return 1;
    init_mb_mgr_auto(mgr, NULL);
    IMB_AES256_GCM_PRE(mgr, bytes, &mb_key);
    measure("ipsec-mb-sha256", mb_sha256);
    measure("ipsec-mb-gcm", mb_gcm);
    free_mb_mgr(mgr);
#endif
    return 0;
}
