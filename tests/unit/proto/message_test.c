// SPDX-License-Identifier: Apache-2.0
// Does every message come back as it went, and is every prefix, extension and bad field of it refused?
#include <stdlib.h>
#include <string.h>

#include "proto/attest_message.h"
#include "proto/provision.h"
#include "proto/refusal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static uint8_t buffer[64 * 1024];

typedef struct result reader_fn(struct span bytes);

static struct result read_request(struct span b)
{
    struct proto_attest_request m;
    return proto_attest_request_read(b, &m);
}
static struct result read_answer(struct span b)
{
    struct proto_attest_answer m;
    return proto_attest_answer_read(b, &m);
}
static struct result read_provision(struct span b)
{
    struct proto_provision m;
    return proto_provision_read(b, &m);
}
static struct result read_app(struct span b)
{
    struct proto_app_grant m;
    return proto_app_grant_read(b, &m);
}
static struct result read_post(struct span b)
{
    struct proto_post_grant m;
    return proto_post_grant_read(b, &m);
}

// The bytes in `buffer` are taken whole, and in no other length; no magic but the right one.
static void check_exact(reader_fn *read, size_t size)
{
    assert_true(is_ok(read(SPAN(buffer, size))));
    for (size_t i = 0; i < size; i++) {
        uint8_t *copy = malloc(i + 1); // of its exact size, for the sanitizer
        memcpy(copy, buffer, i);
        assert_false(is_ok(read(SPAN(copy, i))));
        free(copy);
    }
    buffer[size] = 0;
    assert_false(is_ok(read(SPAN(buffer, size + 1))));
    buffer[6] ^= 1;
    assert_false(is_ok(read(SPAN(buffer, size))));
    buffer[6] ^= 1;
}

static void test_attest(void **state)
{
    struct proto_attest_request q = {.nonce = {1, 2, 3}}, q2;
    struct proto_attest_answer a = {.session = {4},
                                    .nonce = {5},
                                    .quote = SPAN_STR("quote"),
                                    .collateral = SPAN_STR("collateral")},
                               a2;
    size_t size;
    (void)state;
    assert_true(is_ok(proto_attest_request_write(&q, buffer, sizeof buffer, &size)));
    assert_int_equal(size, PROTO_ATTEST_REQUEST_SIZE);
    assert_true(is_ok(proto_attest_request_read(SPAN(buffer, size), &q2)));
    assert_memory_equal(&q, &q2, sizeof q);
    check_exact(read_request, size);
    assert_true(is_ok(proto_attest_answer_write(&a, buffer, sizeof buffer, &size)));
    assert_true(is_ok(proto_attest_answer_read(SPAN(buffer, size), &a2)));
    assert_memory_equal(a2.nonce, a.nonce, 32);
    assert_int_equal(a2.collateral.size, 10);
    check_exact(read_answer, size);
    assert_false(is_ok(proto_attest_answer_write(&a, buffer, size - 1, &size)));
}

static void test_provision(void **state)
{
    struct proto_provision m = {.role = PROTO_POST_COMPUTE,
                                .quote = SPAN_STR("q"),
                                .collateral = SPAN_STR("c")},
                           got;
    size_t size;
    (void)state;
    memset(&m.task, 7, sizeof m.task);
    memset(&m.authorization, 8, sizeof m.authorization);
    assert_true(is_ok(proto_provision_write(&m, buffer, sizeof buffer, &size)));
    assert_true(is_ok(proto_provision_read(SPAN(buffer, size), &got)));
    assert_int_equal(got.role, PROTO_POST_COMPUTE);
    assert_memory_equal(&got.task, &m.task, 32);
    assert_memory_equal(&got.authorization, &m.authorization, 65);
    check_exact(read_provision, size);
    buffer[8] = 3; // no such role
    assert_false(is_ok(read_provision(SPAN(buffer, size))));
}

