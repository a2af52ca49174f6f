// SPDX-License-Identifier: Apache-2.0
// Does the store keep what it must (first write wins, challenges and generations, marks that only grow),
// across a restart too?
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sms/params.h"
#include "sms/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define WRITERS 8

static char path[] = "/tmp/cloister-store-XXXXXX";
static struct store *s;

static int set_up(void **state)
{
    int fd = mkstemp(path);
    (void)state;
    if (fd < 0 || close(fd) != 0 || !is_ok(store_open(path, &s)))
        return -1;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    store_close(s);
    return unlink(path);
}

static void test_secrets(void **state)
{
    struct address a = {.bytes = {1}}, b = {.bytes = {2}};
    struct store_secret got;
    (void)state;
    assert_true(is_ok(store_add(s, STORE_WEB3, &a, "", SPAN_STR("one"), true)));
    assert_int_equal(store_add(s, STORE_WEB3, &a, "", SPAN_STR("two"), false).code, ERR_EXISTS);
    assert_true(is_ok(store_get(s, STORE_WEB3, &a, "", &got)));
    assert_true(got.size == 3 && memcmp(got.value, "one", 3) == 0 && got.allow_emulated);
    assert_int_equal(store_get(s, STORE_WEB3, &b, "", &got).code, ERR_NOT_FOUND);
    assert_int_equal(store_get(s, STORE_WEB2, &a, "", &got).code, ERR_NOT_FOUND);
    assert_int_equal(store_replace(s, STORE_WEB2, &a, "n", SPAN_STR("x")).code, ERR_NOT_FOUND);
    assert_true(is_ok(store_add(s, STORE_WEB2, &a, "n", SPAN_STR("x"), false)));
    assert_true(is_ok(store_replace(s, STORE_WEB2, &a, "n", SPAN_STR("y"))));
    assert_true(is_ok(store_get(s, STORE_WEB2, &a, "n", &got)));
    assert_true(got.size == 1 && got.value[0] == 'y' && !got.allow_emulated);
}

struct writer_job {
    struct store *store;
    struct result result;
};

static void *write_first(void *argument)
{
    struct writer_job *j = argument;
    struct address a = {.bytes = {9}};
    j->result = store_add(j->store, STORE_APP, &a, "1", SPAN_OF(j), false);
    return NULL;
}

// Of many first writes at once, exactly one is the first.
static void test_race(void **state)
{
    pthread_t threads[WRITERS];
    struct writer_job jobs[WRITERS];
    int won = 0;
    (void)state;
    for (int i = 0; i < WRITERS; i++) {
        jobs[i].store = s;
        assert_int_equal(pthread_create(&threads[i], NULL, write_first, &jobs[i]), 0);
    }
    for (int i = 0; i < WRITERS; i++) {
        pthread_join(threads[i], NULL);
        won += is_ok(jobs[i].result);
        assert_true(is_ok(jobs[i].result) || jobs[i].result.code == ERR_EXISTS);
    }
    assert_int_equal(won, 1);
}

static void test_tasks(void **state)
{
    struct hash32 task = {.bytes = {3}};
    struct address challenge, again;
    struct store_task t;
    uint8_t mrenclave[32] = {4}, first[32], second[32];
    uint64_t generation;
    (void)state;
    assert_int_equal(store_task(s, &task, &t).code, ERR_NOT_FOUND);
    assert_int_equal(store_app_session(s, &task, mrenclave, true, &generation, first).code,
                     ERR_NOT_FOUND);
    assert_true(is_ok(store_challenge(s, &task, &challenge)));
    assert_true(is_ok(store_challenge(s, &task, &again)));
    assert_true(address_equal(&challenge, &again));
    assert_true(is_ok(store_task(s, &task, &t)) && t.generation == 0);
    assert_true(is_ok(store_app_session(s, &task, mrenclave, false, &generation, first)));
    assert_int_equal(generation, 1);
    assert_true(is_ok(store_app_session(s, &task, mrenclave, true, &generation, second)));
    assert_int_equal(generation, 2);
    assert_memory_not_equal(first, second, 32);
    store_close(s);
    assert_true(is_ok(store_open(path, &s)));
    assert_true(is_ok(store_task(s, &task, &t)));
    assert_true(t.generation == 2 && t.app_emulated && address_equal(&t.challenge, &challenge));
    assert_memory_equal(t.transfer_key, second, 32);
    assert_memory_equal(t.app_mrenclave, mrenclave, 32);
}

