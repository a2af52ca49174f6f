// SPDX-License-Identifier: Apache-2.0
// What a container's environment says of its enclave, and drafts of protection files: each rule broken once.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image/fspf_draft.h"
#include "image/runtime_params.h"

#include <cmocka.h>

// The environment: one or two variables.
struct pair {
    const char *name, *value;
};

static const char *get(void *context, const char *name)
{
    for (const struct pair *p = context; p->name; p++) {
        if (strcmp(p->name, name) == 0)
            return p->value;
    }
    return NULL;
}

static struct result read_one(const char *name, const char *value, struct runtime *ret)
{
    struct image_note note = {0};
    struct pair list[] = {{name, value}, {NULL, NULL}};
    return runtime_read(get, list, &note, ret);
}

static void test_taken(void **state)
{
    (void)state;
    struct runtime r;
    assert_true(is_ok(read_one("X", "1", &r)));
    assert_int_equal(r.heap, 1u << 30);
    assert_int_equal(r.stack, 8u << 20);
    assert_int_equal(r.threads, 16);
    assert_int_equal(r.mode, RUNTIME_AUTO);
    assert_false(r.quiet || r.hash || r.version);
    assert_true(is_ok(read_one("SCONE_HEAP", "1073741825", &r)));
    assert_int_equal(r.heap, (1u << 30) + 4096);
    assert_true(is_ok(read_one("CLOISTER_STACK", "512K", &r)));
    assert_int_equal(r.stack, 512u << 10);
    assert_true(is_ok(read_one("SCONE_QUEUES", "4", &r)));
    assert_int_equal(r.threads, 16);
    assert_true(is_ok(read_one("SCONE_QUEUES", "64", &r)));
    assert_int_equal(r.threads, 64);
    assert_true(is_ok(read_one("SCONE_MODE", "sim", &r)) && r.mode == RUNTIME_SIM);
    assert_true(is_ok(read_one("SCONE_LOG", "0", &r)) && r.quiet);
    assert_true(is_ok(read_one("SCONE_LOG", "3", &r)) && !r.quiet);
    assert_true(is_ok(read_one("SCONE_HASH", "1", &r)) && r.hash);
    assert_true(is_ok(read_one("SCONE_HEAP", "", &r)));
    struct pair both[] = {{"SCONE_HEAP", "64M"}, {"CLOISTER_HEAP", "2G"}, {NULL, NULL}};
    struct image_note note = {0};
    assert_true(is_ok(runtime_read(get, both, &note, &r)));
    assert_int_equal(r.heap, 2ull << 30);
}

