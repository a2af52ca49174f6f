// SPDX-License-Identifier: Apache-2.0
#include "cli/quote_fetch.h"

#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attest/attest.h"
#include "attest/json.h"
#include "base/hex.h"
#include "os/file.h"
#include "os/home.h"
#include "os/http_client.h"

#define URL_SIZE_MAX 1024

// One answer of the server: a document, and the chain of its signer in a header.
struct item {
    const char *header;
    enum attest_part part, chain_part;
    const char *json_name; // NULL: a CRL
};

static const struct item tcb_item = {"TCB-Info-Issuer-Chain", ATTEST_PART_TCB_INFO,
                                     ATTEST_PART_TCB_CHAIN, "tcbInfo"};
static const struct item qe_item = {"SGX-Enclave-Identity-Issuer-Chain", ATTEST_PART_QE_IDENTITY,
                                    ATTEST_PART_QE_CHAIN, "enclaveIdentity"};
static const struct item pck_crl_item = {NULL, ATTEST_PART_PCK_CRL, ATTEST_PART_COUNT, NULL};
static const struct item root_crl_item = {NULL, ATTEST_PART_ROOT_CA_CRL, ATTEST_PART_COUNT, NULL};

struct answer {
    uint8_t *data; // owned
    size_t size;
    char *chain; // owned, PEM; NULL for a CRL
};

static void answer_free(struct answer *a)
{
    free(a->data);
    free(a->chain);
    *a = (struct answer){NULL, 0, NULL};
}

// -- the cache: what was fetched, by its path, until it expires -----------------------------------

static struct result cache_open(const struct quote_fetch *f, sqlite3 **ret)
{
    char path[PATH_MAX];
    sqlite3 *db = NULL;
    if (!f->cache)
        GUARD(home_path("collateral.db", path));
    if (sqlite3_open(f->cache ? f->cache : path, &db) != SQLITE_OK ||
        sqlite3_busy_timeout(db, 5000) != SQLITE_OK ||
        sqlite3_exec(
            db,
            "CREATE TABLE IF NOT EXISTS document (path TEXT PRIMARY KEY, body BLOB NOT NULL, "
            "chain TEXT, expires INTEGER NOT NULL)",
            NULL, NULL, NULL) != SQLITE_OK) {
        sqlite3_close(db);
        return fail(ERR_IO, "cannot open the collateral cache");
    }
    *ret = db;
    return RESULT_OK;
}

// Whoever served it: Intel signed it.
static struct result cache_get(sqlite3 *db, const char *path, int64_t now, struct answer *ret)
{
    sqlite3_stmt *s = NULL;
    struct answer a = {NULL, 0, NULL};
    if (sqlite3_prepare_v2(db, "SELECT body, chain FROM document WHERE path = ? AND expires >= ?",
                           -1, &s, NULL) == SQLITE_OK &&
        sqlite3_bind_text(s, 1, path, -1, SQLITE_STATIC) == SQLITE_OK &&
        sqlite3_bind_int64(s, 2, now) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW) {
        const void *body = sqlite3_column_blob(s, 0);
        const unsigned char *chain = sqlite3_column_text(s, 1);
        a.size = (size_t)sqlite3_column_bytes(s, 0);
        a.data = malloc(a.size + 1);
        if (a.data && body)
            memcpy(a.data, body, a.size);
        a.chain = chain ? strdup((const char *)chain) : NULL;
    }
    sqlite3_finalize(s);
    if (!a.data) {
        free(a.chain);
        return fail(ERR_NOT_FOUND, "the collateral is not in the cache, or it has expired");
    }
    *ret = a;
    return RESULT_OK;
}

static void cache_put(sqlite3 *db, const char *path, const struct answer *a, int64_t expires)
{
    sqlite3_stmt *s = NULL;
    if (sqlite3_prepare_v2(db, "INSERT OR REPLACE INTO document VALUES (?, ?, ?, ?)", -1, &s,
                           NULL) == SQLITE_OK &&
        sqlite3_bind_text(s, 1, path, -1, SQLITE_STATIC) == SQLITE_OK &&
        sqlite3_bind_blob(s, 2, a->data, (int)a->size, SQLITE_STATIC) == SQLITE_OK &&
        sqlite3_bind_text(s, 3, a->chain, -1, SQLITE_STATIC) == SQLITE_OK &&
        sqlite3_bind_int64(s, 4, expires) == SQLITE_OK)
        (void)sqlite3_step(s); // remembering is optional
    sqlite3_finalize(s);
}

