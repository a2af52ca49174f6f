// SPDX-License-Identifier: Apache-2.0
// Is a certificate accepted when key, quote and policy belong together, in both forms, and refused for the
// right reason when anything about it is altered?
#include "ratls/scene.h"

#include <openssl/x509v3.h>

#include "os/file.h"
#include "ratls/cbor.h"

struct bytes {
    uint8_t data[RATLS_SIZE_MAX];
    size_t size;
};

static struct bytes der, quote, evidence;
static struct ratls_verdict verdict;

static enum err judge(const struct scene *s, X509 *x)
{
    uint8_t *at = der.data;
    assert_true(i2d_X509(x, NULL) < (int)sizeof der.data - 1);
    der.size = (size_t)i2d_X509(x, &at);
    return ratls_verify(SPAN(der.data, der.size), &s->verifier, &verdict).code;
}

// -- certificates made by hand ------------------------------------------------------------------------------

struct part {
    const char *oid;
    struct span content;
    bool critical;
};

static X509 *craft(EVP_PKEY *key, EVP_PKEY *signer, const struct part *parts, size_t count)
{
    X509 *x = X509_new();
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    ASN1_TIME_set(X509_getm_notBefore(x), NOW - DAY);
    ASN1_TIME_set(X509_getm_notAfter(x), NOW + DAY);
    X509_set_pubkey(x, key);
    for (size_t i = 0; i < count; i++) {
        ASN1_OBJECT *object = OBJ_txt2obj(parts[i].oid, 1);
        ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
        ASN1_OCTET_STRING_set(value, parts[i].content.data, (int)parts[i].content.size);
        X509_EXTENSION *e = X509_EXTENSION_create_by_OBJ(NULL, object, parts[i].critical, value);
        assert_int_equal(X509_add_ext(x, e, -1), 1);
        X509_EXTENSION_free(e);
        ASN1_OCTET_STRING_free(value);
        ASN1_OBJECT_free(object);
    }
    assert_true(X509_sign(x, signer, EVP_sha256()) > 0);
    return x;
}

static enum err judge_parts(struct party *p, const struct part *parts, size_t count)
{
    X509 *x = craft(p->key, p->key, parts, count);
    enum err code = judge(p->scene, x);
    X509_free(x);
    return code;
}

static enum err judge_tagged(struct party *p, struct span content)
{
    const struct part part = {RATLS_OID_TAGGED, content, false};
    return judge_parts(p, &part, 1);
}

static uint8_t *spki_of(EVP_PKEY *key, size_t *ret_size)
{
    uint8_t *spki = NULL;
    *ret_size = (size_t)i2d_PUBKEY(key, &spki);
    return spki;
}

// Fills `quote` and `evidence` with good ones for the party's key, and `claims`.
static void make(struct party *p, enum ratls_form form, struct writer *claims)
{
    uint8_t reportdata[64];
    size_t size;
    uint8_t *spki = spki_of(p->key, &size);
    struct writer w = writer_on(evidence.data, sizeof evidence.data);
    OK(ratls_bind(form, SPAN(spki, size), claims, reportdata));
    OPENSSL_free(spki);
    OK(party_quote(p, reportdata, quote.data, sizeof quote.data, &quote.size));
    OK(ratls_evidence_write(form, SPAN(quote.data, quote.size), writer_span(claims), &w));
    evidence.size = w.size;
}

// Evidence around these claims, whatever they are, with a genuine quote that binds them.
static enum err judge_claims(struct party *p, struct span claims)
{
    uint8_t reportdata[64] = {0};
    struct writer w = writer_on(evidence.data, sizeof evidence.data);
    EVP_Digest(claims.data, claims.size, reportdata, NULL, EVP_sha256(), NULL);
    OK(party_quote(p, reportdata, quote.data, sizeof quote.data, &quote.size));
    OK(ratls_evidence_write(RATLS_FORM_TAGGED, SPAN(quote.data, quote.size), claims, &w));
    return judge_tagged(p, writer_span(&w));
}

// -- tests --------------------------------------------------------------------------------------------------

