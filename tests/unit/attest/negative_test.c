// SPDX-License-Identifier: Apache-2.0
// Is a real quote refused, for the right reason, after any single alteration of it or its
// collateral? Each row alters one thing; the last column lists the codes that are a right answer.
#include <openssl/bn.h>

#include "attest/cache.h"
#include "base/hex.h"
#include "crypto/p256.h"
#include "crypto/sha256.h"
#include "vector.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

enum offset {
    BODY = 48,
    SIGNATURE_SIZE = 432,
    SIGNATURE = 436,
    KEY = SIGNATURE + 64,
    QE_REPORT = KEY + 64,
    QE_SIGNATURE = QE_REPORT + 384,
    AUTH_SIZE = QE_SIGNATURE + 64,
    AUTH = AUTH_SIZE + 2,
    CERT_TYPE = AUTH + 32,
    CERT_SIZE = CERT_TYPE + 2,
    CERT = CERT_SIZE + 4,
};

static const char processor_vector[] = "sgx3-00a067110000-am-dcap-attestat-178c-at20250531-ev17v3";
static const char platform_vector[] = "sgx3-00606a000000-am-dcap-attestat-6ef4-at20250228-ev17v2";
// Same days as processor_vector, another FMSPC under the same CA.
static const char sibling_vector[] = "sgx3-00906ed50000-openenclave-a833-at20250611-ev17v2";

// Row kinds: set a number, flip a bit, cut the quote; the rest are functions.
typedef void alter_fn(struct vector *v);

struct row {
    const char *name;
    alter_fn *alter;
    size_t at;
    unsigned width; // 2 or 4: store `value`; 1: flip bit 0 of the byte; 0: cut the quote at `at`
    uint32_t value;
    enum attest_code codes[3];
};

static const char *certdata(const struct vector *v)
{
    return (const char *)v->quote + CERT;
}

// Replaces the quote's certification data and mends all lengths.
static void set_certdata(struct vector *v, const char *pem, size_t size)
{
    uint8_t *quote = calloc(1, CERT + size + VECTOR_SLACK);
    assert_non_null(quote);
    memcpy(quote, v->quote, CERT);
    memcpy(quote + CERT, pem, size);
    store_le32(quote + CERT_SIZE, (uint32_t)size);
    v->quote_size = CERT + size;
    store_le32(quote + SIGNATURE_SIZE, (uint32_t)(v->quote_size - SIGNATURE));
    free(v->quote);
    v->quote = quote;
}

// Certificate `i` of a chain in PEM.
static struct span pem_cert(const char *pem, int i)
{
    static const char end[] = "-----END CERTIFICATE-----\n";
    const char *from = pem;
    for (;; i--) {
        const char *to = strstr(from, end);
        assert_non_null(to);
        to += sizeof end - 1;
        if (i == 0)
            return SPAN(from, (size_t)(to - from));
        from = to;
    }
}

// A chain of up to three certificates out of two chains: digits pick from `a`, letters from `b`.
static void join(char *ret, const char *a, const char *b, const char *picks)
{
    ret[0] = 0;
    for (; *picks; picks++) {
        struct span s = *picks < 'a' ? pem_cert(a, *picks - '0') : pem_cert(b, *picks - 'a');
        strncat(ret, (const char *)s.data, s.size);
    }
}

static void use_certs(struct vector *v, const char *other, const char *picks)
{
    char pem[16384];
    struct vector o = vector_load(other);
    join(pem, certdata(v), certdata(&o), picks);
    set_certdata(v, pem, strlen(pem));
    vector_free(&o);
}

static void use_signer(struct vector *v, const char *picks)
{
    char pem[16384];
    join(pem, (char *)v->parts[ATTEST_PART_TCB_CHAIN], certdata(v), picks);
    vector_set_part(v, ATTEST_PART_TCB_CHAIN, pem, strlen(pem));
    vector_set_part(v, ATTEST_PART_QE_CHAIN, pem, strlen(pem));
}

