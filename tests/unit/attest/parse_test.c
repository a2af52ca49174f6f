// SPDX-License-Identifier: Apache-2.0
// Do the small parsers (SGX extension, bundle, signed JSON, times) take what is right and nothing
// else?
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attest/collateral.h"
#include "attest/der.h"
#include "attest/json.h"
#include "attest/pck.h"
#include "attest/time.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static const struct attest_pck sample = {
    .ppid = {1, 2, 3},
    .components = {0, 1, 127, 128, 255, 255, 9},
    .pcesvn = 0x8001,
    .cpusvn = {0xaa, 0xbb},
    .pceid = {0, 1},
    .fmspc = {0, 0x90, 0x6e, 0xd5, 0, 0},
    .sgx_type = 1,
};

static size_t sample_write(uint8_t *buffer)
{
    size_t size;
    assert_true(is_ok(attest_pck_write(&sample, buffer, &size)));
    return size;
}

static void extension_round_trip(void **state)
{
    (void)state;
    uint8_t der[ATTEST_PCK_EXTENSION_SIZE_MAX];
    struct attest_pck pck;
    size_t size = sample_write(der);
    assert_int_equal(attest_pck_parse(SPAN(der, size), &pck), ATTEST_OK);
    assert_memory_equal(pck.ppid, sample.ppid, 16);
    assert_memory_equal(pck.components, sample.components, 16);
    assert_int_equal(pck.pcesvn, sample.pcesvn);
    assert_memory_equal(pck.cpusvn, sample.cpusvn, 16);
    assert_memory_equal(pck.fmspc, sample.fmspc, 6);
    assert_memory_equal(pck.pceid, sample.pceid, 2);
    assert_int_equal(pck.sgx_type, 1);
}

static void extension_cut_or_longer(void **state)
{
    (void)state;
    uint8_t der[ATTEST_PCK_EXTENSION_SIZE_MAX + 1] = {0};
    struct attest_pck pck;
    size_t size = sample_write(der);
    for (size_t cut = 0; cut < size; cut++)
        assert_int_equal(attest_pck_parse(SPAN(der, cut), &pck), ATTEST_PCK_EXTENSION_FORMAT);
    assert_int_equal(attest_pck_parse(SPAN(der, size + 1), &pck), ATTEST_PCK_EXTENSION_FORMAT);
}

// Changes the byte at `delta` behind the first occurrence of `pattern`.
static enum attest_code patched(const uint8_t *pattern, size_t pattern_size, size_t delta,
                                uint8_t value)
{
    uint8_t der[ATTEST_PCK_EXTENSION_SIZE_MAX];
    struct attest_pck pck;
    size_t size = sample_write(der);
    uint8_t *at = memmem(der, size, pattern, pattern_size);
    assert_non_null(at);
    assert_int_not_equal(at[delta], value);
    at[delta] = value;
    return attest_pck_parse(SPAN(der, size), &pck);
}

static void extension_wrong_contents(void **state)
{
    (void)state;
    static const uint8_t comp1[] = {0x4d, 0x01, 0x0d, 0x01, 0x02, 0x01, 0x02, 0x01, 0x00};
    static const uint8_t comp2[] = {0x4d, 0x01, 0x0d, 0x01, 0x02, 0x02, 0x02, 0x01, 0x01};
    static const uint8_t comp4[] = {0x4d, 0x01, 0x0d, 0x01, 0x02, 0x04, 0x02, 0x02, 0x00, 0x80};
    static const uint8_t fmspc[] = {0x4d, 0x01, 0x0d, 0x01, 0x04, 0x04, 0x06};
    static const uint8_t type[] = {0x4d, 0x01, 0x0d, 0x01, 0x05, 0x0a, 0x01, 0x01};
    const enum attest_code bad = ATTEST_PCK_EXTENSION_FORMAT;
    assert_int_equal(patched(comp1, sizeof comp1, 8, 5), ATTEST_OK); // another value is fine
    assert_int_equal(patched(comp1, sizeof comp1, 8, 0x80), bad);    // negative
    assert_int_equal(patched(comp4, sizeof comp4, 8, 1), bad);       // 384
    assert_int_equal(patched(comp4, sizeof comp4, 9, 0x10), bad);    // superfluous zero
    assert_int_equal(patched(comp2, sizeof comp2, 5, 1), bad);       // component 1 twice
    assert_int_equal(patched(comp2, sizeof comp2, 5, 19), bad);      // component 19
    assert_int_equal(patched(comp2, sizeof comp2, 5, 0), bad);       // component 0
    assert_int_equal(patched(comp2, sizeof comp2, 4, 3), bad);       // not under the TCB
    assert_int_equal(patched(comp2, sizeof comp2, 6, 4), bad);       // octets, not a number
    assert_int_equal(patched(fmspc, sizeof fmspc, 4, 3), bad);       // PCEID twice, no FMSPC
    assert_int_equal(patched(fmspc, sizeof fmspc, 4, 8), bad);       // unknown element
    assert_int_equal(patched(fmspc, sizeof fmspc, 6, 5), bad);       // FMSPC of 5 bytes
    assert_int_equal(patched(type, sizeof type, 7, 3), bad);         // unknown SGX type
    assert_int_equal(patched(type, sizeof type, 5, 2), bad);         // INTEGER for ENUMERATED
}

