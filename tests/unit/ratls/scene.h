// SPDX-License-Identifier: Apache-2.0
// Parties on one emulated platform: each has an enclave's identity and a TLS key, and quotes from the emulated
// quoting enclave.
#ifndef TESTS_UNIT_RATLS_SCENE_H
#define TESTS_UNIT_RATLS_SCENE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "quoting/quoting.h"
#include "ratls/ratls.h"
#include "sgx/emu/keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define NOW 1750000000
#define DAY 86400

#define OK(expr)                                \
    do {                                        \
        struct result ok_ = (expr);             \
        if (!is_ok(ok_))                        \
            fail_msg("%s: %s", #expr, ok_.why); \
    } while (0)

struct scene {
    char dir[64];
    struct quoting *quoting;
    struct sgx_emu_platform *platform;
    struct attest_root root;
    const char *root_names[1];
    struct attest_identity identity;
    struct attest_policy policy;
    struct ratls_verifier verifier;
    int64_t now;
};

struct party {
    struct scene *scene;
    uint8_t mrenclave[32];
    EVP_PKEY *key;
    X509 *certificate;
    struct ratls_quoter quoter;
};

static inline int64_t scene_clock(void *context)
{
    return ((struct scene *)context)->now;
}

static inline struct result party_quote(void *context, const uint8_t reportdata[64],
                                        uint8_t *buffer, size_t capacity, size_t *ret_size)
{
    struct party *p = context;
    struct sgx_targetinfo target;
    struct sgx_report report = {0};
    quoting_targetinfo(p->scene->quoting, &target);
    sgx_emu_cpusvn(p->scene->platform, report.body.cpusvn);
    report.body.attributes.flags = SGX_FLAGS_INIT | SGX_FLAGS_MODE64BIT;
    report.body.attributes.xfrm = 7;
    memcpy(report.body.mrenclave, p->mrenclave, 32);
    memcpy(report.body.reportdata, reportdata, 64);
    memset(report.keyid, 0x4b, sizeof report.keyid);
    GUARD(sgx_emu_mac_report(p->scene->platform, &target, &report));
    return quoting_quote(p->scene->quoting, &report, buffer, capacity, ret_size);
}

// `mrenclave` is the byte that the party's measurement consists of.
static inline void party_init(struct party *p, struct scene *s, int mrenclave)
{
    *p = (struct party){.scene = s, .quoter = {p, party_quote}};
    memset(p->mrenclave, mrenclave, 32);
    p->key = EVP_EC_gen("P-256");
    assert_non_null(p->key);
}

static inline void party_certify(struct party *p, enum ratls_form form)
{
    X509_free(p->certificate);
    OK(ratls_certificate_make(p->key, form, &p->quoter, NOW - DAY, NOW + DAY, &p->certificate));
}

static inline void party_done(struct party *p)
{
    EVP_PKEY_free(p->key);
    X509_free(p->certificate);
}

static inline int scene_setup(void **state)
{
    struct scene *s = calloc(1, sizeof *s);
    assert_non_null(s);
    strcpy(s->dir, "/tmp/cloister-ratls-XXXXXX");
    assert_non_null(mkdtemp(s->dir));
    const struct quoting_options options = {.emulated = true, .state_dir = s->dir, .now = NOW};
    OK(quoting_open(&options, &s->quoting));
    OK(sgx_emu_platform_open(s->dir, &s->platform));
    strcpy(s->root.name, "here");
    quoting_root_hash(s->quoting, s->root.key_hash);
    s->root_names[0] = s->root.name;
    s->identity.kind = ATTEST_IDENTITY_MRENCLAVE;
    memset(s->identity.hash, 0xe1, 32);
    s->policy = (struct attest_policy){.roots = s->root_names,
                                       .root_count = 1,
                                       .allow_emulated = true,
                                       .identities = &s->identity,
                                       .identity_count = 1};
    s->verifier = (struct ratls_verifier){.collateral = *quoting_collateral(s->quoting),
                                          .roots = {&s->root, 1},
                                          .policy = &s->policy,
                                          .clock = scene_clock,
                                          .context = s};
    s->now = NOW;
    *state = s;
    return 0;
}

static inline int scene_teardown(void **state)
{
    struct scene *s = *state;
    char command[128];
    sgx_emu_platform_free(s->platform);
    quoting_free(s->quoting);
    snprintf(command, sizeof command, "rm -rf %s", s->dir);
    (void)!system(command);
    free(s);
    return 0;
}

#endif
