// SPDX-License-Identifier: Apache-2.0
#include "quoting/pki.h"

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attest/pck.h"
#include "attest/time.h"
#include "base/hex.h"
#include "crypto/p256.h"
#include "crypto/sha256.h"

#define CERTS_FROM     1704067200 // 2024-01-01, before every emulated platform
#define CERTS_UNTIL    2524607999 // 2049-12-31, the end of UTCTime
#define DOCUMENT_SIZE  4096u
#define TCB_DATE       "2024-01-01T00:00:00Z"
#define EVALUATION     1
#define PCESVN         1
#define ORGANIZATION   "Cloister emulated platform, no protection"
#define CRL_URI        "URI:https://emulated.invalid/crl"
#define ATTRIBUTESMASK "FFFFFFFFFFFFFFFF0000000000000000"

static const uint8_t fmspc[ATTEST_FMSPC_SIZE] = {'E', 'M', 'U', 'L', 'A', 'T'};
static const uint8_t pceid[ATTEST_PCEID_SIZE] = {0, 0};

struct certs {
    X509 *root, *ca, *pck, *signer;
};

struct cert_spec {
    const char *name;
    enum quoting_key key, issuer_key;
    X509 *issuer;      // NULL: self-signed
    const char *basic; // basicConstraints
    const char *usage;
    struct span sgx_extension;
};

struct result quoting_pki_keys(const struct quoting_pki_params *params, struct quoting_pki *ret)
{
    struct quoting_pki pki = {.qe = params->qe};
    EVP_PKEY *root = NULL;
    unsigned char *der = NULL;
    for (int i = 0; i < QUOTING_KEY_COUNT; i++)
        GUARD(p256_key_from_seed(params->seeds[i], pki.private_keys[i], pki.public_keys[i]));
    GUARD(p256_evp_public(pki.public_keys[QUOTING_KEY_ROOT], &root));
    int size = i2d_PUBKEY(root, &der);
    EVP_PKEY_free(root);
    REQUIRE(size > 0, ERR_CRYPTO, "cannot encode the root's key");
    sha256(SPAN(der, (size_t)size), pki.root_hash);
    OPENSSL_free(der);
    *ret = pki;
    wipe(&pki, sizeof pki);
    return RESULT_OK;
}

void quoting_pki_done(struct quoting_pki *pki)
{
    free((void *)(uintptr_t)pki->root_ca_pem.data);
    for (int i = 0; i < ATTEST_PART_COUNT; i++)
        free((void *)(uintptr_t)pki->collateral.parts[i].data);
    wipe(pki, sizeof *pki);
}

static bool add_extension(X509 *cert, X509V3_CTX *ctx, int nid, const char *value)
{
    X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, ctx, nid, value);
    bool ok = ext && X509_add_ext(cert, ext, -1) == 1;
    X509_EXTENSION_free(ext);
    return ok;
}

static bool add_sgx_extension(X509 *cert, struct span content)
{
    bool ok = false;
    ASN1_OBJECT *oid = OBJ_txt2obj(ATTEST_SGX_EXTENSION_OID, 1);
    ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
    if (oid && value && ASN1_OCTET_STRING_set(value, content.data, (int)content.size) == 1) {
        X509_EXTENSION *ext = X509_EXTENSION_create_by_OBJ(NULL, oid, 0, value);
        ok = ext && X509_add_ext(cert, ext, -1) == 1;
        X509_EXTENSION_free(ext);
    }
    ASN1_OCTET_STRING_free(value);
    ASN1_OBJECT_free(oid);
    return ok;
}

// The serial number is a hash of the key, so it is the same for the same key: 20 bytes, positive.
static bool set_serial(X509 *cert, const uint8_t public_key[64])
{
    uint8_t hash[SHA256_SIZE];
    sha256(SPAN(public_key, 64), hash);
    hash[0] = (hash[0] & 0x7f) | 0x40;
    BIGNUM *n = BN_bin2bn(hash, 20, NULL);
    bool ok = n && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(cert));
    BN_free(n);
    return ok;
}

