// SPDX-License-Identifier: Apache-2.0
#include "attest/cert.h"

#include <string.h>

#include "attest/der.h"

// Contents of OBJECT IDENTIFIERs.
#define OID(...)         SPAN(((const uint8_t[]){__VA_ARGS__}), sizeof((const uint8_t[]){__VA_ARGS__}))
#define OID_ECDSA_SHA256 OID(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02)
#define OID_EC_KEY       OID(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01)
#define OID_P256         OID(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07)
#define OID_COMMON_NAME  OID(0x55, 0x04, 0x03)
#define OID_SGX          OID(0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01)

enum extension { // as bits; arc of 2.5.29 in the table below
    EXTENSION_SUBJECT_KEY = 1,
    EXTENSION_KEY_USAGE = 2,
    EXTENSION_CONSTRAINTS = 4,
    EXTENSION_CRL_NUMBER = 8,
    EXTENSION_CRL_POINTS = 16,
    EXTENSION_AUTHORITY_KEY = 32,
    EXTENSION_SGX = 64,
    EXTENSION_UNKNOWN = 128,
};

static bool same(struct span a, struct span b)
{
    return a.size == b.size && memcmp(a.data, b.data, a.size) == 0;
}

static void expect_oid(struct reader *r, struct span oid)
{
    struct span s = der_take(r, DER_OID);
    if (r->failed || !same(s, oid))
        r->failed = true;
}

// AlgorithmIdentifier of ecdsa-with-SHA256: no parameters (RFC 5758 section 3.2).
static void expect_algorithm(struct reader *r)
{
    struct reader a = reader_on(der_take(r, DER_SEQUENCE));
    expect_oid(&a, OID_ECDSA_SHA256);
    if (!reader_done(&a))
        r->failed = true;
}

// SEQUENCE { SEQUENCE tbs, algorithm, BIT STRING signature } and nothing behind it.
static bool take_signed(struct span der, struct span *ret_tbs, uint8_t ret_signature[64])
{
    struct reader outer = reader_on(der);
    struct reader r = reader_on(der_take(&outer, DER_SEQUENCE));
    *ret_tbs = der_take_element(&r, DER_SEQUENCE);
    expect_algorithm(&r);
    struct reader bits = reader_on(der_take_bits(&r));
    struct reader pair = reader_on(der_take(&bits, DER_SEQUENCE));
    der_take_big(&pair, ret_signature, 32);
    der_take_big(&pair, ret_signature + 32, 32);
    return reader_done(&outer) && reader_done(&r) && reader_done(&bits) && reader_done(&pair);
}

static void take_key(struct reader *r, struct attest_cert *cert)
{
    cert->spki = der_take_element(r, DER_SEQUENCE);
    struct reader outer = reader_on(cert->spki);
    struct reader spki = reader_on(der_take(&outer, DER_SEQUENCE));
    struct reader algorithm = reader_on(der_take(&spki, DER_SEQUENCE));
    expect_oid(&algorithm, OID_EC_KEY);
    expect_oid(&algorithm, OID_P256);
    struct span point = der_take_bits(&spki);
    if (!reader_done(&algorithm) || !reader_done(&spki) || point.size != 65 ||
        point.data[0] != 4) { // uncompressed (RFC 5480 section 2.2)
        r->failed = true;
        return;
    }
    cert->key = point.data + 1;
}

// The last common name of a Name.
static void parse_name(struct reader *r, struct span name, struct span *ret_common_name)
{
    struct reader outer = reader_on(name);
    struct reader sets = reader_on(der_take(&outer, DER_SEQUENCE));
    while (reader_left(&sets)) {
        struct reader set = reader_on(der_take(&sets, DER_SET));
        struct reader pair = reader_on(der_take(&set, DER_SEQUENCE));
        struct span oid = der_take(&pair, DER_OID);
        bool utf8 = der_next_is(&pair, DER_UTF8_STRING);
        bool common = !pair.failed && same(oid, OID_COMMON_NAME);
        if (common)
            *ret_common_name = der_take(&pair, utf8 ? DER_UTF8_STRING : DER_PRINTABLE_STRING);
        else
            (void)take_span(&pair, reader_left(&pair));
        if (!reader_done(&pair) || !reader_done(&set))
            r->failed = true;
    }
    if (!reader_done(&sets))
        r->failed = true;
}

