// SPDX-License-Identifier: Apache-2.0
// Does the chain from the result's signature to the SMS hold, and is it refused with any one link broken?
#include "result/bundle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "crypto/rsa_wrap.h"
#include "ledger/types.h"
#include "proto/binding.h"
#include "quoting/quoting.h"
#include "sgx/emu/keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define COLLATERAL_MAX (512u * 1024)

// One world in which everything is right. Cases change a copy of it, before or after the bundle is made.
struct world {
    struct eth_key signer, challenge;
    struct proto_certificate certificate;
    struct proto_identity identity;
    struct result_facts facts;
    struct sgx_report_body sms; // what the SMS's quote will say
    bool wrong_signer_quote, wrong_certificate_signature, wrong_nonce;
    struct hash32 digest; // that post-compute signs
    struct eth_key result_key;
};

static char private_pem[RSA_PEM_SIZE_MAX], public_pem[RSA_PEM_SIZE_MAX];
static char directory[] = "/tmp/cloister-bundle-XXXXXX";
static struct quoting *quoting;
static uint8_t *collateral;
static size_t collateral_size;
static int64_t now;

static struct zip_entry the_files[] = {
    {SPAN_STR("computed.json"),
     SPAN_STR("{\"deterministic-output-path\":\"/iexec_out/result.json\"}")},
    {SPAN_STR("result.json"), SPAN_STR("{\"mean\": 4.5}\n")},
};

static void key_of(uint8_t seed, struct eth_key *ret)
{
    memset(ret->bytes, seed, sizeof ret->bytes);
}

static int group_setup(void **state)
{
    (void)state;
    now = (int64_t)time(NULL);
    collateral = malloc(COLLATERAL_MAX);
    if (!collateral || !mkdtemp(directory))
        return -1;
    const struct quoting_options options = {.emulated = true, .state_dir = directory, .now = now};
    return is_ok(quoting_open(&options, &quoting)) &&
                   is_ok(attest_collateral_write(quoting_collateral(quoting), collateral,
                                                 COLLATERAL_MAX, &collateral_size)) &&
                   is_ok(rsa_generate(2048, private_pem, public_pem))
               ? 0
               : -1;
}

static int group_teardown(void **state)
{
    char command[64];
    (void)state;
    quoting_free(quoting);
    free(collateral);
    snprintf(command, sizeof command, "rm -rf %s", directory);
    return system(command);
}

static void make_world(struct world *w)
{
    memset(w, 0, sizeof *w);
    key_of(0x11, &w->signer);
    key_of(0x22, &w->challenge);
    key_of(0x22, &w->result_key);
    struct proto_certificate *c = &w->certificate;
    c->chain_id = 65535;
    memset(&c->genesis, 1, sizeof c->genesis);
    memset(&c->task, 2, sizeof c->task);
    memset(&c->deal, 3, sizeof c->deal);
    memset(&c->app, 4, sizeof c->app);
    memset(&c->dataset, 5, sizeof c->dataset);
    memset(&c->worker, 6, sizeof c->worker);
    memset(c->app_mrenclave, 7, sizeof c->app_mrenclave);
    assert_true(is_ok(eth_key_address(&w->challenge, &c->challenge)));
    c->app_emulated = c->post_emulated = true;
    w->identity.trust.own_roots = true;
    w->identity.trust.root_count = 1;
    w->identity.trust.roots[0] = (struct attest_root){.name = "emulated"};
    quoting_root_hash(quoting, w->identity.trust.roots[0].key_hash);
    strcpy(w->identity.trust.policy, "strict");
    w->identity.enclave.kind = ATTEST_IDENTITY_MRENCLAVE;
    memset(w->identity.enclave.hash, 0xe1, sizeof w->identity.enclave.hash);
    memset(w->identity.configid, 0xc1, 32);
    memset(w->sms.mrenclave, 0xe1, sizeof w->sms.mrenclave);
    memset(w->sms.configid, 0xc1, 32);
    struct result_files f = {.count = ARRAY_COUNT(the_files)};
    memcpy(f.entries, the_files, sizeof the_files);
    struct result_callback none;
    assert_true(is_ok(result_files_digest(&f, false, &w->digest, &none)));
    w->facts = (struct result_facts){.chain_id = c->chain_id,
                                     .genesis = c->genesis,
                                     .task = c->task,
                                     .deal = c->deal,
                                     .app = c->app,
                                     .dataset = c->dataset,
                                     .worker = c->worker,
                                     .challenge = c->challenge,
                                     .digest = w->digest};
    memcpy(w->facts.app_mrenclave, c->app_mrenclave, 32);
}

