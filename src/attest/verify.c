// SPDX-License-Identifier: Apache-2.0
// The DCAP decision for SGX and TDX quotes. Each stage checks all that it uses before the next stage
// uses it: form, PCK chain, revocation, TCB info, QE identity, then the quote's own signatures, then
// the levels.
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

#include "attest/attest.h"
#include "attest/cache.h"
#include "attest/decide.h"
#include "attest/json.h"
#include "crypto/p256.h"
#include "crypto/sha256.h"

#define PCK_CHAIN_COUNT    3u
#define SIGNER_CHAIN_COUNT 2u

// One signed document of the collateral with its chain, and what can be wrong with them.
struct signed_kind {
    enum attest_part part, chain_part;
    const char *name;
    struct attest_chain_codes chain;
    enum attest_code format, signature, revoked;
};

static const struct attest_chain_codes pck_chain_codes = {
    ATTEST_PCK_CHAIN_FORMAT, ATTEST_PCK_CHAIN_UNTRUSTED, ATTEST_PCK_CHAIN_INVALID,
    ATTEST_PCK_CHAIN_EXPIRED, ATTEST_PCK_CHAIN_NOT_YET_VALID};

static const struct attest_crl_codes root_crl_codes = {
    ATTEST_ROOT_CRL_FORMAT, ATTEST_ROOT_CRL_ISSUER, ATTEST_ROOT_CRL_SIGNATURE,
    ATTEST_ROOT_CRL_EXPIRED, ATTEST_ROOT_CRL_NOT_YET_VALID};

static const struct attest_crl_codes pck_crl_codes = {
    ATTEST_PCK_CRL_FORMAT, ATTEST_PCK_CRL_ISSUER, ATTEST_PCK_CRL_SIGNATURE, ATTEST_PCK_CRL_EXPIRED,
    ATTEST_PCK_CRL_NOT_YET_VALID};

static const struct signed_kind tcb_info_kind = {
    .part = ATTEST_PART_TCB_INFO,
    .chain_part = ATTEST_PART_TCB_CHAIN,
    .name = "tcbInfo",
    .chain = {ATTEST_TCB_CHAIN_FORMAT, ATTEST_TCB_CHAIN_UNTRUSTED, ATTEST_TCB_CHAIN_INVALID,
              ATTEST_TCB_CHAIN_EXPIRED, ATTEST_TCB_CHAIN_NOT_YET_VALID},
    .format = ATTEST_TCB_INFO_FORMAT,
    .signature = ATTEST_TCB_INFO_SIGNATURE,
    .revoked = ATTEST_TCB_SIGNER_REVOKED,
};

static const struct signed_kind qe_identity_kind = {
    .part = ATTEST_PART_QE_IDENTITY,
    .chain_part = ATTEST_PART_QE_CHAIN,
    .name = "enclaveIdentity",
    .chain = {ATTEST_QE_CHAIN_FORMAT, ATTEST_QE_CHAIN_UNTRUSTED, ATTEST_QE_CHAIN_INVALID,
              ATTEST_QE_CHAIN_EXPIRED, ATTEST_QE_CHAIN_NOT_YET_VALID},
    .format = ATTEST_QE_IDENTITY_FORMAT,
    .signature = ATTEST_QE_IDENTITY_SIGNATURE,
    .revoked = ATTEST_QE_SIGNER_REVOKED,
};

// Everything that one verification holds. Facts are the cache's, or its own and freed at the end
// unless the cache takes them.
struct work {
    const struct attest_evidence *in;
    struct attest_cache *cache; // may be NULL
    struct attest_quote quote;
    const struct attest_root *root;
    const struct attest_pck_facts *pck;
    const struct attest_collateral_facts *collateral;
    struct attest_pck_facts *own_pck;
    struct attest_collateral_facts *own_collateral; // NULL when the cache had them
    struct attest_qe_facts qe;
    bool new_qe;
    struct attest_window window;
};

static struct span part(const struct work *w, enum attest_part p)
{
    return w->own_collateral->parts[p];
}