static void good_certificates(void **state)
{
    struct scene *s = *state;
    struct party p;
    for (enum ratls_form form = RATLS_FORM_TAGGED; form <= RATLS_FORM_INTEL; form++) {
        party_init(&p, s, 0xe1);
        party_certify(&p, form);
        assert_int_equal(judge(s, p.certificate), ERR_NONE);
        assert_int_equal(verdict.evidence.form, form);
        assert_int_equal(verdict.quote.claims.body.mrenclave[0], 0xe1);
        assert_int_equal(verdict.evidence.from, NOW - DAY);
        assert_true(verdict.evidence.quote.data > der.data);
        party_done(&p);
    }
    for (int kind = 0; kind < 3; kind++) { // other kinds of keys
        party_init(&p, s, 0xe1);
        EVP_PKEY_free(p.key);
        p.key = kind == 0   ? EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")
                : kind == 1 ? EVP_EC_gen("P-384")
                            : EVP_RSA_gen(2048);
        party_certify(&p, RATLS_FORM_TAGGED);
        assert_int_equal(judge(s, p.certificate), ERR_NONE);
        party_done(&p);
    }
}

static void other_key(void **state)
{
    struct scene *s = *state;
    struct party a, b;
    uint8_t text[RATLS_CLAIMS_SIZE_MAX];
    party_init(&a, s, 0xe1);
    party_init(&b, s, 0xe1);
    for (enum ratls_form form = RATLS_FORM_TAGGED; form <= RATLS_FORM_INTEL; form++) {
        struct writer claims = writer_on(text, sizeof text);
        const char *oid = form == RATLS_FORM_TAGGED ? RATLS_OID_TAGGED : RATLS_OID_INTEL;
        make(&a, form, &claims);
        const struct part part = {oid, SPAN(evidence.data, evidence.size), false};
        assert_int_equal(judge_parts(&a, &part, 1), ERR_NONE);
        assert_int_equal(judge_parts(&b, &part, 1), ERR_INTEGRITY); // a's evidence, b's key
        X509 *x = craft(a.key, b.key, &part, 1);                    // b signs for a's key
        assert_int_equal(judge(s, x), ERR_INTEGRITY);
        X509_free(x);
    }
    party_done(&a);
    party_done(&b);
}

static void other_quote(void **state)
{
    struct scene *s = *state;
    struct party p;
    uint8_t text[RATLS_CLAIMS_SIZE_MAX], zero[64] = {0};
    struct writer claims = writer_on(text, sizeof text);
    party_init(&p, s, 0xe1);
    make(&p, RATLS_FORM_TAGGED, &claims);
    OK(party_quote(&p, zero, quote.data, sizeof quote.data, &quote.size)); // genuine, unbound
    struct writer w = writer_on(evidence.data, sizeof evidence.data);
    OK(ratls_evidence_write(RATLS_FORM_TAGGED, SPAN(quote.data, quote.size), writer_span(&claims),
                            &w));
    assert_int_equal(judge_tagged(&p, writer_span(&w)), ERR_INTEGRITY);
    assert_int_equal(verdict.quote.code, ATTEST_OK);
    const struct part intel = {RATLS_OID_INTEL, SPAN(quote.data, quote.size), false};
    assert_int_equal(judge_parts(&p, &intel, 1), ERR_INTEGRITY);

    make(&p, RATLS_FORM_INTEL, &claims);
    for (size_t i = 48; i < 432; i += 37) { // anywhere in the report body, key's hash included
        quote.data[i] ^= 1;
        assert_int_not_equal(judge_parts(&p, &intel, 1), ERR_NONE);
        assert_int_not_equal(verdict.quote.code, ATTEST_OK);
        quote.data[i] ^= 1;
    }
    assert_int_equal(judge_parts(&p, &intel, 1), ERR_NONE);
    party_done(&p);
}

static void quote_refused(void **state)
{
    struct scene *s = *state;
    struct party p;
    party_init(&p, s, 0xe2); // another program
    party_certify(&p, RATLS_FORM_TAGGED);
    assert_int_equal(judge(s, p.certificate), ERR_DENIED);
    assert_int_equal(verdict.reasons.codes[0], ATTEST_POLICY_IDENTITY);
    party_done(&p);
    party_init(&p, s, 0xe1);
    party_certify(&p, RATLS_FORM_TAGGED);
    s->policy.allow_emulated = false;
    assert_int_equal(judge(s, p.certificate), ERR_DENIED);
    s->policy.allow_emulated = true;
    s->verifier.roots.count = 0;
    assert_int_equal(judge(s, p.certificate), ERR_DENIED);
    assert_int_equal(verdict.quote.code, ATTEST_PCK_CHAIN_UNTRUSTED);
    s->verifier.roots.count = 1;
    party_done(&p);
}

