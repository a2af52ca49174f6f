// SPDX-License-Identifier: Apache-2.0
// Keccak-256 against known answers (Keccak team's ShortMsgKAT and Ethereum constants) and block edges.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#undef fail // base/result.h has its own

#include "base/hex.h"
#include "crypto/keccak.h"

static void expect(struct span data, const char *hex)
{
    char text[HEX_SIZE(32)];
    struct hash32 h = keccak256(data);
    hex_encode(h.bytes, 32, text);
    assert_string_equal(text, hex);
}

static void known_answers(void **state)
{
    (void)state;
    expect(SPAN("", 0), "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470");
    expect(SPAN("\xcc", 1), "eead6dbfc7340a56caedc044696a168870549a6a7f6f56961e84a54bd9970b8a");
    expect(SPAN_STR("abc"), "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45");
    expect(SPAN_STR("IEXEC_SMS_DOMAIN"),
           "0a26923d45a019b77e856d0001681f98ab9707ec15b2b98048cc91eed00b6793");
    expect(SPAN_STR("Transfer(address,address,uint256)"),
           "ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef");
}

// Pieces of any size give the hash of the whole, around the block size of 136 too.
static void streaming(void **state)
{
    (void)state;
    uint8_t data[600];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 7);
    for (size_t size = 0; size <= sizeof data; size++) {
        struct hash32 whole = keccak256(SPAN(data, size));
        struct keccak k;
        keccak_init(&k);
        for (size_t at = 0; at < size; at += 31)
            keccak_update(&k, SPAN(data + at, MIN((size_t)31, size - at)));
        struct hash32 pieces = keccak_final(&k);
        assert_true(hash32_equal(&whole, &pieces));
        struct hash32 shorter = keccak256(SPAN(data, size ? size - 1 : 1));
        assert_false(hash32_equal(&whole, &shorter));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(known_answers),
                                       cmocka_unit_test(streaming)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
