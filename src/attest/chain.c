// SPDX-License-Identifier: Apache-2.0
#include "attest/chain.h"

#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "crypto/p256.h"
#include "crypto/sha256.h"

#define CERT_SIZE_MAX 8192u

// SHA-256 of the key of "Intel SGX Root CA"; its certificates to 2033 and to 2049 both carry it.
const struct attest_root attest_root_intel = {
    .name = ATTEST_ROOT_INTEL_NAME,
    .key_hash = {0xa0, 0xaf, 0x03, 0x12, 0x89, 0xf5, 0xd5, 0xd4, 0x13, 0x2f, 0x91,
                 0x86, 0x06, 0x8a, 0x7f, 0xc1, 0x36, 0x28, 0x63, 0x3b, 0xa2, 0x35,
                 0x77, 0x74, 0x72, 0xe2, 0x9b, 0x6b, 0x6c, 0x67, 0xa4, 0x9e}};

// SHA-256 of those two certificates, whose signatures by themselves need no check: to 2033, to 2049.
static const uint8_t intel_root_certs[][SHA256_SIZE] = {
    {0xfc, 0x64, 0xf8, 0x07, 0x6d, 0x79, 0xa4, 0xfe, 0xe9, 0xd1, 0xd4,
     0x73, 0xd7, 0x4c, 0x89, 0xeb, 0x8d, 0x8f, 0xd5, 0x5c, 0x5a, 0xba,
     0xfe, 0xab, 0xeb, 0xa7, 0x36, 0x6d, 0x20, 0x42, 0x94, 0x04},
    {0x44, 0xa0, 0x19, 0x6b, 0x2b, 0x99, 0xf8, 0x89, 0xb8, 0xe1, 0x49,
     0xe9, 0x5b, 0x80, 0x7a, 0x35, 0x0e, 0x74, 0x24, 0x96, 0x43, 0x99,
     0xe8, 0x85, 0xa7, 0xcb, 0xb8, 0xcc, 0xfa, 0xb6, 0x74, 0xd3},
};