static void narrow(struct attest_window *window, const struct attest_window *by)
{
    window->from = MAX(window->from, by->from);
    window->until = MIN(window->until, by->until);
}

// In the quote itself, or beside a quote that only says which platform it is.
static enum attest_code find_pck_chain(const struct work *w, struct span *ret)
{
    struct span supplied = w->in->collateral.parts[ATTEST_PART_PCK_CHAIN];
    switch (w->quote.certdata_type) {
    case SGX_QUOTE_CERTDATA_PCK_CHAIN:
        *ret = w->quote.certdata;
        return ATTEST_OK;
    case SGX_QUOTE_CERTDATA_PPID:
        if (w->quote.certdata.size != SGX_QUOTE_PPID_DATA_SIZE)
            return ATTEST_QUOTE_FORMAT;
        if (!supplied.size)
            return ATTEST_CERTIFICATION_UNSUPPORTED;
        *ret = supplied;
        return ATTEST_OK;
    default:
        return ATTEST_CERTIFICATION_UNSUPPORTED;
    }
}

static enum attest_code verify_pck_chain(struct work *w, struct attest_pck_facts *f)
{
    static const char *const names[] = {"SGX PCK Certificate", " CA", "SGX Root CA"};
    enum attest_code code = attest_chain_load(f->pem, PCK_CHAIN_COUNT, &pck_chain_codes, &f->chain);
    if (!code)
        code = attest_chain_verify(&f->chain, names, w->in->now, &w->in->roots, &pck_chain_codes,
                                   &f->window, &w->root);
    if (code)
        return code;
    memcpy(f->root_key_hash, w->root->key_hash, sizeof f->root_key_hash);
    return attest_pck_parse(f->chain.certs[0].sgx_extension, &f->pck);
}

static enum attest_code check_pck_chain(struct work *w)
{
    struct span pem;
    enum attest_code code = find_pck_chain(w, &pem);
    if (code)
        return code;
    w->pck = attest_cache_pck(w->cache, pem, w->in->now);
    if (w->pck) {
        w->root = attest_root_find(&w->in->roots, w->pck->root_key_hash);
        code = w->root ? ATTEST_OK : pck_chain_codes.untrusted;
    } else {
        struct attest_pck_facts *f = calloc(1, sizeof *f);
        uint8_t *copy = malloc(pem.size);
        if (!f || !copy) {
            free(f);
            free(copy);
            return ATTEST_INTERNAL;
        }
        memcpy(copy, pem.data, pem.size);
        f->pem = SPAN(copy, pem.size);
        f->window = (struct attest_window){0, INT64_MAX};
        w->pck = w->own_pck = f;
        code = verify_pck_chain(w, f);
    }
    narrow(&w->window, &w->pck->window);
    return code;
}

// Takes the facts from the cache, or a copy of the parts to find them out.
static enum attest_code take_collateral(struct work *w)
{
    const struct attest_collateral *in = &w->in->collateral;
    w->collateral = attest_cache_collateral(w->cache, in, w->in->now);
    if (w->collateral)
        return ATTEST_OK;
    size_t size = 0;
    for (int i = ATTEST_PART_PCK_CRL; i < ATTEST_PART_COUNT; i++)
        size += in->parts[i].size;
    struct attest_collateral_facts *f = calloc(1, sizeof *f);
    uint8_t *storage = size <= ATTEST_BUNDLE_SIZE_MAX ? malloc(size + 1) : NULL;
    if (!f || !storage) {
        free(f);
        free(storage);
        return size > ATTEST_BUNDLE_SIZE_MAX ? ATTEST_TCB_INFO_FORMAT : ATTEST_INTERNAL;
    }
    f->storage = storage;
    f->window = (struct attest_window){0, INT64_MAX};
    for (int i = ATTEST_PART_PCK_CRL; i < ATTEST_PART_COUNT; i++) {
        f->parts[i] = SPAN(storage, in->parts[i].size);
        memcpy(storage, in->parts[i].data, in->parts[i].size);
        storage += in->parts[i].size;
    }
    w->collateral = w->own_collateral = f;
    return ATTEST_OK;
}

