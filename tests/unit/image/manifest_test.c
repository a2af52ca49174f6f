// SPDX-License-Identifier: Apache-2.0
// cloister.yaml and cloister.lock: what is taken, and that everything else is refused with the
// key's name.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "image/manifest.h"
#include "image/packages.h"

#include <cmocka.h>

#define BASE "name: a\nentrypoint: /bin/a\nroot: r\n"

static struct result parse(const char *text, struct image_note *note, struct manifest *m)
{
    *note = (struct image_note){0};
    return manifest_parse(SPAN(text, strlen(text)), note, m);
}

static void test_defaults(void **state)
{
    (void)state;
    struct image_note note;
    struct manifest m;
    assert_true(is_ok(parse(BASE, &note, &m)));
    assert_int_equal(m.heap, 1u << 30);
    assert_int_equal(m.stack, 8u << 20);
    assert_int_equal(m.threads, 16);
    assert_int_equal(m.umask, 022);
    assert_false(m.debug || m.host_arguments || m.service || m.fspf_provided);
    manifest_done(&m);
}

static void test_everything(void **state)
{
    (void)state;
    struct image_note note;
    struct manifest m;
    assert_true(is_ok(
        parse("name: x-1.0\n"
              "packages: [python3, libc6]\n"
              "files: [{from: a, to: /a, mode: 0755}, {from: b, to: /b}]\n"
              "entrypoint: /usr/bin/python3\n"
              "arguments: [-c, 'print(1)', '']\n"
              "environment: {A: b, C: 'd=e', EMPTY: ''}\n"
              "working-directory: /w\nheap: 64M\nstack: 1M\nthreads: 256\n"
              "host-arguments: true\nfspf: provided\nisvprodid: 7\nisvsvn: 65535\numask: 077\n"
              "regions: [{path: /d, kind: encrypted, key: sealed, source: v}]\n",
              &note, &m)));
    assert_int_equal(m.packages.count, 2);
    assert_int_equal(m.files[0].mode, 0755);
    assert_int_equal(m.files[1].mode, UINT32_MAX);
    assert_string_equal(m.arguments.item[1], "print(1)");
    assert_string_equal(m.environment.item[1], "C=d=e");
    assert_int_equal(m.heap, 64u << 20);
    assert_int_equal(m.umask, 077);
    assert_true(m.fspf_provided);
    assert_string_equal(m.regions[0].key, "sealed");
    manifest_done(&m);
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *names; // what the note must name
    } cases[] = {
        {"", "cloister.yaml"},
        {"name: [", "line"},
        {"- a\n", "the manifest"},
        {"name: a\nroot: r\n", "entrypoint"},
        {"entrypoint: /a\nroot: r\n", "name"},
        {"name: a\nentrypoint: /a\n", "packages"},
        {"name: a/b\nentrypoint: /a\nroot: r\n", "a/b"},
        {"name: a\nentrypoint: bin/a\nroot: r\n", "entrypoint"},
        {BASE "colour: red\n", "colour"},
        {BASE "name: b\n", "name"},
        {BASE "heap: 1T\n", "heap"},
        {BASE "heap: 100\n", "heap"},
        {BASE "heap: -1\n", "heap"},
        {BASE "heap: 99999999999999999999G\n", "heap"},
        {BASE "heap: 64G\n", "heap"},
        {BASE "threads: 0\n", "threads"},
        {BASE "threads: 257\n", "threads"},
        {BASE "threads: 1x\n", "threads"},
        {BASE "debug: maybe\n", "debug"},
        {BASE "packages: python3\n", "packages"},
        {BASE "packages: [[a]]\n", "packages"},
        {BASE "environment: [A]\n", "environment"},
        {BASE "environment: {A: 1, A: 2}\n", "A"},
        {BASE "environment: {'A=B': 1}\n", "environment"},
        {BASE "files: [{from: a}]\n", "files"},
        {BASE "files: [{from: a, to: b}]\n", "files"},
        {BASE "files: [{from: a, to: /b, mode: 9}]\n", "mode"},
        {BASE "files: [{from: a, to: /b, owner: me}]\n", "owner"},
        {BASE "regions: [{path: /a}]\n", "regions"},
        {BASE "fspf-key: 00\n", "fspf-key"},
        {BASE "fspf: true\n", "fspf"},
        {BASE "fspf: Provided\n", "fspf"},
        {BASE "isvsvn: 65536\n", "isvsvn"},
        {BASE "entrypoint2: \"a\\0b\"\n", "entrypoint2"},
        {BASE "working-directory: \"/a\\0b\"\n", "working-directory"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct image_note note;
        struct manifest m;
        struct result r = parse(cases[i].text, &note, &m);
        if (is_ok(r) || !strstr(note.text, cases[i].names))
            fail_msg("case %zu: %s: %s", i, r.why ? r.why : "taken", note.text);
    }
}

#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void test_lock(void **state)
{
    (void)state;
    static const char good[] = "a 1:2.0-1+b1 amd64 " HASH "\nb 2~rc1 all " HASH "\n";
    struct image_note note = {0};
    struct lock l;
    char *text;
    assert_true(is_ok(lock_parse(SPAN(good, sizeof good - 1), &note, &l)));
    assert_int_equal(l.count, 2);
    assert_true(is_ok(lock_format(&l, &text)));
    assert_string_equal(text, good);
    free(text);
    lock_done(&l);
    static const char *const wrong[] = {
        "a 1 amd64 " HASH,                          // no end of line
        "a 1 amd64 " HASH " \n",                    // something behind
        "a 1 arm64 " HASH "\n",                     // architecture
        "a 1 amd64 00\n",                           // hash
        "-a 1 amd64 " HASH "\n",                    // an option for apt
        "../a 1 amd64 " HASH "\n",                  // a path
        "b 1 amd64 " HASH "\na 1 amd64 " HASH "\n", // order
        "a 1 amd64 " HASH "\na 2 amd64 " HASH "\n", // twice
        "\n",
    };
    for (size_t i = 0; i < ARRAY_COUNT(wrong); i++)
        assert_false(is_ok(lock_parse(SPAN(wrong[i], strlen(wrong[i])), &note, &l)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_everything),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_lock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