static bool set_names(X509 *cert, const char *name, X509 *issuer)
{
    X509_NAME *subject = X509_get_subject_name(cert);
    return X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const uint8_t *)name, -1, -1,
                                      0) == 1 &&
           X509_NAME_add_entry_by_txt(subject, "O", MBSTRING_ASC, (const uint8_t *)ORGANIZATION, -1,
                                      -1, 0) == 1 &&
           X509_set_issuer_name(cert, issuer ? X509_get_subject_name(issuer) : subject) == 1;
}

static bool fill_cert(X509 *cert, const struct quoting_pki *pki, const struct cert_spec *spec,
                      EVP_PKEY *key, EVP_PKEY *issuer_key)
{
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, spec->issuer ? spec->issuer : cert, cert, NULL, NULL, 0);
    return X509_set_version(cert, X509_VERSION_3) == 1 &&
           set_serial(cert, pki->public_keys[spec->key]) &&
           set_names(cert, spec->name, spec->issuer) &&
           ASN1_TIME_set(X509_getm_notBefore(cert), CERTS_FROM) &&
           ASN1_TIME_set(X509_getm_notAfter(cert), CERTS_UNTIL) &&
           X509_set_pubkey(cert, key) == 1 &&
           add_extension(cert, &ctx, NID_subject_key_identifier, "hash") &&
           add_extension(cert, &ctx, NID_authority_key_identifier, "keyid:always") &&
           add_extension(cert, &ctx, NID_crl_distribution_points, CRL_URI) &&
           add_extension(cert, &ctx, NID_key_usage, spec->usage) &&
           add_extension(cert, &ctx, NID_basic_constraints, spec->basic) &&
           (!spec->sgx_extension.data || add_sgx_extension(cert, spec->sgx_extension)) &&
           X509_sign(cert, issuer_key, EVP_sha256()) > 0;
}

static struct result make_cert(const struct quoting_pki *pki, const struct cert_spec *spec,
                               X509 **ret)
{
    EVP_PKEY *key = NULL, *issuer_key = NULL;
    X509 *cert = X509_new();
    struct result r = cert ? RESULT_OK : fail(ERR_MEMORY, "out of memory");
    if (is_ok(r))
        r = p256_evp_public(pki->public_keys[spec->key], &key);
    if (is_ok(r))
        r = p256_evp_private(pki->private_keys[spec->issuer_key], &issuer_key);
    if (is_ok(r) && !fill_cert(cert, pki, spec, key, issuer_key))
        r = fail(ERR_CRYPTO, "cannot make a certificate");
    EVP_PKEY_free(key);
    EVP_PKEY_free(issuer_key);
    if (is_ok(r))
        *ret = cert;
    else
        X509_free(cert);
    return r;
}