static void dates(void **state)
{
    struct scene *s = *state;
    struct party p;
    party_init(&p, s, 0xe1);
    party_certify(&p, RATLS_FORM_TAGGED);
    const struct {
        int64_t now;
        enum err code;
    } cases[] = {{NOW - DAY - 1, ERR_STALE}, {NOW + DAY, ERR_NONE}, {NOW + DAY + 1, ERR_STALE}};
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        s->now = cases[i].now;
        assert_int_equal(judge(s, p.certificate), cases[i].code);
    }
    s->now = NOW;
    party_done(&p);
}

static void extensions(void **state)
{
    struct party p;
    uint8_t text[RATLS_CLAIMS_SIZE_MAX], constraints[] = {0x30, 0}, usage[] = {3, 2, 7, 0x80};
    static struct bytes raw;
    struct writer claims = writer_on(text, sizeof text);
    party_init(&p, *state, 0xe1);
    make(&p, RATLS_FORM_INTEL, &claims);
    memcpy(raw.data, quote.data, quote.size);
    struct span intel = SPAN(raw.data, quote.size);
    make(&p, RATLS_FORM_TAGGED, &claims);
    struct span tagged = SPAN(evidence.data, evidence.size);
    const struct part both[] = {{RATLS_OID_TAGGED, tagged, false}, {RATLS_OID_INTEL, intel, false}};
    const struct part twice[] = {{RATLS_OID_INTEL, intel, false}, {RATLS_OID_INTEL, intel, false}};
    const struct part critical[] = {{RATLS_OID_TAGGED, tagged, true}};
    const struct part critical_intel[] = {{RATLS_OID_INTEL, intel, true}};
    struct part others[] = {{"2.5.29.19", SPAN_OF(constraints), true},
                            {RATLS_OID_TAGGED, tagged, false},
                            {"2.5.29.15", SPAN_OF(usage), true},
                            {"1.2.3.4", intel, false}};
    assert_int_equal(judge_parts(&p, both, 1), ERR_NONE);
    assert_int_equal(judge_parts(&p, both + 1, 1), ERR_NONE);
    assert_int_equal(judge_parts(&p, both, 2), ERR_DENIED);
    assert_int_equal(judge_parts(&p, twice, 2), ERR_INVALID);
    assert_int_equal(judge_parts(&p, critical, 1), ERR_DENIED);
    assert_int_equal(judge_parts(&p, critical_intel, 1), ERR_DENIED);
    assert_int_equal(judge_parts(&p, others, 4), ERR_NONE);
    usage[3] = 0x20; // key encipherment alone
    usage[2] = 5;
    assert_int_equal(judge_parts(&p, others, 4), ERR_DENIED);
    others[3].critical = true;
    assert_int_equal(judge_parts(&p, others, 4), ERR_DENIED);
    assert_int_equal(judge_parts(&p, others, 1), ERR_NOT_FOUND);
    party_done(&p);
}

static void altered_cbor(void **state)
{
    struct party p;
    uint8_t text[RATLS_CLAIMS_SIZE_MAX];
    static struct bytes b;
    struct writer claims = writer_on(text, sizeof text);
    party_init(&p, *state, 0xe1);
    make(&p, RATLS_FORM_TAGGED, &claims);
    // d9 ea60 (tag 60000), 82 (array of 2), 59 size size (bytes)
    static const struct {
        size_t at;
        uint8_t value;
        enum err code;
    } cases[] = {
        {2, 0x61, ERR_UNSUPPORTED}, // tag 60001
        {0, 0xda, ERR_UNSUPPORTED}, // a tag of four bytes
        {0, 0x82, ERR_INVALID},     // no tag
        {3, 0x9f, ERR_INVALID},     // an array of indefinite length
        {3, 0x83, ERR_INVALID},     // three items
        {4, 0x5f, ERR_INVALID},     // a string of indefinite length
        {4, 0x79, ERR_INVALID},     // text in place of bytes
        {5, 0xff, ERR_INVALID},     // more than there is
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        memcpy(b.data, evidence.data, evidence.size);
        b.data[cases[i].at] = cases[i].value;
        assert_int_equal(judge_tagged(&p, SPAN(b.data, evidence.size)), cases[i].code);
    }
    memcpy(b.data, evidence.data, evidence.size);
    b.data[evidence.size] = 0;
    assert_int_equal(judge_tagged(&p, SPAN(b.data, evidence.size + 1)), ERR_INVALID);
    assert_int_equal(judge_tagged(&p, SPAN(b.data, evidence.size - 1)), ERR_INVALID);
    assert_int_equal(judge_tagged(&p, SPAN(b.data, evidence.size)), ERR_NONE);
    assert_int_equal(ratls_verify(SPAN(der.data, der.size - 1), &p.scene->verifier, &verdict).code,
                     ERR_INVALID);
    der.data[der.size] = 0;
    assert_int_equal(ratls_verify(SPAN(der.data, der.size + 1), &p.scene->verifier, &verdict).code,
                     ERR_INVALID);
    party_done(&p);
}

