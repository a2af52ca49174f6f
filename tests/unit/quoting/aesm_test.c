// SPDX-License-Identifier: Apache-2.0
// Is AESM asked by its protocol, and is nothing it answers believed? Against a fake service; the
// real one has not been run.
#include "attest/attest.h"
#include "quoting/aesm.h"

#include "fake_aesm.h"

#define TIMEOUT_MS 5000u

struct fixture {
    struct hardware hw;
    struct fake_aesm fake;
    char nothing[128];
    unsigned timeout_ms;
    uint8_t quote[SGX_QUOTE_SIZE_MAX];
    size_t size;
};

static int rewind_fake(void **state)
{
    struct fixture *f = *state;
    struct fake_aesm *a = &f->fake;
    memset(a->keys, 0x11, sizeof a->keys);
    for (int i = 0; i < 3; i++)
        store_le32(a->keys + 256 * i + 154, i == 1 ? 2 : 0);
    memset(a->keys + 256 + 6, 0x8c, 32);
    memset(a->target, 0x7a, sizeof a->target);
    memset(a->quote, 0, sizeof a->quote);
    memcpy(a->quote, f->hw.quote, f->hw.quote_size);
    a->quote_size = f->hw.quote_size;
    a->at = 0;
    a->how = HONEST;
    a->requests = 0;
    a->sized = false;
    a->wrong = NULL;
    f->timeout_ms = TIMEOUT_MS;
    a->timeout_us = TIMEOUT_MS * 1000;
    f->size = 99;
    return 0;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    hardware_make(&f->hw);
    snprintf(f->nothing, sizeof f->nothing, "%s/nothing", f->hw.dir);
    *state = f;
    rewind_fake(state);
    fake_start(&f->fake, &f->hw);
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    fake_stop(&f->fake);
    hardware_remove(&f->hw);
    free(f);
    return 0;
}

static struct result open_fake(const struct fixture *f, struct quoting **ret)
{
    const struct quoting_options options = {
        .dcap_library = f->nothing, .aesm_socket = f->fake.path, .aesm_timeout_ms = f->timeout_ms};
    return quoting_open(&options, ret);
}

static enum err quote_once(struct fixture *f)
{
    struct quoting *q = NULL;
    f->fake.sized = false;
    f->size = 99;
    struct result r = open_fake(f, &q);
    if (is_ok(r))
        r = quoting_quote(q, &f->hw.report, f->quote, sizeof f->quote, &f->size);
    quoting_free(q);
    if (f->fake.wrong)
        print_error("%s\n", f->fake.wrong);
    assert_null(f->fake.wrong);
    if (!is_ok(r))
        assert_int_equal(f->size, 99);
    return r.code;
}

static void quote_comes_from_the_service(void **state)
{
    struct fixture *f = *state;
    struct quoting *q;
    struct sgx_targetinfo target;
    assert_true(is_ok(open_fake(f, &q)));
    quoting_targetinfo(q, &target);
    assert_memory_equal(&target, f->fake.target, sizeof target);
    assert_true(is_ok(quoting_quote(q, &f->hw.report, f->quote, sizeof f->quote, &f->size)));
    assert_int_equal(f->size, f->hw.quote_size);
    assert_memory_equal(f->quote, f->hw.quote, f->size);
    quoting_free(q);
    assert_null(f->fake.wrong);
    assert_int_equal(f->fake.requests, 6);
    f->fake.quote_size += 100; // padding
    assert_int_equal(quote_once(f), ERR_NONE);
    assert_int_equal(f->size, f->hw.quote_size);
    // Without a limit of the caller's there is one all the same.
    f->timeout_ms = 0;
    f->fake.timeout_us = QUOTING_AESM_TIMEOUT_MS * 1000ull;
    assert_int_equal(quote_once(f), ERR_NONE);
}

static void every_broken_answer_is_refused(void **state)
{
    struct fixture *f = *state;
    static const unsigned kinds[] = {21, 22, 15, 16, 17};
    static const struct {
        enum misbehaviour how;
        uint64_t value;
        enum err err;
    } cases[] = {
        {ERROR_CODE, 1, ERR_IO},
        {ERROR_CODE, 30, ERR_UNSUPPORTED},
        {ERROR_CODE, 31, ERR_NOT_FOUND},
        {ERROR_CODE, 0xffffffffffffffff, ERR_IO},
        {UNSUPPORTED, 0, ERR_UNSUPPORTED},
        {OTHER_KIND, 0, ERR_INVALID},
        {HUGE_LENGTH, 0, ERR_RANGE},
        {ZERO_LENGTH, 0, ERR_RANGE},
        {INNER_OVERRUN, 0, ERR_INVALID},
        {TRUNCATED, 0, ERR_IO},
        {CLOSED, 0, ERR_IO},
    };
    for (size_t k = 0; k < ARRAY_COUNT(kinds); k++)
        for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
            f->fake.at = kinds[k];
            f->fake.how = cases[i].how;
            f->fake.value = cases[i].value;
            enum err e = quote_once(f);
            if (e != cases[i].err)
                print_error("request %u, case %zu\n", kinds[k], i);
            assert_int_equal(e, cases[i].err);
        }
}