// -- fetching -------------------------------------------------------------------------------------

// Headers carry PEM in URL encoding (RFC 3986, section 2.1); decoded in place.
static bool url_decode(char *text)
{
    char *to = text;
    for (const char *at = text; *at; at++) {
        uint8_t byte = (uint8_t)*at;
        if (*at == '%') {
            if (!at[1] || !at[2] || !is_ok(hex_decode(SPAN(at + 1, 2), &byte, 1)) || !byte)
                return false;
            at += 2;
        }
        *to++ = (char)byte;
    }
    *to = 0;
    return true;
}

// A PCCS answers with CRLs in hex; Intel's PCS in DER.
static void decode_hex(struct answer *a)
{
    if (a->size % 2 == 0 && a->size > 0 && a->data[0] == '3' &&
        is_ok(hex_decode(SPAN(a->data, a->size), a->data, a->size / 2)))
        a->size /= 2;
}

// When the document stops to be valid; ERR_INVALID when it is not what was asked for.
static struct result expiry_of(const struct item *item, const struct answer *a, int64_t *ret)
{
    struct attest_signed_json doc;
    struct attest_json *json;
    struct attest_crl crl;
    if (!item->json_name) {
        REQUIRE(attest_crl_parse(SPAN(a->data, a->size), &crl), ERR_INVALID,
                "the server's answer is not a revocation list");
        *ret = crl.until;
        return RESULT_OK;
    }
    REQUIRE(a->chain, ERR_INVALID, "the server's answer has no issuer chain");
    GUARD(attest_json_split(SPAN(a->data, a->size), item->json_name, &doc));
    GUARD(attest_json_parse(doc.body, &json));
    bool ok = attest_json_get_time(json, "nextUpdate", ret);
    free(json);
    REQUIRE(ok, ERR_INVALID, "the server's answer does not say until when it is valid");
    return RESULT_OK;
}

static struct result download(const struct item *item, const char *url, struct answer *ret)
{
    unsigned status = 0;
    struct answer a = {NULL, 0, NULL};
    const struct http_client_request request = {.method = "GET",
                                                .url = url,
                                                .size_max = ATTEST_CRL_SIZE_MAX,
                                                .time_max_s = 30,
                                                .header = item->header,
                                                .header_value = &a.chain};
    struct result r = http_client_do(&request, &status, &a.data, &a.size);
    if (is_ok(r) && status != 200)
        r = fail(ERR_NOT_FOUND, "the server does not have this collateral");
    if (is_ok(r) && a.chain && !url_decode(a.chain))
        r = fail(ERR_INVALID, "the server's issuer chain is malformed");
    if (!is_ok(r)) {
        answer_free(&a);
        return r;
    }
    if (!item->json_name)
        decode_hex(&a);
    *ret = a;
    return RESULT_OK;
}

static struct result get_item(const struct quote_fetch *f, sqlite3 *db, const struct item *item,
                              const char *path, struct answer *ret)
{
    int64_t expires = 0;
    char url[URL_SIZE_MAX];
    if (is_ok(cache_get(db, path, f->now, ret)))
        return RESULT_OK;
    REQUIRE(!f->offline, ERR_NOT_FOUND, "the collateral is not in the cache, or it has expired");
    bool elsewhere = item == &root_crl_item && f->root_crl;
    int size =
        snprintf(url, sizeof url, "%s%s", elsewhere ? f->root_crl : f->url, elsewhere ? "" : path);
    REQUIRE(size > 0 && (size_t)size < sizeof url, ERR_RANGE, "the URL is too long");
    GUARD(download(item, url, ret));
    struct result r = expiry_of(item, ret, &expires);
    if (!is_ok(r))
        answer_free(ret);
    else
        cache_put(db, path, ret, expires);
    return r;
}

