// SPDX-License-Identifier: Apache-2.0
// SIGSTRUCT: signing, verifying with OpenSSL as the second opinion, and each thing that must be refused.
#include "sgx/sigstruct.h"

#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char *key;
static size_t key_size;

static struct sgx_sigstruct signed_struct(void)
{
    struct sgx_sigstruct s;
    sgx_sigstruct_init(0x20240229, &s);
    s.attributes = (struct sgx_attributes){SGX_FLAGS_MODE64BIT, 7};
    s.attributemask = (struct sgx_attributes){~0ull, ~0ull};
    s.isvsvn = 5;
    memset(s.enclavehash, 0x3c, sizeof s.enclavehash);
    assert_true(is_ok(sgx_sigstruct_sign(&s, SPAN(key, key_size))));
    return s;
}

static int make_key(void **state)
{
    (void)state;
    return is_ok(sgx_signing_key_generate(&key, &key_size)) ? 0 : -1;
}

static int free_key(void **state)
{
    (void)state;
    free(key);
    return 0;
}

static void reverse(uint8_t *p)
{
    for (size_t i = 0; i < 192; i++) {
        uint8_t t = p[i];
        p[i] = p[383 - i];
        p[383 - i] = t;
    }
}

static void openssl_agrees(void **state)
{
    (void)state;
    struct sgx_sigstruct s = signed_struct();
    uint8_t message[256], signature[384];
    memcpy(message, &s, 128);
    memcpy(message + 128, (uint8_t *)&s + 900, 128);
    memcpy(signature, s.signature, 384);
    reverse(signature);
    BIO *bio = BIO_new_mem_buf(key, (int)key_size);
    EVP_PKEY *pkey = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, pkey), 1);
    assert_int_equal(EVP_DigestVerify(ctx, signature, 384, message, 256), 1);
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(pkey);
    BIO_free(bio);
}

static void bit_by_bit(void **state)
{
    (void)state;
    const struct sgx_sigstruct good = signed_struct();
    assert_true(is_ok(sgx_sigstruct_verify(&good)));
    for (size_t i = 0; i < sizeof good; i += i < 128 || (i >= 900 && i < 1040) ? 1 : 29) {
        struct sgx_sigstruct s = good;
        ((uint8_t *)&s)[i] ^= 0x10;
        struct result r = sgx_sigstruct_verify(&s);
        if (r.code != ERR_INTEGRITY)
            fail_msg("byte %zu: code %d", i, r.code);
    }
}

static void quotients_count(void **state)
{
    (void)state;
    struct sgx_sigstruct s = signed_struct();
    memset(s.q1, 0, sizeof s.q1);
    assert_string_equal(sgx_sigstruct_verify(&s).why, "SGX_INVALID_SIGNATURE");
    s = signed_struct();
    s.q2[0]++;
    assert_string_equal(sgx_sigstruct_verify(&s).why, "SGX_INVALID_SIGNATURE");
    s = signed_struct();
    s.exponent = 65537;
    assert_string_equal(sgx_sigstruct_verify(&s).why, "SGX_INVALID_SIG_STRUCT");
    s = signed_struct();
    memset(s.modulus, 0, sizeof s.modulus);
    assert_int_equal(sgx_sigstruct_verify(&s).code, ERR_INTEGRITY);
}

static void detached(void **state)
{
    (void)state;
    struct sgx_sigstruct s = signed_struct(), other = s;
    uint8_t modulus[384], signature[384], digest_a[32], digest_b[32];
    memcpy(modulus, s.modulus, 384);
    memcpy(signature, s.signature, 384);
    reverse(modulus);
    reverse(signature);
    memset(other.modulus, 0, 384);
    memset(other.signature, 0, 384);
    memset(other.q1, 0, 384);
    memset(other.q2, 0, 384);
    sgx_sigstruct_digest(&s, digest_a);
    sgx_sigstruct_digest(&other, digest_b);
    assert_memory_equal(digest_a, digest_b, 32);
    assert_true(is_ok(sgx_sigstruct_attach(&other, modulus, signature)));
    assert_memory_equal(&s, &other, sizeof s);
    signature[383] ^= 1;
    assert_false(is_ok(sgx_sigstruct_attach(&other, modulus, signature)));
    assert_memory_equal(&s, &other, sizeof s); // untouched
}

static void wrong_keys(void **state)
{
    (void)state;
    struct sgx_sigstruct s;
    sgx_sigstruct_init(0, &s);
    assert_int_equal(sgx_sigstruct_sign(&s, SPAN_STR("no key")).code, ERR_INVALID);
    EVP_PKEY *pkey = EVP_RSA_gen(2048);
    BIO *bio = BIO_new(BIO_s_mem());
    char *text;
    PEM_write_bio_PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL);
    long size = BIO_get_mem_data(bio, &text);
    assert_int_equal(sgx_sigstruct_sign(&s, SPAN(text, (size_t)size)).code, ERR_INVALID);
    BIO_free(bio);
    EVP_PKEY_free(pkey);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(openssl_agrees),  cmocka_unit_test(bit_by_bit),
        cmocka_unit_test(quotients_count), cmocka_unit_test(detached),
        cmocka_unit_test(wrong_keys),
    };
    return cmocka_run_group_tests(tests, make_key, free_key);
}