static void bundle_round_trip(void **state)
{
    (void)state;
    struct attest_collateral in = {0}, out;
    uint8_t buffer[256];
    size_t size;
    in.parts[ATTEST_PART_PCK_CRL] = SPAN_STR("crl");
    in.parts[ATTEST_PART_TCB_INFO] = SPAN_STR("{}");
    in.parts[ATTEST_PART_QE_CHAIN] = SPAN_STR("chain");
    assert_true(is_ok(attest_collateral_write(&in, buffer, sizeof buffer, &size)));
    assert_int_equal(size, attest_collateral_size(&in));
    assert_true(is_ok(attest_collateral_read(SPAN(buffer, size), &out)));
    for (int i = 0; i < ATTEST_PART_COUNT; i++) {
        assert_int_equal(out.parts[i].size, in.parts[i].size);
        assert_int_equal(out.parts[i].data == NULL, in.parts[i].data == NULL);
        if (in.parts[i].data)
            assert_memory_equal(out.parts[i].data, in.parts[i].data, in.parts[i].size);
    }
    assert_false(is_ok(attest_collateral_write(&in, buffer, size - 1, &size)));
    for (size_t cut = 0; cut < size; cut++)
        assert_false(is_ok(attest_collateral_read(SPAN(buffer, cut), &out)));
    assert_false(is_ok(attest_collateral_read(SPAN(buffer, size + 1), &out)));
    for (size_t i = 0; i < 8; i++) { // magic and version
        buffer[i] ^= 1;
        assert_false(is_ok(attest_collateral_read(SPAN(buffer, size), &out)));
        buffer[i] ^= 1;
    }
    memset(buffer + 8, 0xff, 4); // the first part's size
    assert_false(is_ok(attest_collateral_read(SPAN(buffer, size), &out)));
}

#define SIG64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define SIG   SIG64 SIG64