// The item's path has up to two texts in it.
static struct result collect(const struct quote_fetch *f, sqlite3 *db, const struct item *item,
                             const char *first, const char *second, struct attest_collateral *ret)
{
    char path[256];
    struct answer a;
    if (item == &tcb_item)
        snprintf(path, sizeof path, "/%s/certification/v4/tcb?fmspc=%s", first, second);
    else if (item == &qe_item)
        snprintf(path, sizeof path, "/%s/certification/v4/qe/identity", first);
    else if (item == &pck_crl_item)
        snprintf(path, sizeof path, "/sgx/certification/v4/pckcrl?ca=%s&encoding=der", first);
    else
        snprintf(path, sizeof path, "/sgx/certification/v4/rootcacrl");
    GUARD(get_item(f, db, item, path, &a));
    ret->parts[item->part] = SPAN(a.data, a.size);
    if (a.chain && item->json_name)
        ret->parts[item->chain_part] = SPAN(a.chain, strlen(a.chain));
    else
        free(a.chain);
    return RESULT_OK;
}

// Which platform the quote says it is from; not verified, it only chooses what to ask for.
static struct result read_platform(const struct attest_quote *quote, char ret_fmspc[HEX_SIZE(6)],
                                   const char **ret_ca)
{
    static const struct attest_chain_codes codes = {.format = ATTEST_PCK_CHAIN_FORMAT};
    static const char platform[] = "Platform CA";
    struct attest_chain chain;
    struct attest_pck pck;
    REQUIRE(quote->certdata_type == SGX_QUOTE_CERTDATA_PCK_CHAIN, ERR_UNSUPPORTED,
            "the quote does not carry its PCK chain");
    REQUIRE(attest_chain_load(quote->certdata, ATTEST_CHAIN_MAX, &codes, &chain) == ATTEST_OK,
            ERR_INVALID, "the quote's PCK chain is malformed");
    struct span ca = chain.certs[1].common_name;
    size_t size = sizeof platform - 1;
    bool is_platform = ca.size >= size && memcmp(ca.data + ca.size - size, platform, size) == 0;
    bool ok = attest_pck_parse(chain.certs[0].sgx_extension, &pck) == ATTEST_OK;
    attest_chain_done(&chain);
    REQUIRE(ok, ERR_INVALID, "the PCK certificate has no SGX extension");
    hex_encode(pck.fmspc, sizeof pck.fmspc, ret_fmspc);
    *ret_ca = is_platform ? "platform" : "processor";
    return RESULT_OK;
}

static struct result copy_chain(struct span chain, struct span *ret)
{
    uint8_t *copy = malloc(chain.size);
    REQUIRE(copy, ERR_MEMORY, "out of memory");
    memcpy(copy, chain.data, chain.size);
    *ret = SPAN(copy, chain.size);
    return RESULT_OK;
}

struct result quote_fetch_collateral(const struct quote_fetch *f, struct attest_collateral *ret)
{
    struct attest_collateral c = {0};
    struct attest_quote quote;
    char fmspc[HEX_SIZE(6)];
    const char *ca;
    sqlite3 *db;
    GUARD(attest_code_result(attest_quote_parse(f->quote, &quote)));
    GUARD(read_platform(&quote, fmspc, &ca));
    GUARD(cache_open(f, &db));
    const char *tee = quote.tdx ? "tdx" : "sgx";
    struct result r = collect(f, db, &tcb_item, tee, fmspc, &c);
    if (is_ok(r))
        r = collect(f, db, &qe_item, tee, "", &c);
    if (is_ok(r))
        r = collect(f, db, &pck_crl_item, ca, "", &c);
    if (is_ok(r))
        r = collect(f, db, &root_crl_item, "", "", &c);
    if (is_ok(r))
        r = copy_chain(quote.certdata, &c.parts[ATTEST_PART_PCK_CHAIN]);
    sqlite3_close(db);
    if (is_ok(r))
        *ret = c;
    else
        quote_collateral_free(&c);
    return r;
}

void quote_collateral_free(struct attest_collateral *c)
{
    for (int i = 0; i < ATTEST_PART_COUNT; i++)
        free((void *)(uintptr_t)c->parts[i].data);
    *c = (struct attest_collateral){0};
}

struct result quote_collateral_write(const struct attest_collateral *c, const char *dir)
{
    char path[PATH_MAX];
    for (int i = 0; i < ATTEST_PART_COUNT; i++) {
        int size = snprintf(path, sizeof path, "%s/%s", dir, attest_part_file((enum attest_part)i));
        REQUIRE(size > 0 && (size_t)size < sizeof path, ERR_RANGE, "the path is too long");
        GUARD(file_make_parents(path));
        GUARD(file_write(path, c->parts[i], 0644, FILE_REPLACE));
    }
    return RESULT_OK;
}