static void test_app_grant(void **state)
{
    struct proto_app_grant g = {.has_dataset = true,
                                .dataset_checksum = {1},
                                .dataset_key = {2},
                                .transfer_key = {3},
                                .generation = 9},
                           got;
    size_t size;
    (void)state;
    g.environment.items[g.environment.count++] = SPAN_STR("IEXEC_A=b");
    g.arguments.items[g.arguments.count++] = SPAN_STR("--x");
    g.command.items[g.command.count++] = SPAN_STR("python3");
    g.command.items[g.command.count++] = SPAN_STR("/app.py");
    g.content_keys[g.content_key_count++] =
        (struct proto_content_key){SPAN_STR("/model"), {[31] = 8}};
    assert_true(is_ok(proto_app_grant_write(&g, buffer, sizeof buffer, &size)));
    assert_true(is_ok(proto_app_grant_read(SPAN(buffer, size), &got)));
    assert_int_equal(got.generation, 9);
    assert_int_equal(got.environment.count, 1);
    assert_memory_equal(got.arguments.items[0].data, "--x", 3);
    assert_int_equal(got.command.count, 2);
    assert_memory_equal(got.command.items[1].data, "/app.py", 7);
    assert_int_equal(got.content_key_count, 1);
    assert_memory_equal(got.content_keys[0].path.data, "/model", 6);
    assert_int_equal(got.content_keys[0].key[31], 8);
    check_exact(read_app, size);
    g.content_keys[0].path = SPAN("/m\0", 3);
    assert_true(is_ok(proto_app_grant_write(&g, buffer, sizeof buffer, &size)));
    assert_false(is_ok(read_app(SPAN(buffer, size))));
    g.content_keys[0].path = SPAN_STR("");
    assert_true(is_ok(proto_app_grant_write(&g, buffer, sizeof buffer, &size)));
    assert_false(is_ok(read_app(SPAN(buffer, size))));
    g.content_key_count = 0;
    g.arguments.items[0] = SPAN("a\0b", 3);
    assert_true(is_ok(proto_app_grant_write(&g, buffer, sizeof buffer, &size)));
    assert_false(is_ok(read_app(SPAN(buffer, size))));
    g.arguments.count = 0;
    memset(g.dataset_checksum, 0, 32); // the host would choose the data
    assert_true(is_ok(proto_app_grant_write(&g, buffer, sizeof buffer, &size)));
    assert_false(is_ok(read_app(SPAN(buffer, size))));
}

static void test_post_grant(void **state)
{
    struct proto_post_grant g = {.transfer_key = {1},
                                 .generation = 2,
                                 .beneficiary_key = SPAN_STR("PEM")},
                            got;
    struct proto_certificate c = {.chain_id = 5, .generation = 2, .time = 6, .app_emulated = true},
                             c2;
    size_t size;
    (void)state;
    proto_certificate_write(&c, g.proof.certificate);
    g.proof.quote = SPAN_STR("quote");
    g.proof.collateral = SPAN_STR("bundle");
    assert_true(is_ok(proto_post_grant_write(&g, buffer, sizeof buffer, &size)));
    assert_true(is_ok(proto_post_grant_read(SPAN(buffer, size), &got)));
    assert_true(is_ok(proto_certificate_read(SPAN_OF(got.proof.certificate), &c2)));
    assert_int_equal(c2.chain_id, 5);
    assert_true(c2.app_emulated && !c2.post_emulated);
    check_exact(read_post, size);
    g.proof.certificate[PROTO_CERTIFICATE_SIZE - 1] = 2; // no boolean
    assert_false(is_ok(proto_certificate_read(SPAN_OF(g.proof.certificate), &c2)));
}

static void test_refusal(void **state)
{
    char text[PROTO_REFUSAL_JSON_SIZE];
    struct proto_refusal_message m;
    (void)state;
    for (int code = 0; code < PROTO_REFUSAL_COUNT; code++) {
        proto_refusal_write((enum proto_refusal)code, NULL, text);
        assert_true(is_ok(proto_refusal_read(SPAN(text, strlen(text)), &m)));
        assert_string_equal(m.name, proto_refusal_name((enum proto_refusal)code));
        assert_string_equal(m.why, proto_refusal_text((enum proto_refusal)code));
    }
    proto_refusal_write(PROTO_REFUSED_POLICY, "with \" and \\ and \x1b inside", text);
    assert_true(is_ok(proto_refusal_read(SPAN(text, strlen(text)), &m)));
    assert_string_equal(m.why, "with  and  and  inside");
    assert_false(is_ok(proto_refusal_read(SPAN_STR("[1]"), &m)));
    assert_true(is_ok(proto_refusal_read(SPAN_STR("{\"error\":\"\\u001b[2J\"}"), &m)));
    assert_string_equal(m.name, "?[2J");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_attest), cmocka_unit_test(test_provision),
        cmocka_unit_test(test_app_grant), cmocka_unit_test(test_post_grant),
        cmocka_unit_test(test_refusal)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