static void use_part(struct vector *v, const char *other, enum attest_part to,
                     enum attest_part from)
{
    struct vector o = vector_load(other);
    vector_set_part(v, to, o.parts[from], o.part_sizes[from]);
    vector_free(&o);
}

static const char *other_ca(const struct vector *v)
{
    return strstr(v->dir, processor_vector) ? platform_vector : processor_vector;
}

static void replace(struct vector *v, enum attest_part part, const char *from, const char *to)
{
    char text[65536];
    char *at = strstr((char *)v->parts[part], from);
    assert_non_null(at);
    size_t head = (size_t)(at - (char *)v->parts[part]);
    snprintf(text, sizeof text, "%.*s%s%s", (int)head, (char *)v->parts[part], to,
             at + strlen(from));
    vector_set_part(v, part, text, strlen(text));
}

static const char order_hex[] = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";

// value = a*order + b*value mod 2^256, for the twin (1, -1) and the too large integer (1, 1).
static void change_integer(uint8_t *value, bool negate)
{
    BIGNUM *n = NULL, *v = BN_bin2bn(value, 32, NULL), *r = BN_new();
    assert_true(BN_hex2bn(&n, order_hex) && v && r);
    assert_true(negate ? BN_sub(r, n, v) : BN_add(r, n, v));
    if (BN_num_bits(r) > 256)
        assert_true(BN_mask_bits(r, 256));
    assert_int_equal(BN_bn2binpad(r, value, 32), 32);
    BN_free(n);
    BN_free(v);
    BN_free(r);
}

static void twin(struct vector *v)
{
    change_integer(v->quote + SIGNATURE + 32, true);
}

static void r_too_large(struct vector *v)
{
    change_integer(v->quote + SIGNATURE, false);
}

static void zero_signature(struct vector *v)
{
    memset(v->quote + SIGNATURE, 0, 64);
}

static void zero_key(struct vector *v)
{
    memset(v->quote + KEY, 0, 64);
}

static void attackers_key(struct vector *v)
{
    uint8_t seed[32] = {7}, key[32], digest[32];
    assert_true(is_ok(p256_key_from_seed(seed, key, v->quote + KEY)));
    sha256(SPAN(v->quote, SIGNATURE_SIZE), digest);
    assert_true(is_ok(p256_sign(key, digest, v->quote + SIGNATURE)));
}

static void trailing_junk(struct vector *v)
{
    memset(v->quote + v->quote_size, 0x41, 64);
    v->quote_size += 64;
}

static void cut_last(struct vector *v)
{
    v->quote_size--;
}

static void shorter_signature(struct vector *v)
{
    store_le32(v->quote + SIGNATURE_SIZE, load_le32(v->quote + SIGNATURE_SIZE) - 1);
}

#define CHAIN_ROW(name, picks)            \
    static void name(struct vector *v)    \
    {                                     \
        use_certs(v, other_ca(v), picks); \
    }
CHAIN_ROW(chain_no_root, "01")
CHAIN_ROW(chain_no_ca, "02")
CHAIN_ROW(chain_leaf, "0")
CHAIN_ROW(chain_ca_as_leaf, "112")
CHAIN_ROW(chain_four, "0122")
CHAIN_ROW(chain_reversed, "210")
CHAIN_ROW(chain_other_ca, "0b2")
CHAIN_ROW(chain_leaf_as_root, "010")

static void chain_other_pck(struct vector *v)
{
    use_certs(v, sibling_vector, "abc");
}

static void chain_nul_inside(struct vector *v)
{
    v->quote[CERT + pem_cert(certdata(v), 0).size + 3] = 0;
}

#define SIGNER_ROW(name, picks)        \
    static void name(struct vector *v) \
    {                                  \
        use_signer(v, picks);          \
    }
