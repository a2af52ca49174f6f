// SPDX-License-Identifier: Apache-2.0
#include "attest/chain.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "attest/time.h"
#include "base/cursor.h"
#include "base/hex.h"
#include "crypto/sha256.h"

#define CERT_SIZE_MAX 8192u
#define NAME_SIZE_MAX 64 // common names, ub-common-name of RFC 5280

// SHA-256 of the key of "Intel SGX Root CA"; its certificates to 2033 and to 2049 both carry it.
const struct attest_root attest_root_intel = {
    .name = ATTEST_ROOT_INTEL_NAME,
    .key_hash = {0xa0, 0xaf, 0x03, 0x12, 0x89, 0xf5, 0xd5, 0xd4, 0x13, 0x2f, 0x91,
                 0x86, 0x06, 0x8a, 0x7f, 0xc1, 0x36, 0x28, 0x63, 0x3b, 0xa2, 0x35,
                 0x77, 0x74, 0x72, 0xe2, 0x9b, 0x6b, 0x6c, 0x67, 0xa4, 0x9e}};

void attest_chain_done(struct attest_chain *chain)
{
    for (size_t i = 0; i < chain->count; i++)
        X509_free(chain->certs[i]);
    *chain = (struct attest_chain){0};
}

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void skip_spaces(struct reader *r)
{
    while (reader_left(r) && is_space(r->data[r->at]))
        (void)take_u8(r);
}

static bool take_text(struct reader *r, const char *text)
{
    size_t size = strlen(text);
    struct span s = take_span(r, size);
    if (!r->failed && memcmp(s.data, text, size) != 0)
        r->failed = true;
    return !r->failed;
}

// One certificate between its PEM lines (RFC 7468, without the freedom of its section 5.2).
static X509 *take_cert(struct reader *r)
{
    uint8_t der[CERT_SIZE_MAX];
    char text[BASE64_SIZE(CERT_SIZE_MAX)];
    size_t text_size = 0, der_size;
    skip_spaces(r);
    if (!take_text(r, "-----BEGIN CERTIFICATE-----"))
        return NULL;
    while (reader_left(r) && r->data[r->at] != '-') {
        uint8_t c = take_u8(r);
        if (is_space(c))
            continue;
        if (text_size == sizeof text)
            return NULL;
        text[text_size++] = (char)c;
    }
    if (!take_text(r, "-----END CERTIFICATE-----") ||
        !is_ok(base64_decode(SPAN(text, text_size), der, sizeof der, &der_size)))
        return NULL;
    const uint8_t *at = der;
    X509 *cert = d2i_X509(NULL, &at, (long)der_size);
    if (cert && at != der + der_size) {
        X509_free(cert);
        return NULL;
    }
    return cert;
}

enum attest_code attest_chain_load(struct span pem, size_t count,
                                   const struct attest_chain_codes *codes, struct attest_chain *ret)
{
    struct attest_chain chain = {0};
    struct reader r = reader_on(pem);
    while (chain.count < count) {
        X509 *cert = take_cert(&r);
        if (!cert)
            goto malformed;
        chain.certs[chain.count++] = cert;
    }
    skip_spaces(&r);
    while (reader_left(&r) && r.data[r.at] == 0)
        (void)take_u8(&r); // C strings in quotes bring their NUL along
    if (!reader_done(&r))
        goto malformed;
    *ret = chain;
    return ATTEST_OK;
malformed:
    attest_chain_done(&chain);
    return codes->format;
}

static bool name_ends_with(const X509 *cert, const char *end)
{
    char name[NAME_SIZE_MAX + 1];
    int size =
        X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, name, sizeof name);
    size_t end_size = strlen(end);
    return size >= 0 && (size_t)size >= end_size && strlen(name) == (size_t)size &&
           memcmp(name + size - end_size, end, end_size) == 0;
}

