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
    struct fingerprint f = {0};
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

static struct result with_entrypoint(const char *entrypoint, struct fingerprint *ret)
{
    static char text[2048];
    good(text);
    strcat(text, "|");
    strcat(text, entrypoint);
    return fingerprint_parse(SPAN(text, strlen(text)), ret);
}

static void entrypoint(void **state)
{
    (void)state;
    struct fingerprint f;
    char many[1024] = "";
    static const char *const bad[] = {"",     " a",  "a ",    "a  b",    "a\tb",
                                      "a\nb", "a|b", "a\x7f", "\xc3\xa9"};
    assert_true(is_ok(with_entrypoint("python3 /app/app.py", &f)));
    struct span rest = f.entrypoint, word = fingerprint_next_word(&rest);
    assert_int_equal(word.size, 7);
    assert_memory_equal(word.data, "python3", 7);
    word = fingerprint_next_word(&rest);
    assert_int_equal(word.size, 11);
    assert_int_equal(fingerprint_next_word(&rest).size, 0);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(is_ok(with_entrypoint(bad[i], &f)));
    memset(many, 'x', FINGERPRINT_ENTRYPOINT_MAX);
    assert_true(is_ok(with_entrypoint(many, &f)));
    many[FINGERPRINT_ENTRYPOINT_MAX] = 'x';
    assert_false(is_ok(with_entrypoint(many, &f)));
    many[0] = 0;
    for (size_t i = 0; i < FINGERPRINT_WORDS_MAX; i++)
        strcat(many, i ? " a" : "a");
    assert_true(is_ok(with_entrypoint(many, &f)));
    strcat(many, " a");
    assert_false(is_ok(with_entrypoint(many, &f)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(round_trip), cmocka_unit_test(entrypoint),
                                       cmocka_unit_test(other_texts_are_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