SIGNER_ROW(signer_is_pck, "a1")
SIGNER_ROW(signer_is_ca, "b1")
SIGNER_ROW(signer_alone, "0")
SIGNER_ROW(signer_is_root, "1")
SIGNER_ROW(signer_root_twice, "11")

static void pck_leaf_flip(struct vector *v)
{
    uint8_t *at = v->quote + CERT + 200;
    *at = *at == 'A' ? 'B' : 'A';
}

static void rogue_root(struct vector *v)
{
    uint8_t *at = v->quote + v->quote_size - 400; // in the root's public key
    *at = *at == 'A' ? 'B' : 'A';
}

static void tcb_status(struct vector *v)
{
    replace(v, ATTEST_PART_TCB_INFO, "\"OutOfDate\"", "\"UpToDate\"");
}

static void tcb_space(struct vector *v)
{
    replace(v, ATTEST_PART_TCB_INFO, "\"version\":", "\"version\": ");
}

static void tcb_escape(struct vector *v)
{
    replace(v, ATTEST_PART_TCB_INFO, "\"version\":", "\"versio\\u006e\":");
}

static void tcb_extra_member(struct vector *v)
{
    replace(v, ATTEST_PART_TCB_INFO, "\"signature\":", "\"x\":1,\"signature\":");
}

static void tcb_two_bodies(struct vector *v)
{
    replace(v, ATTEST_PART_TCB_INFO, "{\"tcbInfo\":", "{\"tcbInfo\":{},\"tcbInfo\":");
}

static void tcb_sig_zero(struct vector *v)
{
    memset(v->parts[ATTEST_PART_TCB_INFO] + v->part_sizes[ATTEST_PART_TCB_INFO] - 130, '0', 128);
}

static void tcb_sig_short(struct vector *v)
{
    size_t size = v->part_sizes[ATTEST_PART_TCB_INFO];
    memcpy(v->parts[ATTEST_PART_TCB_INFO] + size - 4, "\"}", 2);
    v->part_sizes[ATTEST_PART_TCB_INFO] = size - 2;
}

static void tcb_not_json(struct vector *v)
{
    vector_set_part(v, ATTEST_PART_TCB_INFO, "{", 1);
}

static void tcb_deep(struct vector *v)
{
    char text[4000] = "{\"tcbInfo\":";
    for (int i = 0; i < 600; i++)
        strcat(text, "{\"a\":");
    vector_set_part(v, ATTEST_PART_TCB_INFO, text, strlen(text));
}

static void tcb_huge(struct vector *v)
{
    size_t size = 1u << 20;
    char *text = malloc(size);
    assert_non_null(text);
    memset(text, '[', size);
    memcpy(text, "{\"tcbInfo\":", 11);
    vector_set_part(v, ATTEST_PART_TCB_INFO, text, size);
    free(text);
}

static void tcb_as_qe(struct vector *v)
{
    use_part(v, strrchr(v->dir, '/') + 1, ATTEST_PART_QE_IDENTITY, ATTEST_PART_TCB_INFO);
}

static void qe_as_tcb(struct vector *v)
{
    use_part(v, strrchr(v->dir, '/') + 1, ATTEST_PART_TCB_INFO, ATTEST_PART_QE_IDENTITY);
}

static void tcb_other_fmspc(struct vector *v)
{
    use_part(v, sibling_vector, ATTEST_PART_TCB_INFO, ATTEST_PART_TCB_INFO);
}

static void qe_mrsigner(struct vector *v)
{
    replace(v, ATTEST_PART_QE_IDENTITY, "8C4F5775", "8C4F5776");
}

static void qe_space(struct vector *v)
{
    replace(v, ATTEST_PART_QE_IDENTITY, ",\"version\"", ", \"version\"");
}

static void crl_root_as_pck(struct vector *v)
{
    use_part(v, strrchr(v->dir, '/') + 1, ATTEST_PART_PCK_CRL, ATTEST_PART_ROOT_CA_CRL);
}

