// SPDX-License-Identifier: Apache-2.0
#include "quoting/quoting.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attest/attest.h"
#include "attest/chain.h"
#include "attest/quote.h"
#include "base/cursor.h"
#include "os/file.h"
#include "quoting/aesm.h"
#include "quoting/dcap.h"
#include "quoting/pki.h"
#include "sgx/emu/keys.h"

#define DAY             86400
#define VALIDITY        (30 * DAY)
#define RENEW_BEFORE    (7 * DAY)
#define BUNDLE_FILE     "collateral.bundle"
#define ROOT_FILE       "root_ca.pem"
#define PEM_SIZE_MAX    16384u
#define CLOCK_TOLERANCE DAY // collateral begins a day back: a verifier's clock may be behind ours

struct quoting {
    struct quoting_dcap dcap; // hardware: this one when loaded, else the other
    struct quoting_aesm aesm;
    struct sgx_emu_platform *platform; // NULL: hardware
    struct span bundle;                // owned; the parts point into it when the PKI was loaded
    struct quoting_pki pki;
};

// The files are public; each is replaced in one step.
static struct result store(const char *dir, const char *name, struct span content)
{
    char path[PATH_MAX];
    int size = snprintf(path, sizeof path, "%s/%s", dir, name);
    REQUIRE(size > 0 && (size_t)size < sizeof path, ERR_RANGE, "the path is too long");
    return file_write(path, content, 0644, FILE_REPLACE);
}

static struct result load(const char *dir, const char *name, size_t size_max, struct span *ret)
{
    char path[PATH_MAX];
    uint8_t *data;
    size_t data_size;
    int size = snprintf(path, sizeof path, "%s/%s", dir, name);
    REQUIRE(size > 0 && (size_t)size < sizeof path, ERR_RANGE, "the path is too long");
    GUARD(file_read(path, size_max, &data, &data_size));
    *ret = SPAN(data, data_size);
    return RESULT_OK;
}

// A quote of our own must convince a verifier now and for some days to come. This finds every way
// in which stored collateral can be stale: expired, for other keys, for another CPUSVN.
static struct result self_check(const struct quoting *q, int64_t now)
{
    uint8_t quote[SGX_QUOTE_SIZE_MAX];
    struct writer w = writer_on(quote, sizeof quote);
    const struct sgx_report_body body = {.attributes.flags = SGX_FLAGS_INIT | SGX_FLAGS_MODE64BIT};
    struct attest_root root = {.name = "self"};
    struct attest_verdict verdict;
    memcpy(root.key_hash, q->pki.root_hash, sizeof root.key_hash);
    GUARD(quoting_pki_quote(&q->pki, &body, &w));
    const struct attest_evidence evidence = {
        .quote = writer_span(&w), .collateral = q->pki.collateral, .now = now, .roots = {&root, 1}};
    GUARD(attest_verify(&evidence, &verdict));
    REQUIRE(verdict.claims.tcb_status == ATTEST_TCB_UP_TO_DATE &&
                verdict.claims.valid_until >= now + RENEW_BEFORE,
            ERR_STALE, "the emulated platform's collateral must be made anew");
    return RESULT_OK;
}

static void pki_params(const struct sgx_emu_platform *platform, int64_t now,
                       struct quoting_pki_params *ret)
{
    static const char *const labels[] = {
        [QUOTING_KEY_ROOT] = "quoting root CA",
        [QUOTING_KEY_CA] = "quoting PCK platform CA",
        [QUOTING_KEY_PCK] = "quoting PCK",
        [QUOTING_KEY_SIGNER] = "quoting TCB signing",
        [QUOTING_KEY_ATTESTATION] = "quoting attestation key",
    };
    static const uint8_t no_data[64];
    uint8_t ppid[32];
    struct quoting_pki_params params = {.issued_at = now - CLOCK_TOLERANCE,
                                        .next_update = now + VALIDITY};
    for (int i = 0; i < QUOTING_KEY_COUNT; i++)
        sgx_emu_derive(platform, labels[i], params.seeds[i]);
    sgx_emu_derive(platform, "quoting PPID", ppid);
    memcpy(params.ppid, ppid, sizeof params.ppid);
    sgx_emu_qe_report(platform, no_data, &params.qe);
    memcpy(params.cpusvn, params.qe.cpusvn, sizeof params.cpusvn);
    *ret = params;
    wipe(&params, sizeof params);
}

// The stored PKI, when it is whole and still good.
static struct result load_pki(struct quoting *q, const char *dir, int64_t now)
{
    GUARD(load(dir, ROOT_FILE, PEM_SIZE_MAX, &q->pki.root_ca_pem));
    GUARD(load(dir, BUNDLE_FILE, ATTEST_BUNDLE_SIZE_MAX, &q->bundle));
    GUARD(attest_collateral_read(q->bundle, &q->pki.collateral));
    REQUIRE(q->pki.collateral.parts[ATTEST_PART_PCK_CHAIN].data, ERR_INVALID, "no PCK chain");
    return self_check(q, now);
}

static struct result store_pki(const struct quoting_pki *pki, const char *dir)
{
    size_t size = attest_collateral_size(&pki->collateral);
    uint8_t *buffer = malloc(size);
    REQUIRE(buffer, ERR_MEMORY, "out of memory");
    struct result r = attest_collateral_write(&pki->collateral, buffer, size, &size);
    if (is_ok(r))
        r = store(dir, BUNDLE_FILE, SPAN(buffer, size));
    if (is_ok(r))
        r = store(dir, ROOT_FILE, pki->root_ca_pem);
    free(buffer);
    return r;
}

