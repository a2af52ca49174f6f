// SPDX-License-Identifier: Apache-2.0
// Is REPORTDATA what docs/formats/sms-protocol.md says (vectors computed from that text by another
// program), and does every field count?
#include <string.h>

#include "base/hex.h"
#include "proto/binding.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

struct scene {
    uint8_t nonce[32], exporter[32], session[16], task[32], signer[20];
};

static void fill(uint8_t *to, size_t size, uint8_t from)
{
    for (size_t i = 0; i < size; i++)
        to[i] = (uint8_t)(from + i);
}

static struct scene scene(void)
{
    struct scene s;
    fill(s.nonce, 32, 0);
    fill(s.exporter, 32, 32);
    fill(s.session, 16, 64);
    fill(s.task, 32, 128);
    fill(s.signer, 20, 200);
    return s;
}

static void check(const struct proto_binding *b, const char *expected)
{
    uint8_t got[PROTO_REPORTDATA_SIZE];
    char hex[HEX_SIZE(32)];
    proto_reportdata(b, got);
    hex_encode(got, 32, hex);
    assert_string_equal(hex, expected);
    assert_true(is_zero(got + 32, 32));
}

static void test_vectors(void **state)
{
    struct scene s = scene();
    struct proto_binding b = {.role = PROTO_ROLE_SMS,
                              .nonce = SPAN_OF(s.nonce),
                              .exporter = SPAN_OF(s.exporter),
                              .session = SPAN_OF(s.session)};
    (void)state;
    check(&b, "4972bd42d2233d6db343aab1e6cff8e9a027b56044994fc5817f5bfa42a9bfa1");
    b.task = SPAN_OF(s.task);
    b.role = PROTO_ROLE_APP;
    check(&b, "fbb6a3b9182e95f530b95747ee63e92f93b08393045d9938b3c032503b7f820c");
    b.role = PROTO_ROLE_POST_COMPUTE;
    check(&b, "438dc5ed7b439a9e9994910bebfd88ee0e2fb96c93aa1fd90ce02be8b13cc9cb");
    b = (struct proto_binding){.role = PROTO_ROLE_SIGNER, .payload = SPAN_OF(s.signer)};
    check(&b, "e8dd46af9f54d97e63a27e894ba56ad1e97d31369575148bb70e465e3b349e76");
}

// Moving bytes from one field to its neighbour gives another value: sizes are bound too.
static void test_fields_have_borders(void **state)
{
    struct scene s = scene();
    uint8_t a[64], b[64];
    struct proto_binding one = {.role = "app", .nonce = SPAN(s.nonce, 32), .exporter = SPAN("", 0)};
    struct proto_binding two = {
        .role = "app", .nonce = SPAN(s.nonce, 31), .exporter = SPAN(s.nonce + 31, 1)};
    (void)state;
    proto_reportdata(&one, a);
    proto_reportdata(&two, b);
    assert_memory_not_equal(a, b, 64);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_vectors),
                                       cmocka_unit_test(test_fields_have_borders)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
