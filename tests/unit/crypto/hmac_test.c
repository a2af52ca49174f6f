// SPDX-License-Identifier: Apache-2.0
// Do HMAC and HKDF give the RFCs' answers? (RFC 4231 cases 2 and 6, RFC 5869 A.1 and A.3)
#include "crypto/hmac.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hex.h"

// cmocka defines a macro of the name of base/result.h's fail().
#include <cmocka.h>

static void expect_hex(const uint8_t *got, size_t size, const char *want)
{
    char text[HEX_SIZE(128)];
    hex_encode(got, size, text);
    assert_string_equal(text, want);
}

static void hmac_rfc4231(void **state)
{
    (void)state;
    uint8_t mac[32], long_key[131];
    hmac_sha256(SPAN_STR("Jefe"), SPAN_STR("what do ya want for nothing?"), mac);
    expect_hex(mac, 32, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    __builtin_memset(long_key, 0xaa, sizeof long_key);
    hmac_sha256(SPAN_OF(long_key),
                SPAN_STR("Test Using Larger Than Block-Size Key - Hash Key First"), mac);
    expect_hex(mac, 32, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

static void hkdf_rfc5869(void **state)
{
    (void)state;
    uint8_t ikm[22], salt[13], info[10], out[42];
    __builtin_memset(ikm, 0x0b, sizeof ikm);
    for (uint8_t i = 0; i < sizeof salt; i++)
        salt[i] = i;
    for (uint8_t i = 0; i < sizeof info; i++)
        info[i] = (uint8_t)(0xf0 + i);
    hkdf_sha256(SPAN_OF(ikm), SPAN_OF(salt), SPAN_OF(info), out, sizeof out);
    expect_hex(
        out, 42,
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
    hkdf_sha256(SPAN_OF(ikm), SPAN(NULL, 0), SPAN(NULL, 0), out, sizeof out);
    expect_hex(
        out, 42,
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(hmac_rfc4231),
                                       cmocka_unit_test(hkdf_rfc5869)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