static void test_signer_and_marks(void **state)
{
    struct eth_key key, key2;
    struct address a, a2;
    struct store_mark m = {10, 5, {.bytes = {1}}}, older = {9, 4, {.bytes = {2}}}, got;
    (void)state;
    assert_true(is_ok(store_signer(s, &key, &a)));
    assert_true(is_ok(store_signer(s, &key2, &a2)));
    assert_memory_equal(&key, &key2, sizeof key);
    assert_true(is_ok(store_mark_get(s, &got)) && got.time == 0 && got.ledger_count == 0);
    assert_true(is_ok(store_mark_set(s, &m)));
    assert_true(is_ok(store_mark_set(s, &older)));
    assert_true(is_ok(store_mark_get(s, &got)));
    assert_true(got.time == 10 && got.ledger_count == 5 && got.ledger_hash.bytes[0] == 1);
}

static void test_heads(void **state)
{
    struct address owner = {.bytes = {0x48}};
    struct store_head first, second, third, forged;
    (void)state;
    assert_true(is_ok(store_head(s, &first)));
    assert_true(is_ok(store_add(s, STORE_WEB2, &owner, "h", SPAN_STR("1"), false)));
    assert_true(is_ok(store_head(s, &second)));
    assert_int_equal(second.generation, first.generation + 1);
    assert_memory_not_equal(&second.state, &first.state, sizeof first.state);
    assert_int_equal(store_add(s, STORE_WEB2, &owner, "h", SPAN_STR("2"), false).code, ERR_EXISTS);
    assert_int_equal(store_replace(s, STORE_WEB2, &owner, "no", SPAN_STR("2")).code, ERR_NOT_FOUND);
    assert_true(is_ok(store_head(s, &third)));
    assert_memory_equal(&third, &second, sizeof second); // nothing was written
    assert_true(is_ok(store_replace(s, STORE_WEB2, &owner, "h", SPAN_STR("3"))));
    store_close(s);
    assert_true(is_ok(store_open(path, &s)));
    assert_true(is_ok(store_head(s, &third)));
    assert_int_equal(third.generation, second.generation + 1);
    assert_true(is_ok(store_anchored(s, &first)));
    assert_true(is_ok(store_anchored(s, &second)));
    assert_int_equal(store_anchored(s, &first).code, ERR_STALE); // the anchor went back
    forged = third;
    forged.state.bytes[0] ^= 1;
    assert_int_equal(store_anchored(s, &forged).code, ERR_STALE);
    forged = third;
    forged.generation++;
    assert_int_equal(store_anchored(s, &forged).code, ERR_STALE);
    assert_true(is_ok(store_anchored(s, &third)));
}

static void test_params(void **state)
{
    struct params p;
    (void)state;
    assert_true(is_ok(params_parse("{\"iexec_args\":\" a  b\",\"iexec_secrets\":"
                                   "{\"1\":\"x\",\"0\":\"y\",\"no\":\"z\",\"2\":\"bad name\"}}",
                                   &p)));
    assert_int_equal(p.argument_count, 2);
    assert_string_equal(p.arguments[1], "b");
    assert_int_equal(p.secret_count, 1);
    assert_string_equal(p.secrets[0].name, "x");
    assert_true(is_ok(params_parse("--plain text", &p)));
    assert_int_equal(p.argument_count, 2);
    assert_true(is_ok(params_parse("", &p)) && p.argument_count == 0);
    assert_false(params_secret_name_is_valid("") || params_secret_name_is_valid("a b"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_secrets), cmocka_unit_test(test_race),
        cmocka_unit_test(test_tasks),   cmocka_unit_test(test_signer_and_marks),
        cmocka_unit_test(test_heads),   cmocka_unit_test(test_params)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