static void crl_pck_as_root(struct vector *v)
{
    use_part(v, strrchr(v->dir, '/') + 1, ATTEST_PART_ROOT_CA_CRL, ATTEST_PART_PCK_CRL);
}

static void crl_other_ca(struct vector *v)
{
    use_part(v, other_ca(v), ATTEST_PART_PCK_CRL, ATTEST_PART_PCK_CRL);
}

static void crl_empty(struct vector *v)
{
    v->part_sizes[ATTEST_PART_PCK_CRL] = 0;
}

static void crl_cut(struct vector *v)
{
    v->part_sizes[ATTEST_PART_PCK_CRL] -= 5;
}

static void crl_junk(struct vector *v)
{
    v->part_sizes[ATTEST_PART_PCK_CRL] += 1;
}

static void crl_bit(struct vector *v)
{
    v->parts[ATTEST_PART_PCK_CRL][v->part_sizes[ATTEST_PART_PCK_CRL] - 10] ^= 1;
}

static void root_crl_bit(struct vector *v)
{
    v->parts[ATTEST_PART_ROOT_CA_CRL][v->part_sizes[ATTEST_PART_ROOT_CA_CRL] - 10] ^= 1;
}

static void after_400_days(struct vector *v)
{
    v->now += 400ll * 86400;
}

static void in_2060(struct vector *v)
{
    v->now = 2840140800;
}

static void in_2016(struct vector *v)
{
    v->now = 1451606400;
}

#define FORMAT              \
    {                       \
        ATTEST_QUOTE_FORMAT \
    }
#define UNKNOWN                  \
    {                            \
        ATTEST_QUOTE_UNSUPPORTED \
    }
#define SIGNED                 \
    {                          \
        ATTEST_QUOTE_SIGNATURE \
    }
#define QE_SIGNED                  \
    {                              \
        ATTEST_QE_REPORT_SIGNATURE \
    }
#define CERTS                   \
    {                           \
        ATTEST_PCK_CHAIN_FORMAT \
    }

