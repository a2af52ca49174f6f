// SPDX-License-Identifier: Apache-2.0
// The DCAP decision for SGX and TDX quotes. Each stage checks all that it uses before the next stage
// uses it: form, PCK chain, revocation, TCB info, QE identity, then the quote's own signatures, then
// the levels.
#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "attest/attest.h"
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

// Everything that one verification holds; ended by work_done().
struct work {
    const struct attest_evidence *in;
    struct attest_quote quote;
    struct attest_chain pck_chain;
    const struct attest_root *root;
    X509_CRL *root_crl, *pck_crl;
    struct attest_pck pck;
    struct attest_tcb_info tcb_info;
    struct attest_qe_identity qe_identity;
    struct attest_window window;
};

static void work_done(struct work *w)
{
    attest_chain_done(&w->pck_chain);
    X509_CRL_free(w->root_crl);
    X509_CRL_free(w->pck_crl);
    attest_tcb_info_done(&w->tcb_info);
    attest_qe_identity_done(&w->qe_identity);
}

static struct span part(const struct work *w, enum attest_part p)
{
    return w->in->collateral.parts[p];
}

// In the quote itself, or beside a quote that only says which platform it is.
static enum attest_code find_pck_chain(const struct work *w, struct span *ret)
{
    struct span supplied = part(w, ATTEST_PART_PCK_CHAIN);
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

static enum attest_code check_pck_chain(struct work *w)
{
    static const char *const names[] = {"SGX PCK Certificate", " CA", "SGX Root CA"};
    struct span extension;
    struct span pem;
    enum attest_code code = find_pck_chain(w, &pem);
    if (!code)
        code = attest_chain_load(pem, PCK_CHAIN_COUNT, &pck_chain_codes, &w->pck_chain);
    if (code)
        return code;
    code = attest_chain_verify(&w->pck_chain, names, w->in->now, &w->in->roots, &pck_chain_codes,
                               &w->window, &w->root);
    if (code)
        return code;
    if (!is_ok(attest_cert_extension(w->pck_chain.certs[0], ATTEST_SGX_EXTENSION_OID, &extension)))
        return ATTEST_PCK_EXTENSION_FORMAT;
    return attest_pck_parse(extension, &w->pck);
}

static enum attest_code check_revocation(struct work *w)
{
    X509 *leaf = w->pck_chain.certs[0], *ca = w->pck_chain.certs[1], *root = w->pck_chain.certs[2];
    enum attest_code code =
        attest_crl_load(part(w, ATTEST_PART_ROOT_CA_CRL), &root_crl_codes, &w->root_crl);
    if (!code)
        code = attest_crl_verify(w->root_crl, root, w->in->now, &root_crl_codes, &w->window);
    if (!code && attest_crl_lists(w->root_crl, ca))
        code = ATTEST_PCK_CA_REVOKED;
    if (!code)
        code = attest_crl_load(part(w, ATTEST_PART_PCK_CRL), &pck_crl_codes, &w->pck_crl);
    if (!code)
        code = attest_crl_verify(w->pck_crl, ca, w->in->now, &pck_crl_codes, &w->window);
    if (!code && attest_crl_lists(w->pck_crl, leaf))
        code = ATTEST_PCK_REVOKED;
    return code;
}

static enum attest_code verify_bytes(const uint8_t key[64], struct span bytes,
                                     const uint8_t signature[64], enum attest_code mismatch)
{
    uint8_t digest[32];
    sha256(bytes, digest);
    return is_ok(p256_verify(key, digest, signature)) ? ATTEST_OK : mismatch;
}

// The document's chain up to the quote's own root, and its signature over its bytes.
static enum attest_code check_signed(struct work *w, const struct signed_kind *kind,
                                     struct span *ret_body)
{
    static const char *const names[] = {"SGX TCB Signing", "SGX Root CA"};
    struct attest_signed_json doc;
    struct attest_chain chain = {0};
    const struct attest_root *root = NULL;
    uint8_t key[64];
    if (!is_ok(attest_json_split(part(w, kind->part), kind->name, &doc)))
        return kind->format;
    enum attest_code code =
        attest_chain_load(part(w, kind->chain_part), SIGNER_CHAIN_COUNT, &kind->chain, &chain);
    if (!code)
        code = attest_chain_verify(&chain, names, w->in->now, &w->in->roots, &kind->chain,
                                   &w->window, &root);
    if (!code && root != w->root)
        code = kind->chain.untrusted;
    if (!code && attest_crl_lists(w->root_crl, chain.certs[0]))
        code = kind->revoked;
    if (!code) {
        attest_cert_key(chain.certs[0], key);
        code = verify_bytes(key, doc.body, doc.signature, kind->signature);
    }
    attest_chain_done(&chain);
    if (!code)
        *ret_body = doc.body;
    return code;
}

static enum attest_code check_dates(struct work *w, int64_t from, int64_t until,
                                    enum attest_code early, enum attest_code late)
{
    if (w->in->now < from)
        return early;
    if (w->in->now > until)
        return late;
    w->window.from = MAX(w->window.from, from);
    w->window.until = MIN(w->window.until, until);
    return ATTEST_OK;
}

static enum attest_code check_tcb_info(struct work *w)
{
    struct span body;
    struct attest_tcb_info *info = &w->tcb_info;
    enum attest_code code = check_signed(w, &tcb_info_kind, &body);
    if (!code)
        code = attest_tcb_info_parse(body, info);
    if (!code)
        code = check_dates(w, info->issue_date, info->next_update, ATTEST_TCB_INFO_NOT_YET_VALID,
                           ATTEST_TCB_INFO_EXPIRED);
    if (!code &&
        (info->tdx != w->quote.tdx || !ct_equal(info->fmspc, w->pck.fmspc, sizeof info->fmspc) ||
         !ct_equal(info->pceid, w->pck.pceid, sizeof info->pceid)))
        code = ATTEST_TCB_INFO_MISMATCH;
    return code;
}

static enum attest_code check_qe_identity(struct work *w)
{
    struct span body;
    struct attest_qe_identity *identity = &w->qe_identity;
    enum attest_code code = check_signed(w, &qe_identity_kind, &body);
    if (!code)
        code = attest_qe_identity_parse(body, identity);
    if (!code)
        code = check_dates(w, identity->issue_date, identity->next_update,
                           ATTEST_QE_IDENTITY_NOT_YET_VALID, ATTEST_QE_IDENTITY_EXPIRED);
    if (!code && !(w->quote.tdx ? identity->is_td_qe : identity->is_qe))
        code = ATTEST_QE_IDENTITY_MISMATCH;
    return code;
}

// PCK signs the QE report, the QE report binds the attestation key, that key signs header and body.
static enum attest_code check_quote_signatures(struct work *w)
{
    const struct attest_quote *quote = &w->quote;
    uint8_t key[64], bound[64] = {0};
    struct sha256_ctx hash;
    attest_cert_key(w->pck_chain.certs[0], key);
    enum attest_code code = verify_bytes(
        key, quote->qe_report_bytes, quote->sig.qe_report_signature, ATTEST_QE_REPORT_SIGNATURE);
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
        .pck = &w->pck,
        .qe_isvsvn = quote->sig.qe_report.isvsvn,
        .td = quote->tdx ? &quote->td : NULL,
        .td15 = quote->td15,
    };
    struct attest_decision d;
    enum attest_code code = check_qe(&quote->sig.qe_report, &w->qe_identity);
    if (!code)
        code = check_module(quote, &w->tcb_info);
    if (!code)
        code = attest_decide(&measured, &w->tcb_info, &w->qe_identity, &d);
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
        check_pck_chain,   check_revocation,       check_tcb_info,
        check_qe_identity, check_quote_signatures,
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
    claims->tcb_evaluation = MIN(w->tcb_info.evaluation, w->qe_identity.evaluation);
    claims->pck = w->pck;
    claims->issued_at = w->window.from;
    claims->valid_until = w->window.until;
    return ATTEST_OK;
}

struct result attest_verify(const struct attest_evidence *evidence, struct attest_verdict *ret)
{
    memset(ret, 0, sizeof *ret);
    ret->code = ATTEST_COLLATERAL_MISSING;
    for (int i = ATTEST_PART_PCK_CRL; i < ATTEST_PART_COUNT; i++)
        if (!evidence->collateral.parts[i].data)
            return attest_code_result(ret->code);

    ret->code = ATTEST_INTERNAL;
    struct work *w = calloc(1, sizeof *w);
    if (!w)
        return attest_code_result(ret->code);
    w->in = evidence;
    w->window = (struct attest_window){.from = 0, .until = INT64_MAX};
    ERR_set_mark();
    ret->code = judge(w, &ret->claims);
    ERR_pop_to_mark(); // a refusal leaves no entry in OpenSSL's queue for others to find
    work_done(w);
    free(w);
    if (ret->code)
        memset(&ret->claims, 0, sizeof ret->claims);
    return attest_code_result(ret->code);
}
