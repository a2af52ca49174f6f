// SPDX-License-Identifier: Apache-2.0
// Is AES-256-GCM right in every implementation (a published vector, OpenSSL), and is tampering refused?
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "crypto/gcm.h"

#include <cmocka.h>

static const enum gcm_code codes[] = {GCM_PORTABLE, GCM_AESNI};

static bool runs(enum gcm_code code)
{
    return code == GCM_PORTABLE ||
           (__builtin_cpu_supports("aes") && __builtin_cpu_supports("pclmul"));
}

static void bytes(const char *hex, uint8_t *ret)
{
    assert_true(is_ok(hex_decode(SPAN(hex, strlen(hex)), ret, strlen(hex) / 2)));
}

// McGrew and Viega, "The Galois/Counter Mode of Operation", test case 16.
static void published(void **state)
{
    (void)state;
    uint8_t key[32], nonce[12], text[60], aad[20], want[60], want_tag[16], got[60], tag[16];
    bytes("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", key);
    bytes("cafebabefacedbaddecaf888", nonce);
    bytes("d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e24"
          "49a6b525b16aedf5aa0de657ba637b39",
          text);
    bytes("feedfacedeadbeeffeedfacedeadbeefabaddad2", aad);
    bytes("522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b10"
          "56828838c5f61e6393ba7a0abcc9f662",
          want);
    bytes("76fc6ece0f4e1768cddf8853bb2d551b", want_tag);
    for (size_t i = 0; i < ARRAY_COUNT(codes); i++) {
        struct gcm_key k;
        if (!runs(codes[i]))
            continue;
        gcm_select(codes[i]);
        gcm_key_init(&k, key);
        gcm_seal(&k, nonce, SPAN_OF(aad), SPAN_OF(text), got, tag);
        assert_memory_equal(got, want, sizeof want);
        assert_memory_equal(tag, want_tag, sizeof tag);
        assert_true(gcm_open(&k, nonce, SPAN_OF(aad), SPAN_OF(want), tag, got));
        assert_memory_equal(got, text, sizeof text);
    }
}

static void openssl_seal(const uint8_t *key, const uint8_t *nonce, struct span aad,
                         struct span text, uint8_t *ret, uint8_t *tag)
{
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    int n;
    assert_true(EVP_EncryptInit_ex(c, EVP_aes_256_gcm(), NULL, key, nonce) == 1);
    if (aad.size)
        assert_true(EVP_EncryptUpdate(c, NULL, &n, aad.data, (int)aad.size) == 1);
    if (text.size)
        assert_true(EVP_EncryptUpdate(c, ret, &n, text.data, (int)text.size) == 1);
    assert_true(EVP_EncryptFinal_ex(c, ret, &n) == 1);
    assert_true(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, 16, tag) == 1);
    EVP_CIPHER_CTX_free(c);
}

static void against_openssl(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 15, 16, 17, 127, 128, 129, 255, 256, 300, 4096};
    uint8_t key[32], nonce[12], text[4096], want[4096 + 16], got[4096], tag[16], want_tag[16];
    srand(1);
    for (size_t i = 0; i < ARRAY_COUNT(sizes) * ARRAY_COUNT(codes); i++) {
        enum gcm_code code = codes[i % ARRAY_COUNT(codes)];
        size_t size = sizes[i / ARRAY_COUNT(codes)];
        if (!runs(code))
            continue;
        for (size_t j = 0; j < sizeof text; j++)
            text[j] = (uint8_t)rand();
        memcpy(key, text + 100, sizeof key);
        memcpy(nonce, text + 200, sizeof nonce);
        struct span aad = SPAN(text, size % 40);
        openssl_seal(key, nonce, aad, SPAN(text, size), want, want_tag);
        struct gcm_key k;
        gcm_select(code);
        gcm_key_init(&k, key);
        gcm_seal(&k, nonce, aad, SPAN(text, size), got, tag);
        assert_memory_equal(got, want, size);
        assert_memory_equal(tag, want_tag, 16);
        for (int bit = 0; bit < 128; bit += 9) {
            tag[bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_false(gcm_open(&k, nonce, aad, SPAN(want, size), tag, got));
            assert_true(is_zero(got, size));
            tag[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        for (size_t j = 0; j < size; j += 1 + size / 7) {
            want[j] ^= 1;
            assert_false(gcm_open(&k, nonce, aad, SPAN(want, size), tag, got));
            want[j] ^= 1;
        }
        assert_true(gcm_open(&k, nonce, aad, SPAN(want, size), tag, want));
        assert_memory_equal(want, text, size);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(published),
                                       cmocka_unit_test(against_openssl)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