// Intel's PCK profile, sections 1.2 and 1.3: the algorithm and curve of every certificate.
static bool has_p256_key(const X509 *cert)
{
    ASN1_OBJECT *algorithm = NULL;
    const ASN1_OBJECT *curve = NULL;
    const unsigned char *point = NULL;
    const void *parameter = NULL;
    int point_size = 0, type = 0;
    X509_ALGOR *algor = NULL;
    X509_PUBKEY *key = X509_get_X509_PUBKEY(cert);
    if (!key || X509_PUBKEY_get0_param(&algorithm, &point, &point_size, &algor, key) != 1)
        return false;
    X509_ALGOR_get0(NULL, &type, &parameter, algor);
    curve = parameter;
    return OBJ_obj2nid(algorithm) == NID_X9_62_id_ecPublicKey && type == V_ASN1_OBJECT &&
           OBJ_obj2nid(curve) == NID_X9_62_prime256v1 && point_size == 65 &&
           point[0] == POINT_CONVERSION_UNCOMPRESSED && X509_get0_pubkey(cert);
}

// RFC 5280 section 6.1.4 for a chain in which place `i` counts the certificates below.
static bool fits_place(X509 *cert, size_t i, const char *name)
{
    uint32_t flags = X509_get_extension_flags(cert);
    uint32_t usage = X509_get_key_usage(cert);
    if ((flags & (EXFLAG_INVALID | EXFLAG_CRITICAL)) || !(flags & EXFLAG_BCONS) ||
        !(flags & EXFLAG_KUSAGE) || X509_get_version(cert) != X509_VERSION_3 ||
        X509_get_signature_nid(cert) != NID_ecdsa_with_SHA256 || !has_p256_key(cert) ||
        !name_ends_with(cert, name))
        return false;
    if (i == 0)
        return !(flags & EXFLAG_CA) && (usage & KU_DIGITAL_SIGNATURE) &&
               !(usage & (KU_KEY_CERT_SIGN | KU_CRL_SIGN));
    long path = X509_get_pathlen(cert);
    return (flags & EXFLAG_CA) && (usage & KU_KEY_CERT_SIGN) && (usage & KU_CRL_SIGN) &&
           (path == -1 || path >= (long)i - 1);
}

static enum attest_code check_window(const ASN1_TIME *from, const ASN1_TIME *until, int64_t now,
                                     enum attest_code format, enum attest_code expired,
                                     enum attest_code not_yet_valid, struct attest_window *window)
{
    struct attest_window w;
    if (!is_ok(attest_time_from_asn1(from, &w.from)) ||
        !is_ok(attest_time_from_asn1(until, &w.until)))
        return format;
    if (now < w.from)
        return not_yet_valid;
    if (now > w.until)
        return expired;
    window->from = MAX(window->from, w.from);
    window->until = MIN(window->until, w.until);
    return ATTEST_OK;
}

struct result attest_cert_key_hash(const X509 *cert, uint8_t ret[32])
{
    unsigned char *der = NULL;
    int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);
    REQUIRE(size > 0, ERR_CRYPTO, "cannot encode a certificate's key");
    sha256(SPAN(der, (size_t)size), ret);
    OPENSSL_free(der);
    return RESULT_OK;
}

static const struct attest_root *find_root(const X509 *cert, const struct attest_roots *roots)
{
    uint8_t hash[SHA256_SIZE];
    if (!is_ok(attest_cert_key_hash(cert, hash)))
        return NULL;
    if (ct_equal(hash, attest_root_intel.key_hash, sizeof hash))
        return &attest_root_intel;
    for (size_t i = 0; i < roots->count; i++)
        if (ct_equal(hash, roots->items[i].key_hash, sizeof hash) &&
            strncmp(roots->items[i].name, ATTEST_ROOT_INTEL_NAME, ATTEST_ROOT_NAME_SIZE) != 0)
            return &roots->items[i]; // nobody else may bear Intel's name
    return NULL;
}

enum attest_code attest_chain_verify(const struct attest_chain *chain, const char *const names[],
                                     int64_t now, const struct attest_roots *roots,
                                     const struct attest_chain_codes *codes,
                                     struct attest_window *window,
                                     const struct attest_root **ret_root)
{
    const struct attest_root *root = find_root(chain->certs[chain->count - 1], roots);
    if (!root)
        return codes->untrusted;
    for (size_t i = chain->count; i-- > 0;) {
        X509 *cert = chain->certs[i];
        X509 *issuer = chain->certs[MIN(i + 1, chain->count - 1)];
        if (!fits_place(cert, i, names[i]) || X509_check_issued(issuer, cert) != X509_V_OK ||
            X509_verify(cert, X509_get0_pubkey(issuer)) != 1)
            return codes->invalid;
        enum attest_code code =
            check_window(X509_get0_notBefore(cert), X509_get0_notAfter(cert), now, codes->invalid,
                         codes->expired, codes->not_yet_valid, window);
        if (code)
            return code;
    }
    *ret_root = root;
    return ATTEST_OK;
}