// The CRLs of collateral that is known: everything but the PCK's issuer was compared before.
static enum attest_code check_known_crls(struct work *w)
{
    const struct attest_collateral_facts *f = w->collateral;
    const struct attest_cert *ca = &w->pck->chain.certs[1], *root = &w->pck->chain.certs[2];
    struct attest_window window = f->window;
    if (!ct_equal(f->root_key_hash, w->root->key_hash, sizeof f->root_key_hash))
        return root_crl_codes.signature;
    enum attest_code code =
        attest_crl_check(&f->root_crl, root, w->in->now, &root_crl_codes, &window);
    if (code)
        return code;
    return ct_equal(f->pck_ca_key, ca->key, sizeof f->pck_ca_key)
               ? attest_crl_check(&f->pck_crl, ca, w->in->now, &pck_crl_codes, &window)
               : attest_crl_verify(&f->pck_crl, ca, w->in->now, &pck_crl_codes, &window);
}

static enum attest_code check_new_root_crl(struct work *w)
{
    struct attest_collateral_facts *f = w->own_collateral;
    const struct attest_cert *root = &w->pck->chain.certs[2];
    enum attest_code code =
        attest_crl_load(part(w, ATTEST_PART_ROOT_CA_CRL), &root_crl_codes, &f->root_crl);
    if (!code)
        code = attest_crl_verify(&f->root_crl, root, w->in->now, &root_crl_codes, &f->window);
    memcpy(f->root_key_hash, w->root->key_hash, sizeof f->root_key_hash);
    return code;
}

static enum attest_code check_new_pck_crl(struct work *w)
{
    struct attest_collateral_facts *f = w->own_collateral;
    const struct attest_cert *ca = &w->pck->chain.certs[1];
    enum attest_code code =
        attest_crl_load(part(w, ATTEST_PART_PCK_CRL), &pck_crl_codes, &f->pck_crl);
    if (!code)
        code = attest_crl_verify(&f->pck_crl, ca, w->in->now, &pck_crl_codes, &f->window);
    memcpy(f->pck_ca_key, ca->key, sizeof f->pck_ca_key);
    return code;
}

static enum attest_code check_revocation(struct work *w)
{
    const struct attest_cert *certs = w->pck->chain.certs;
    enum attest_code code = take_collateral(w);
    if (!code)
        code = w->own_collateral ? check_new_root_crl(w) : check_known_crls(w);
    if (!code && attest_crl_lists(&w->collateral->root_crl, certs[1].serial))
        code = ATTEST_PCK_CA_REVOKED;
    if (!code && w->own_collateral)
        code = check_new_pck_crl(w);
    if (!code && attest_crl_lists(&w->collateral->pck_crl, certs[0].serial))
        code = ATTEST_PCK_REVOKED;
    return code;
}

static enum attest_code verify_bytes(const uint8_t *key, struct span bytes,
                                     const uint8_t signature[64], enum attest_code mismatch)
{
    uint8_t digest[32];
    sha256(bytes, digest);
    return is_ok(p256_verify(key, digest, signature)) ? ATTEST_OK : mismatch;
}

// A signer's chain up to the quote's own root, verified once when both documents bring the same.
struct signer {
    struct span pem;
    struct attest_chain chain;
};

static enum attest_code check_signer(struct work *w, const struct signed_kind *kind,
                                     struct signer *signer)
{
    static const char *const names[] = {"SGX TCB Signing", "SGX Root CA"};
    struct span pem = part(w, kind->chain_part);
    const struct attest_root *root = NULL;
    if (signer->chain.count && span_compare(pem, signer->pem) == 0)
        return ATTEST_OK;
    attest_chain_done(&signer->chain);
    enum attest_code code =
        attest_chain_load(pem, SIGNER_CHAIN_COUNT, &kind->chain, &signer->chain);
    if (!code)
        code = attest_chain_verify(&signer->chain, names, w->in->now, &w->in->roots, &kind->chain,
                                   &w->own_collateral->window, &root);
    if (!code && root != w->root)
        code = kind->chain.untrusted;
    if (!code && attest_crl_lists(&w->collateral->root_crl, signer->chain.certs[0].serial))
        code = kind->revoked;
    signer->pem = pem;
    return code;
}