static const struct row rows[] = {
    {"version-2", NULL, 0, 2, 2, UNKNOWN},
    {"version-6", NULL, 0, 2, 6, UNKNOWN},
    {"version-swap", NULL, 0, 2, 4, UNKNOWN},
    {"aktype-3", NULL, 2, 2, 3, UNKNOWN},
    {"aktype-0", NULL, 2, 2, 0, UNKNOWN},
    {"teetype", NULL, 4, 4, 0x81, UNKNOWN},
    {"qevendor", NULL, 12, 1, 0, UNKNOWN},
    {"userdata", NULL, 28, 1, 0, SIGNED},
    {"qesvn", NULL, 8, 1, 0, SIGNED},
    {"pcesvn", NULL, 10, 1, 0, SIGNED},
    {"body-meas", NULL, BODY + 64, 1, 0, SIGNED},
    {"body-reportdata", NULL, BODY + 320, 1, 0, SIGNED},
    {"body-reportdata-end", NULL, BODY + 383, 1, 0, SIGNED},
    {"body-attributes", NULL, BODY + 48, 1, 0, SIGNED},
    {"body-cpusvn", NULL, BODY, 1, 0, SIGNED},
    {"sig-r", NULL, SIGNATURE, 1, 0, SIGNED},
    {"sig-s", NULL, SIGNATURE + 63, 1, 0, SIGNED},
    {"sig-zero", zero_signature, 0, 0, 0, SIGNED},
    {"sig-malleable", twin, 0, 0, 0, {ATTEST_OK}},
    {"sig-r-plus-n", r_too_large, 0, 0, 0, SIGNED},
    {"ak-flip", NULL, KEY, 1, 0, {ATTEST_QE_REPORT_DATA}},
    {"ak-zero", zero_key, 0, 0, 0, {ATTEST_QE_REPORT_DATA}},
    {"attacker-ak", attackers_key, 0, 0, 0, {ATTEST_QE_REPORT_DATA}},
    {"qe-mrsigner", NULL, QE_REPORT + 128, 1, 0, QE_SIGNED},
    {"qe-isvsvn", NULL, QE_REPORT + 258, 2, 0xffff, QE_SIGNED},
    {"qe-reportdata", NULL, QE_REPORT + 320, 1, 0, QE_SIGNED},
    {"qe-sig", NULL, QE_SIGNATURE, 1, 0, QE_SIGNED},
    {"qe-authdata", NULL, AUTH, 1, 0, {ATTEST_QE_REPORT_DATA}},
    {"qe-authlen-big", NULL, AUTH_SIZE, 2, 0xffff, FORMAT},
    {"qe-authlen-0", NULL, AUTH_SIZE, 2, 0, FORMAT},
    {"qe-authlen-1", NULL, AUTH_SIZE, 2, 31, FORMAT},
    {"certtype-9", NULL, CERT_TYPE, 2, 9, {ATTEST_CERTIFICATION_UNSUPPORTED}},
    {"certtype-1", NULL, CERT_TYPE, 2, 1, {ATTEST_CERTIFICATION_UNSUPPORTED}},
    {"nested-6", NULL, CERT_TYPE, 2, 6, {ATTEST_CERTIFICATION_UNSUPPORTED}},
    {"certlen-big", NULL, CERT_SIZE, 4, 0xffffffff, FORMAT},
    {"certlen-wrap", NULL, CERT_SIZE, 4, 0xfffffffa, FORMAT},
    {"certlen-0", NULL, CERT_SIZE, 4, 0, FORMAT},
    {"siglen-big", NULL, SIGNATURE_SIZE, 4, 0xffffffff, FORMAT},
    {"siglen-short", shorter_signature, 0, 0, 0, FORMAT},
    {"siglen-0", NULL, SIGNATURE_SIZE, 4, 0, FORMAT},
    {"trunc-empty", NULL, 0, 0, 0, FORMAT},
    {"trunc-1", NULL, 1, 0, 0, FORMAT},
    {"trunc-47", NULL, 47, 0, 0, FORMAT},
    {"trunc-hdr", NULL, 48, 0, 0, FORMAT},
    {"trunc-body", NULL, 432, 0, 0, FORMAT},
    {"trunc-sigstart", NULL, 436, 0, 0, FORMAT},
    {"trunc-midsig", NULL, 536, 0, 0, FORMAT},
    {"trunc-last-1", cut_last, 0, 0, 0, FORMAT},
    {"trail-junk", trailing_junk, 0, 0, 0, FORMAT},
    {"pck-leaf-flip", pck_leaf_flip, 0, 0, 0, {ATTEST_PCK_CHAIN_FORMAT, ATTEST_PCK_CHAIN_INVALID}},
    {"chain-no-root", chain_no_root, 0, 0, 0, CERTS},
    {"chain-no-int", chain_no_ca, 0, 0, 0, CERTS},
    {"chain-only-leaf", chain_leaf, 0, 0, 0, CERTS},
    {"chain-four", chain_four, 0, 0, 0, CERTS},
    {"chain-nul-inside", chain_nul_inside, 0, 0, 0, CERTS},
    {"chain-reversed", chain_reversed, 0, 0, 0, {ATTEST_PCK_CHAIN_UNTRUSTED}},
    {"chain-leaf-as-root", chain_leaf_as_root, 0, 0, 0, {ATTEST_PCK_CHAIN_UNTRUSTED}},
    {"chain-int-as-leaf", chain_ca_as_leaf, 0, 0, 0, {ATTEST_PCK_CHAIN_INVALID}},
    {"chain-other-int", chain_other_ca, 0, 0, 0, {ATTEST_PCK_CHAIN_INVALID}},
    {"rogue-root", rogue_root, 0, 0, 0, {ATTEST_PCK_CHAIN_UNTRUSTED, ATTEST_PCK_CHAIN_FORMAT}},
    {"tcb-bit", tcb_status, 0, 0, 0, {ATTEST_TCB_INFO_SIGNATURE}},
    {"tcb-ws", tcb_space, 0, 0, 0, {ATTEST_TCB_INFO_SIGNATURE}},
    {"tcb-sig0", tcb_sig_zero, 0, 0, 0, {ATTEST_TCB_INFO_SIGNATURE}},
    {"tcb-sigshort", tcb_sig_short, 0, 0, 0, {ATTEST_TCB_INFO_FORMAT}},
    {"tcb-notjson", tcb_not_json, 0, 0, 0, {ATTEST_TCB_INFO_FORMAT}},
    {"tcb-escape", tcb_escape, 0, 0, 0, {ATTEST_TCB_INFO_FORMAT}},
    {"tcb-extra-member", tcb_extra_member, 0, 0, 0, {ATTEST_TCB_INFO_FORMAT}},
    {"tcb-two-bodies", tcb_two_bodies, 0, 0, 0, {ATTEST_TCB_INFO_FORMAT}},
    {"tcb-deep", tcb_deep, 0, 0, 0, {ATTEST_TCB_INFO_FORMAT}},
    {"tcb-huge", tcb_huge, 0, 0, 0, {ATTEST_TCB_INFO_FORMAT}},
    {"tcb-as-qe", qe_as_tcb, 0, 0, 0, {ATTEST_TCB_INFO_FORMAT}},
    {"qe-as-tcb", tcb_as_qe, 0, 0, 0, {ATTEST_QE_IDENTITY_FORMAT}},
    {"qeid-bit", qe_mrsigner, 0, 0, 0, {ATTEST_QE_IDENTITY_SIGNATURE}},
    {"qeid-ws", qe_space, 0, 0, 0, {ATTEST_QE_IDENTITY_SIGNATURE}},
    {"expired-tcb", after_400_days, 0, 0, 0, {ATTEST_ROOT_CRL_EXPIRED}},
    {"expired-2060", in_2060, 0, 0, 0, {ATTEST_PCK_CHAIN_EXPIRED}},
    {"early", in_2016, 0, 0, 0, {ATTEST_PCK_CHAIN_NOT_YET_VALID}},
    {"crl-bit", crl_bit, 0, 0, 0, {ATTEST_PCK_CRL_SIGNATURE}},
    {"crl-root-as-pck", crl_root_as_pck, 0, 0, 0, {ATTEST_PCK_CRL_ISSUER}},
    {"crl-pck-as-root", crl_pck_as_root, 0, 0, 0, {ATTEST_ROOT_CRL_ISSUER}},
    {"crl-empty", crl_empty, 0, 0, 0, {ATTEST_PCK_CRL_FORMAT}},
    {"crl-trunc", crl_cut, 0, 0, 0, {ATTEST_PCK_CRL_FORMAT}},
    {"crl-junk", crl_junk, 0, 0, 0, {ATTEST_PCK_CRL_FORMAT}},
    {"rootcrl-bit", root_crl_bit, 0, 0, 0, {ATTEST_ROOT_CRL_SIGNATURE}},
    {"crl-otherca", crl_other_ca, 0, 0, 0, {ATTEST_PCK_CRL_ISSUER}},
    {"tchain-pck", signer_is_pck, 0, 0, 0, {ATTEST_TCB_CHAIN_INVALID}},
    {"tchain-int", signer_is_ca, 0, 0, 0, {ATTEST_TCB_CHAIN_INVALID}},
    {"tchain-leaf", signer_alone, 0, 0, 0, {ATTEST_TCB_CHAIN_FORMAT}},
    {"tchain-root", signer_is_root, 0, 0, 0, {ATTEST_TCB_CHAIN_FORMAT}},
    {"tchain-root-twice", signer_root_twice, 0, 0, 0, {ATTEST_TCB_CHAIN_INVALID}},
};

