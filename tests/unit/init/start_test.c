// SPDX-License-Identifier: Apache-2.0
// Does init start what the image says, completed by the grant, and does it take the right dataset only?
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/cbc.h"
#include "crypto/sha256.h"
#include "init/dataset.h"
#include "init/start.h"
#include "os/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static size_t make_process(uint8_t *buffer, size_t capacity)
{
    struct process p = {.umask = 022, .argument_count = 2, .environment_count = 2};
    struct writer w = writer_on(buffer, capacity);
    process_put_head(&w, &p);
    process_put(&w, SPAN_STR("/bin/app"));
    process_put(&w, SPAN_STR("/work"));
    process_put(&w, SPAN_STR("app"));
    process_put(&w, SPAN_STR("-v"));
    process_put(&w, SPAN_STR("HOME=/root"));
    process_put(&w, SPAN_STR("IEXEC_TASK_ID=old"));
    assert_false(w.failed);
    return w.size;
}

static void test_start(void **state)
{
    uint8_t file[512];
    struct process p;
    struct start s;
    struct proto_app_grant g = {.environment = {.count = 0}};
    (void)state;
    size_t size = make_process(file, sizeof file);
    assert_true(is_ok(process_decode(SPAN(file, size), &p)));
    g.environment.items[g.environment.count++] = SPAN_STR("IEXEC_TASK_ID=new");
    g.arguments.items[g.arguments.count++] = SPAN_STR("input.csv");
    assert_true(is_ok(start_make(&p, &g, &s)));
    assert_string_equal(s.executable, "/bin/app");
    assert_string_equal(s.directory, "/work");
    assert_string_equal(s.arguments[0], "app");
    assert_string_equal(s.arguments[2], "input.csv");
    assert_null(s.arguments[3]);
    assert_string_equal(s.environment[0], "HOME=/root");
    assert_string_equal(s.environment[1], "IEXEC_TASK_ID=new");
    assert_null(s.environment[2]);
    assert_int_equal(s.umask, 022);
    start_done(&s);
    g.environment.items[0] = SPAN_STR("LD_PRELOAD=/cloister_in/x");
    assert_int_equal(start_make(&p, &g, &s).code, ERR_DENIED);
    g.environment.items[0] = SPAN_STR("IEXEC_");
    assert_int_equal(start_make(&p, &g, &s).code, ERR_DENIED);
}

static void test_command(void **state)
{
    uint8_t file[512];
    char path[64];
    struct process p;
    struct start s;
    static struct proto_app_grant g;
    (void)state;
    memset(&g, 0, sizeof g);
    size_t size = make_process(file, sizeof file);
    assert_true(is_ok(process_decode(SPAN(file, size), &p)));
    assert_int_equal(start_make(NULL, &g, &s).code, ERR_DENIED);
    g.command.items[g.command.count++] = SPAN_STR("sh");
    g.command.items[g.command.count++] = SPAN_STR("-c");
    g.arguments.items[g.arguments.count++] = SPAN_STR("true");
    g.environment.items[g.environment.count++] = SPAN_STR("IEXEC_TASK_ID=new");
    assert_true(is_ok(start_make(NULL, &g, &s)));
    assert_string_equal(s.executable, "/usr/bin/sh");
    assert_string_equal(s.directory, "/");
    assert_string_equal(s.arguments[0], "sh");
    assert_string_equal(s.arguments[1], "-c");
    assert_string_equal(s.arguments[2], "true");
    assert_null(s.arguments[3]);
    assert_string_equal(s.environment[0], "PATH=" START_PATH);
    assert_string_equal(s.environment[2], "IEXEC_TASK_ID=new");
    assert_null(s.environment[3]);
    start_done(&s);
    assert_true(is_ok(start_make(&p, &g, &s))); // the command replaces the image's program
    assert_string_equal(s.executable, "/usr/bin/sh");
    assert_string_equal(s.directory, "/work");
    assert_string_equal(s.arguments[1], "-c");
    assert_string_equal(s.environment[0], "HOME=/root");
    assert_null(s.environment[2]);
    start_done(&s);
    assert_true(is_ok(start_find(SPAN_STR("/bin/sh"), path, sizeof path)));
    assert_string_equal(path, "/bin/sh");
    static const char *const bad[] = {"",         "./sh", "bin/sh", "no-such-program",
                                      "/no/such", "/bin", ".."};
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
        assert_false(is_ok(start_find(SPAN(bad[i], strlen(bad[i])), path, sizeof path)));
    assert_int_equal(start_find(SPAN_STR("sh"), path, 8).code, ERR_RANGE);
}

