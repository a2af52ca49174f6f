// SPDX-License-Identifier: Apache-2.0
// See sigstruct.h.
#include "sgx/sigstruct.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/sha256.h"

#define VENDOR_INTEL 0x8086u
#define SIGNED_SIZE  128u // of each of the two signed ranges

static const uint8_t header[16] = {6, 0, 0, 0, 0xe1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0};
static const uint8_t header2[16] = {1, 1, 0, 0, 0x60, 0, 0, 0, 0x60, 0, 0, 0, 1, 0, 0, 0};

void sgx_sigstruct_init(uint32_t date, struct sgx_sigstruct *ret)
{
    memset(ret, 0, sizeof *ret);
    memcpy(ret->header, header, sizeof header);
    memcpy(ret->header2, header2, sizeof header2);
    ret->date = date;
    ret->exponent = SGX_RSA_EXPONENT;
}

void sgx_sigstruct_digest(const struct sgx_sigstruct *s, uint8_t ret[SGX_HASH_SIZE])
{
    struct sha256_ctx c;
    sha256_init(&c);
    sha256_update(&c, s, SIGNED_SIZE);
    sha256_update(&c, (const uint8_t *)s + offsetof(struct sgx_sigstruct, miscselect), SIGNED_SIZE);
    sha256_final(&c, ret);
}

void sgx_mrsigner(const struct sgx_sigstruct *s, uint8_t ret[SGX_HASH_SIZE])
{
    sha256(SPAN(s->modulus, sizeof s->modulus), ret);
}

// EMSA-PKCS1-v1_5 with SHA-256 (RFC 8017, 9.2), big-endian.
static void encode_message(const uint8_t digest[SGX_HASH_SIZE], uint8_t ret[SGX_MODULUS_SIZE])
{
    static const uint8_t digest_info[] = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60,
                                          0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02,
                                          0x01, 0x05, 0x00, 0x04, 0x20};
    const size_t tail = sizeof digest_info + SGX_HASH_SIZE;
    memset(ret, 0xff, SGX_MODULUS_SIZE);
    ret[0] = 0;
    ret[1] = 1;
    ret[SGX_MODULUS_SIZE - tail - 1] = 0;
    memcpy(ret + SGX_MODULUS_SIZE - tail, digest_info, sizeof digest_info);
    memcpy(ret + SGX_MODULUS_SIZE - SGX_HASH_SIZE, digest, SGX_HASH_SIZE);
}

struct numbers {
    BN_CTX *ctx;
    BIGNUM *n, *s, *q1, *q2, *m, *t;
};

static struct result numbers_start(const struct sgx_sigstruct *sig, struct numbers *ret)
{
    BN_CTX *ctx = BN_CTX_new();
    REQUIRE(ctx, ERR_MEMORY, "out of memory");
    BN_CTX_start(ctx);
    struct numbers k = {ctx,
                        BN_CTX_get(ctx),
                        BN_CTX_get(ctx),
                        BN_CTX_get(ctx),
                        BN_CTX_get(ctx),
                        BN_CTX_get(ctx),
                        BN_CTX_get(ctx)};
    bool ok = k.t && BN_lebin2bn(sig->modulus, sizeof sig->modulus, k.n) &&
              BN_lebin2bn(sig->signature, sizeof sig->signature, k.s);
    if (!ok || BN_is_zero(k.n)) {
        BN_CTX_end(ctx);
        BN_CTX_free(ctx);
        return fail(ERR_INTEGRITY, "SGX_INVALID_SIGNATURE");
    }
    *ret = k;
    return RESULT_OK;
}

static void numbers_end(struct numbers *k)
{
    BN_CTX_end(k->ctx);
    BN_CTX_free(k->ctx);
}

// q1 = s*s / n, q2 = s*(s*s mod n) / n, m = s^3 mod n: what lets the CPU verify without dividing.
static bool quotients(struct numbers *k)
{
    return BN_sqr(k->t, k->s, k->ctx) && BN_div(k->q1, k->m, k->t, k->n, k->ctx) &&
           BN_mul(k->t, k->s, k->m, k->ctx) && BN_div(k->q2, k->m, k->t, k->n, k->ctx);
}