static void wrong_contents_are_refused(void **state)
{
    struct fixture *f = *state;
    const struct {
        unsigned at;
        enum misbehaviour how;
        uint64_t value;
        enum err err;
    } cases[] = {
        {21, NO_PAYLOAD, 0, ERR_RANGE},
        {21, OTHER_NUMBER, 17, ERR_RANGE},
        {21, OTHER_NUMBER, 1ull << 56, ERR_RANGE},
        {22, NO_PAYLOAD, 0, ERR_INVALID},
        {22, SHORTER, 0, ERR_INVALID},
        {22, CORRUPT, 256 + 154, ERR_UNSUPPORTED}, // no key is of ECDSA
        {15, NO_PAYLOAD, 0, ERR_RANGE},
        {15, OTHER_NUMBER, 1025, ERR_RANGE},
        {15, SHORTER, 0, ERR_INVALID},
        {16, NO_PAYLOAD, 0, ERR_RANGE},
        {16, OTHER_NUMBER, SGX_QUOTE_SIZE_MAX + 1, ERR_RANGE},
        {16, OTHER_NUMBER, 1ull << 32, ERR_RANGE},
        {16, OTHER_NUMBER, 0xffffffffffffffff, ERR_RANGE},
        {17, NO_PAYLOAD, 0, ERR_INVALID},
        {17, SHORTER, 0, ERR_INVALID},
        {17, CORRUPT, 48 + 64, ERR_INTEGRITY},  // MRENCLAVE
        {17, CORRUPT, 48 + 320, ERR_INTEGRITY}, // report data
        {17, CORRUPT, 0, ERR_INVALID},          // version
        {17, CORRUPT, 432, ERR_INVALID},        // size of the signature data
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        f->fake.at = cases[i].at;
        f->fake.how = cases[i].how;
        f->fake.value = cases[i].value;
        enum err e = quote_once(f);
        if (e != cases[i].err)
            print_error("case %zu\n", i);
        assert_int_equal(e, cases[i].err);
    }
    f->fake.how = HONEST;
    memset(f->fake.target, 0, 32);
    assert_int_equal(quote_once(f), ERR_INVALID);
}

static void slow_service_meets_the_limit(void **state)
{
    struct fixture *f = *state;
    const enum misbehaviour cases[] = {SILENT, DRIPPING};
    struct timespec before, after;
    f->timeout_ms = 150;
    f->fake.timeout_us = 150000;
    f->fake.at = 17;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        f->fake.how = cases[i];
        clock_gettime(CLOCK_MONOTONIC, &before);
        assert_int_equal(quote_once(f), ERR_STALE);
        clock_gettime(CLOCK_MONOTONIC, &after);
        assert_true(after.tv_sec - before.tv_sec <= 2);
    }
}

static void dead_socket_is_an_error(void **state)
{
    struct fixture *f = *state;
    struct quoting *q = NULL;
    struct quoting_aesm a;
    const struct quoting_options options = {.dcap_library = f->nothing, .aesm_socket = f->hw.dir};
    assert_int_equal(quoting_open(&options, &q).code, ERR_IO);
    assert_null(q);
    assert_int_equal(quoting_aesm_open(f->nothing, 100, &a).code, ERR_UNSUPPORTED);
    char path[200];
    memset(path, 'a', sizeof path);
    path[sizeof path - 1] = 0;
    assert_int_equal(quoting_aesm_open(path, 100, &a).code, ERR_RANGE);
}

static void malformed_protobuf_is_refused(void **state)
{
    struct quoting_aesm_response got;
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
        bool good;
    } cases[] = {
#define CASE(text, good) {text, sizeof(text) - 1, good}
        CASE("\x82\x01\x05\x08\x00\x10\x80\x23", true),         // GetQuoteSizeEx, 4480
        CASE("\x82\x01\x09\x08\x00\x10\x07\x7d\1\2\3\4", true), // fixed32 that is not known
        CASE("", false),
        CASE("\x82\x01\x02\x10\x07", false),                 // no error code
        CASE("\x82\x01\x06\x08\x00\x10\x07\x10\x07", false), // twice
        CASE("\x82\x01\x04\x08\x00\x08\x00", false),
        CASE("\x82\x01\x05\x08\x00\x12\x01\x07", false), // bytes for a number
        CASE("\x82\x01\x04\x08\x00\x10\x80", false),     // a varint without an end
        CASE("\x82\x01\x0d\x08\x00\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", false),
        CASE("\x82\x01\x04\x08\x00\x0b\x0c", false),         // a group
        CASE("\x82\x01\x04\x08\x00\x00\x00", false),         // field 0
        CASE("\x82\x01\x05\x08\x00\x10\x80\x23\x00", false), // trailing byte
        CASE("\x80\x01\x05", false),                         // a number for a message
#undef CASE
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct result r = quoting_aesm_parse(SPAN(cases[i].bytes, cases[i].size),
                                             QUOTING_AESM_GET_QUOTE_SIZE_EX, &got);
        if (is_ok(r) != cases[i].good)
            print_error("case %zu\n", i);
        assert_int_equal(is_ok(r), cases[i].good);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(quote_comes_from_the_service, rewind_fake),
        cmocka_unit_test_setup(every_broken_answer_is_refused, rewind_fake),
        cmocka_unit_test_setup(wrong_contents_are_refused, rewind_fake),
        cmocka_unit_test_setup(slow_service_meets_the_limit, rewind_fake),
        cmocka_unit_test_setup(dead_socket_is_an_error, rewind_fake),
        cmocka_unit_test_setup(malformed_protobuf_is_refused, rewind_fake),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