static struct result make_certs(const struct quoting_pki *pki,
                                const struct quoting_pki_params *params, struct certs *certs)
{
    uint8_t extension[ATTEST_PCK_EXTENSION_SIZE_MAX];
    size_t extension_size;
    struct attest_pck pck = {.pcesvn = PCESVN};
    const char *ca_usage = "critical,keyCertSign,cRLSign";
    const char *leaf_usage = "critical,digitalSignature,nonRepudiation";
    memcpy(pck.ppid, params->ppid, sizeof pck.ppid);
    memcpy(pck.components, params->cpusvn, sizeof pck.components);
    memcpy(pck.cpusvn, params->cpusvn, sizeof pck.cpusvn);
    memcpy(pck.fmspc, fmspc, sizeof pck.fmspc);
    memcpy(pck.pceid, pceid, sizeof pck.pceid);
    GUARD(attest_pck_write(&pck, extension, &extension_size));

    const struct cert_spec root = {
        "EMULATED SGX Root CA",       QUOTING_KEY_ROOT, QUOTING_KEY_ROOT, NULL,
        "critical,CA:TRUE,pathlen:1", ca_usage,         {NULL, 0}};
    GUARD(make_cert(pki, &root, &certs->root));
    const struct cert_spec ca = {
        "EMULATED SGX PCK Platform CA", QUOTING_KEY_CA, QUOTING_KEY_ROOT, certs->root,
        "critical,CA:TRUE,pathlen:0",   ca_usage,       {NULL, 0}};
    GUARD(make_cert(pki, &ca, &certs->ca));
    const struct cert_spec leaf = {"EMULATED SGX PCK Certificate",
                                   QUOTING_KEY_PCK,
                                   QUOTING_KEY_CA,
                                   certs->ca,
                                   "critical,CA:FALSE",
                                   leaf_usage,
                                   SPAN(extension, extension_size)};
    GUARD(make_cert(pki, &leaf, &certs->pck));
    const struct cert_spec signer = {
        "EMULATED SGX TCB Signing", QUOTING_KEY_SIGNER, QUOTING_KEY_ROOT, certs->root,
        "critical,CA:FALSE",        leaf_usage,         {NULL, 0}};
    return make_cert(pki, &signer, &certs->signer);
}

static struct result copy_part(const void *data, size_t size, struct span *ret)
{
    uint8_t *copy = malloc(size + 1);
    REQUIRE(copy, ERR_MEMORY, "out of memory");
    memcpy(copy, data, size);
    copy[size] = 0;
    *ret = SPAN(copy, size);
    return RESULT_OK;
}

static struct result put_pem(X509 *const certs[], size_t count, struct span *ret)
{
    char *text = NULL;
    BIO *bio = BIO_new(BIO_s_mem());
    bool ok = bio != NULL;
    for (size_t i = 0; ok && i < count; i++)
        ok = PEM_write_bio_X509(bio, certs[i]) == 1;
    long size = ok ? BIO_get_mem_data(bio, &text) : 0;
    struct result r = size > 0 ? copy_part(text, (size_t)size, ret)
                               : fail(ERR_CRYPTO, "cannot write a certificate chain");
    BIO_free(bio);
    return r;
}

static bool revoke(X509_CRL *crl, X509 *cert, const ASN1_TIME *when)
{
    X509_REVOKED *entry = X509_REVOKED_new();
    bool ok = entry && X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(cert)) == 1 &&
              X509_REVOKED_set_revocationDate(entry, (ASN1_TIME *)(uintptr_t)when) == 1 &&
              X509_CRL_add0_revoked(crl, entry) == 1;
    if (!ok)
        X509_REVOKED_free(entry);
    return ok;
}

static bool add_crl_extensions(X509_CRL *crl, X509 *issuer)
{
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, issuer, NULL, NULL, crl, 0);
    ASN1_INTEGER *number = ASN1_INTEGER_new();
    X509_EXTENSION *ext =
        X509V3_EXT_conf_nid(NULL, &ctx, NID_authority_key_identifier, "keyid:always");
    bool ok = number && ext && ASN1_INTEGER_set(number, 1) == 1 &&
              X509_CRL_add1_ext_i2d(crl, NID_crl_number, number, 0, 0) == 1 &&
              X509_CRL_add_ext(crl, ext, -1) == 1;
    X509_EXTENSION_free(ext);
    ASN1_INTEGER_free(number);
    return ok;
}