// Rows that need the sibling platform and so the processor vector.
static const struct row sibling_rows[] = {
    {"chain-other-pck", chain_other_pck, 0, 0, 0, {ATTEST_TCB_INFO_MISMATCH}},
    {"tcb-other-fmspc", tcb_other_fmspc, 0, 0, 0, {ATTEST_TCB_INFO_MISMATCH}},
};

static void alter(struct vector *v, const struct row *row)
{
    if (row->alter)
        row->alter(v);
    else if (row->width == 4)
        store_le32(v->quote + row->at, row->value);
    else if (row->width == 2)
        store_le16(v->quote + row->at, (uint16_t)row->value);
    else if (row->width == 1)
        v->quote[row->at] ^= 1;
    else
        v->quote_size = row->at;
}

// The same evidence for a verifier that remembers the unaltered vector.
static enum attest_code with_warm_cache(const char *vector, const struct attest_evidence *evidence)
{
    struct vector v = vector_load(vector);
    struct attest_evidence good = vector_evidence(&v);
    struct attest_cache *cache;
    struct attest_verdict verdict;
    assert_true(is_ok(attest_cache_new(4, &cache)));
    assert_true(is_ok(attest_verify_cached(&good, cache, &verdict)));
    (void)!is_ok(attest_verify_cached(evidence, cache, &verdict));
    attest_cache_free(cache);
    vector_free(&v);
    return verdict.code;
}

