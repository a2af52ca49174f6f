// SPDX-License-Identifier: Apache-2.0
// Keys, addresses and signatures against vectors of the iExec SDK, and refusals.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#undef fail // base/result.h has its own

#include "../vectors.h"

static void addresses(void **state)
{
    (void)state;
    static const char *const names[] = {"owner", "pool", "worker", "enclave", "requester"};
    json_t *v = vectors_load();
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        const json_t *k = json_object_get(json_object_get(v, "keys"), names[i]);
        struct eth_key key;
        struct address a, parsed;
        char text[ADDRESS_TEXT_SIZE];
        VECTOR(k, "priv", &key);
        assert_true(is_ok(eth_key_address(&key, &a)));
        address_format(&a, text);
        assert_string_equal(text, vector(k, "address")); // checksum case too
        assert_true(is_ok(address_parse(SPAN(text, 42), &parsed)));
        assert_true(address_equal(&a, &parsed));
    }
    json_decref(v);
}

// Our signatures are the SDK's, byte for byte (RFC 6979), and recover.
static void message_signatures(void **state)
{
    (void)state;
    static const struct {
        const char *hash, *sign, *key;
    } rows[] = {
        {"secrets/0/challenge", "secrets/0/authorization", "keys/owner/priv"},
        {"secrets/1/challenge", "secrets/1/authorization", "keys/requester/priv"},
        {"secrets/2/challenge", "secrets/2/authorization", "keys/requester/priv"},
        {"secrets/3/challenge", "secrets/3/authorization", "keys/owner/priv"},
        {"compute/challengeRequest/hash", "compute/challengeRequest/sign", "keys/pool/priv"},
        {"compute/workerApiChallenge/hash", "compute/workerApiChallenge/sign", "keys/enclave/priv"},
        {"compute/messageHash", "compute/enclaveSign", "keys/enclave/priv"},
    };
    json_t *v = vectors_load();
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct hash32 hash;
        struct signature want, got;
        struct eth_key key;
        struct address a, found;
        VECTOR(v, rows[i].hash, &hash);
        VECTOR(v, rows[i].sign, &want);
        VECTOR(v, rows[i].key, &key);
        assert_true(is_ok(eth_sign_message(&key, &hash, &got)));
        assert_memory_equal(&got, &want, sizeof got);
        assert_true(is_ok(eth_key_address(&key, &a)));
        assert_true(is_ok(eth_recover_message(&hash, &got, &found)));
        assert_true(address_equal(&a, &found));
        assert_true(is_ok(eth_check_message(&hash, &got, &a)));
        hash.bytes[31] ^= 1;
        assert_false(is_ok(eth_check_message(&hash, &got, &a)));
    }
    json_decref(v);
}

static void eip191_hash(void **state)
{
    (void)state;
    json_t *v = vectors_load();
    struct hash32 challenge, want;
    VECTOR(v, "secrets/0/challenge", &challenge);
    VECTOR(v, "secrets/0/eip191Hash", &want);
    struct hash32 got = eth_message_hash(&challenge);
    assert_true(hash32_equal(&got, &want));
    json_decref(v);
}

// n - s with the other v is the same point's signature in another encoding: refused.
static void high_s_is_refused(void **state)
{
    (void)state;
    static const uint8_t order[32] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                      0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe,
                                      0xba, 0xae, 0xdc, 0xe6, 0xaf, 0x48, 0xa0, 0x3b,
                                      0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x41};
    struct eth_key key;
    struct hash32 hash = keccak256(SPAN_STR("x"));
    struct signature s;
    struct address a;
    assert_true(is_ok(eth_key_generate(&key)));
    assert_true(is_ok(eth_sign(&key, &hash, &s)));
    int borrow = 0;
    for (int i = 31; i >= 0; i--) {
        int d = order[i] - s.bytes[32 + i] - borrow;
        borrow = d < 0;
        s.bytes[32 + i] = (uint8_t)(d + 256 * borrow);
    }
    s.bytes[64] ^= 27 ^ 28;
    assert_int_equal(eth_recover(&hash, &s, &a).code, ERR_INVALID);
}

static void bad_forms_are_refused(void **state)
{
    (void)state;
    struct eth_key key;
    struct hash32 hash = keccak256(SPAN_STR("x"));
    struct signature s, t;
    struct address a, signer;
    assert_true(is_ok(eth_key_generate(&key)));
    assert_true(is_ok(eth_key_address(&key, &signer)));
    assert_true(is_ok(eth_sign(&key, &hash, &s)));
    for (unsigned v = 0; v < 256; v++) {
        t = s;
        t.bytes[64] = (uint8_t)v;
        assert_true(is_ok(eth_recover(&hash, &t, &a)) == (v == 27 || v == 28));
    }
    for (size_t bit = 0; bit < 8 * sizeof s; bit++) {
        t = s;
        t.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(is_ok(eth_check(&hash, &t, &signer)));
    }
    memset(&t, 0, 64);
    t.bytes[64] = 27;
    assert_false(is_ok(eth_recover(&hash, &t, &a)));
    memset(&key, 0, sizeof key);
    assert_false(is_ok(eth_key_address(&key, &a)));
    assert_false(is_ok(eth_sign(&key, &hash, &t)));
    memset(&key, 0xff, sizeof key);
    assert_false(is_ok(eth_key_address(&key, &a)));
}

static void bad_addresses_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "0x",
        "066404579ca0b1180a6A969cC4dF1b449F34aCf7",
        "0x066404579ca0b1180a6A969cC4dF1b449F34aCf",   // short
        "0x066404579ca0b1180a6A969cC4dF1b449F34aCf77", // long
        "0x066404579ca0b1180a6A969cC4dF1b449F34aCF7",  // a letter's case
        "0x066404579ca0b1180a6A969cC4dF1b449F34aCfg",
        "0X066404579ca0b1180a6a969cc4df1b449f34acf7"};
    struct address a;
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
        assert_false(is_ok(address_parse(SPAN(bad[i], strlen(bad[i])), &a)));
    const char *lower = "0x066404579ca0b1180a6a969cc4df1b449f34acf7";
    assert_true(is_ok(address_parse(SPAN(lower, 42), &a)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses),
        cmocka_unit_test(message_signatures),
        cmocka_unit_test(eip191_hash),
        cmocka_unit_test(high_s_is_refused),
        cmocka_unit_test(bad_forms_are_refused),
        cmocka_unit_test(bad_addresses_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