static struct span claims_with(struct party *p, struct writer *w, unsigned id, const EVP_MD *md,
                               unsigned count, struct span more)
{
    uint8_t hash[EVP_MAX_MD_SIZE], entry[80];
    unsigned hash_size;
    size_t size;
    uint8_t *spki = spki_of(p->key, &size);
    struct writer e = writer_on(entry, sizeof entry);
    EVP_Digest(spki, size, hash, &hash_size, md, NULL);
    OPENSSL_free(spki);
    cbor_put(&e, CBOR_ARRAY, 2);
    cbor_put(&e, CBOR_UINT, id);
    cbor_put_string(&e, CBOR_BYTES, SPAN(hash, hash_size));
    cbor_put(w, CBOR_MAP, count);
    cbor_put_string(w, CBOR_TEXT, SPAN_STR("pubkey-hash"));
    cbor_put_string(w, CBOR_BYTES, writer_span(&e));
    put_span(w, more);
    return writer_span(w);
}

static void claims_of_others(void **state)
{
    struct party p;
    uint8_t text[512];
#define MORE(literal) SPAN_STR(literal)
    const struct {
        unsigned id, count;
        const EVP_MD *md;
        struct span more;
        enum err code;
    } cases[] = {
        {1, 1, EVP_sha256(), MORE(""), ERR_NONE},
        {7, 1, EVP_sha384(), MORE(""), ERR_NONE},
        {8, 1, EVP_sha512(), MORE(""), ERR_NONE},
        {8, 1, EVP_sha256(), MORE(""), ERR_INVALID},
        {10, 1, EVP_sha3_256(), MORE(""), ERR_UNSUPPORTED},
        {1, 2, EVP_sha256(), MORE("\x65nonce\x42ok"), ERR_NONE},
        {1, 2, EVP_sha256(), MORE("\x65nonce\x62ok"), ERR_INVALID},                // text
        {1, 3, EVP_sha256(), MORE("\x65nonce\x42ok\x65nonce\x42no"), ERR_INVALID}, // twice
        {1, 2, EVP_sha256(), MORE("\x61x\x81\xa1\x01\xc1\xf5"), ERR_NONE},         // ignored
        {1, 2, EVP_sha256(), MORE("\x61x\xfb\x3f\xf0\0\0\0\0\0\0"), ERR_NONE},     // 1.0
        {1, 2, EVP_sha256(), MORE("\x61x\x81\x81\x81\x81\x01"), ERR_INVALID},      // too deep
        {1, 2, EVP_sha256(), MORE("\x61x\x9f\xff"), ERR_INVALID},                  // indefinite
        {1, 2, EVP_sha256(), MORE("\x61x\x18\x17"), ERR_INVALID},                  // not shortest
        {1, 2, EVP_sha256(), MORE("\x61x\x9b\xff\xff\xff\xff\xff\xff\xff\xff"), ERR_INVALID},
        {1, 2, EVP_sha256(), MORE("\x61x\xbb\x80\0\0\0\0\0\0\0"), ERR_INVALID},
        {1, 2, EVP_sha256(), MORE("\x01\x01"), ERR_INVALID}, // a name that is a number
        {1, 1, EVP_sha256(), MORE("\x01"), ERR_INVALID},     // trailing
        {1, 2, EVP_sha256(), MORE(""), ERR_INVALID},         // missing
        {1, 17, EVP_sha256(), MORE(""), ERR_INVALID},
    };
    party_init(&p, *state, 0xe1);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct writer w = writer_on(text, sizeof text);
        struct span claims =
            claims_with(&p, &w, cases[i].id, cases[i].md, cases[i].count, cases[i].more);
        enum err code = judge_claims(&p, claims);
        if (code != cases[i].code)
            print_error("case %zu\n", i);
        assert_int_equal(code, cases[i].code);
        if (i == 5)
            assert_memory_equal(verdict.evidence.nonce.data, "ok", 2);
    }
    assert_int_equal(judge_claims(&p, SPAN_STR("\xa0")), ERR_INVALID);
    assert_int_equal(judge_claims(&p, SPAN_STR("\xbf\xff")), ERR_INVALID);
    party_done(&p);
}