static enum attest_code check_signed(struct work *w, const struct signed_kind *kind,
                                     struct signer *signer, struct span *ret_body)
{
    struct attest_signed_json doc;
    if (!is_ok(attest_json_split(part(w, kind->part), kind->name, &doc)))
        return kind->format;
    enum attest_code code = check_signer(w, kind, signer);
    if (!code)
        code = verify_bytes(signer->chain.certs[0].key, doc.body, doc.signature, kind->signature);
    *ret_body = doc.body;
    return code;
}

static enum attest_code check_dates(struct work *w, int64_t from, int64_t until,
                                    enum attest_code early, enum attest_code late)
{
    const struct attest_window window = {from, until};
    if (w->in->now < from)
        return early;
    if (w->in->now > until)
        return late;
    narrow(&w->own_collateral->window, &window);
    return ATTEST_OK;
}

static enum attest_code match_tcb_info(const struct work *w)
{
    const struct attest_tcb_info *info = &w->collateral->tcb_info;
    const struct attest_pck *pck = &w->pck->pck;
    return info->tdx == w->quote.tdx && ct_equal(info->fmspc, pck->fmspc, sizeof info->fmspc) &&
                   ct_equal(info->pceid, pck->pceid, sizeof info->pceid)
               ? ATTEST_OK
               : ATTEST_TCB_INFO_MISMATCH;
}

static enum attest_code match_qe_identity(const struct work *w)
{
    const struct attest_qe_identity *identity = &w->collateral->qe_identity;
    return (w->quote.tdx ? identity->is_td_qe : identity->is_qe) ? ATTEST_OK
                                                                 : ATTEST_QE_IDENTITY_MISMATCH;
}

static enum attest_code check_new_documents(struct work *w, struct signer *signer)
{
    struct span body;
    struct attest_tcb_info *info = &w->own_collateral->tcb_info;
    struct attest_qe_identity *identity = &w->own_collateral->qe_identity;
    enum attest_code code = check_signed(w, &tcb_info_kind, signer, &body);
    if (!code)
        code = attest_tcb_info_parse(body, info);
    if (!code)
        code = check_dates(w, info->issue_date, info->next_update, ATTEST_TCB_INFO_NOT_YET_VALID,
                           ATTEST_TCB_INFO_EXPIRED);
    if (!code)
        code = match_tcb_info(w);
    if (!code)
        code = check_signed(w, &qe_identity_kind, signer, &body);
    if (!code)
        code = attest_qe_identity_parse(body, identity);
    if (!code)
        code = check_dates(w, identity->issue_date, identity->next_update,
                           ATTEST_QE_IDENTITY_NOT_YET_VALID, ATTEST_QE_IDENTITY_EXPIRED);
    return code;
}

static enum attest_code check_documents(struct work *w)
{
    struct signer signer = {.chain = {.count = 0}};
    enum attest_code code = w->own_collateral ? check_new_documents(w, &signer) : match_tcb_info(w);
    attest_chain_done(&signer.chain);
    narrow(&w->window, &w->collateral->window);
    return code ? code : match_qe_identity(w);
}

