// SPDX-License-Identifier: Apache-2.0
#include "ratls/evidence.h"

#include <openssl/evp.h>
#include <string.h>

#include "attest/der.h"
#include "crypto/sha256.h"
#include "ratls/cbor.h"

#define CLAIMS_MAX     16u
#define EXTENSIONS_MAX 16u
#define HASH_ID_SHA256 1u

// Contents of OBJECT IDENTIFIERs.
static const uint8_t oid_tagged[] = {0x67, 0x81, 0x05, 0x05, 0x04, 0x09};
static const uint8_t oid_intel[] = {0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x8a, 0x39, 0x06};
static const uint8_t oid_key_usage[] = {0x55, 0x1d, 0x0f};
static const uint8_t oid_constraints[] = {0x55, 0x1d, 0x13};

static bool same(struct span a, struct span b)
{
    return span_compare(a, b) == 0;
}

static void reportdata_of(struct span text, uint8_t ret[RATLS_REPORTDATA_SIZE])
{
    memset(ret, 0, RATLS_REPORTDATA_SIZE);
    sha256(text, ret);
}

// -- the tagged form --------------------------------------------------------------------------------------

// The IANA registry "Named Information Hash Algorithm", as far as a verifier must know it.
static const EVP_MD *hash_algorithm(uint64_t id)
{
    switch (id) {
    case HASH_ID_SHA256:
        return EVP_sha256();
    case 7:
        return EVP_sha384();
    case 8:
        return EVP_sha512();
    default:
        return NULL;
    }
}

