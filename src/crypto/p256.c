// SPDX-License-Identifier: Apache-2.0
#define OPENSSL_SUPPRESS_DEPRECATED // EC_KEY, for p256_verify()
#include "crypto/p256.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/param_build.h>

#define POINT_SIZE (1 + P256_PUBLIC_SIZE) // 04 | x | y
#define DER_SIZE   80                     // an ECDSA-Sig-Value has at most 72 bytes

// private * G
static struct result public_of(const BIGNUM *private_key, uint8_t ret_point[POINT_SIZE])
{
    struct result r = fail(ERR_CRYPTO, "cannot derive the public P-256 key");
    EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    EC_POINT *point = group ? EC_POINT_new(group) : NULL;
    if (point && EC_POINT_mul(group, point, private_key, NULL, NULL, NULL) == 1 &&
        EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED, ret_point, POINT_SIZE,
                           NULL) == POINT_SIZE)
        r = RESULT_OK;
    EC_POINT_free(point);
    EC_GROUP_free(group);
    return r;
}

static struct result evp_from(const uint8_t point[POINT_SIZE], const BIGNUM *private_key,
                              EVP_PKEY **ret)
{
    struct result r = fail(ERR_INVALID, "not a P-256 key");
    EVP_PKEY *key = NULL;
    OSSL_PARAM *params = NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
    if (!ctx || !bld)
        goto out;
    if (!OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) ||
        !OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY, point, POINT_SIZE))
        goto out;
    if (private_key && !OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_PRIV_KEY, private_key))
        goto out;
    params = OSSL_PARAM_BLD_to_param(bld);
    if (!params || EVP_PKEY_fromdata_init(ctx) != 1)
        goto out;
    if (EVP_PKEY_fromdata(ctx, &key, private_key ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY,
                          params) != 1)
        goto out;
    *ret = key;
    r = RESULT_OK;
out:
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(bld);
    EVP_PKEY_CTX_free(ctx);
    return r;
}

struct result p256_evp_public(const uint8_t public_key[P256_PUBLIC_SIZE], EVP_PKEY **ret)
{
    uint8_t point[POINT_SIZE] = {POINT_CONVERSION_UNCOMPRESSED};
    __builtin_memcpy(point + 1, public_key, P256_PUBLIC_SIZE);
    return evp_from(point, NULL, ret);
}

struct result p256_evp_private(const uint8_t private_key[P256_PRIVATE_SIZE], EVP_PKEY **ret)
{
    uint8_t point[POINT_SIZE];
    BIGNUM *d = BN_secure_new();
    REQUIRE(d, ERR_MEMORY, "out of memory");
    struct result r = fail(ERR_CRYPTO, "cannot load the private P-256 key");
    if (BN_bin2bn(private_key, P256_PRIVATE_SIZE, d)) {
        BN_set_flags(d, BN_FLG_CONSTTIME);
        r = public_of(d, point);
        if (is_ok(r))
            r = evp_from(point, d, ret);
    }
    BN_clear_free(d);
    return r;
}

struct result p256_key_from_seed(const uint8_t seed[32], uint8_t ret_private[P256_PRIVATE_SIZE],
                                 uint8_t ret_public[P256_PUBLIC_SIZE])
{
    struct result r = fail(ERR_CRYPTO, "cannot derive a P-256 key");
    uint8_t point[POINT_SIZE];
    BN_CTX *ctx = BN_CTX_secure_new();
    EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    BIGNUM *d = BN_secure_new();
    BIGNUM *limit = group ? BN_dup(EC_GROUP_get0_order(group)) : NULL;
    if (ctx && d && limit && BN_bin2bn(seed, 32, d) && BN_sub_word(limit, 1) &&
        BN_mod(d, d, limit, ctx) && BN_add_word(d, 1)) {
        BN_set_flags(d, BN_FLG_CONSTTIME);
        r = public_of(d, point);
    }
    if (is_ok(r) && BN_bn2binpad(d, ret_private, P256_PRIVATE_SIZE) == (int)P256_PRIVATE_SIZE)
        __builtin_memcpy(ret_public, point + 1, P256_PUBLIC_SIZE);
    BN_clear_free(d);
    BN_free(limit);
    EC_GROUP_free(group);
    BN_CTX_free(ctx);
    return r;
}

struct result p256_sign(const uint8_t private_key[P256_PRIVATE_SIZE],
                        const uint8_t digest[P256_DIGEST_SIZE],
                        uint8_t ret_signature[P256_SIGNATURE_SIZE])
{
    struct result r = fail(ERR_CRYPTO, "cannot sign with the P-256 key");
    uint8_t der[DER_SIZE];
    size_t der_size = sizeof der;
    const uint8_t *at = der;
    ECDSA_SIG *sig = NULL;
    EVP_PKEY *key = NULL;
    GUARD(p256_evp_private(private_key, &key));
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    if (ctx && EVP_PKEY_sign_init(ctx) == 1 &&
        EVP_PKEY_sign(ctx, der, &der_size, digest, P256_DIGEST_SIZE) == 1)
        sig = d2i_ECDSA_SIG(NULL, &at, (long)der_size);
    if (sig && BN_bn2binpad(ECDSA_SIG_get0_r(sig), ret_signature, 32) == 32 &&
        BN_bn2binpad(ECDSA_SIG_get0_s(sig), ret_signature + 32, 32) == 32)
        r = RESULT_OK;
    ECDSA_SIG_free(sig);
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(key);
    return r;
}

// The curve, made at the first use and the same ever after. NULL when that failed.
static EC_GROUP *curve;
static CRYPTO_ONCE curve_once = CRYPTO_ONCE_STATIC_INIT;

static void make_curve(void)
{
    curve = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
}

// NULL when the bytes are not a point of the curve.
static EC_KEY *verifying_key(const uint8_t public_key[P256_PUBLIC_SIZE])
{
    uint8_t bytes[POINT_SIZE] = {POINT_CONVERSION_UNCOMPRESSED};
    if (!CRYPTO_THREAD_run_once(&curve_once, make_curve) || !curve)
        return NULL;
    __builtin_memcpy(bytes + 1, public_key, P256_PUBLIC_SIZE);
    EC_POINT *point = EC_POINT_new(curve);
    EC_KEY *key = EC_KEY_new();
    if (!point || !key || EC_POINT_oct2point(curve, point, bytes, sizeof bytes, NULL) != 1 ||
        EC_KEY_set_group(key, curve) != 1 || EC_KEY_set_public_key(key, point) != 1) {
        EC_KEY_free(key);
        key = NULL;
    }
    EC_POINT_free(point);
    return key;
}

// The curve's own functions: an EVP_PKEY costs a third of a verification to make in OpenSSL 3.
struct result p256_verify(const uint8_t public_key[P256_PUBLIC_SIZE],
                          const uint8_t digest[P256_DIGEST_SIZE],
                          const uint8_t signature[P256_SIGNATURE_SIZE])
{
    int ok = -1;
    EC_KEY *key = verifying_key(public_key);
    REQUIRE(key, ERR_INVALID, "not a P-256 key");
    ECDSA_SIG *sig = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(signature, 32, NULL), *s = BN_bin2bn(signature + 32, 32, NULL);
    if (sig && r && s && ECDSA_SIG_set0(sig, r, s) == 1) {
        ok = ECDSA_do_verify(digest, P256_DIGEST_SIZE, sig, key);
    } else {
        BN_free(r);
        BN_free(s);
    }
    ECDSA_SIG_free(sig);
    EC_KEY_free(key);
    REQUIRE(ok == 1, ERR_INTEGRITY, "the P-256 signature does not match");
    return RESULT_OK;
}
