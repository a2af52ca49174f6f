// SPDX-License-Identifier: Apache-2.0
// Does a policy file mean what it says, and is everything that it cannot mean an error?
#include <stdlib.h>
#include <string.h>

#include "attest/policy_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define HEX32 "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define HEX48 HEX32 "00112233445566778899aabbccddeeff"
#define HEAD  "version: 1\nroots: [intel]\n"

static struct attest_policy_file file;
static struct attest_policy_place place;

static bool loads(const char *text)
{
    return is_ok(attest_policy_load(SPAN(text, strlen(text)), &place, &file));
}

static void named_policies_load(void **state)
{
    (void)state;
    assert_true(is_ok(attest_policy_load(attest_policy_named("strict"), NULL, &file)));
    assert_string_equal(file.name, "strict");
    assert_int_equal(file.policy.tcb_status_also, 1u << ATTEST_TCB_UP_TO_DATE);
    assert_true(file.policy.allow_tdx && !file.policy.refuse_sgx && !file.policy.allow_debug);
    assert_false(file.policy.allow_emulated);
    assert_int_equal(file.policy.root_count, 1);
    assert_true(is_ok(attest_policy_load(attest_policy_named("standard"), NULL, &file)));
    assert_string_equal(file.name, "standard");
    assert_int_equal(file.policy.tcb_status_also,
                     1u << ATTEST_TCB_UP_TO_DATE | 1u << ATTEST_TCB_SW_HARDENING_NEEDED);
    assert_true(file.policy.check_advisories && file.policy.advisory_count == 2);
    assert_null(attest_policy_named("lenient").data);
}

static void everything_is_read(void **state)
{
    (void)state;
    assert_true(loads("version: 1\nname: mine\ntee: [TDX]\n"
                      "roots:\n - intel\n - {name: office, spki_sha256: " HEX32 "}\n"
                      "tcb:\n  accept: [UpToDate, ConfigurationNeeded]\n  advisories: any\n"
                      "  min_date: 2024-01-02T03:04:05Z\n  min_evaluation: 17\n"
                      "debug: true\nprovision_key: true\neinittoken_key: false\n"
                      "enclaves:\n - mrenclave: " HEX32 "\n"
                      " - {mrsigner: " HEX32 ", isvprodid: 7, min_isvsvn: 65535}\n"
                      "tds: [{mrtd: " HEX48 ", rtmr3: " HEX48 "}]\n"
                      "td_attributes: [PKS, SEPT_VE]\nreport_data: " HEX32 HEX32 "\n"));
    const struct attest_policy *p = &file.policy;
    assert_true(p->refuse_sgx && p->allow_tdx && p->allow_emulated && p->allow_debug);
    assert_true(p->allow_provisionkey && !p->allow_einittokenkey && !p->check_advisories);
    assert_int_equal(p->root_count, 2);
    assert_string_equal(p->roots[1], "office");
    assert_int_equal(file.roots.count, 1);
    assert_int_equal(file.roots.items[0].key_hash[1], 0x11);
    assert_int_equal(p->tcb_date_min, 1704164645);
    assert_int_equal(p->tcb_evaluation_min, 17);
    assert_int_equal(p->identity_count, 2);
    assert_int_equal(p->identities[1].isvsvn_min, 65535);
    assert_int_equal(p->td_identity_count, 1);
    assert_true(p->td_identities[0].has_mrtd && p->td_identities[0].has_rtmr[3] &&
                !p->td_identities[0].has_rtmr[0]);
    assert_false(p->any_identity);
    assert_true(p->allow_sept_ve && p->td_attributes_allow == TDX_ATTRIBUTES_PKS);
    assert_int_equal(p->reportdata[63], 0xff);
}

static void all_else_is_an_error(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "version: 1\n",
        "roots: [intel]\n",
        "version: 2\nroots: [intel]\n",
        "[version]",
        HEAD "debugging: true\n",
        HEAD "debug: yes\n",
        HEAD "debug: true\ndebug: false\n",
        HEAD "tcb: {status: UpToDate}\n",
        HEAD "tcb: {accept: UpToDate}\n",
        HEAD "tcb: {accept: []}\n",
        HEAD "tcb: {accept: [Revoked]}\n",
        HEAD "tcb: {accept: [TcbNotSupported]}\n",
        HEAD "tcb: {accept: [uptodate]}\n",
        HEAD "tcb: {min_date: 2024-13-01T00:00:00Z}\n",
        HEAD "tcb: {min_evaluation: -1}\n",
        HEAD "tcb: {min_evaluation: 0x11}\n",
        HEAD "tcb: {min_evaluation: 4294967296}\n",
        HEAD "tee: [SEV]\n",
        HEAD "enclaves: []\n",
        HEAD "enclaves: [{mrenclave: 00}]\n",
        HEAD "enclaves: [{mrsigner: " HEX32 "}]\n",
        HEAD "enclaves: [{mrenclave: " HEX32 ", isvprodid: 1}]\n",
        HEAD "enclaves: [{mrsigner: " HEX32 ", isvprodid: 65536, min_isvsvn: 0}]\n",
        HEAD "tds: [{rtmr0: " HEX48 "}]\n",
        HEAD "tds: [{mrtd: " HEX32 "}]\n",
        HEAD "td_attributes: [DEBUG]\n",
        HEAD "report_data: " HEX32 "\n",
        HEAD "---\nversion: 1\n",
        HEAD "name: {}\n",
        "version: 1\nroots: []\n",
        "version: 1\nroots: [office]\n",
        "version: 1\nroots: [intel, intel]\n",
        "version: 1\nroots: [{name: intel, spki_sha256: " HEX32 "}]\n",
        "version: 1\nroots: [{name: office}]\n",
        "version: 1\nroots: [{spki_sha256: " HEX32 "}]\n",
        "version: 1\nroots: [intel\n",
        "version: 1\nroots: [intel]\n? [a]\n: b\n",
    };
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        if (loads(texts[i]))
            fail_msg("accepted: %s", texts[i]);
        assert_int_equal(file.policy.root_count, 0); // accepts nothing
    }
    assert_false(loads(HEAD "tcb:\n  statuses: []\n"));
    assert_int_equal(place.line, 4);
    assert_string_equal(place.key, "statuses");
}

static void size_is_bounded(void **state)
{
    (void)state;
    size_t size = 1u << 20;
    char *text = malloc(size + 1);
    assert_non_null(text);
    memset(text, '[', size);
    text[size] = 0;
    assert_false(loads(text));
    text[50000] = 0; // deep, within the size
    assert_false(loads(text));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(named_policies_load),
        cmocka_unit_test(everything_is_read),
        cmocka_unit_test(all_else_is_an_error),
        cmocka_unit_test(size_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