// hash-entry of CoSWID: [hash-alg-id, hash-value].
static struct result check_key_hash(struct span entry, struct span spki)
{
    struct reader r = reader_on(entry);
    uint8_t hash[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    bool pair = cbor_take(&r, CBOR_ARRAY) == 2;
    const EVP_MD *algorithm = hash_algorithm(cbor_take(&r, CBOR_UINT));
    struct span claimed = cbor_take_string(&r, CBOR_BYTES);
    REQUIRE(pair && reader_done(&r), ERR_INVALID, "the pubkey-hash claim is malformed");
    REQUIRE(algorithm, ERR_UNSUPPORTED, "the pubkey-hash claim uses an unknown hash");
    REQUIRE(EVP_Digest(spki.data, spki.size, hash, &size, algorithm, NULL) == 1, ERR_CRYPTO,
            "the key cannot be hashed");
    REQUIRE(claimed.size == size, ERR_INVALID, "the pubkey-hash claim is malformed");
    REQUIRE(ct_equal(hash, claimed.data, size), ERR_INTEGRITY, "the evidence is about another key");
    return RESULT_OK;
}

// {"pubkey-hash": bytes, ? "nonce": bytes}; other claims are ignored, as the form demands.
static struct result read_claims(struct span claims, struct span *ret_key_hash,
                                 struct span *ret_nonce)
{
    struct reader r = reader_on(claims);
    struct span names[CLAIMS_MAX], key_hash = SPAN(NULL, 0), nonce = SPAN(NULL, 0);
    uint64_t count = cbor_take(&r, CBOR_MAP);
    REQUIRE(!r.failed && count <= CLAIMS_MAX, ERR_INVALID, "the claims are malformed");
    for (size_t i = 0; i < count; i++) {
        names[i] = cbor_take_string(&r, CBOR_TEXT);
        for (size_t k = 0; k < i; k++)
            REQUIRE(!same(names[i], names[k]), ERR_INVALID, "a claim stands twice");
        if (same(names[i], SPAN_STR("pubkey-hash")))
            key_hash = cbor_take_string(&r, CBOR_BYTES);
        else if (same(names[i], SPAN_STR("nonce")))
            nonce = cbor_take_string(&r, CBOR_BYTES);
        else
            cbor_skip(&r);
        REQUIRE(!r.failed, ERR_INVALID, "the claims are malformed");
    }
    REQUIRE(reader_done(&r), ERR_INVALID, "bytes follow the claims");
    REQUIRE(key_hash.data, ERR_INVALID, "the claims have no pubkey-hash");
    *ret_key_hash = key_hash;
    *ret_nonce = nonce;
    return RESULT_OK;
}

struct result ratls_tagged_read(struct span extension, struct span spki, struct ratls_evidence *ret)
{
    struct reader r = reader_on(extension);
    struct span key_hash, nonce;
    REQUIRE(extension.size <= RATLS_SIZE_MAX, ERR_RANGE, "the evidence is too large");
    uint64_t tag = cbor_take(&r, CBOR_TAG);
    REQUIRE(!r.failed, ERR_INVALID, "the evidence is not tagged CBOR");
    REQUIRE(tag == RATLS_CBOR_TAG, ERR_UNSUPPORTED, "the evidence's CBOR tag is unknown");
    bool pair = cbor_take(&r, CBOR_ARRAY) == 2;
    struct span quote = cbor_take_string(&r, CBOR_BYTES);
    struct span claims = cbor_take_string(&r, CBOR_BYTES);
    REQUIRE(pair && reader_done(&r), ERR_INVALID, "the evidence is malformed");
    GUARD(read_claims(claims, &key_hash, &nonce));
    GUARD(check_key_hash(key_hash, spki));
    ret->form = RATLS_FORM_TAGGED;
    ret->quote = quote;
    ret->nonce = nonce;
    reportdata_of(claims, ret->reportdata);
    return RESULT_OK;
}

// -- the certificate --------------------------------------------------------------------------------------

struct tbs {
    struct span spki;
    struct span extensions; // content of the SEQUENCE
    int64_t from, until;
};

// RFC 5280, 4.1: version 3, and no unique identifiers.
static bool parse_certificate(struct span der, struct tbs *ret)
{
    struct reader outer = reader_on(der);
    struct reader cert = reader_on(der_take(&outer, DER_SEQUENCE));
    struct reader tbs = reader_on(der_take(&cert, DER_SEQUENCE));
    (void)der_take(&cert, DER_SEQUENCE);   // signatureAlgorithm
    (void)der_take(&cert, DER_BIT_STRING); // signature
    struct reader version = reader_on(der_take(&tbs, DER_EXPLICIT_0));
    bool third = der_take_number(&version, DER_INTEGER, 2) == 2;
    (void)der_take(&tbs, DER_INTEGER);  // serial number
    (void)der_take(&tbs, DER_SEQUENCE); // signature algorithm
    (void)der_take(&tbs, DER_SEQUENCE); // issuer
    struct reader validity = reader_on(der_take(&tbs, DER_SEQUENCE));
    ret->from = der_take_time(&validity);
    ret->until = der_take_time(&validity);
    (void)der_take(&tbs, DER_SEQUENCE); // subject
    ret->spki = der_take_element(&tbs, DER_SEQUENCE);
    struct reader wrap = reader_on(der_take(&tbs, DER_EXPLICIT_3));
    ret->extensions = der_take(&wrap, DER_SEQUENCE);
    return third && reader_done(&outer) && reader_done(&cert) && reader_done(&tbs) &&
           reader_done(&version) && reader_done(&validity) && reader_done(&wrap);
}

struct extensions {
    struct span tagged, intel; // contents; data is NULL when absent
};

// RFC 5280, 4.2: none stands twice; a critical one that is not understood is refused.
static struct result read_extensions(struct span list, struct extensions *ret)
{
    struct reader r = reader_on(list);
    struct span oids[EXTENSIONS_MAX];
    for (size_t i = 0; reader_left(&r); i++) {
        REQUIRE(i < EXTENSIONS_MAX, ERR_RANGE, "the certificate has too many extensions");
        struct reader e = reader_on(der_take(&r, DER_SEQUENCE));
        oids[i] = der_take(&e, DER_OID);
        bool critical = der_next_is(&e, DER_BOOLEAN) && der_take_bool(&e);
        struct span content = der_take(&e, DER_OCTET_STRING);
        REQUIRE(!r.failed && reader_done(&e), ERR_INVALID, "an extension is malformed");
        for (size_t k = 0; k < i; k++)
            REQUIRE(!same(oids[i], oids[k]), ERR_INVALID, "an extension stands twice");
        REQUIRE(!critical || same(oids[i], SPAN_OF(oid_key_usage)) ||
                    same(oids[i], SPAN_OF(oid_constraints)),
                ERR_DENIED, "an extension is critical that must not be");
        if (same(oids[i], SPAN_OF(oid_tagged)))
            ret->tagged = content;
        else if (same(oids[i], SPAN_OF(oid_intel)))
            ret->intel = content;
    }
    REQUIRE(reader_done(&r), ERR_INVALID, "the extensions are malformed");
    return RESULT_OK;
}

struct result ratls_evidence_read(struct span certificate, struct ratls_evidence *ret)
{
    struct tbs tbs;
    struct extensions found = {0};
    struct ratls_evidence e = {0};
    REQUIRE(certificate.size <= RATLS_SIZE_MAX, ERR_RANGE, "the certificate is too large");
    REQUIRE(parse_certificate(certificate, &tbs), ERR_INVALID, "the certificate is malformed");
    GUARD(read_extensions(tbs.extensions, &found));
    REQUIRE(found.tagged.data || found.intel.data, ERR_NOT_FOUND,
            "the certificate carries no evidence");
    REQUIRE(!found.tagged.data || !found.intel.data, ERR_DENIED,
            "the certificate carries two forms of evidence");
    if (found.tagged.data) {
        GUARD(ratls_tagged_read(found.tagged, tbs.spki, &e));
    } else {
        e.form = RATLS_FORM_INTEL;
        e.quote = found.intel;
        reportdata_of(tbs.spki, e.reportdata);
    }
    e.spki = tbs.spki;
    e.from = tbs.from;
    e.until = tbs.until;
    *ret = e;
    return RESULT_OK;
}

// -- writing ----------------------------------------------------------------------------------------------

struct result ratls_bind(enum ratls_form form, struct span spki, struct writer *ret_claims,
                         uint8_t ret_reportdata[RATLS_REPORTDATA_SIZE])
{
    uint8_t hash[SHA256_SIZE], entry[8 + SHA256_SIZE];
    struct writer e = writer_on(entry, sizeof entry), claims = *ret_claims;
    if (form == RATLS_FORM_INTEL) {
        reportdata_of(spki, ret_reportdata);
        return RESULT_OK;
    }
    sha256(spki, hash);
    cbor_put(&e, CBOR_ARRAY, 2);
    cbor_put(&e, CBOR_UINT, HASH_ID_SHA256);
    cbor_put_string(&e, CBOR_BYTES, SPAN_OF(hash));
    cbor_put(&claims, CBOR_MAP, 1);
    cbor_put_string(&claims, CBOR_TEXT, SPAN_STR("pubkey-hash"));
    cbor_put_string(&claims, CBOR_BYTES, writer_span(&e));
    REQUIRE(!e.failed && !claims.failed, ERR_MEMORY, "the claims do not fit");
    reportdata_of(writer_span(&claims), ret_reportdata);
    *ret_claims = claims;
    return RESULT_OK;
}

struct result ratls_evidence_write(enum ratls_form form, struct span quote, struct span claims,
                                   struct writer *ret)
{
    struct writer w = *ret;
    if (form == RATLS_FORM_TAGGED) {
        cbor_put(&w, CBOR_TAG, RATLS_CBOR_TAG);
        cbor_put(&w, CBOR_ARRAY, 2);
        cbor_put_string(&w, CBOR_BYTES, quote);
        cbor_put_string(&w, CBOR_BYTES, claims);
    } else {
        put_span(&w, quote);
    }
    REQUIRE(!w.failed, ERR_MEMORY, "the evidence does not fit");
    *ret = w;
    return RESULT_OK;
}
