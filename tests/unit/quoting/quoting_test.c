// SPDX-License-Identifier: Apache-2.0
// Does the way from an emulated enclave's report to a verdict hold together, and survive a restart?
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attest/attest.h"
#include "os/file.h"
#include "quoting/quoting.h"
#include "sgx/emu/keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define NOW 1750000000
#define DAY 86400

struct fixture {
    char dir[64];
    struct quoting *q;
    struct sgx_report report;
    uint8_t quote[SGX_QUOTE_SIZE_MAX];
    size_t quote_size;
    struct attest_root root;
};

static struct quoting *open_at(const char *dir, int64_t now)
{
    struct quoting *q = NULL;
    const struct quoting_options options = {.emulated = true, .state_dir = dir, .now = now};
    struct result r = quoting_open(&options, &q);
    if (!is_ok(r))
        print_error("%s\n", r.why);
    assert_true(is_ok(r));
    return q;
}

// What EREPORT would give an enclave on the platform of `dir`.
static void make_report(const char *dir, const struct sgx_targetinfo *target,
                        struct sgx_report *ret)
{
    struct sgx_emu_platform *platform;
    assert_true(is_ok(sgx_emu_platform_open(dir, &platform)));
    memset(ret, 0, sizeof *ret);
    sgx_emu_cpusvn(platform, ret->body.cpusvn);
    ret->body.attributes.flags = SGX_FLAGS_INIT | SGX_FLAGS_MODE64BIT;
    ret->body.attributes.xfrm = 7;
    memset(ret->body.mrenclave, 0xe1, 32);
    memset(ret->body.mrsigner, 0x51, 32);
    memset(ret->body.reportdata, 0xda, 64);
    memset(ret->keyid, 0x4b, sizeof ret->keyid);
    assert_true(is_ok(sgx_emu_mac_report(platform, target, ret)));
    sgx_emu_platform_free(platform);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct sgx_targetinfo target;
    assert_non_null(f);
    strcpy(f->dir, "/tmp/cloister-quoting-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    f->q = open_at(f->dir, NOW);
    quoting_targetinfo(f->q, &target);
    make_report(f->dir, &target, &f->report);
    strcpy(f->root.name, "here");
    quoting_root_hash(f->q, f->root.key_hash);
    assert_true(is_ok(quoting_quote(f->q, &f->report, f->quote, sizeof f->quote, &f->quote_size)));
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    char command[128];
    quoting_free(f->q);
    snprintf(command, sizeof command, "rm -rf %s", f->dir);
    (void)!system(command);
    free(f);
    return 0;
}

static enum attest_code judge(const struct fixture *f, const struct attest_collateral *collateral,
                              int64_t now, size_t roots, struct attest_verdict *verdict)
{
    const struct attest_evidence evidence = {.quote = SPAN(f->quote, f->quote_size),
                                             .collateral = *collateral,
                                             .now = now,
                                             .roots = {&f->root, roots}};
    (void)!is_ok(attest_verify(&evidence, verdict));
    return verdict->code;
}

static void quote_convinces_who_names_the_root(void **state)
{
    struct fixture *f = *state;
    struct attest_verdict verdict;
    const struct attest_collateral *c = quoting_collateral(f->q);
    assert_int_equal(judge(f, c, NOW, 1, &verdict), ATTEST_OK);
    assert_int_equal(verdict.claims.tcb_status, ATTEST_TCB_UP_TO_DATE);
    assert_true(verdict.claims.emulated);
    assert_string_equal(verdict.claims.root, "here");
    assert_memory_equal(&verdict.claims.body, &f->report.body, sizeof f->report.body);
    assert_memory_equal(verdict.claims.pck.cpusvn, SGX_EMU_CPUSVN_MARK, SGX_EMU_CPUSVN_MARK_SIZE);

    assert_int_equal(judge(f, c, NOW, 0, &verdict), ATTEST_PCK_CHAIN_UNTRUSTED);
    f->root.key_hash[0] ^= 1;
    assert_int_equal(judge(f, c, NOW, 1, &verdict), ATTEST_PCK_CHAIN_UNTRUSTED);
    f->root.key_hash[0] ^= 1;
    assert_int_equal(judge(f, c, NOW + 31 * DAY, 1, &verdict), ATTEST_ROOT_CRL_EXPIRED);
    assert_int_equal(judge(f, c, NOW - 2 * DAY, 1, &verdict), ATTEST_ROOT_CRL_NOT_YET_VALID);
}

static void altered_report_gets_no_quote(void **state)
{
    struct fixture *f = *state;
    uint8_t *bytes = (uint8_t *)&f->report;
    size_t size = 99;
    for (size_t i = 0; i < sizeof f->report; i += 5) {
        bytes[i] ^= 1;
        assert_false(is_ok(quoting_quote(f->q, &f->report, f->quote, sizeof f->quote, &size)));
        bytes[i] ^= 1;
    }
    assert_int_equal(size, 99);
    assert_true(is_ok(quoting_quote(f->q, &f->report, f->quote, sizeof f->quote, &size)));
    assert_false(is_ok(quoting_quote(f->q, &f->report, f->quote, size - 1, &size)));
}

static void report_for_another_target_gets_no_quote(void **state)
{
    struct fixture *f = *state;
    struct sgx_targetinfo target;
    struct sgx_report report;
    size_t size;
    quoting_targetinfo(f->q, &target);
    target.mrenclave[0] ^= 1;
    make_report(f->dir, &target, &report);
    assert_false(is_ok(quoting_quote(f->q, &report, f->quote, sizeof f->quote, &size)));
}

static void other_platforms_differ(void **state)
{
    struct fixture *f = *state;
    char dir[80];
    uint8_t hash[32];
    size_t size;
    snprintf(dir, sizeof dir, "%s/other", f->dir);
    struct quoting *other = open_at(dir, NOW);
    quoting_root_hash(other, hash);
    assert_memory_not_equal(hash, f->root.key_hash, 32);
    assert_false(is_ok(quoting_quote(other, &f->report, f->quote, sizeof f->quote, &size)));
    struct attest_verdict verdict;
    // Collateral of one installation does not serve the quotes of another.
    assert_int_not_equal(judge(f, quoting_collateral(other), NOW, 1, &verdict), ATTEST_OK);
    quoting_free(other);
}

static void restart_keeps_root_and_collateral(void **state)
{
    struct fixture *f = *state;
    struct attest_verdict verdict;
    uint8_t hash[32];
    struct quoting *again = open_at(f->dir, NOW + DAY);
    for (int i = 0; i < ATTEST_PART_COUNT; i++) {
        struct span a = quoting_collateral(f->q)->parts[i];
        struct span b = quoting_collateral(again)->parts[i];
        assert_int_equal(a.size, b.size);
        assert_memory_equal(a.data, b.data, a.size);
    }
    quoting_free(again);
    // Near its end it is made anew, under the same root; so it is when the file is damaged.
    again = open_at(f->dir, NOW + 25 * DAY);
    quoting_root_hash(again, hash);
    assert_memory_equal(hash, f->root.key_hash, 32);
    assert_int_equal(judge(f, quoting_collateral(again), NOW + 25 * DAY, 1, &verdict), ATTEST_OK);
    assert_true(verdict.claims.valid_until > NOW + 50 * DAY);
    quoting_free(again);
    char path[96];
    snprintf(path, sizeof path, "%s/collateral.bundle", f->dir);
    assert_true(is_ok(file_write(path, SPAN_STR("CLCOLL"), 0644, FILE_REPLACE)));
    again = open_at(f->dir, NOW);
    assert_int_equal(judge(f, quoting_collateral(again), NOW, 1, &verdict), ATTEST_OK);
    quoting_free(again);
}

static void collateral_files_serve_a_verifier(void **state)
{
    struct fixture *f = *state;
    struct attest_verdict verdict;
    struct attest_collateral c = {0};
    char dir[80], path[160];
    snprintf(dir, sizeof dir, "%s/files", f->dir);
    assert_true(is_ok(quoting_collateral_write(f->q, dir)));
    for (int i = 0; i < ATTEST_PART_COUNT; i++) {
        uint8_t *data;
        size_t size;
        snprintf(path, sizeof path, "%s/%s", dir, attest_part_file((enum attest_part)i));
        assert_true(is_ok(file_read(path, 1 << 20, &data, &size)));
        c.parts[i] = SPAN(data, size);
    }
    assert_int_equal(judge(f, &c, NOW, 1, &verdict), ATTEST_OK);
    for (int i = 0; i < ATTEST_PART_COUNT; i++)
        free((void *)(uintptr_t)c.parts[i].data);
    snprintf(path, sizeof path, "%s/root_ca.pem", dir);
    assert_int_equal(access(path, R_OK), 0);
}

static void hardware_is_not_pretended(void **state)
{
    struct fixture *f = *state;
    struct quoting *q = NULL;
    const struct quoting_options options = {.emulated = false, .state_dir = f->dir, .now = NOW};
    assert_int_equal(quoting_open(&options, &q).code, ERR_UNSUPPORTED);
    assert_null(q);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(quote_convinces_who_names_the_root),
        CASE(altered_report_gets_no_quote),
        CASE(report_for_another_target_gets_no_quote),
        CASE(other_platforms_differ),
        CASE(restart_keeps_root_and_collateral),
        CASE(collateral_files_serve_a_verifier),
        CASE(hardware_is_not_pretended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