void attest_chain_done(struct attest_chain *chain)
{
    free(chain->storage);
    *chain = (struct attest_chain){.count = 0};
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

// The value of a base64 digit plus 1; 0 for any other byte (RFC 4648 section 4).
static const uint8_t digit_values[256] = {
    ['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,  ['G'] = 7,  ['H'] = 8,
    ['I'] = 9,  ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16,
    ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24,
    ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32,
    ['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40,
    ['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48,
    ['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56,
    ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['+'] = 63, ['/'] = 64,
};

// base64 up to the next '-', with white space anywhere, strict else. 0 when it is malformed.
static size_t take_base64(struct reader *r, uint8_t *ret, size_t capacity)
{
    size_t size = 0, digits = 0, padding = 0;
    uint32_t bits = 0;
    for (; reader_left(r) && r->data[r->at] != '-'; r->at++) {
        uint8_t c = r->data[r->at], value = digit_values[c];
        if (value && !padding) {
            bits = bits << 6 | (value - 1u);
            digits++;
        } else if (c == '=' && (digits % 4 == 3 || (digits % 4 == 2 && padding < 2))) {
            padding++;
            continue;
        } else if (is_space(c)) {
            continue;
        } else {
            return 0;
        }
        if (digits % 4 == 1)
            continue;
        if (size == capacity)
            return 0;
        ret[size++] = (uint8_t)(bits >> (digits % 4 == 2 ? 4 : digits % 4 == 3 ? 2 : 0));
    }
    bool whole = (digits + padding) % 4 == 0 && digits % 4 != 1;
    uint32_t stray = digits % 4 == 2 ? 15 : digits % 4 == 3 ? 3 : 0;
    return whole && (bits & stray) == 0 ? size : 0;
}

// One certificate between its PEM lines (RFC 7468, without the freedom of its section 5.2).
static bool take_cert(struct reader *r, struct writer *storage, struct attest_cert *ret)
{
    skip_spaces(r);
    if (!take_text(r, "-----BEGIN CERTIFICATE-----"))
        return false;
    uint8_t *der = storage->data + storage->size;
    size_t size = take_base64(r, der, MIN(storage->capacity - storage->size, CERT_SIZE_MAX));
    storage->size += size;
    return size > 0 && take_text(r, "-----END CERTIFICATE-----") &&
           attest_cert_parse(SPAN(der, size), ret);
}

enum attest_code attest_chain_load(struct span pem, size_t count,
                                   const struct attest_chain_codes *codes, struct attest_chain *ret)
{
    struct attest_chain chain = {.count = 0};
    if (count > ATTEST_CHAIN_MAX || pem.size == 0 || pem.size > 2 * count * CERT_SIZE_MAX)
        return codes->format;
    chain.storage = malloc(pem.size); // base64 shrinks
    if (!chain.storage)
        return ATTEST_INTERNAL;
    struct reader r = reader_on(pem);
    struct writer storage = writer_on(chain.storage, pem.size);
    while (chain.count < count && take_cert(&r, &storage, &chain.certs[chain.count]))
        chain.count++;
    skip_spaces(&r);
    while (reader_left(&r) && r.data[r.at] == 0)
        (void)take_u8(&r); // C strings in quotes bring their NUL along
    if (chain.count < count || !reader_done(&r)) {
        attest_chain_done(&chain);
        return codes->format;
    }
    *ret = chain;
    return ATTEST_OK;
}

static bool name_ends_with(const struct attest_cert *cert, const char *end)
{
    size_t size = cert->common_name.size, end_size = strlen(end);
    return size >= end_size && memcmp(cert->common_name.data + size - end_size, end, end_size) == 0;
}

// RFC 5280 section 6.1.4 for a chain in which place `i` counts the certificates below.
static bool fits_place(const struct attest_cert *cert, size_t i, const char *name)
{
    const uint32_t signs = ATTEST_USAGE_CERT_SIGN | ATTEST_USAGE_CRL_SIGN;
    if (!cert->has_constraints || !cert->has_usage || !name_ends_with(cert, name))
        return false;
    if (i == 0)
        return !cert->ca && (cert->usage & ATTEST_USAGE_DIGITAL_SIGNATURE) &&
               !(cert->usage & signs);
    return cert->ca && (cert->usage & signs) == signs &&
           (cert->path_max == ATTEST_CERT_NO_PATH_LIMIT || cert->path_max + 1 >= i);
}

static bool same(struct span a, struct span b)
{
    return a.size == b.size && memcmp(a.data, b.data, a.size) == 0;
}

// Names are compared as bytes: Intel writes them one way.
static bool issued_by(const struct attest_cert *cert, const struct attest_cert *issuer)
{
    return same(cert->issuer, issuer->subject) &&
           (!cert->authority_key_id.size || !issuer->subject_key_id.size ||
            same(cert->authority_key_id, issuer->subject_key_id));
}

static bool signed_by(struct span tbs, const uint8_t signature[64], const uint8_t *key)
{
    uint8_t digest[SHA256_SIZE];
    sha256(tbs, digest);
    return is_ok(p256_verify(key, digest, signature));
}

static bool is_intel_root_cert(const struct attest_cert *cert)
{
    uint8_t hash[SHA256_SIZE];
    sha256(cert->der, hash);
    for (size_t i = 0; i < ARRAY_COUNT(intel_root_certs); i++)
        if (memcmp(hash, intel_root_certs[i], sizeof hash) == 0)
            return true;
    return false;
}

static enum attest_code check_window(int64_t from, int64_t until, int64_t now,
                                     enum attest_code expired, enum attest_code not_yet_valid,
                                     struct attest_window *window)
{
    if (now < from)
        return not_yet_valid;
    if (now > until)
        return expired;
    window->from = MAX(window->from, from);
    window->until = MIN(window->until, until);
    return ATTEST_OK;
}

struct result attest_cert_key_hash(const struct attest_cert *cert, uint8_t ret[32])
{
    sha256(cert->spki, ret);
    return RESULT_OK;
}

const struct attest_root *attest_root_find(const struct attest_roots *roots,
                                           const uint8_t key_hash[32])
{
    if (ct_equal(key_hash, attest_root_intel.key_hash, SHA256_SIZE))
        return &attest_root_intel;
    for (size_t i = 0; i < roots->count; i++)
        if (ct_equal(key_hash, roots->items[i].key_hash, SHA256_SIZE) &&
            strncmp(roots->items[i].name, ATTEST_ROOT_INTEL_NAME,
                    sizeof roots->items[i].name - 1) != 0)
            return &roots->items[i]; // nobody else may bear Intel's name
    return NULL;
}

enum attest_code attest_chain_verify(const struct attest_chain *chain, const char *const names[],
                                     int64_t now, const struct attest_roots *roots,
                                     const struct attest_chain_codes *codes,
                                     struct attest_window *window,
                                     const struct attest_root **ret_root)
{
    uint8_t key_hash[SHA256_SIZE];
    sha256(chain->certs[chain->count - 1].spki, key_hash);
    const struct attest_root *root = attest_root_find(roots, key_hash);
    if (!root)
        return codes->untrusted;
    for (size_t i = chain->count; i-- > 0;) {
        const struct attest_cert *cert = &chain->certs[i];
        const struct attest_cert *issuer = &chain->certs[MIN(i + 1, chain->count - 1)];
        if (!fits_place(cert, i, names[i]) || !issued_by(cert, issuer))
            return codes->invalid;
        if (!(cert == issuer && is_intel_root_cert(cert)) &&
            !signed_by(cert->tbs, cert->signature, issuer->key))
            return codes->invalid;
        enum attest_code code = check_window(cert->from, cert->until, now, codes->expired,
                                             codes->not_yet_valid, window);
        if (code)
            return code;
    }
    *ret_root = root;
    return ATTEST_OK;
}

enum attest_code attest_crl_load(struct span der, const struct attest_crl_codes *codes,
                                 struct attest_crl *ret)
{
    return der.size > 0 && der.size <= ATTEST_CRL_SIZE_MAX && attest_crl_parse(der, ret)
               ? ATTEST_OK
               : codes->format;
}

enum attest_code attest_crl_check(const struct attest_crl *crl, const struct attest_cert *issuer,
                                  int64_t now, const struct attest_crl_codes *codes,
                                  struct attest_window *window)
{
    if (!same(crl->issuer, issuer->subject) || !issuer->subject_key_id.size ||
        !same(crl->authority_key_id, issuer->subject_key_id))
        return codes->issuer;
    return check_window(crl->from, crl->until, now, codes->expired, codes->not_yet_valid, window);
}

enum attest_code attest_crl_verify(const struct attest_crl *crl, const struct attest_cert *issuer,
                                   int64_t now, const struct attest_crl_codes *codes,
                                   struct attest_window *window)
{
    struct attest_window w = {0, INT64_MAX};
    enum attest_code code = attest_crl_check(crl, issuer, now, codes, &w);
    if (code == codes->issuer)
        return code;
    if (!signed_by(crl->tbs, crl->signature, issuer->key))
        return codes->signature;
    if (!code) {
        window->from = MAX(window->from, w.from);
        window->until = MIN(window->until, w.until);
    }
    return code;
}