static void test_refused(void **state)
{
    (void)state;
    static const struct pair list[] = {
        {"SCONE_HEAP", "0"},          {"SCONE_HEAP", "-1"},
        {"SCONE_HEAP", "1T"},         {"SCONE_HEAP", "1GB"},
        {"SCONE_HEAP", "G"},          {"SCONE_HEAP", "18446744073709551616"},
        {"SCONE_HEAP", "999999999G"}, {"SCONE_STACK", "2G"},
        {"SCONE_QUEUES", "0"},        {"SCONE_QUEUES", "257"},
        {"SCONE_QUEUES", "4K"},       {"SCONE_MODE", "HW"},
        {"SCONE_HASH", "yes"},        {"SCONE_HASH", "11"},
        {"SCONE_LOG", "8"},           {"SCONE_LOG", "debug"},
        {"SCONE_ALLOW_DLOPEN", "0"},  {"SCONE_ALLOW_DLOPEN", "2"},
        {"SCONE_ALPINE", "2"},        {"SCONE_FORK", "1"},
        {"SCONE_SLOTS", "128"},       {"SCONE_CONFIG", "/etc/x"},
        {"CLOISTER_FORK", "1"},       {"CLOISTER_CONFIG", "x"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(list); i++) {
        struct runtime r;
        if (is_ok(read_one(list[i].name, list[i].value, &r)))
            fail_msg("taken: %s=%s", list[i].name, list[i].value);
    }
}

static void test_params(void **state)
{
    (void)state;
    static struct enclave_params p, q;
    struct image_note note = {0};
    struct runtime r;
    assert_true(is_ok(read_one("SCONE_HEAP", "1G", &r)));
    assert_true(is_ok(runtime_params(&r, SPAN(NULL, 0), SPAN(NULL, 0), &note, &p)));
    assert_int_equal(p.flags, PARAMS_TAG_PROVIDED | PARAMS_HOST_ARGUMENTS);
    assert_int_equal(p.init_size, 0);
    // With an SMS the host has no word in the command; the policy's spelling does not count.
    assert_true(
        is_ok(runtime_params(&r, SPAN_STR("{\"b\":1, \"a\":2}"), SPAN_STR("init"), &note, &p)));
    assert_int_equal(p.flags, PARAMS_TAG_PROVIDED | PARAMS_SMS);
    assert_int_equal(p.init_size, 4);
    assert_true(
        is_ok(runtime_params(&r, SPAN_STR("{\"a\":2,\"b\":1}\n"), SPAN_STR("init"), &note, &q)));
    assert_memory_equal(&p, &q, sizeof p);
    assert_false(is_ok(runtime_params(&r, SPAN_STR("{}"), SPAN(NULL, 0), &note, &p)));
    assert_false(is_ok(runtime_params(&r, SPAN_STR("[]"), SPAN_STR("init"), &note, &p)));
    assert_false(
        is_ok(runtime_params(&r, SPAN_STR("{\"a\":1,\"a\":1}"), SPAN_STR("init"), &note, &p)));
}

static void test_draft(void **state)
{
    (void)state;
    static const char good[] =
        DRAFT_MAGIC "region not-protected / /\nregion authenticated /usr /usr\n"
                    "region encrypted /a%20b\nregion ephemeral /tmp\nadd /usr /usr\n"
                    "add /a%20b /x%25\nremove /usr/share\n";
    struct draft d;
    char *text;
    size_t size;
    assert_true(is_ok(draft_parse(SPAN_STR(good), &d)));
    assert_int_equal(d.count, 7);
    assert_string_equal(d.entry[5].source, "/x%");
    assert_string_equal(draft_region_of(&d, "/usr/bin/x")->path, "/usr");
    assert_string_equal(draft_region_of(&d, "/usrbin")->path, "/");
    assert_true(is_ok(draft_format(&d, &text, &size)));
    assert_int_equal(size, sizeof good - 1);
    assert_memory_equal(text, good, size);
    free(text);
    assert_true(is_ok(draft_drop_region(&d, "/usr")));
    assert_int_equal(d.count, 5);
    assert_null(draft_region(&d, "/usr"));
    draft_done(&d);

    static const char *const bad[] = {
        "region authenticated /usr",
        "region signed /usr\n",
        "region authenticated usr\n",
        "region authenticated /usr/\n",
        "region authenticated /a b c\n",
        "region authenticated /%41\n",
        "region authenticated /%2\n",
        "region authenticated /%ff\n",
        "region authenticated /%00\n",
        "region authenticated  /a\n",
        "region authenticated /a \n",
        "region not-protected /a\n",
        "region ephemeral /a /a\n",
        "region encrypted /\n",
        "add /a /a\n",
        "region ephemeral /a\nadd /a /b\n",
        "region authenticated /a\nadd /a\n",
        "region ephemeral /a\nregion ephemeral /a\n",
        "remove /a /b\n",
        "forget /a\n",
        "\n",
        "region authenticated /a b\n",
    };
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        char buffer[256];
        size_t n = (size_t)snprintf(buffer, sizeof buffer, "%s%s", DRAFT_MAGIC, bad[i]);
        if (is_ok(draft_parse(SPAN(buffer, n), &d)))
            fail_msg("taken: %s", bad[i]);
    }
    assert_false(is_ok(draft_parse(SPAN_STR("cloister fspf draft 2\n"), &d)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_taken),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_params),
        cmocka_unit_test(test_draft),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
