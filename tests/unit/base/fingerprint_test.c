// SPDX-License-Identifier: Apache-2.0
// A fingerprint has one text; every other is refused.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#undef fail // base/result.h has its own

#include "base/fingerprint.h"

static void good(char text[FINGERPRINT_TEXT_SIZE])
{
    struct fingerprint f;
    memset(f.fspf_key, 0xab, 32);
    memset(f.fspf_tag, 0xcd, 32);
    memset(f.mrenclave, 0xef, 32);
    fingerprint_format(&f, text);
}

static void round_trip(void **state)
{
    (void)state;
    char text[FINGERPRINT_TEXT_SIZE], back[FINGERPRINT_TEXT_SIZE];
    struct fingerprint f;
    good(text);
    assert_int_equal(strlen(text), 194);
    assert_true(is_ok(fingerprint_parse(SPAN(text, 194), &f)));
    fingerprint_format(&f, back);
    assert_string_equal(text, back);
}

static void other_texts_are_refused(void **state)
{
    (void)state;
    struct fingerprint f;
    char text[FINGERPRINT_TEXT_SIZE];
    good(text);
    for (size_t n = 0; n < 194; n++)
        assert_false(is_ok(fingerprint_parse(SPAN(text, n), &f)));
    for (size_t i = 0; i < 194; i++) {
        static const char bad[] = "A| g\n:";
        for (size_t k = 0; k < sizeof bad - 1; k++) {
            good(text);
            if (text[i] == bad[k])
                continue;
            text[i] = bad[k];
            assert_false(is_ok(fingerprint_parse(SPAN(text, 194), &f)));
        }
    }
    good(text);
    memset(text + 65, '0', 64); // a zero tag
    assert_false(is_ok(fingerprint_parse(SPAN(text, 194), &f)));
    good(text);
    memset(text + 130, '0', 64); // a zero MRENCLAVE
    assert_false(is_ok(fingerprint_parse(SPAN(text, 194), &f)));
    good(text);
    memset(text, '0', 64); // a zero FSPF_KEY is a key like others: it is public
    assert_true(is_ok(fingerprint_parse(SPAN(text, 194), &f)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(round_trip),
                                       cmocka_unit_test(other_texts_are_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