static int run_rows(const char *vector, const struct row *table, size_t count)
{
    int wrong = 0;
    for (size_t i = 0; i < count; i++) {
        struct vector v = vector_load(vector);
        struct attest_verdict verdict;
        alter(&v, &table[i]);
        struct attest_evidence evidence = vector_evidence(&v);
        bool genuine = is_ok(attest_verify(&evidence, &verdict));
        bool expected = false;
        enum attest_code remembered = with_warm_cache(vector, &evidence);
        for (size_t j = 0; j < 3; j++) // an unused place is ATTEST_OK and counts in the first only
            expected |= verdict.code == table[i].codes[j] && (j == 0 || verdict.code != ATTEST_OK);
        if (remembered != verdict.code) {
            print_error("%s: with a cache %s\n", table[i].name, attest_code_name(remembered));
            wrong++;
        }
        if (!expected || genuine != (verdict.code == ATTEST_OK)) {
            print_error("%s: got %s\n", table[i].name, attest_code_name(verdict.code));
            wrong++;
        }
        vector_free(&v);
    }
    return wrong;
}

static void alterations_are_refused(void **state)
{
    (void)state;
    assert_int_equal(run_rows(processor_vector, rows, ARRAY_COUNT(rows)), 0);
    assert_int_equal(run_rows(platform_vector, rows, ARRAY_COUNT(rows)), 0);
    assert_int_equal(run_rows(processor_vector, sibling_rows, ARRAY_COUNT(sibling_rows)), 0);
}

// Every length of the quote but its own, and every single bit of what is signed.
static void every_cut_and_bit_is_refused(void **state)
{
    (void)state;
    struct vector v = vector_load(processor_vector);
    struct attest_evidence evidence = vector_evidence(&v);
    struct attest_verdict verdict;
    for (size_t size = 0; size < v.quote_size; size++) {
        evidence.quote.size = size;
        assert_false(is_ok(attest_verify(&evidence, &verdict)));
    }
    evidence.quote.size = v.quote_size;
    for (size_t bit = 0; bit < 8 * (size_t)CERT_TYPE; bit += 13) {
        v.quote[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(is_ok(attest_verify(&evidence, &verdict)));
        v.quote[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_true(is_ok(attest_verify(&evidence, &verdict)));
    vector_free(&v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alterations_are_refused),
        cmocka_unit_test(every_cut_and_bit_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
