// SPDX-License-Identifier: Apache-2.0
// Is the DCAP library called by its interface, and is nothing it returns believed? A fake library
// is built and loaded; the real one has not been run.
#include <dlfcn.h>

#include "attest/chain.h"
#include "fake_dcap.h"

#include "hardware.h"

struct fixture {
    struct hardware hw;
    char library[128], nothing[128];
    void *handle;
    struct fake_dcap *fake;
    uint8_t quote[SGX_QUOTE_SIZE_MAX];
    size_t size;
};

// Compiles a source of this folder, or a text.
static void build(const char *path, const char *source)
{
    char command[512];
    int n = snprintf(command, sizeof command, "cc -shared -fPIC -o %s %s", path, source);
    assert_true(n > 0 && (size_t)n < sizeof command);
    assert_int_equal(system(command), 0);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    char source[256];
    assert_non_null(f);
    hardware_make(&f->hw);
    snprintf(f->library, sizeof f->library, "%s/fake.so", f->hw.dir);
    snprintf(f->nothing, sizeof f->nothing, "%s/nothing", f->hw.dir);
    strcpy(source, __FILE__);
    strcpy(strrchr(source, '/'), "/fake_dcap.c");
    build(f->library, source);
    f->handle = dlopen(f->library, RTLD_NOW | RTLD_LOCAL);
    assert_non_null(f->handle);
    f->fake = dlsym(f->handle, "fake_dcap");
    assert_non_null(f->fake);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    dlclose(f->handle);
    hardware_remove(&f->hw);
    free(f);
    return 0;
}

static int rewind_fake(void **state)
{
    struct fixture *f = *state;
    memset(f->fake, 0, sizeof *f->fake);
    memset(f->fake->target, 0x7a, sizeof f->fake->target);
    memcpy(f->fake->report, &f->hw.report, sizeof f->fake->report);
    memcpy(f->fake->quote, f->hw.quote, f->hw.quote_size);
    f->fake->size = (uint32_t)f->hw.quote_size;
    f->size = 99;
    return 0;
}

static struct result open_fake(const struct fixture *f, struct quoting **ret)
{
    const struct quoting_options options = {.dcap_library = f->library, .aesm_socket = f->nothing};
    return quoting_open(&options, ret);
}

static enum err quote_once(struct fixture *f)
{
    struct quoting *q;
    struct result r = open_fake(f, &q);
    assert_true(is_ok(r));
    r = quoting_quote(q, &f->hw.report, f->quote, sizeof f->quote, &f->size);
    quoting_free(q);
    assert_null(f->fake->wrong);
    if (!is_ok(r))
        assert_int_equal(f->size, 99);
    return r.code;
}

static void quote_comes_from_the_library(void **state)
{
    struct fixture *f = *state;
    struct quoting *q;
    struct sgx_targetinfo target;
    uint8_t hash[32];
    char dir[160];
    assert_true(is_ok(open_fake(f, &q)));
    quoting_targetinfo(q, &target);
    assert_memory_equal(&target, f->fake->target, sizeof target);
    assert_true(is_ok(quoting_quote(q, &f->hw.report, f->quote, sizeof f->quote, &f->size)));
    assert_int_equal(f->size, f->hw.quote_size);
    assert_memory_equal(f->quote, f->hw.quote, f->size);
    size_t size = 99;
    assert_false(is_ok(quoting_quote(q, &f->hw.report, f->quote, f->size - 1, &size)));
    assert_int_equal(size, 99);
    quoting_root_hash(q, hash);
    assert_memory_equal(hash, attest_root_intel.key_hash, 32);
    for (int i = 0; i < ATTEST_PART_COUNT; i++)
        assert_null(quoting_collateral(q)->parts[i].data);
    snprintf(dir, sizeof dir, "%s/c", f->hw.dir);
    assert_int_equal(quoting_collateral_write(q, dir).code, ERR_UNSUPPORTED);
    assert_int_not_equal(access(dir, F_OK), 0);
    quoting_free(q);
    assert_null(f->fake->wrong);
    assert_int_equal(f->fake->targets, 1);
    assert_int_equal(f->fake->quotes, 2);
}

static void padding_is_dropped(void **state)
{
    struct fixture *f = *state;
    f->fake->size += 300;
    assert_int_equal(quote_once(f), ERR_NONE);
    assert_int_equal(f->size, f->hw.quote_size);
    f->fake->quote[f->hw.quote_size + 7] = 1;
    f->size = 99;
    assert_int_equal(quote_once(f), ERR_INVALID);
}

