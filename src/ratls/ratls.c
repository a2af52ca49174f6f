// SPDX-License-Identifier: Apache-2.0
#include "ratls/ratls.h"

#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#define SECURITY_BITS_MIN 112
#define SERIAL_SIZE       16

// -- making -----------------------------------------------------------------------------------------------

static bool add_extension(X509 *x, const char *oid, struct span content)
{
    ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
    ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
    X509_EXTENSION *e = NULL;
    if (object && value && ASN1_OCTET_STRING_set(value, content.data, (int)content.size) == 1)
        e = X509_EXTENSION_create_by_OBJ(NULL, object, 0, value);
    bool ok = e && X509_add_ext(x, e, -1) == 1;
    X509_EXTENSION_free(e);
    ASN1_OCTET_STRING_free(value);
    ASN1_OBJECT_free(object);
    return ok;
}

static bool add_serial(X509 *x)
{
    uint8_t bytes[SERIAL_SIZE];
    if (RAND_bytes(bytes, sizeof bytes) != 1)
        return false;
    bytes[0] = (bytes[0] & 0x7f) | 0x40; // positive, of one size
    BIGNUM *number = BN_bin2bn(bytes, sizeof bytes, NULL);
    bool ok = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x));
    BN_free(number);
    return ok;
}

static bool add_fields(X509 *x, EVP_PKEY *key, int64_t from, int64_t until)
{
    X509_NAME *name = X509_get_subject_name(x);
    return X509_set_version(x, X509_VERSION_3) == 1 && add_serial(x) &&
           ASN1_TIME_set(X509_getm_notBefore(x), from) &&
           ASN1_TIME_set(X509_getm_notAfter(x), until) && X509_set_pubkey(x, key) == 1 &&
           X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)"RA-TLS", -1, -1,
                                      0) == 1 &&
           X509_set_issuer_name(x, name) == 1;
}

static bool sign(X509 *x, EVP_PKEY *key)
{
    bool own_hash = EVP_PKEY_is_a(key, "ED25519"); // RFC 8410: the scheme has no other hash
    return X509_sign(x, key, own_hash ? NULL : EVP_sha256()) > 0;
}

// The extension's content for this key, into `ret`; `scratch` holds the quote.
static struct result make_evidence(struct span spki, enum ratls_form form,
                                   const struct ratls_quoter *quoter, uint8_t *scratch,
                                   struct writer *ret)
{
    uint8_t reportdata[RATLS_REPORTDATA_SIZE], text[RATLS_CLAIMS_SIZE_MAX];
    struct writer claims = writer_on(text, sizeof text);
    size_t size;
    GUARD(ratls_bind(form, spki, &claims, reportdata));
    GUARD(quoter->quote(quoter->context, reportdata, scratch, RATLS_SIZE_MAX, &size));
    return ratls_evidence_write(form, SPAN(scratch, size), writer_span(&claims), ret);
}

static struct result fill_certificate(X509 *x, EVP_PKEY *key, enum ratls_form form,
                                      const struct ratls_quoter *quoter, uint8_t *space)
{
    struct writer w = writer_on(space, RATLS_SIZE_MAX);
    uint8_t *spki = NULL;
    int size = i2d_PUBKEY(key, &spki);
    REQUIRE(size > 0, ERR_CRYPTO, "the key cannot be encoded");
    struct result r =
        make_evidence(SPAN(spki, (size_t)size), form, quoter, space + RATLS_SIZE_MAX, &w);
    OPENSSL_free(spki);
    GUARD(r);
    const char *oid = form == RATLS_FORM_TAGGED ? RATLS_OID_TAGGED : RATLS_OID_INTEL;
    REQUIRE(add_extension(x, oid, writer_span(&w)) && sign(x, key), ERR_CRYPTO,
            "the certificate cannot be made");
    REQUIRE(i2d_X509(x, NULL) <= (int)RATLS_SIZE_MAX, ERR_RANGE, "the certificate is too large");
    return RESULT_OK;
}

struct result ratls_certificate_make(EVP_PKEY *key, enum ratls_form form,
                                     const struct ratls_quoter *quoter, int64_t from, int64_t until,
                                     X509 **ret)
{
    REQUIRE(form == RATLS_FORM_TAGGED || form == RATLS_FORM_INTEL, ERR_INVALID,
            "there is no such form of evidence");
    X509 *x = X509_new();
    uint8_t *space = malloc(2 * RATLS_SIZE_MAX);
    struct result r;
    if (!x || !space)
        r = fail(ERR_MEMORY, "out of memory");
    else if (!add_fields(x, key, from, until))
        r = fail(ERR_CRYPTO, "the certificate cannot be made");
    else
        r = fill_certificate(x, key, form, quoter, space);
    free(space);
    if (!is_ok(r)) {
        ERR_clear_error();
        X509_free(x);
        return r;
    }
    *ret = x;
    return RESULT_OK;
}

// -- judging ----------------------------------------------------------------------------------------------

// The key that OpenSSL reads is the one whose bytes were hashed.
static bool key_is(X509 *x, struct span spki)
{
    uint8_t *der = NULL;
    int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der);
    bool same = size > 0 && (size_t)size == spki.size && memcmp(der, spki.data, spki.size) == 0;
    OPENSSL_free(der);
    return same;
}