static bool quotient_is(const BIGNUM *q, const uint8_t stored[SGX_MODULUS_SIZE])
{
    uint8_t bytes[SGX_MODULUS_SIZE];
    return BN_bn2lebinpad(q, bytes, sizeof bytes) == sizeof bytes &&
           memcmp(bytes, stored, sizeof bytes) == 0;
}

static bool signature_holds(struct numbers *k, const struct sgx_sigstruct *s)
{
    uint8_t digest[SGX_HASH_SIZE], want[SGX_MODULUS_SIZE], got[SGX_MODULUS_SIZE];
    sgx_sigstruct_digest(s, digest);
    encode_message(digest, want);
    return BN_num_bits(k->n) == 8 * SGX_MODULUS_SIZE && BN_cmp(k->s, k->n) < 0 && quotients(k) &&
           quotient_is(k->q1, s->q1) && quotient_is(k->q2, s->q2) &&
           BN_bn2binpad(k->m, got, sizeof got) == sizeof got && memcmp(want, got, sizeof got) == 0;
}

struct result sgx_sigstruct_verify(const struct sgx_sigstruct *s)
{
    bool form =
        memcmp(s->header, header, sizeof header) == 0 &&
        memcmp(s->header2, header2, sizeof header2) == 0 &&
        (s->vendor == 0 || s->vendor == VENDOR_INTEL) && s->exponent == SGX_RSA_EXPONENT &&
        is_zero(s->reserved1, sizeof s->reserved1) && is_zero(s->reserved2, sizeof s->reserved2) &&
        is_zero(s->reserved3, sizeof s->reserved3) && is_zero(s->reserved4, sizeof s->reserved4);
    REQUIRE(form, ERR_INTEGRITY, "SGX_INVALID_SIG_STRUCT");
    struct numbers k;
    GUARD(numbers_start(s, &k));
    bool ok = signature_holds(&k, s);
    numbers_end(&k);
    return ok ? RESULT_OK : fail(ERR_INTEGRITY, "SGX_INVALID_SIGNATURE");
}

static void reverse(const uint8_t from[SGX_MODULUS_SIZE], uint8_t ret[SGX_MODULUS_SIZE])
{
    for (size_t i = 0; i < SGX_MODULUS_SIZE; i++)
        ret[i] = from[SGX_MODULUS_SIZE - 1 - i];
}

struct result sgx_sigstruct_attach(struct sgx_sigstruct *s, const uint8_t modulus[SGX_MODULUS_SIZE],
                                   const uint8_t signature[SGX_MODULUS_SIZE])
{
    struct sgx_sigstruct signed_one = *s;
    struct numbers k;
    signed_one.exponent = SGX_RSA_EXPONENT;
    reverse(modulus, signed_one.modulus);
    reverse(signature, signed_one.signature);
    GUARD(numbers_start(&signed_one, &k));
    bool ok = BN_cmp(k.s, k.n) < 0 && quotients(&k) &&
              BN_bn2lebinpad(k.q1, signed_one.q1, SGX_MODULUS_SIZE) == SGX_MODULUS_SIZE &&
              BN_bn2lebinpad(k.q2, signed_one.q2, SGX_MODULUS_SIZE) == SGX_MODULUS_SIZE;
    numbers_end(&k);
    REQUIRE(ok, ERR_INVALID, "signature does not belong to the modulus");
    GUARD(sgx_sigstruct_verify(&signed_one));
    *s = signed_one;
    return RESULT_OK;
}

static bool raw_sign(EVP_PKEY *key, const uint8_t digest[SGX_HASH_SIZE],
                     uint8_t ret[SGX_MODULUS_SIZE])
{
    size_t size = SGX_MODULUS_SIZE;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    bool ok = ctx && EVP_PKEY_sign_init(ctx) == 1 &&
              EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1 &&
              EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()) == 1 &&
              EVP_PKEY_sign(ctx, ret, &size, digest, SGX_HASH_SIZE) == 1 &&
              size == SGX_MODULUS_SIZE;
    EVP_PKEY_CTX_free(ctx);
    return ok;
}