struct place {
    char in[64], out[64], file[128], plain[160];
    uint8_t *sealed;
    size_t size;
    struct proto_app_grant grant;
};

static void make_place(struct place *p, size_t plain_size)
{
    uint8_t *data = malloc(plain_size);
    for (size_t i = 0; i < plain_size; i++)
        data[i] = (uint8_t)(i * 7);
    strcpy(p->in, "/tmp/cloister-in-XXXXXX");
    strcpy(p->out, "/tmp/cloister-out-XXXXXX");
    assert_non_null(mkdtemp(p->in));
    assert_non_null(mkdtemp(p->out));
    snprintf(p->file, sizeof p->file, "%s/data", p->in);
    memset(&p->grant, 0, sizeof p->grant);
    p->grant.has_dataset = true;
    memset(&p->grant.dataset, 0xab, 20);
    memset(p->grant.dataset_key, 5, 32);
    snprintf(p->plain, sizeof p->plain, "%s/0xabababababababababababababababababababab", p->out);
    p->size = cbc_sealed_size(plain_size);
    p->sealed = malloc(p->size);
    assert_true(is_ok(cbc_seal(p->grant.dataset_key, SPAN(data, plain_size), p->sealed)));
    sha256(SPAN(p->sealed, p->size), p->grant.dataset_checksum);
    assert_true(is_ok(file_write(p->file, SPAN(p->sealed, p->size), 0600, FILE_REPLACE)));
    free(data);
}

static void end_place(struct place *p)
{
    unlink(p->file);
    unlink(p->plain);
    rmdir(p->in);
    rmdir(p->out);
    free(p->sealed);
}

static void test_dataset(void **state)
{
    struct place p;
    uint8_t *plain;
    size_t size;
    (void)state;
    make_place(&p, 700001);
    assert_true(is_ok(dataset_install(&p.grant, p.in, "data", p.out)));
    assert_true(is_ok(file_read(p.plain, 1 << 20, &plain, &size)));
    assert_int_equal(size, 700001);
    for (size_t i = 0; i < size; i++)
        assert_int_equal(plain[i], (uint8_t)(i * 7));
    free(plain);
    end_place(&p);
}

static void test_dataset_refused(void **state)
{
    struct place p;
    (void)state;
    make_place(&p, 1000);
    assert_int_equal(dataset_install(&p.grant, p.in, "../data", p.out).code, ERR_INVALID);
    assert_int_equal(dataset_install(&p.grant, p.in, "", p.out).code, ERR_INVALID);
    assert_int_equal(dataset_install(&p.grant, p.in, "other", p.out).code, ERR_NOT_FOUND);
    for (size_t i = 0; i < p.size; i += 97) { // one bit anywhere
        p.sealed[i] ^= 1;
        assert_true(is_ok(file_write(p.file, SPAN(p.sealed, p.size), 0600, FILE_REPLACE)));
        assert_int_equal(dataset_install(&p.grant, p.in, "data", p.out).code, ERR_INTEGRITY);
        p.sealed[i] ^= 1;
    }
    assert_int_not_equal(access(p.plain, F_OK), 0);
    // The right bytes under a wrong key leave nothing behind.
    assert_true(is_ok(file_write(p.file, SPAN(p.sealed, p.size), 0600, FILE_REPLACE)));
    memset(p.grant.dataset_key, 6, 32);
    struct result r = dataset_install(&p.grant, p.in, "data", p.out);
    if (!is_ok(r)) // PKCS#7 accepts one wrong key in some 256
        assert_int_not_equal(access(p.plain, F_OK), 0);
    end_place(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_start), cmocka_unit_test(test_command),
                                       cmocka_unit_test(test_dataset),
                                       cmocka_unit_test(test_dataset_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