// The SMS's quote over its certificate key.
static size_t make_quote(const struct world *w, uint8_t quote[SGX_QUOTE_SIZE_MAX])
{
    struct sgx_emu_platform *platform;
    struct sgx_targetinfo target;
    struct sgx_report report = {.body = w->sms};
    struct address signer;
    size_t size = 0;
    assert_true(is_ok(eth_key_address(&w->signer, &signer)));
    signer.bytes[0] ^= w->wrong_signer_quote;
    struct proto_binding binding = {.role = PROTO_ROLE_SIGNER, .payload = SPAN_OF(signer)};
    if (w->wrong_nonce)
        binding.nonce = SPAN_STR("x");
    proto_reportdata(&binding, report.body.reportdata);
    assert_true(is_ok(sgx_emu_platform_open(directory, &platform)));
    sgx_emu_cpusvn(platform, report.body.cpusvn);
    report.body.attributes.flags |= SGX_FLAGS_INIT | SGX_FLAGS_MODE64BIT;
    report.body.attributes.xfrm = 7;
    quoting_targetinfo(quoting, &target);
    assert_true(is_ok(sgx_emu_mac_report(platform, &target, &report)));
    sgx_emu_platform_free(platform);
    assert_true(is_ok(quoting_quote(quoting, &report, quote, SGX_QUOTE_SIZE_MAX, &size)));
    return size;
}

static void make_bundle(struct world *w, uint8_t **ret, size_t *ret_size)
{
    uint8_t quote[SGX_QUOTE_SIZE_MAX];
    struct proto_proof proof = {.quote = SPAN(quote, make_quote(w, quote)),
                                .collateral = SPAN(collateral, collateral_size)};
    struct result_statement statement;
    struct result_files *f = calloc(1, sizeof *f);
    f->count = ARRAY_COUNT(the_files);
    memcpy(f->entries, the_files, sizeof the_files);
    proto_certificate_write(&w->certificate, proof.certificate);
    struct hash32 h = proto_certificate_hash(proof.certificate);
    h.bytes[0] ^= w->wrong_certificate_signature;
    assert_true(is_ok(eth_sign(&w->signer, &h, &proof.signature)));
    struct result_maker m = {.task = w->facts.task,
                             .worker = w->facts.worker,
                             .challenge_key = &w->result_key,
                             .beneficiary_key = SPAN(public_pem, strlen(public_pem)),
                             .proof = &proof};
    assert_true(is_ok(result_bundle_make(&m, f, &w->digest, &statement, ret, ret_size)));
    w->facts.enclave_sign = statement.enclave_sign;
    free(f);
}

static struct result judge(struct world *w, struct span archive)
{
    struct result_bundle b;
    struct proto_proof_verdict v;
    GUARD(result_bundle_read(archive, &b));
    struct result r = result_bundle_verify(&b, &w->facts, &w->identity, now, &v);
    struct result_files *f = calloc(1, sizeof *f);
    if (is_ok(r))
        r = result_bundle_open(&b, false, SPAN(private_pem, strlen(private_pem)), f);
    if (is_ok(r)) {
        assert_int_equal(f->count, 2);
        assert_memory_equal(f->entries[1].data.data, the_files[1].data.data,
                            the_files[1].data.size);
        assert_true(v.sms.emulated);
    }
    result_files_done(f);
    free(f);
    result_bundle_done(&b);
    return r;
}

static void test_whole_chain(void **state)
{
    struct world w;
    uint8_t *archive;
    size_t size;
    (void)state;
    make_world(&w);
    make_bundle(&w, &archive, &size);
    struct result r = judge(&w, SPAN(archive, size));
    if (!is_ok(r))
        fail_msg("%s", r.why);
    free(archive);
}

#define BREAK(name, statement)                \
    static void break_##name(struct world *w) \
    {                                         \
        statement;                            \
    }
// What others certified or signed. These run before the bundle is made.
BREAK(certificate_task, w->certificate.task.bytes[0] ^= 1)
BREAK(certificate_deal, w->certificate.deal.bytes[0] ^= 1)
BREAK(certificate_app, w->certificate.app.bytes[0] ^= 1)
BREAK(certificate_dataset, w->certificate.dataset.bytes[0] ^= 1)
BREAK(certificate_worker, w->certificate.worker.bytes[0] ^= 1)
BREAK(certificate_challenge, w->certificate.challenge.bytes[0] ^= 1)
BREAK(certificate_mrenclave, w->certificate.app_mrenclave[0] ^= 1)
BREAK(certificate_chain, w->certificate.chain_id++)
BREAK(certificate_genesis, w->certificate.genesis.bytes[0] ^= 1)
BREAK(certificate_signature, w->wrong_certificate_signature = true)
BREAK(quote_signer, w->wrong_signer_quote = true)
BREAK(quote_role, w->wrong_nonce = true)
BREAK(quote_mrenclave, w->sms.mrenclave[0] ^= 1)
BREAK(quote_configid, w->sms.configid[0] ^= 1)
BREAK(quote_debug, w->sms.attributes.flags |= SGX_FLAGS_DEBUG)
BREAK(quote_root, w->identity.trust.roots[0].key_hash[0] ^= 1)
BREAK(identity_no_root, w->identity.trust.root_count = 0; w->identity.trust.intel = true)
BREAK(identity_any, w->identity.any_configid = true)
BREAK(result_key, key_of(0x33, &w->result_key))
BREAK(digest_signed, w->digest.bytes[0] ^= 1; w->facts.digest = w->digest)

