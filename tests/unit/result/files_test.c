// SPDX-License-Identifier: Apache-2.0
// Are the digests iExec's, and is what post-compute must not take refused?
#include "result/files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hex.h"
#include "crypto/sha256.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define FILE_AND_JSON(json)                           \
    {                                                 \
        {                                             \
            SPAN_STR("computed.json"), SPAN_STR(json) \
        }                                             \
    }

struct line {
    const char *computed;
    bool has_callback;
    bool ok;
    const char *expected; // "file", "dir" or "callback"
};

static const struct line lines[] = {
    {"{\"deterministic-output-path\":\"/iexec_out/r.txt\"}", false, true, "file"},
    {"{\"deterministic-output-path\":\"/iexec_out//r.txt/\",\"x\":1}", false, true, "file"},
    {"{\"deterministic-output-path\":\"/iexec_out/d\"}", false, true, "dir"},
    {"{\"deterministic-output-path\":\"/iexec_out/d/\"}", false, true, "dir"},
    {"{\"callback-data\":\"0x0102\"}", true, true, "callback"},
    {"{\"deterministic-output-path\":\"/iexec_out/none\"}", false, false, NULL},
    {"{\"deterministic-output-path\":\"/iexec_outr.txt\"}", false, false, NULL},
    {"{\"deterministic-output-path\":\"/etc/passwd\"}", false, false, NULL},
    {"{\"deterministic-output-path\":1}", false, false, NULL},
    {"{\"deterministic-output-path\":\"/iexec_out/r.txt\"}", true, false, NULL},
    {"{\"callback-data\":\"0x0102\"}", false, false, NULL},
    {"{\"callback-data\":\"0102\"}", true, false, NULL},
    {"{\"callback-data\":\"0x\"}", true, false, NULL},
    {"{\"callback-data\":\"0x012\"}", true, false, NULL},
    {"{\"callback-data\":\"0xzz\"}", true, false, NULL},
    {"[]", false, false, NULL},
    {"{", false, false, NULL},
    {"", false, false, NULL},
};

// Made by hand from IEXEC's text: SHA-256 of a file; keccak-256 over the SHA-256 of a directory's own files.
static struct hash32 expected(const char *what)
{
    struct hash32 h, parts[2];
    if (strcmp(what, "callback") == 0)
        return keccak256(SPAN_STR("\x01\x02"));
    if (strcmp(what, "dir") == 0) {
        sha256(SPAN_STR("A"), parts[0].bytes);
        sha256(SPAN_STR("B"), parts[1].bytes);
        return keccak256(SPAN_OF(parts));
    }
    sha256(SPAN_STR("result"), h.bytes);
    return h;
}

static void test_digests(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(lines); i++) {
        const struct line *l = &lines[i];
        struct result_files f = {
            .count = 5,
            .entries = {{SPAN_STR("computed.json"), SPAN(l->computed, strlen(l->computed))},
                        {SPAN_STR("d/a"), SPAN_STR("A")},
                        {SPAN_STR("d/b"), SPAN_STR("B")},
                        {SPAN_STR("d/sub/c"), SPAN_STR("C")},
                        {SPAN_STR("r.txt"), SPAN_STR("result")}}};
        struct hash32 digest, want;
        struct result_callback callback = {0};
        struct result r = result_files_digest(&f, l->has_callback, &digest, &callback);
        if (is_ok(r) != l->ok)
            fail_msg("line %zu: %s", i, r.why ? r.why : "accepted");
        if (!l->ok)
            continue;
        want = expected(l->expected);
        assert_memory_equal(&digest, &want, sizeof want);
    }
}

static void put(const char *directory, const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void remove_all(const char *directory)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", directory);
    assert_int_equal(system(command), 0);
}

static void test_directory(void **state)
{
    char directory[] = "/tmp/cloister-files-XXXXXX", path[256];
    struct result_files *f = malloc(sizeof *f);
    (void)state;
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/b", directory);
    assert_int_equal(mkdir(path, 0755), 0);
    put(directory, "b/x", "1");
    put(directory, "b.txt", "22");
    put(directory, "a", "");
    assert_true(is_ok(result_files_read(directory, f)));
    assert_int_equal(f->count, 3); // by bytes: "a", "b.txt", "b/x"
    assert_memory_equal(f->entries[1].name.data, "b.txt", 5);
    assert_memory_equal(f->entries[2].name.data, "b/x", 3);
    assert_int_equal(f->size, 3);
    result_files_done(f);
    result_files_done(f);

    put(directory, "1234567890123456789012345678901", "31");
    assert_true(is_ok(result_files_read(directory, f)));
    result_files_done(f);
    put(directory, "12345678901234567890123456789012", "32");
    assert_int_equal(result_files_read(directory, f).code, ERR_RANGE);
    snprintf(path, sizeof path, "%s/12345678901234567890123456789012", directory);
    unlink(path);
    snprintf(path, sizeof path, "%s/link", directory);
    assert_int_equal(symlink("a", path), 0);
    assert_int_equal(result_files_read(directory, f).code, ERR_UNSUPPORTED);
    remove_all(directory);
    assert_false(is_ok(result_files_read(directory, f)));
    free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_digests),
        cmocka_unit_test(test_directory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