static void signed_json_forms(void **state)
{
    (void)state;
    static const struct {
        const char *text, *body; // NULL: refused
    } rows[] = {
        {"{\"a\":{\"x\":1},\"signature\":\"" SIG "\"}", "{\"x\":1}"},
        {"{\"signature\":\"" SIG "\",\"a\":{\"x\":1}}", "{\"x\":1}"},
        {" { \"a\" : { \"x\" : \"}\" } , \"signature\" : \"" SIG "\" } \n", "{ \"x\" : \"}\" }"},
        {"{\"a\":{\"x\":[1,{}]},\"signature\":\"" SIG "\"}", "{\"x\":[1,{}]}"},
        {"{\"b\":{},\"signature\":\"" SIG "\"}", NULL},
        {"{\"a\":{},\"a\":{},\"signature\":\"" SIG "\"}", NULL},
        {"{\"a\":{},\"signature\":\"" SIG "\",\"signature\":\"" SIG "\"}", NULL},
        {"{\"signature\":\"" SIG "\",\"signature\":\"" SIG "\"}", NULL},
        {"{\"a\":{}}", NULL},
        {"{\"a\":{},\"signature\":\"" SIG64 "\"}", NULL},
        {"{\"a\":{},\"signature\":\"" SIG "\"}x", NULL},
        {"{\"a\":{},\"signature\":\"" SIG "\"", NULL},
        {"{\"a\":[],\"signature\":\"" SIG "\"}", NULL},
        {"{\"a\":\"\",\"signature\":\"" SIG "\"}", NULL},
        {"{\"a\":1,\"signature\":\"" SIG "\"}", NULL},
        {"{\"a\":{]},\"signature\":\"" SIG "\"}", NULL},
        {"{\"a\":{\"\\u0061\":1},\"signature\":\"" SIG "\"}", NULL},
        {"{\"\\u0061\":{},\"signature\":\"" SIG "\"}", NULL},
        {"{'a':{},\"signature\":\"" SIG "\"}", NULL},
        {"[]", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct attest_signed_json doc;
        bool ok = is_ok(attest_json_split(SPAN(rows[i].text, strlen(rows[i].text)), "a", &doc));
        if (ok != (rows[i].body != NULL))
            print_error("%s\n", rows[i].text);
        assert_int_equal(ok, rows[i].body != NULL);
        if (ok)
            assert_true(attest_json_is(doc.body, rows[i].body));
    }
}

static void json_depth_is_bounded(void **state)
{
    (void)state;
    char text[256];
    for (size_t depth = 1; depth <= 20; depth++) {
        struct attest_json *json = NULL;
        size_t at = 0;
        for (size_t i = 0; i + 1 < depth; i++)
            at += (size_t)sprintf(text + at, "{\"a\":");
        at += (size_t)sprintf(text + at, "{}");
        for (size_t i = 0; i + 1 < depth; i++)
            text[at++] = '}';
        bool ok = is_ok(attest_json_parse(SPAN(text, at), &json));
        assert_int_equal(ok, depth <= ATTEST_JSON_DEPTH_MAX);
        free(json);
    }
}

static void times_are_exact(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t time;
    } good[] = {
        {"1970-01-01T00:00:00Z", 0},          {"2000-02-29T23:59:59Z", 951868799},
        {"2025-05-05T08:03:36Z", 1746432216}, {"2038-01-19T03:14:08Z", 2147483648},
        {"2049-12-31T23:59:59Z", 2524607999}, {"9999-12-31T23:59:59Z", 253402300799},
    };
    static const char *const bad[] = {
        "",
        "2025-05-05T08:03:36",
        "2025-05-05T08:03:36z",
        "2025-05-05 08:03:36Z",
        "2025-05-05T08:03:36+00:00",
        "2025-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2025-00-01T00:00:00Z",
        "2025-13-01T00:00:00Z",
        "2025-01-00T00:00:00Z",
        "2025-04-31T00:00:00Z",
        "2025-01-01T24:00:00Z",
        "2025-01-01T00:60:00Z",
        "2025-01-01T00:00:60Z",
        "1969-12-31T23:59:59Z",
        "20250-1-01T00:00:00Z",
    };
    int64_t time;
    char text[ATTEST_TIME_TEXT_SIZE];
    for (size_t i = 0; i < ARRAY_COUNT(good); i++) {
        assert_true(is_ok(attest_time_parse(SPAN(good[i].text, strlen(good[i].text)), &time)));
        assert_true(time == good[i].time);
        attest_time_format(time, text);
        assert_string_equal(text, good[i].text);
    }
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
        assert_false(is_ok(attest_time_parse(SPAN(bad[i], strlen(bad[i])), &time)));
    attest_time_format(-1, text);
    assert_string_equal(text, "-");
    attest_time_format(INT64_MAX, text);
    assert_string_equal(text, "-");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(extension_round_trip),     cmocka_unit_test(extension_cut_or_longer),
        cmocka_unit_test(extension_wrong_contents), cmocka_unit_test(bundle_round_trip),
        cmocka_unit_test(signed_json_forms),        cmocka_unit_test(json_depth_is_bounded),
        cmocka_unit_test(times_are_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