static struct result key_modulus(EVP_PKEY *key, uint8_t ret[SGX_MODULUS_SIZE])
{
    uint8_t modulus[SGX_MODULUS_SIZE];
    BIGNUM *n = NULL, *e = NULL;
    bool fits = EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n) == 1 &&
                EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e) == 1 &&
                BN_num_bits(n) == 8 * SGX_MODULUS_SIZE && BN_is_word(e, SGX_RSA_EXPONENT) &&
                BN_bn2binpad(n, modulus, sizeof modulus) == sizeof modulus;
    BN_free(n);
    BN_free(e);
    REQUIRE(fits, ERR_INVALID, "the signing key is not RSA-3072 with exponent 3");
    memcpy(ret, modulus, sizeof modulus);
    return RESULT_OK;
}

static struct result sign_with(struct sgx_sigstruct *s, EVP_PKEY *key)
{
    uint8_t digest[SGX_HASH_SIZE], modulus[SGX_MODULUS_SIZE], signature[SGX_MODULUS_SIZE];
    GUARD(key_modulus(key, modulus));
    sgx_sigstruct_digest(s, digest);
    REQUIRE(raw_sign(key, digest, signature), ERR_CRYPTO, "RSA signing failed");
    return sgx_sigstruct_attach(s, modulus, signature);
}

struct result sgx_sigstruct_sign(struct sgx_sigstruct *s, struct span key_pem)
{
    REQUIRE(key_pem.size > 0 && key_pem.size < 1u << 20, ERR_RANGE, "not a PEM key");
    BIO *bio = BIO_new_mem_buf(key_pem.data, (int)key_pem.size);
    char no_password[] = "";
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, no_password) : NULL;
    BIO_free(bio);
    REQUIRE(key, ERR_INVALID, "not an unencrypted private key in PEM");
    struct result r = sign_with(s, key);
    EVP_PKEY_free(key);
    return r;
}

struct result sgx_public_key_modulus(struct span key_pem, uint8_t ret[SGX_MODULUS_SIZE])
{
    REQUIRE(key_pem.size > 0 && key_pem.size < 1u << 20, ERR_RANGE, "not a PEM key");
    BIO *bio = BIO_new_mem_buf(key_pem.data, (int)key_pem.size);
    EVP_PKEY *key = bio ? PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL) : NULL;
    BIO_free(bio);
    REQUIRE(key, ERR_INVALID, "not a public key in PEM");
    struct result r = key_modulus(key, ret);
    EVP_PKEY_free(key);
    return r;
}

static EVP_PKEY *generate(void)
{
    EVP_PKEY *key = NULL;
    BIGNUM *e = BN_new();
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_id(EVP_PKEY_RSA, NULL);
    if (e && ctx && BN_set_word(e, SGX_RSA_EXPONENT) && EVP_PKEY_keygen_init(ctx) == 1 &&
        EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, 8 * SGX_MODULUS_SIZE) == 1 &&
        EVP_PKEY_CTX_set1_rsa_keygen_pubexp(ctx, e) == 1)
        (void)EVP_PKEY_generate(ctx, &key);
    EVP_PKEY_CTX_free(ctx);
    BN_free(e);
    return key;
}

struct result sgx_signing_key_generate(char **ret_pem, size_t *ret_size)
{
    EVP_PKEY *key = generate();
    REQUIRE(key, ERR_CRYPTO, "cannot generate an RSA-3072 key");
    BIO *bio = BIO_new(BIO_s_secmem());
    char *text = NULL, *copy = NULL;
    long size = 0;
    if (bio && PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1)
        size = BIO_get_mem_data(bio, &text);
    if (size > 0)
        copy = malloc((size_t)size + 1);
    if (copy) {
        memcpy(copy, text, (size_t)size);
        copy[size] = 0;
        *ret_pem = copy;
        *ret_size = (size_t)size;
    }
    BIO_free(bio);
    EVP_PKEY_free(key);
    return copy ? RESULT_OK : fail(ERR_CRYPTO, "cannot write the key");
}
