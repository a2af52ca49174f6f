// SPDX-License-Identifier: Apache-2.0
// Are the two policy files read strictly, and written as they are read? (What they accept is tested with real
// quotes in tests/unit/sms/service_test.c.)
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/sha256.h"
#include "proto/trust.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define H     "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define ROOTS "\"roots\":[{\"name\":\"intel\"},{\"name\":\"emulated\",\"spki_sha256\":\"" H "\"}]"
#define SMS   "\"sms\":{\"mrenclave\":\"" H "\",\"configid\":\"" H "\"}"
#define LEDGER \
    "\"ledger\":{\"chain_id\":65535,\"genesis\":\"" H "\",\"url\":\"http://127.0.0.1:1\"}"
#define POST "\"post_compute\":[\"" H "\"]"

static bool identity_ok(const char *text)
{
    struct proto_identity id;
    return is_ok(proto_identity_read(SPAN(text, strlen(text)), &id));
}

static bool policy_ok(const char *text)
{
    struct proto_sms_policy p;
    return is_ok(proto_sms_policy_read(SPAN(text, strlen(text)), &p));
}

// A policy as YAML comes back as it was; its own roots count where the file has none.
static void test_identity_policy(void)
{
    static const char yaml[] =
        "{\"version\":1," SMS ",\"policy\":\"version: 1\\nroots: [intel, {name: other, "
        "spki_sha256: " H "}]\\ndebug: true\\n\"}";
    struct proto_identity id, again;
    char *text;
    assert_true(is_ok(proto_identity_read(SPAN_STR(yaml), &id)));
    assert_true(!id.trust.own_roots && id.trust.allow_emulated && id.trust.allow_debug);
    assert_true(is_ok(proto_identity_write(&id, &text)));
    assert_true(is_ok(proto_identity_read(SPAN(text, strlen(text)), &again)));
    assert_string_equal(id.trust.policy, again.trust.policy);
    assert_false(again.trust.own_roots);
    free(text);
    assert_true(
        is_ok(proto_identity_read(SPAN_STR("{\"version\":1," SMS ",\"policy\":\"strict\"}"), &id)));
    assert_false(id.trust.allow_emulated || id.trust.allow_debug);
}

static void test_identity(void **state)
{
    static const char good[] = "{\"version\":1," SMS "," ROOTS ",\"policy\":\"standard\"}";
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        "{\"version\":2," SMS "," ROOTS ",\"policy\":\"strict\"}",
        "{\"version\":1," SMS "," ROOTS ",\"policy\":\"any\"}",
        "{\"version\":1," SMS "," ROOTS ",\"policy\":\"strict\",\"more\":1}",
        "{\"version\":1,\"version\":1," SMS "," ROOTS ",\"policy\":\"strict\"}",
        "{\"version\":1," SMS ",\"roots\":[],\"policy\":\"strict\"}",
        "{\"version\":1," SMS ",\"roots\":[{\"name\":\"emulated\"}],\"policy\":\"strict\"}",
        "{\"version\":1," SMS ",\"roots\":[{\"name\":\"intel\",\"spki_sha256\":\"" H
        "\"}],\"policy\":\"strict\"}",
        "{\"version\":1,\"sms\":{\"mrenclave\":\"" H "\"}," ROOTS ",\"policy\":\"strict\"}",
        "{\"version\":1,\"sms\":{\"mrenclave\":\"00\",\"configid\":\"" H "\"}," ROOTS
        ",\"policy\":\"strict\"}",
        "{\"version\":1,\"sms\":{\"mrsigner\":\"" H "\",\"configid\":\"" H "\"}," ROOTS
        ",\"policy\":\"strict\"}",
        "{\"version\":1," SMS "," ROOTS ",\"policy\":\"strict\",\"tcb\":\"strict\"}",
        "{\"version\":1," SMS "," ROOTS "}",
        "{\"version\":1," SMS ",\"policy\":\"version: 1\"}", // and no roots anywhere
        "{\"version\":1," SMS ",\"policy\":\"version: 1\\nroots: [intel]\\nmore: 1\"}",
        "{\"version\":1," SMS ",\"policy\":\"version: 1\\nroots: [intel]\\ntee: [TDX]\"}",
        "{\"version\":1," SMS
        ",\"policy\":\"version: 1\\nroots: [intel]\\nenclaves: [{mrenclave: " H "}]\"}",
        "{\"version\":1,\"sms\":{\"mrenclave\":\"" H "\",\"configid\":\"any\"}," ROOTS
        ",\"policy\":\"strict\"}", // post-compute alone: proto_identity_read_post
    };
    struct proto_identity id, again;
    char *text;
    (void)state;
    assert_true(is_ok(proto_identity_read(SPAN_STR(good), &id)));
    assert_int_equal(id.trust.root_count, 1);
    assert_true(id.trust.intel && !id.trust.allow_debug && !id.any_configid);
    assert_true(is_zero(id.configid + 32, 32));
    assert_true(is_ok(proto_identity_write(&id, &text)));
    assert_true(is_ok(proto_identity_read(SPAN(text, strlen(text)), &again)));
    assert_memory_equal(id.enclave.hash, again.enclave.hash, 32);
    assert_memory_equal(id.configid, again.configid, 64);
    free(text);
    assert_true(identity_ok("{\"version\":1,\"sms\":{\"mrsigner\":\"" H
                            "\",\"isvprodid\":1,\"min_isvsvn\":2,\"configid\":\"" H "\"}," ROOTS
                            ",\"policy\":\"strict\"}"));
    test_identity_policy();
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
        if (identity_ok(bad[i]))
            fail_msg("accepted: %s", bad[i]);
}

static void test_sms_policy(void **state)
{
    static const char good[] =
        "{\"version\":1," ROOTS ",\"policy\":\"strict\"," LEDGER "," POST "}";
    static const char *const bad[] = {
        "{\"version\":1," ROOTS ",\"policy\":\"strict\"," LEDGER "}",
        "{\"version\":1," ROOTS ",\"policy\":\"strict\"," POST "}",
        "{\"version\":1," ROOTS ",\"policy\":\"strict\"," LEDGER ",\"post_compute\":[]}",
        "{\"version\":1," ROOTS ",\"policy\":\"strict\"," LEDGER ",\"post_compute\":[1]}",
        "{\"version\":1," ROOTS ",\"policy\":\"strict\"," LEDGER "," POST ",\"debug\":false}",
        "{\"version\":1," ROOTS ",\"policy\":\"strict\",\"ledger\":{\"chain_id\":1,\"genesis\":\"" H
        "\",\"url\":\"ftp://x\"}," POST "}",
        "{\"version\":1," ROOTS ",\"policy\":\"strict\",\"ledger\":{\"chain_id\":0,\"genesis\":\"" H
        "\",\"url\":\"http://x\"}," POST "}",
    };
    struct proto_sms_policy p;
    uint8_t configid[PROTO_CONFIGID_SIZE], hash[32];
    (void)state;
    assert_true(is_ok(proto_sms_policy_read(SPAN_STR(good), &p)));
    assert_int_equal(p.chain_id, 65535);
    assert_int_equal(p.post_compute_count, 1);
    assert_false(p.trust.allow_debug);
    proto_sms_policy_configid(SPAN_STR(good), configid);
    sha256(SPAN_STR(good), hash);
    assert_memory_equal(configid, hash, 32);
    assert_true(is_zero(configid + 32, 32));
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
        if (policy_ok(bad[i]))
            fail_msg("accepted: %s", bad[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_identity),
                                       cmocka_unit_test(test_sms_policy)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