static enum extension extension_of(struct span oid)
{
    static const struct {
        uint8_t arc;
        enum extension extension;
    } known[] = {
        {14, EXTENSION_SUBJECT_KEY}, {15, EXTENSION_KEY_USAGE},  {19, EXTENSION_CONSTRAINTS},
        {20, EXTENSION_CRL_NUMBER},  {31, EXTENSION_CRL_POINTS}, {35, EXTENSION_AUTHORITY_KEY},
    };
    if (same(oid, OID_SGX))
        return EXTENSION_SGX;
    for (size_t i = 0; i < ARRAY_COUNT(known); i++)
        if (oid.size == 3 && oid.data[0] == 0x55 && oid.data[1] == 0x1d &&
            oid.data[2] == known[i].arc)
            return known[i].extension;
    return EXTENSION_UNKNOWN;
}

// One Extension: its kind, whether it is critical, the content of its OCTET STRING.
static enum extension take_extension(struct reader *r, bool *ret_critical, struct span *ret)
{
    struct reader e = reader_on(der_take(r, DER_SEQUENCE));
    struct span oid = der_take(&e, DER_OID);
    *ret_critical = der_next_is(&e, DER_BOOLEAN) && der_take_bool(&e);
    *ret = der_take(&e, DER_OCTET_STRING);
    if (!reader_done(&e)) {
        r->failed = true;
        return EXTENSION_UNKNOWN;
    }
    return extension_of(oid);
}

// AuthorityKeyIdentifier with a key identifier; issuer and serial may follow.
static void parse_authority(struct reader *r, struct span value, struct span *ret)
{
    struct reader outer = reader_on(value);
    struct reader a = reader_on(der_take(&outer, DER_SEQUENCE));
    *ret = der_take(&a, DER_IMPLICIT_0);
    if (!reader_done(&outer) || a.failed || ret->size == 0)
        r->failed = true;
}

static void parse_constraints(struct reader *r, struct span value, struct attest_cert *cert)
{
    struct reader outer = reader_on(value);
    struct reader c = reader_on(der_take(&outer, DER_SEQUENCE));
    cert->has_constraints = true;
    cert->ca = der_next_is(&c, DER_BOOLEAN) && der_take_bool(&c);
    cert->path_max = der_next_is(&c, DER_INTEGER)
                         ? der_take_number(&c, DER_INTEGER, ATTEST_CERT_NO_PATH_LIMIT - 1)
                         : ATTEST_CERT_NO_PATH_LIMIT;
    if (!reader_done(&outer) || !reader_done(&c))
        r->failed = true;
}

// KeyUsage ::= BIT STRING; bit 0 is the top bit of the first byte.
static void parse_usage(struct reader *r, struct span value, struct attest_cert *cert)
{
    struct reader outer = reader_on(value);
    struct span bits = der_take(&outer, DER_BIT_STRING);
    if (!reader_done(&outer) || bits.size < 2 || bits.size > 3 || bits.data[0] > 7) {
        r->failed = true;
        return;
    }
    cert->has_usage = true;
    for (unsigned i = 0; i < 8 * (bits.size - 1); i++)
        if (bits.data[1 + i / 8] & 0x80 >> i % 8)
            cert->usage |= 1u << i;
}

static void take_cert_extensions(struct reader *r, struct attest_cert *cert)
{
    uint32_t seen = 0;
    struct reader outer = reader_on(der_take(r, DER_EXPLICIT_3));
    struct reader list = reader_on(der_take(&outer, DER_SEQUENCE));
    while (reader_left(&list)) {
        bool critical;
        struct span value;
        enum extension e = take_extension(&list, &critical, &value);
        struct reader octets = reader_on(value);
        if (list.failed || (e == EXTENSION_UNKNOWN ? critical : (seen & e) != 0)) {
            r->failed = true;
            return;
        }
        seen |= e;
        if (e == EXTENSION_SUBJECT_KEY) {
            cert->subject_key_id = der_take(&octets, DER_OCTET_STRING);
            list.failed |= !reader_done(&octets);
        } else if (e == EXTENSION_AUTHORITY_KEY) {
            parse_authority(&list, value, &cert->authority_key_id);
        } else if (e == EXTENSION_CONSTRAINTS) {
            parse_constraints(&list, value, cert);
        } else if (e == EXTENSION_KEY_USAGE) {
            parse_usage(&list, value, cert);
        } else if (e == EXTENSION_SGX) {
            cert->sgx_extension = value;
        }
    }
    if (!reader_done(&outer) || !reader_done(&list))
        r->failed = true;
}

static void take_validity(struct reader *r, struct attest_cert *cert)
{
    struct reader v = reader_on(der_take(r, DER_SEQUENCE));
    cert->from = der_take_time(&v);
    cert->until = der_take_time(&v);
    if (!reader_done(&v))
        r->failed = true;
}