// -- a TD's quote, real hardware's --------------------------------------------------------------------------

#define TD_FOLDER "tests/vectors/dcap/tdx4-00806f050000-am-dcap-attestat-a28c-at20260627-ev21v3/"

static struct span load(const char *name)
{
    char path[256];
    uint8_t *data;
    size_t size;
    snprintf(path, sizeof path, TD_FOLDER "%s", name);
    OK(file_read(path, 1u << 20, &data, &size));
    return SPAN(data, size);
}

static struct result quote_of_another(void *context, const uint8_t reportdata[64], uint8_t *buffer,
                                      size_t capacity, size_t *ret_size)
{
    const struct span *q = context;
    (void)reportdata;
    assert_true(q->size <= capacity);
    memcpy(buffer, q->data, q->size);
    *ret_size = q->size;
    return RESULT_OK;
}

// All is good about the quote but that it binds another key: that, and nothing before it, is the reason.
static void quote_of_a_td(void **state)
{
    struct scene *s = *state;
    struct span td = load("quote.bin"), at = load("at"), parts[ATTEST_PART_COUNT];
    struct ratls_quoter quoter = {&td, quote_of_another};
    const struct ratls_verifier before = s->verifier;
    const char *const roots[] = {ATTEST_ROOT_INTEL_NAME};
    struct attest_policy policy = {.allow_tdx = true,
                                   .roots = roots,
                                   .root_count = 1,
                                   .any_identity = true,
                                   .tcb_status_worst = ATTEST_TCB_OUT_OF_DATE_CONFIGURATION_NEEDED};
    struct party p;
    for (int i = 0; i < ATTEST_PART_COUNT; i++)
        s->verifier.collateral.parts[i] = parts[i] = load(attest_part_file((enum attest_part)i));
    s->verifier.policy = &policy;
    s->now = strtoll((const char *)at.data, NULL, 10);
    for (enum ratls_form form = RATLS_FORM_TAGGED; form <= RATLS_FORM_INTEL; form++) {
        party_init(&p, s, 0xe1);
        OK(ratls_certificate_make(p.key, form, &quoter, s->now - DAY, s->now + DAY,
                                  &p.certificate));
        assert_int_equal(judge(s, p.certificate), ERR_INTEGRITY);
        assert_int_equal(verdict.quote.code, ATTEST_OK);
        assert_int_equal(verdict.quote.claims.tee, ATTEST_TEE_TDX);
        struct attest_reasons reasons;
        assert_true(is_ok(attest_policy_check(&policy, &verdict.quote.claims, &reasons)));
        assert_memory_not_equal(verdict.quote.claims.td.reportdata, verdict.evidence.reportdata,
                                64);
        party_done(&p);
    }
    for (int i = 0; i < ATTEST_PART_COUNT; i++)
        free((void *)(uintptr_t)parts[i].data);
    free((void *)(uintptr_t)td.data);
    free((void *)(uintptr_t)at.data);
    s->verifier = before;
    s->now = NOW;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_certificates),
        cmocka_unit_test(other_key),
        cmocka_unit_test(other_quote),
        cmocka_unit_test(quote_refused),
        cmocka_unit_test(dates),
        cmocka_unit_test(extensions),
        cmocka_unit_test(altered_cbor),
        cmocka_unit_test(claims_of_others),
        cmocka_unit_test(quote_of_a_td),
    };
    return cmocka_run_group_tests(tests, scene_setup, scene_teardown);
}