static struct result make_crl(const struct quoting_pki *pki,
                              const struct quoting_pki_params *params, X509 *issuer,
                              enum quoting_key issuer_key, X509 *const revoked[2], struct span *ret)
{
    EVP_PKEY *key = NULL;
    unsigned char *der = NULL;
    GUARD(p256_evp_private(pki->private_keys[issuer_key], &key));
    X509_CRL *crl = X509_CRL_new();
    ASN1_TIME *from = ASN1_TIME_set(NULL, params->issued_at);
    ASN1_TIME *until = ASN1_TIME_set(NULL, params->next_update);
    bool ok = crl && from && until && X509_CRL_set_version(crl, X509_CRL_VERSION_2) == 1 &&
              X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer)) == 1 &&
              X509_CRL_set1_lastUpdate(crl, from) == 1 && X509_CRL_set1_nextUpdate(crl, until) == 1;
    for (int i = 0; i < 2; i++)
        ok = ok && (!revoked[i] || revoke(crl, revoked[i], from));
    ok = ok && add_crl_extensions(crl, issuer) && X509_CRL_sort(crl) == 1 &&
         X509_CRL_sign(crl, key, EVP_sha256()) > 0;
    int size = ok ? i2d_X509_CRL(crl, &der) : 0;
    struct result r = size > 0 ? copy_part(der, (size_t)size, ret)
                               : fail(ERR_CRYPTO, "cannot make a revocation list");
    OPENSSL_free(der);
    ASN1_TIME_free(from);
    ASN1_TIME_free(until);
    X509_CRL_free(crl);
    EVP_PKEY_free(key);
    return r;
}

// {"<name>":<body>,"signature":"<hex>"}, signed by the TCB signing key over the body's bytes.
static struct result sign_document(const struct quoting_pki *pki, const char *name,
                                   const char *body, struct span *ret)
{
    char text[DOCUMENT_SIZE + 256], hex[HEX_SIZE(64)];
    uint8_t digest[SHA256_SIZE], signature[64];
    sha256(SPAN(body, strlen(body)), digest);
    GUARD(p256_sign(pki->private_keys[QUOTING_KEY_SIGNER], digest, signature));
    hex_encode(signature, sizeof signature, hex);
    int size = snprintf(text, sizeof text, "{\"%s\":%s,\"signature\":\"%s\"}", name, body, hex);
    REQUIRE(size > 0 && (size_t)size < sizeof text, ERR_MEMORY, "a document is too long");
    return copy_part(text, (size_t)size, ret);
}

static struct result make_tcb_info(const struct quoting_pki *pki,
                                   const struct quoting_pki_params *params, struct span *ret)
{
    char issued[ATTEST_TIME_TEXT_SIZE], next[ATTEST_TIME_TEXT_SIZE], body[DOCUMENT_SIZE];
    char fmspc_hex[HEX_SIZE(sizeof fmspc)], pceid_hex[HEX_SIZE(sizeof pceid)];
    char components[16 * sizeof "{\"svn\":255},"];
    size_t at = 0;
    attest_time_format(params->issued_at, issued);
    attest_time_format(params->next_update, next);
    hex_encode(fmspc, sizeof fmspc, fmspc_hex);
    hex_encode(pceid, sizeof pceid, pceid_hex);
    for (size_t i = 0; i < sizeof params->cpusvn; i++)
        at += (size_t)snprintf(components + at, sizeof components - at, "%s{\"svn\":%u}",
                               i ? "," : "", params->cpusvn[i]);
    int size = snprintf(
        body, sizeof body,
        "{\"id\":\"SGX\",\"version\":3,\"issueDate\":\"%s\",\"nextUpdate\":\"%s\",\"fmspc\":\"%s\","
        "\"pceId\":\"%s\",\"tcbType\":0,\"tcbEvaluationDataNumber\":%d,\"tcbLevels\":[{\"tcb\":{"
        "\"sgxtcbcomponents\":[%s],\"pcesvn\":%d},\"tcbDate\":\"%s\",\"tcbStatus\":\"%s\"}]}",
        issued, next, fmspc_hex, pceid_hex, EVALUATION, components, PCESVN, TCB_DATE,
        params->tcb_status ? params->tcb_status : "UpToDate");
    REQUIRE(size > 0 && (size_t)size < sizeof body, ERR_MEMORY, "the TCB info is too long");
    return sign_document(pki, "tcbInfo", body, ret);
}

