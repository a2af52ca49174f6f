// SPDX-License-Identifier: Apache-2.0
// A report, and a well-formed quote over it, for fakes of the hardware's services to hand out.
// Include it last.
#ifndef TEST_QUOTING_HARDWARE_H
#define TEST_QUOTING_HARDWARE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "quoting/quoting.h"
#include "sgx/emu/keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

struct hardware {
    char dir[64];
    struct sgx_report report;
    uint8_t quote[SGX_QUOTE_SIZE_MAX];
    size_t quote_size;
};

static inline void hardware_make(struct hardware *h)
{
    struct sgx_emu_platform *platform;
    struct sgx_targetinfo target;
    struct quoting *q;
    strcpy(h->dir, "/tmp/cloister-hardware-XXXXXX");
    assert_non_null(mkdtemp(h->dir));
    const struct quoting_options options = {
        .emulated = true, .state_dir = h->dir, .now = 1750000000};
    assert_true(is_ok(quoting_open(&options, &q)));
    quoting_targetinfo(q, &target);
    assert_true(is_ok(sgx_emu_platform_open(h->dir, &platform)));
    memset(&h->report, 0, sizeof h->report);
    sgx_emu_cpusvn(platform, h->report.body.cpusvn);
    h->report.body.attributes.flags = SGX_FLAGS_INIT | SGX_FLAGS_MODE64BIT;
    memset(h->report.body.mrenclave, 0xe1, 32);
    memset(h->report.body.reportdata, 0xda, 64);
    assert_true(is_ok(sgx_emu_mac_report(platform, &target, &h->report)));
    assert_true(is_ok(quoting_quote(q, &h->report, h->quote, sizeof h->quote, &h->quote_size)));
    sgx_emu_platform_free(platform);
    quoting_free(q);
}

static inline void hardware_remove(const struct hardware *h)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", h->dir);
    assert_int_equal(system(command), 0);
}

#endif