static struct result check_x509(X509 *x, struct span spki)
{
    EVP_PKEY *key = X509_get0_pubkey(x);
    REQUIRE(key && key_is(x, spki), ERR_INVALID, "the certificate's key is malformed");
    REQUIRE(EVP_PKEY_get_security_bits(key) >= SECURITY_BITS_MIN, ERR_DENIED,
            "the certificate's key is weak");
    REQUIRE(!(X509_get_extension_flags(x) & EXFLAG_INVALID), ERR_INVALID,
            "the certificate is malformed");
    REQUIRE(X509_get_key_usage(x) & KU_DIGITAL_SIGNATURE, ERR_DENIED,
            "the certificate's key may not sign");
    REQUIRE(X509_verify(x, key) == 1, ERR_INTEGRITY,
            "the certificate is not signed by its own key");
    return RESULT_OK;
}

static struct result check_signature(struct span certificate, struct span spki)
{
    const uint8_t *at = certificate.data;
    X509 *x = d2i_X509(NULL, &at, (long)certificate.size);
    struct result r = x && at == certificate.data + certificate.size
                          ? check_x509(x, spki)
                          : fail(ERR_INVALID, "the certificate is malformed");
    X509_free(x);
    ERR_clear_error();
    return r;
}

struct result ratls_verify(struct span certificate, const struct ratls_verifier *verifier,
                           struct ratls_verdict *ret)
{
    memset(ret, 0, sizeof *ret);
    ret->quote.code = ATTEST_INTERNAL; // until judged
    int64_t now = verifier->clock(verifier->context);
    GUARD(ratls_evidence_read(certificate, &ret->evidence));
    REQUIRE(now >= ret->evidence.from, ERR_STALE, "the certificate is not valid yet");
    REQUIRE(now <= ret->evidence.until, ERR_STALE, "the certificate has expired");
    GUARD(check_signature(certificate, ret->evidence.spki));
    const struct attest_evidence evidence = {.quote = ret->evidence.quote,
                                             .collateral = verifier->collateral,
                                             .now = now,
                                             .roots = verifier->roots};
    GUARD(attest_verify(&evidence, &ret->quote));
    const struct attest_claims *claims = &ret->quote.claims;
    const uint8_t *reportdata =
        claims->tee == ATTEST_TEE_TDX ? claims->td.reportdata : claims->body.reportdata;
    REQUIRE(ct_equal(reportdata, ret->evidence.reportdata, RATLS_REPORTDATA_SIZE), ERR_INTEGRITY,
            "the quote does not bind the certificate's key");
    return attest_policy_check(verifier->policy, claims, &ret->reasons);
}

static struct result verify_x509(X509 *x, const struct ratls_verifier *verifier,
                                 struct ratls_verdict *ret)
{
    uint8_t *der = NULL;
    int size = i2d_X509(x, &der);
    REQUIRE(size > 0, ERR_CRYPTO, "the certificate cannot be encoded");
    struct result r = ratls_verify(SPAN(der, (size_t)size), verifier, ret);
    ret->evidence.quote = ret->evidence.spki = ret->evidence.nonce = SPAN(NULL, 0);
    OPENSSL_free(der);
    return r;
}

// In place of OpenSSL's building and checking of a chain.
static int verify_peer(X509_STORE_CTX *store, void *arg)
{
    const struct ratls_verifier *verifier = (const struct ratls_verifier *)arg;
    struct ratls_verdict *verdict = malloc(sizeof *verdict);
    X509 *x = X509_STORE_CTX_get0_cert(store);
    bool good = verdict && x && sk_X509_num(X509_STORE_CTX_get0_untrusted(store)) == 1 &&
                is_ok(verify_x509(x, verifier, verdict));
    free(verdict);
    X509_STORE_CTX_set_error(store, good ? X509_V_OK : X509_V_ERR_APPLICATION_VERIFICATION);
    return good;
}

struct result ratls_context_use(SSL_CTX *ctx, EVP_PKEY *key, X509 *certificate,
                                const struct ratls_verifier *verifier)
{
    if (SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) != 1 ||
        SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) != 1 ||
        SSL_CTX_set_num_tickets(ctx, 0) != 1 || SSL_CTX_set_max_early_data(ctx, 0) != 1)
        return fail(ERR_CRYPTO, "TLS 1.3 is not to be had");
    // A resumed session shows no certificate, so there is none.
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_max_cert_list(ctx, 2 * (long)RATLS_SIZE_MAX);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_cert_verify_callback(ctx, verify_peer, (void *)(uintptr_t)verifier);
    if (key && certificate &&
        (SSL_CTX_use_certificate(ctx, certificate) != 1 || SSL_CTX_use_PrivateKey(ctx, key) != 1 ||
         SSL_CTX_check_private_key(ctx) != 1)) {
        ERR_clear_error();
        return fail(ERR_CRYPTO, "the certificate cannot be used with this key");
    }
    return RESULT_OK;
}

struct result ratls_peer(const SSL *ssl, const struct ratls_verifier *verifier,
                         struct ratls_verdict *ret)
{
    X509 *x = SSL_get0_peer_certificate(ssl);
    REQUIRE(x, ERR_NOT_FOUND, "the peer has shown no certificate");
    return verify_x509(x, verifier, ret);
}