bool attest_name_common(struct span name, struct span *ret)
{
    struct reader r = reader_on(SPAN(NULL, 0));
    *ret = SPAN(NULL, 0);
    parse_name(&r, name, ret);
    return !r.failed;
}

bool attest_cert_parse(struct span der, struct attest_cert *ret)
{
    struct attest_cert cert;
    memset(&cert, 0, sizeof cert);
    if (!take_signed(der, &cert.tbs, cert.signature))
        return false;
    cert.der = der;
    struct reader outer = reader_on(cert.tbs);
    struct reader r = reader_on(der_take(&outer, DER_SEQUENCE));
    struct reader version = reader_on(der_take(&r, DER_EXPLICIT_0));
    if (der_take_number(&version, DER_INTEGER, 2) != 2 || !reader_done(&version))
        return false;
    cert.serial = der_take(&r, DER_INTEGER);
    expect_algorithm(&r);
    cert.issuer = der_take_element(&r, DER_SEQUENCE);
    take_validity(&r, &cert);
    cert.subject = der_take_element(&r, DER_SEQUENCE);
    parse_name(&r, cert.subject, &cert.common_name);
    take_key(&r, &cert);
    take_cert_extensions(&r, &cert);
    if (!reader_done(&r) || cert.serial.size == 0)
        return false;
    *ret = cert;
    return true;
}

// Intel's CRL profile, section 2.2.4: a CRL number and the authority's key identifier, no other.
static void take_crl_extensions(struct reader *r, struct attest_crl *crl)
{
    uint32_t seen = 0;
    struct reader outer = reader_on(der_take(r, DER_EXPLICIT_0));
    struct reader list = reader_on(der_take(&outer, DER_SEQUENCE));
    while (reader_left(&list)) {
        bool critical;
        struct span value;
        enum extension e = take_extension(&list, &critical, &value);
        if (e == EXTENSION_AUTHORITY_KEY)
            parse_authority(&list, value, &crl->authority_key_id);
        else if (e != EXTENSION_CRL_NUMBER)
            list.failed = true;
        if (seen & e)
            list.failed = true;
        seen |= e;
    }
    if (!reader_done(&outer) || !reader_done(&list) ||
        seen != (EXTENSION_AUTHORITY_KEY | EXTENSION_CRL_NUMBER))
        r->failed = true;
}

// One entry: serial number, date, extensions of which none is critical.
static struct span take_entry(struct reader *r)
{
    struct reader e = reader_on(der_take(r, DER_SEQUENCE));
    struct span serial = der_take(&e, DER_INTEGER);
    (void)der_take_time(&e);
    struct reader list = reader_on(reader_left(&e) ? der_take(&e, DER_SEQUENCE) : SPAN("", 0));
    while (reader_left(&list)) {
        bool critical;
        struct span value;
        (void)take_extension(&list, &critical, &value);
        if (critical)
            list.failed = true;
    }
    if (!reader_done(&e) || !reader_done(&list) || serial.size == 0)
        r->failed = true;
    return serial;
}

bool attest_crl_parse(struct span der, struct attest_crl *ret)
{
    struct attest_crl crl;
    memset(&crl, 0, sizeof crl);
    if (!take_signed(der, &crl.tbs, crl.signature))
        return false;
    struct reader outer = reader_on(crl.tbs);
    struct reader r = reader_on(der_take(&outer, DER_SEQUENCE));
    if (der_take_number(&r, DER_INTEGER, 1) != 1) // version 2
        return false;
    expect_algorithm(&r);
    crl.issuer = der_take_element(&r, DER_SEQUENCE);
    crl.from = der_take_time(&r);
    crl.until = der_take_time(&r);
    if (der_next_is(&r, DER_SEQUENCE)) {
        crl.revoked = der_take(&r, DER_SEQUENCE);
        struct reader entries = reader_on(crl.revoked);
        while (reader_left(&entries))
            (void)take_entry(&entries);
        if (!reader_done(&entries))
            return false;
    }
    take_crl_extensions(&r, &crl);
    if (!reader_done(&r))
        return false;
    *ret = crl;
    return true;
}

struct span attest_crl_next(const struct attest_crl *crl, size_t *at)
{
    struct reader entries = reader_on(crl->revoked);
    entries.at = *at;
    struct span serial = reader_left(&entries) ? take_entry(&entries) : SPAN(NULL, 0);
    *at = entries.failed ? crl->revoked.size : entries.at;
    return serial;
}

bool attest_crl_lists(const struct attest_crl *crl, struct span serial)
{
    struct reader entries = reader_on(crl->revoked);
    while (reader_left(&entries))
        if (same(take_entry(&entries), serial))
            return true;
    return entries.failed; // a list that cannot be read lists everything
}