// PCK signs the QE report, the QE report binds the attestation key, that key signs header and body.
static enum attest_code check_quote_signatures(struct work *w)
{
    const struct attest_quote *quote = &w->quote;
    struct attest_qe_facts *qe = &w->qe;
    uint8_t bound[64] = {0};
    struct sha256_ctx hash;
    memcpy(qe->key, w->pck->chain.certs[0].key, sizeof qe->key);
    memcpy(qe->report, quote->qe_report_bytes.data, sizeof qe->report);
    memcpy(qe->signature, quote->sig.qe_report_signature, sizeof qe->signature);
    w->new_qe = !attest_cache_has_qe(w->cache, qe, w->in->now);
    enum attest_code code = w->new_qe ? verify_bytes(qe->key, quote->qe_report_bytes, qe->signature,
                                                     ATTEST_QE_REPORT_SIGNATURE)
                                      : ATTEST_OK;
    if (code)
        return code;
    // Intel, quote format A.4: SHA-256(attestation key | authentication data), then 32 zero bytes
    sha256_init(&hash);
    sha256_update(&hash, quote->sig.attestation_key, sizeof quote->sig.attestation_key);
    sha256_update(&hash, quote->auth_data.data, quote->auth_data.size);
    sha256_final(&hash, bound);
    if (!ct_equal(bound, quote->sig.qe_report.reportdata, sizeof bound))
        return ATTEST_QE_REPORT_DATA;
    return verify_bytes(quote->sig.attestation_key, quote->signed_bytes, quote->sig.signature,
                        ATTEST_QUOTE_SIGNATURE);
}

static bool masked_equal(const void *value, const uint8_t *mask, const uint8_t *expected,
                         size_t size)
{
    const uint8_t *v = value;
    uint8_t diff = 0;
    for (size_t i = 0; i < size; i++)
        diff |= (uint8_t)((v[i] & mask[i]) ^ (expected[i] & mask[i]));
    return diff == 0;
}

static enum attest_code check_qe(const struct sgx_report_body *qe,
                                 const struct attest_qe_identity *id)
{
    if (qe->attributes.flags & SGX_FLAGS_DEBUG)
        return ATTEST_QE_DEBUG;
    if (!masked_equal(&qe->miscselect, id->miscselect_mask, id->miscselect, 4))
        return ATTEST_QE_MISCSELECT;
    if (!masked_equal(&qe->attributes, id->attributes_mask, id->attributes, 16))
        return ATTEST_QE_ATTRIBUTES;
    if (!ct_equal(qe->mrsigner, id->mrsigner, sizeof id->mrsigner))
        return ATTEST_QE_MRSIGNER;
    if (qe->isvprodid != id->isvprodid)
        return ATTEST_QE_ISVPRODID;
    return ATTEST_OK;
}

// Intel's quote verification, 4.1.2.4.11: who signed the TDX module, and with which attributes.
static enum attest_code check_module(const struct attest_quote *quote,
                                     const struct attest_tcb_info *info)
{
    const struct tdx_report_body *td = &quote->td;
    const struct attest_tdx_module *module =
        quote->tdx ? attest_tcb_info_module(info, td->tee_tcb_svn[1]) : NULL;
    if (!quote->tdx)
        return ATTEST_OK;
    if (!module || !ct_equal(td->mrsignerseam, module->mrsigner, sizeof module->mrsigner) ||
        td->seamattributes != 0 || !is_zero(module->attributes, sizeof module->attributes))
        return ATTEST_TDX_MODULE_MISMATCH;
    return ATTEST_OK;
}

static enum attest_code choose_levels(struct work *w, struct attest_claims *claims)
{
    const struct attest_quote *quote = &w->quote;
    const struct attest_measured measured = {
        .pck = &w->pck->pck,
        .qe_isvsvn = quote->sig.qe_report.isvsvn,
        .td = quote->tdx ? &quote->td : NULL,
        .td15 = quote->td15,
    };
    struct attest_decision d;
    enum attest_code code = check_qe(&quote->sig.qe_report, &w->collateral->qe_identity);
    if (!code)
        code = check_module(quote, &w->collateral->tcb_info);
    if (!code)
        code = attest_decide(&measured, &w->collateral->tcb_info, &w->collateral->qe_identity, &d);
    if (code)
        return code;
    claims->tcb_status = d.status;
    claims->platform_status = d.platform;
    claims->qe_status = d.qe;
    claims->module_status = d.module;
    claims->tcb_date = d.platform_date;
    claims->qe_tcb_date = d.qe_date;
    claims->module_tcb_date = d.module_date;
    claims->qe_isvsvn = measured.qe_isvsvn;
    claims->advisories = d.advisories;
    return ATTEST_OK;
}