static void drop_pki(struct quoting *q)
{
    if (q->bundle.data)
        q->pki.collateral = (struct attest_collateral){0}; // those parts are the bundle's
    free((void *)(uintptr_t)q->bundle.data);
    q->bundle = SPAN(NULL, 0);
    quoting_pki_done(&q->pki);
}

static struct result open_pki(struct quoting *q, const char *dir, int64_t now)
{
    struct quoting_pki_params params;
    pki_params(q->platform, now, &params);
    struct result r = quoting_pki_keys(&params, &q->pki);
    if (is_ok(r) && !is_ok(load_pki(q, dir, now))) {
        drop_pki(q);
        r = quoting_pki_make(&params, &q->pki);
        if (is_ok(r))
            r = self_check(q, now);
        if (is_ok(r))
            r = store_pki(&q->pki, dir);
    }
    wipe(&params, sizeof params);
    return r;
}

static struct result open_emulated(const struct quoting_options *options, struct quoting *q)
{
    GUARD(sgx_emu_platform_open(options->state_dir, &q->platform));
    return open_pki(q, options->state_dir, options->now);
}

// A library that is there and fails is not passed over: its reason is what must be mended.
static struct result open_hardware(const struct quoting_options *options, struct quoting *q)
{
    const char *library = options->dcap_library ? options->dcap_library : QUOTING_DCAP_LIBRARY;
    const char *path = options->aesm_socket ? options->aesm_socket : QUOTING_AESM_SOCKET;
    memcpy(q->pki.root_hash, attest_root_intel.key_hash, sizeof q->pki.root_hash);
    struct result r = quoting_dcap_open(library, &q->dcap);
    if (r.code != ERR_UNSUPPORTED)
        return r;
    if (access(path, F_OK) == 0)
        return quoting_aesm_open(path, options->aesm_timeout_ms, &q->aesm);
    return fail(ERR_UNSUPPORTED, "no quotes from SGX hardware: install Intel's libsgx-dcap-ql, or "
                                 "sgx-aesm-service with libsgx-aesm-ecdsa-plugin");
}

struct result quoting_open(const struct quoting_options *options, struct quoting **ret)
{
    // A TARGETINFO is aligned beyond what malloc() promises.
    struct quoting *q = aligned_alloc(_Alignof(struct quoting), sizeof *q);
    REQUIRE(q, ERR_MEMORY, "out of memory");
    memset(q, 0, sizeof *q);
    struct result r = options->emulated ? open_emulated(options, q) : open_hardware(options, q);
    if (is_ok(r))
        *ret = q;
    else
        quoting_free(q);
    return r;
}

void quoting_free(struct quoting *q)
{
    if (!q)
        return;
    drop_pki(q);
    quoting_dcap_close(&q->dcap);
    sgx_emu_platform_free(q->platform);
    free(q);
}

void quoting_targetinfo(const struct quoting *q, struct sgx_targetinfo *ret)
{
    if (q->platform)
        *ret = sgx_emu_qe_targetinfo;
    else
        *ret = q->dcap.library ? q->dcap.target : q->aesm.target;
}

// Neither library nor service is trusted to have quoted what it was given. Padding is dropped.
static struct result hardware_quote(const struct quoting *q, const struct sgx_report *report,
                                    struct writer *w)
{
    uint8_t bytes[SGX_QUOTE_SIZE_MAX];
    struct attest_quote parsed;
    size_t size = 0;
    GUARD(q->dcap.library ? quoting_dcap_quote(&q->dcap, report, bytes, sizeof bytes, &size)
                          : quoting_aesm_quote(&q->aesm, report, bytes, sizeof bytes, &size));
    REQUIRE(attest_quote_parse(SPAN(bytes, size), &parsed) == ATTEST_OK && !parsed.tdx, ERR_INVALID,
            "what the platform returned is no SGX quote");
    REQUIRE(memcmp(&parsed.body, &report->body, sizeof parsed.body) == 0, ERR_INTEGRITY,
            "the platform's quote is over another report");
    put_bytes(w, bytes, parsed.size);
    REQUIRE(!w->failed, ERR_MEMORY, "the buffer is too small for the quote");
    return RESULT_OK;
}

struct result quoting_quote(const struct quoting *q, const struct sgx_report *report, void *buffer,
                            size_t capacity, size_t *ret_size)
{
    const struct sgx_report checked = *report; // one private copy: checked, then signed
    struct writer w = writer_on(buffer, capacity);
    if (!q->platform) {
        GUARD(hardware_quote(q, &checked, &w));
        *ret_size = w.size;
        return RESULT_OK;
    }
    GUARD(sgx_emu_verify_report(q->platform, &sgx_emu_qe_targetinfo, &checked));
    GUARD(quoting_pki_quote(&q->pki, &checked.body, &w));
    *ret_size = w.size;
    return RESULT_OK;
}

const struct attest_collateral *quoting_collateral(const struct quoting *q)
{
    return &q->pki.collateral;
}

struct result quoting_collateral_write(const struct quoting *q, const char *dir)
{
    REQUIRE(q->platform, ERR_UNSUPPORTED,
            "collateral for hardware comes from `cloister quote fetch-collateral`");
    REQUIRE(mkdir(dir, 0755) == 0 || errno == EEXIST, ERR_IO, "cannot make the folder");
    for (int i = 0; i < ATTEST_PART_COUNT; i++)
        GUARD(store(dir, attest_part_file((enum attest_part)i), q->pki.collateral.parts[i]));
    return store(dir, ROOT_FILE, q->pki.root_ca_pem);
}

void quoting_root_hash(const struct quoting *q, uint8_t ret[32])
{
    memcpy(ret, q->pki.root_hash, 32);
}
