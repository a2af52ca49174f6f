// SPDX-License-Identifier: Apache-2.0
// Does the decision about TCB levels agree with the independent one of reference.py on thousands of
// generated documents?
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attest/decide.h"
#include "base/hex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define COMMAND "/usr/bin/python3 tests/unit/attest/reference.py 6000 "
#define FIELDS  8

static int compare_ids(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void describe(enum attest_code code, struct attest_decision *d, char *ret, size_t size)
{
    int at = snprintf(ret, size, "%s", attest_code_name(code));
    if (code)
        return;
    at += snprintf(ret + at, size - (size_t)at, " %s %s %s %s ", attest_tcb_status_name(d->status),
                   attest_tcb_status_name(d->platform), attest_tcb_status_name(d->qe),
                   attest_tcb_status_name(d->module));
    qsort(d->advisories.ids, d->advisories.count, sizeof d->advisories.ids[0], compare_ids);
    for (size_t i = 0; i < d->advisories.count; i++)
        at += snprintf(ret + at, size - (size_t)at, "%s%s", i ? "," : "", d->advisories.ids[i]);
}

static void check_case(char *fields[FIELDS], int *wrong)
{
    static struct attest_tcb_info info;
    static struct attest_qe_identity identity;
    static struct attest_decision d;
    char got[1024];
    struct attest_pck pck = {.pcesvn = (uint16_t)strtoul(fields[2], NULL, 10)};
    struct tdx_report_body td = {.tdattributes = 0};
    struct attest_measured m = {.pck = &pck, .qe_isvsvn = (uint16_t)strtoul(fields[3], NULL, 10)};
    assert_true(is_ok(hex_decode(SPAN(fields[1], 32), pck.components, 16)));
    if (fields[4][0] != '-') {
        m.td = &td;
        assert_true(is_ok(hex_decode(SPAN(fields[4], 32), td.tee_tcb_svn, 16)));
    }
    if (fields[5][0] != '-') {
        m.td15 = true;
        assert_true(is_ok(hex_decode(SPAN(fields[5], 32), td.tee_tcb_svn2, 16)));
    }
    assert_int_equal(attest_tcb_info_parse(SPAN(fields[6], strlen(fields[6])), &info), ATTEST_OK);
    assert_int_equal(attest_qe_identity_parse(SPAN(fields[7], strlen(fields[7])), &identity),
                     ATTEST_OK);
    describe(attest_decide(&m, &info, &identity, &d), &d, got, sizeof got);
    if (strcmp(got, fields[0]) != 0 && (*wrong)++ < 5)
        print_error("got %s\nnot %s\n%s %s\n", got, fields[0], fields[6], fields[7]);
    attest_tcb_info_done(&info);
    attest_qe_identity_done(&identity);
}

static void decisions_agree(void **state)
{
    (void)state;
    static char line[1 << 16];
    const char *seed = getenv("SEED");
    char command[256];
    int cases = 0, wrong = 0;
    snprintf(command, sizeof command, COMMAND "%lu", strtoul(seed ? seed : "1", NULL, 10));
    FILE *f = popen(command, "r");
    assert_non_null(f);
    for (; fgets(line, sizeof line, f); cases++) {
        char *fields[FIELDS], *at = line;
        line[strcspn(line, "\n")] = 0;
        for (int i = 0; i < FIELDS; i++) {
            fields[i] = at;
            at += strcspn(at, "\t");
            if (*at)
                *at++ = 0;
        }
        check_case(fields, &wrong);
    }
    assert_int_equal(pclose(f), 0);
    assert_int_equal(cases, 6000);
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(decisions_agree)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