static void errors_are_told_apart(void **state)
{
    struct fixture *f = *state;
    struct quoting *q = NULL;
    const struct {
        uint32_t code;
        enum err err;
    } cases[] = {{0xe001, ERR_IO},        {0xe003, ERR_MEMORY}, {0xe011, ERR_NOT_FOUND},
                 {0xe013, ERR_INTEGRITY}, {0xe0ff, ERR_IO},     {0xffffffff, ERR_IO},
                 {0xe016, ERR_IO}};
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        rewind_fake(state);
        f->fake->quote_error = cases[i].code;
        assert_int_equal(quote_once(f), cases[i].err);
        f->fake->size_error = cases[i].code;
        assert_int_equal(quote_once(f), cases[i].err);
        f->fake->target_error = cases[i].code;
        assert_int_equal(open_fake(f, &q).code, cases[i].err);
        assert_null(q);
    }
}

static void hostile_answers_are_refused(void **state)
{
    struct fixture *f = *state;
    const uint32_t sizes[] = {0, SGX_QUOTE_SIZE_MAX + 1, 0xffffffff};
    for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
        f->fake->size = sizes[i];
        assert_int_equal(quote_once(f), ERR_RANGE);
    }
    assert_int_equal(f->fake->quotes, 0);
    f->fake->size = (uint32_t)f->hw.quote_size - 1; // truncated
    assert_int_equal(quote_once(f), ERR_INVALID);
    rewind_fake(state);
    f->fake->quote[48 + 320] ^= 1; // report data
    assert_int_equal(quote_once(f), ERR_INTEGRITY);
    rewind_fake(state);
    f->fake->quote[0] = 4; // version
    assert_int_equal(quote_once(f), ERR_INVALID);
    memset(f->fake->quote, 0, sizeof f->fake->quote);
    assert_int_equal(quote_once(f), ERR_INVALID);
    struct quoting *q = NULL;
    memset(f->fake->target, 0, sizeof f->fake->target);
    assert_int_equal(open_fake(f, &q).code, ERR_INVALID);
    assert_null(q);
}

static void lost_key_is_made_anew_once(void **state)
{
    struct fixture *f = *state;
    f->fake->keyless = 1;
    assert_int_equal(quote_once(f), ERR_NONE);
    assert_int_equal(f->fake->targets, 2);
    rewind_fake(state);
    f->fake->keyless = 9;
    assert_int_equal(quote_once(f), ERR_STALE);
    assert_int_equal(f->fake->sizes, 2);
    // Another quoting enclave cannot read a report for the first.
    struct quoting *q;
    rewind_fake(state);
    assert_true(is_ok(open_fake(f, &q)));
    f->fake->keyless = 1;
    f->fake->target[0] ^= 1;
    struct result r = quoting_quote(q, &f->hw.report, f->quote, sizeof f->quote, &f->size);
    assert_int_equal(r.code, ERR_STALE);
    assert_int_equal(f->fake->quotes, 0);
    quoting_free(q);
}

static void without_library_or_service_it_says_what_to_install(void **state)
{
    struct fixture *f = *state;
    struct quoting *q = NULL;
    char other[160];
    snprintf(other, sizeof other, "%s/other.so", f->hw.dir);
    build(other, "-x c /dev/null"); // a library without the functions
    const char *const libraries[] = {f->nothing, other};
    for (size_t i = 0; i < ARRAY_COUNT(libraries); i++) {
        const struct quoting_options options = {.dcap_library = libraries[i],
                                                .aesm_socket = f->nothing};
        struct result r = quoting_open(&options, &q);
        assert_int_equal(r.code, ERR_UNSUPPORTED);
        assert_non_null(strstr(r.why, "libsgx-dcap-ql"));
        assert_non_null(strstr(r.why, "sgx-aesm-service"));
        assert_null(q);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(quote_comes_from_the_library, rewind_fake),
        cmocka_unit_test_setup(padding_is_dropped, rewind_fake),
        cmocka_unit_test_setup(errors_are_told_apart, rewind_fake),
        cmocka_unit_test_setup(hostile_answers_are_refused, rewind_fake),
        cmocka_unit_test_setup(lost_key_is_made_anew_once, rewind_fake),
        cmocka_unit_test_setup(without_library_or_service_it_says_what_to_install, rewind_fake),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