static const struct broken {
    const char *name;
    void (*change)(struct world *w);
    const char *why; // part of the reason
} before[] = {
// clang-format off
#define LINE(name, why) {#name, break_##name, why}
    // clang-format on
    LINE(certificate_task, "another task"),
    LINE(certificate_deal, "another task"),
    LINE(certificate_app, "another app or dataset"),
    LINE(certificate_dataset, "another app or dataset"),
    LINE(certificate_worker, "another worker"),
    LINE(certificate_challenge, "another enclave key"),
    LINE(certificate_mrenclave, "another MRENCLAVE"),
    LINE(certificate_chain, "another ledger"),
    LINE(certificate_genesis, "another ledger"),
    LINE(certificate_signature, ""),
    LINE(quote_signer, ""),
    LINE(quote_role, ""),
    LINE(quote_mrenclave, "another enclave identity"),
    LINE(quote_configid, "another policy"),
    LINE(quote_debug, ""),
    LINE(quote_root, ""),
    LINE(identity_no_root, ""),
    LINE(identity_any, "without the policy's hash"),
    LINE(result_key, "another enclave key"),
    LINE(digest_signed, "decrypted files"),
};

// What the ledger says otherwise. These run after the bundle is made.
BREAK(ledger_task, w->facts.task.bytes[0] ^= 1)
BREAK(ledger_worker, w->facts.worker.bytes[0] ^= 1)
BREAK(ledger_challenge, w->facts.challenge.bytes[0] ^= 1)
BREAK(ledger_digest, w->facts.digest.bytes[0] ^= 1)
BREAK(ledger_signature, w->facts.enclave_sign.bytes[5] ^= 1)
BREAK(ledger_mrenclave, w->facts.app_mrenclave[0] ^= 1)
BREAK(ledger_genesis, w->facts.genesis.bytes[0] ^= 1)
BREAK(ledger_app, w->facts.app.bytes[0] ^= 1)

static const struct broken after[] = {
    LINE(ledger_task, "another task"),
    LINE(ledger_worker, "another worker"),
    LINE(ledger_challenge, "another enclave key"),
    LINE(ledger_digest, "another digest"),
    LINE(ledger_signature, "not signed"),
    LINE(ledger_mrenclave, "another MRENCLAVE"),
    LINE(ledger_genesis, "another ledger"),
    LINE(ledger_app, "another app or dataset"),
};

static void test_broken_links(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(before) + ARRAY_COUNT(after); i++) {
        struct world w;
        uint8_t *archive;
        size_t size;
        bool early = i < ARRAY_COUNT(before);
        const struct broken *b = early ? &before[i] : &after[i - ARRAY_COUNT(before)];
        make_world(&w);
        if (early)
            b->change(&w);
        make_bundle(&w, &archive, &size);
        if (!early)
            b->change(&w);
        struct result r = judge(&w, SPAN(archive, size));
        if (is_ok(r) || !strstr(r.why, b->why))
            fail_msg("%s: %s", b->name, is_ok(r) ? "accepted" : r.why);
        free(archive);
    }
}

// A bundle whose data somebody replaced, with sound checksums of the archive.
static void test_replaced_parts(void **state)
{
    struct world w;
    uint8_t *archive, *other, changed[1 << 17];
    size_t size, other_size, count, changed_size;
    struct zip_entry a[3], b[3];
    (void)state;
    make_world(&w);
    make_bundle(&w, &other, &other_size);
    make_bundle(&w, &archive, &size);
    assert_true(is_ok(zip_read(SPAN(archive, size), a, 3, &count)));
    assert_true(is_ok(zip_read(SPAN(other, other_size), b, 3, &count)));
    for (size_t i = 0; i < 2; i++) { // aes-key.rsa, iexec_out.zip.aes
        struct zip_entry mixed[3] = {a[0], a[1], a[2]};
        mixed[i] = b[i];
        assert_true(is_ok(zip_write(mixed, 3, changed, sizeof changed, &changed_size)));
        assert_int_equal(judge(&w, SPAN(changed, changed_size)).code, ERR_INTEGRITY);
    }
    assert_true(is_ok(judge(&w, SPAN(archive, size))));
    assert_true(is_ok(zip_write(a, 2, changed, sizeof changed, &changed_size)));
    assert_false(is_ok(judge(&w, SPAN(changed, changed_size))));
    free(archive);
    free(other);
}

static void test_wrong_private_key(void **state)
{
    static char other_private[RSA_PEM_SIZE_MAX], other_public[RSA_PEM_SIZE_MAX];
    struct world w;
    uint8_t *archive;
    size_t size;
    struct result_bundle b;
    struct result_files *f = calloc(1, sizeof *f);
    (void)state;
    make_world(&w);
    make_bundle(&w, &archive, &size);
    assert_true(is_ok(rsa_generate(2048, other_private, other_public)));
    assert_true(is_ok(result_bundle_read(SPAN(archive, size), &b)));
    assert_false(
        is_ok(result_bundle_open(&b, false, SPAN(other_private, strlen(other_private)), f)));
    result_bundle_done(&b);
    free(f);
    free(archive);
}

int main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_chain),
        cmocka_unit_test(test_broken_links),
        cmocka_unit_test(test_replaced_parts),
        cmocka_unit_test(test_wrong_private_key),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