static enum attest_code judge(struct work *w, struct attest_claims *claims)
{
    static enum attest_code (*const stages[])(struct work *) = {
        check_pck_chain,
        check_revocation,
        check_documents,
        check_quote_signatures,
    };
    enum attest_code code = attest_quote_parse(w->in->quote, &w->quote);
    for (size_t i = 0; !code && i < ARRAY_COUNT(stages); i++)
        code = stages[i](w);
    if (!code)
        code = choose_levels(w, claims);
    if (code)
        return code;
    claims->tee = w->quote.tdx ? ATTEST_TEE_TDX : ATTEST_TEE_SGX;
    claims->quote_version = w->quote.header.version;
    claims->body = w->quote.body;
    claims->td = w->quote.td;
    claims->td15 = w->quote.td15;
    claims->debug = (claims->body.attributes.flags & SGX_FLAGS_DEBUG) ||
                    (claims->td.tdattributes & TDX_ATTRIBUTES_DEBUG);
    memcpy(claims->root, w->root->name, sizeof claims->root - 1);
    claims->emulated = w->root != &attest_root_intel;
    claims->tcb_evaluation =
        MIN(w->collateral->tcb_info.evaluation, w->collateral->qe_identity.evaluation);
    claims->pck = w->pck->pck;
    claims->issued_at = w->window.from;
    claims->valid_until = w->window.until;
    return ATTEST_OK;
}

// What a genuine verdict rested on is remembered; all else ends here.
static void work_done(struct work *w, bool genuine)
{
    if (genuine && w->cache && w->new_qe) {
        w->qe.until = w->window.until;
        attest_cache_put_qe(w->cache, &w->qe);
    }
    if (genuine && w->cache && w->own_pck)
        attest_cache_put_pck(w->cache, w->own_pck);
    else
        attest_pck_facts_free(w->own_pck);
    if (genuine && w->cache && w->own_collateral)
        attest_cache_put_collateral(w->cache, w->own_collateral);
    else
        attest_collateral_facts_free(w->own_collateral);
}

void attest_pck_facts_free(struct attest_pck_facts *facts)
{
    if (!facts)
        return;
    attest_chain_done(&facts->chain);
    free((void *)(uintptr_t)facts->pem.data);
    free(facts);
}

void attest_collateral_facts_free(struct attest_collateral_facts *facts)
{
    if (!facts)
        return;
    attest_tcb_info_done(&facts->tcb_info);
    attest_qe_identity_done(&facts->qe_identity);
    free(facts->storage);
    free(facts);
}

struct result attest_verify_cached(const struct attest_evidence *evidence,
                                   struct attest_cache *cache, struct attest_verdict *ret)
{
    memset(ret, 0, sizeof *ret);
    ret->code = ATTEST_COLLATERAL_MISSING;
    for (int i = ATTEST_PART_PCK_CRL; i < ATTEST_PART_COUNT; i++)
        if (!evidence->collateral.parts[i].data)
            return attest_code_result(ret->code);

    struct work w;
    memset(&w, 0, sizeof w);
    w.in = evidence;
    w.cache = cache;
    w.window = (struct attest_window){.from = 0, .until = INT64_MAX};
    ERR_set_mark();
    ret->code = judge(&w, &ret->claims);
    ERR_pop_to_mark(); // a refusal leaves no entry in OpenSSL's queue for others to find
    work_done(&w, ret->code == ATTEST_OK);
    if (ret->code)
        memset(&ret->claims, 0, sizeof ret->claims);
    return attest_code_result(ret->code);
}

struct result attest_verify(const struct attest_evidence *evidence, struct attest_verdict *ret)
{
    return attest_verify_cached(evidence, NULL, ret);
}
