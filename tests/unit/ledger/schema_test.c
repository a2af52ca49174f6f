// SPDX-License-Identifier: Apache-2.0
// EIP-712 hashes, order signatures, identifiers and messages against the iExec SDK's; the codecs'
// refusals.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#undef fail // base/result.h has its own

#include "../vectors.h"
#include "ledger/json.h"
#include "ledger/types.h"

static const char *const names[ORDER_KIND_COUNT] = {"AppOrder", "DatasetOrder", "WorkerpoolOrder",
                                                    "RequestOrder"};

static struct eip712_domain domain_of(const json_t *v)
{
    struct eip712_domain d = {.chain_id = 65535};
    VECTOR(v, "eip712/domain/verifyingContract", &d.hub);
    return d;
}

static const json_t *order_json(const json_t *v, int kind)
{
    return json_object_get(json_object_get(json_object_get(v, "eip712"), "orders"), names[kind]);
}

static void separator(void **state)
{
    (void)state;
    json_t *v = vectors_load();
    struct eip712_domain d = domain_of(v);
    struct hash32 want, got = eip712_separator(&d);
    VECTOR(v, "eip712/domainSeparator", &want);
    assert_true(hash32_equal(&got, &want));
    json_decref(v);
}

static void order_hashes_and_signatures(void **state)
{
    (void)state;
    json_t *v = vectors_load();
    struct eip712_domain d = domain_of(v);
    for (int k = 0; k < ORDER_KIND_COUNT; k++) {
        const json_t *j = order_json(v, k);
        const struct schema *s = &order_schemas[k];
        union any_order o;
        char type[SCHEMA_TYPE_SIZE_MAX];
        struct hash32 want, got;
        struct signature sign;
        struct address signer;
        assert_true(is_ok(schema_type(s, type)));
        assert_string_equal(type, vector(j, "typeString"));
        assert_true(is_ok(schema_from_json(s, json_object_get(j, "order"), &o)));
        assert_true(is_ok(schema_struct_hash(s, &o, &got)));
        VECTOR(j, "structHash", &want);
        assert_true(hash32_equal(&got, &want));
        assert_true(is_ok(order_hash(k, &o, &d, &got)));
        VECTOR(j, "hash", &want);
        assert_true(hash32_equal(&got, &want));
        VECTOR(j, "signer", &signer);
        VECTOR(j, "sign", &sign);
        assert_true(is_ok(eth_check(&got, &sign, &signer)));
        struct eth_key key;
        VECTOR(v,
               k == 2   ? "keys/pool/priv"
               : k == 3 ? "keys/requester/priv"
                        : "keys/owner/priv",
               &key);
        assert_true(is_ok(order_sign(k, &o, &d, &key)));
        assert_memory_equal(order_signature(k, &o), &sign, sizeof sign);
    }
    json_decref(v);
}

// Every field counts in the hash, and so does the domain.
static void every_field_counts(void **state)
{
    (void)state;
    json_t *v = vectors_load();
    for (int k = 0; k < ORDER_KIND_COUNT; k++) {
        const struct schema *s = &order_schemas[k];
        struct eip712_domain d = domain_of(v);
        union any_order o;
        struct hash32 before, after;
        assert_true(is_ok(schema_from_json(s, json_object_get(order_json(v, k), "order"), &o)));
        assert_true(is_ok(order_hash(k, &o, &d, &before)));
        for (size_t i = 0; i < s->field_count; i++) {
            union any_order t = o;
            ((uint8_t *)&t)[s->fields[i].offset] ^= 1;
            assert_true(is_ok(order_hash(k, &t, &d, &after)));
            assert_true(hash32_equal(&before, &after) == (s->fields[i].type == FIELD_SIGNATURE));
        }
        d.chain_id++;
        assert_true(is_ok(order_hash(k, &o, &d, &after)));
        assert_false(hash32_equal(&before, &after));
        d.chain_id--;
        d.hub.bytes[19] ^= 1;
        assert_true(is_ok(order_hash(k, &o, &d, &after)));
        assert_false(hash32_equal(&before, &after));
    }
    json_decref(v);
}