void attest_cert_key(const X509 *cert, uint8_t ret[64])
{
    const ASN1_BIT_STRING *point = X509_get0_pubkey_bitstr(cert);
    memcpy(ret, ASN1_STRING_get0_data(point) + 1, 64);
}

struct result attest_cert_extension(const X509 *cert, const char *oid, struct span *ret)
{
    ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
    int at = object ? X509_get_ext_by_OBJ(cert, object, -1) : -1;
    int next = at >= 0 ? X509_get_ext_by_OBJ(cert, object, at) : -1;
    ASN1_OBJECT_free(object);
    REQUIRE(at >= 0 && next < 0, ERR_NOT_FOUND, "the extension is not there once");
    const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(X509_get_ext(cert, at));
    *ret = SPAN(ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value));
    return RESULT_OK;
}

// Intel's CRL profile, section 2.2.4: a CRL number and the authority's key identifier, no other.
static bool crl_extensions_known(const X509_CRL *crl)
{
    int numbers = 0, authorities = 0;
    for (int i = 0; i < X509_CRL_get_ext_count(crl); i++) {
        int nid = OBJ_obj2nid(X509_EXTENSION_get_object(X509_CRL_get_ext(crl, i)));
        if (nid == NID_crl_number)
            numbers++;
        else if (nid == NID_authority_key_identifier)
            authorities++;
        else
            return false;
    }
    return numbers == 1 && authorities == 1;
}

enum attest_code attest_crl_load(struct span der, const struct attest_crl_codes *codes,
                                 X509_CRL **ret)
{
    if (der.size == 0 || der.size > ATTEST_CRL_SIZE_MAX)
        return codes->format;
    const uint8_t *at = der.data;
    X509_CRL *crl = d2i_X509_CRL(NULL, &at, (long)der.size);
    if (!crl)
        return codes->format;
    if (at != der.data + der.size || X509_CRL_get_version(crl) != 1 ||
        X509_CRL_get_signature_nid(crl) != NID_ecdsa_with_SHA256 || !crl_extensions_known(crl)) {
        X509_CRL_free(crl);
        return codes->format;
    }
    *ret = crl;
    return ATTEST_OK;
}

// The CRL's authority key identifier must be the issuer's subject key identifier.
static bool names_key_of(const X509_CRL *crl, X509 *issuer)
{
    const ASN1_OCTET_STRING *subject = X509_get0_subject_key_id(issuer);
    AUTHORITY_KEYID *authority =
        X509_CRL_get_ext_d2i(crl, NID_authority_key_identifier, NULL, NULL);
    bool same = subject && authority && authority->keyid &&
                ASN1_OCTET_STRING_cmp(subject, authority->keyid) == 0;
    AUTHORITY_KEYID_free(authority);
    return same;
}

enum attest_code attest_crl_verify(X509_CRL *crl, X509 *issuer, int64_t now,
                                   const struct attest_crl_codes *codes,
                                   struct attest_window *window)
{
    if (X509_NAME_cmp(X509_CRL_get_issuer(crl), X509_get_subject_name(issuer)) != 0 ||
        !names_key_of(crl, issuer))
        return codes->issuer;
    if (X509_CRL_verify(crl, X509_get0_pubkey(issuer)) != 1)
        return codes->signature;
    return check_window(X509_CRL_get0_lastUpdate(crl), X509_CRL_get0_nextUpdate(crl), now,
                        codes->format, codes->expired, codes->not_yet_valid, window);
}

bool attest_crl_lists(X509_CRL *crl, const X509 *cert)
{
    X509_REVOKED *entry = NULL;
    return X509_CRL_get0_by_serial(crl, &entry, X509_get0_serialNumber(cert)) != 0;
}