static struct result make_qe_identity(const struct quoting_pki *pki,
                                      const struct quoting_pki_params *params, struct span *ret)
{
    const struct sgx_report_body *qe = &params->qe;
    char issued[ATTEST_TIME_TEXT_SIZE], next[ATTEST_TIME_TEXT_SIZE], body[DOCUMENT_SIZE];
    char miscselect[HEX_SIZE(4)], flags[HEX_SIZE(8)], mrsigner[HEX_SIZE(32)];
    attest_time_format(params->issued_at, issued);
    attest_time_format(params->next_update, next);
    hex_encode(&qe->miscselect, sizeof qe->miscselect, miscselect);
    hex_encode(&qe->attributes.flags, sizeof qe->attributes.flags, flags);
    hex_encode(qe->mrsigner, sizeof qe->mrsigner, mrsigner);
    int size = snprintf(
        body, sizeof body,
        "{\"id\":\"%s\",\"version\":2,\"issueDate\":\"%s\",\"nextUpdate\":\"%s\","
        "\"tcbEvaluationDataNumber\":%d,\"miscselect\":\"%s\",\"miscselectMask\":\"FFFFFFFF\","
        "\"attributes\":\"%s0000000000000000\",\"attributesMask\":\"" ATTRIBUTESMASK "\","
        "\"mrsigner\":\"%s\",\"isvprodid\":%u,\"tcbLevels\":[{\"tcb\":{\"isvsvn\":%u},"
        "\"tcbDate\":\"%s\",\"tcbStatus\":\"%s\"}]}",
        params->qe_id ? params->qe_id : "QE", issued, next, EVALUATION, miscselect, flags, mrsigner,
        qe->isvprodid, qe->isvsvn, TCB_DATE, params->qe_status ? params->qe_status : "UpToDate");
    REQUIRE(size > 0 && (size_t)size < sizeof body, ERR_MEMORY, "the QE identity is too long");
    return sign_document(pki, "enclaveIdentity", body, ret);
}

static struct result make_parts(const struct quoting_pki_params *params, const struct certs *c,
                                struct quoting_pki *pki)
{
    struct span *parts = pki->collateral.parts;
    X509 *const pck_chain[] = {c->pck, c->ca, c->root}, *const signer_chain[] = {c->signer,
                                                                                 c->root};
    X509 *const revoked_pck[2] = {params->revoke_pck ? c->pck : NULL, NULL};
    X509 *const revoked_root[2] = {params->revoke_ca ? c->ca : NULL,
                                   params->revoke_signer ? c->signer : NULL};
    GUARD(put_pem(&c->root, 1, &pki->root_ca_pem));
    GUARD(put_pem(pck_chain, 3, &parts[ATTEST_PART_PCK_CHAIN]));
    GUARD(put_pem(signer_chain, 2, &parts[ATTEST_PART_TCB_CHAIN]));
    GUARD(put_pem(signer_chain, 2, &parts[ATTEST_PART_QE_CHAIN]));
    GUARD(make_crl(pki, params, c->ca, QUOTING_KEY_CA, revoked_pck, &parts[ATTEST_PART_PCK_CRL]));
    GUARD(make_crl(pki, params, c->root, QUOTING_KEY_ROOT, revoked_root,
                   &parts[ATTEST_PART_ROOT_CA_CRL]));
    GUARD(make_tcb_info(pki, params, &parts[ATTEST_PART_TCB_INFO]));
    return make_qe_identity(pki, params, &parts[ATTEST_PART_QE_IDENTITY]);
}

struct result quoting_pki_make(const struct quoting_pki_params *params, struct quoting_pki *ret)
{
    struct quoting_pki pki;
    struct certs certs = {0};
    GUARD(quoting_pki_keys(params, &pki));
    struct result r = make_certs(&pki, params, &certs);
    if (is_ok(r))
        r = make_parts(params, &certs, &pki);
    X509_free(certs.root);
    X509_free(certs.ca);
    X509_free(certs.pck);
    X509_free(certs.signer);
    if (is_ok(r))
        *ret = pki;
    else
        quoting_pki_done(&pki);
    return r;
}