static void identifiers_and_messages(void **state)
{
    (void)state;
    json_t *v = vectors_load();
    struct hash32 request, want, task, digest, h;
    struct address worker, challenge;
    VECTOR(order_json(v, ORDER_REQUEST), "hash", &request);
    VECTOR(v, "compute/dealid", &want);
    h = deal_id_of(&request, 0);
    assert_true(hash32_equal(&h, &want));
    VECTOR(v, "compute/taskids/0", &task);
    h = task_id_of(&want, 0);
    assert_true(hash32_equal(&h, &task));
    h = task_id_of(&want, 1);
    VECTOR(v, "compute/taskids/1", &want);
    assert_true(hash32_equal(&h, &want));
    VECTOR(v, "compute/worker", &worker);
    VECTOR(v, "compute/enclaveChallenge", &challenge);
    VECTOR(v, "compute/workerpoolAuthorization/hash", &want);
    h = authorization_hash(&worker, &task, &challenge);
    assert_true(hash32_equal(&h, &want));
    VECTOR(v, "compute/digest", &digest);
    VECTOR(v, "compute/messageHash", &want);
    h = result_message_hash(&worker, &task, &digest);
    assert_true(hash32_equal(&h, &want));
    json_decref(v);
}

// Binary and JSON forms come back equal; every truncation and every added byte is refused.
static void codecs_round_trip(void **state)
{
    (void)state;
    json_t *v = vectors_load();
    for (int k = 0; k < ORDER_KIND_COUNT; k++) {
        const struct schema *s = &order_schemas[k];
        union any_order o, back;
        uint8_t bytes[8192];
        assert_true(is_ok(schema_from_json(s, json_object_get(order_json(v, k), "order"), &o)));
        struct writer w = writer_on(bytes, sizeof bytes);
        schema_encode(&w, s, &o);
        assert_false(w.failed);
        struct reader r = reader_on(writer_span(&w));
        assert_true(is_ok(schema_decode(&r, s, &back)) && reader_done(&r));
        json_t *a = schema_to_json(s, &o), *b = schema_to_json(s, &back);
        assert_true(json_equal(a, b));
        json_decref(b);
        for (size_t n = 0; n < w.size; n++) {
            r = reader_on(SPAN(bytes, n));
            assert_false(is_ok(schema_decode(&r, s, &back)));
        }
        json_object_set_new(a, "surplus", json_string("1"));
        assert_false(is_ok(schema_from_json(s, a, &back)));
        json_object_del(a, "surplus");
        json_object_del(a, "volume");
        assert_false(is_ok(schema_from_json(s, a, &back)));
        json_object_set_new(a, "volume", json_string("18446744073709551616"));
        assert_int_equal(schema_from_json(s, a, &back).code, ERR_RANGE);
        json_object_set_new(a, "volume", json_string("-1"));
        assert_false(is_ok(schema_from_json(s, a, &back)));
        json_decref(a);
    }
    json_decref(v);
}

static void texts(void **state)
{
    (void)state;
    static const char *const good[] = {"", "abc", "p\xc3\xa2t\xc3\xa9", "\xe7\xa7\x98",
                                       "\xf0\x9f\x94\x91"};
    static const char *const bad[] = {
        "\n",           "\x1b[2J",          "\x7f", "\xc2\x9b", "\xc0\x80", "\xe0\x80\x80",
        "\xed\xa0\x80", "\xf4\x90\x80\x80", "\x80", "\xc3",     "\xff"};
    for (size_t i = 0; i < ARRAY_COUNT(good); i++)
        assert_true(schema_text_is_valid(SPAN(good[i], strlen(good[i]))));
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
        assert_false(schema_text_is_valid(SPAN(bad[i], strlen(bad[i]))));
    assert_false(schema_text_is_valid(SPAN("a\0b", 3)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(separator),          cmocka_unit_test(order_hashes_and_signatures),
        cmocka_unit_test(every_field_counts), cmocka_unit_test(identifiers_and_messages),
        cmocka_unit_test(codecs_round_trip),  cmocka_unit_test(texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
