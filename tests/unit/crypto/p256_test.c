// SPDX-License-Identifier: Apache-2.0
// Does P-256 agree with the published vectors, and refuse what is out of range?
#include <string.h>

#include "base/hex.h"
#include "crypto/p256.h"
#include "crypto/sha256.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void from_hex(const char *text, void *ret, size_t size)
{
    assert_true(is_ok(hex_decode(SPAN(text, strlen(text)), ret, size)));
}

// RFC 6979, appendix A.2.5: private key, public key, signature of "sample" with SHA-256.
static void rfc6979_vector(void **state)
{
    (void)state;
    uint8_t seed[32], key[32], public_key[64], expected[64], digest[32], signature[64];
    // key = seed mod (n-1) + 1
    from_hex("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6720", seed, 32);
    from_hex("60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
             "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299",
             expected, 64);
    assert_true(is_ok(p256_key_from_seed(seed, key, public_key)));
    assert_int_equal(key[31], seed[31] + 1);
    assert_memory_equal(public_key, expected, 64);
    sha256(SPAN_STR("sample"), digest);
    from_hex("efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
             "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8",
             signature, 64);
    assert_true(is_ok(p256_verify(public_key, digest, signature)));
    for (size_t i = 0; i < 64; i++) {
        signature[i] ^= 0x10;
        assert_false(is_ok(p256_verify(public_key, digest, signature)));
        signature[i] ^= 0x10;
    }
}

static void sign_and_verify(void **state)
{
    (void)state;
    uint8_t seed[32] = {0}, key[32], public_key[64], digest[32], signature[64];
    for (int i = 0; i < 16; i++) {
        memset(seed, i * 17, sizeof seed); // all zero and all ones among them
        assert_true(is_ok(p256_key_from_seed(seed, key, public_key)));
        sha256(SPAN_OF(seed), digest);
        assert_true(is_ok(p256_sign(key, digest, signature)));
        assert_true(is_ok(p256_verify(public_key, digest, signature)));
        digest[0] ^= 1;
        assert_false(is_ok(p256_verify(public_key, digest, signature)));
    }
}

static void bad_inputs_are_refused(void **state)
{
    (void)state;
    uint8_t seed[32] = {1}, key[32], public_key[64], digest[32] = {2}, signature[64],
            zero[64] = {0};
    assert_true(is_ok(p256_key_from_seed(seed, key, public_key)));
    assert_true(is_ok(p256_sign(key, digest, signature)));
    assert_false(is_ok(p256_verify(zero, digest, signature)));
    assert_false(is_ok(p256_verify(public_key, digest, zero)));
    memset(signature, 0xff, 64);
    assert_false(is_ok(p256_verify(public_key, digest, signature)));
    public_key[0] ^= 1; // off the curve
    assert_int_equal(p256_verify(public_key, digest, signature).code, ERR_INVALID);
    assert_false(is_ok(p256_sign(zero, digest, signature)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc6979_vector),
        cmocka_unit_test(sign_and_verify),
        cmocka_unit_test(bad_inputs_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
