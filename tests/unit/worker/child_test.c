// SPDX-License-Identifier: Apache-2.0
// Does a child get its folder and log, its time limit, and a sensible line about its end?
#include "worker/child.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static char directory[] = "/tmp/cloister-child-XXXXXX";
static char log_path[64];

static int setup(void **state)
{
    (void)state;
    if (!mkdtemp(directory))
        return -1;
    snprintf(log_path, sizeof log_path, "%s/log", directory);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(log_path);
    return rmdir(directory);
}

static struct result run(const char *script, unsigned seconds, int *ret_status)
{
    char *argv[] = {"/bin/sh", "-c", (char *)script, NULL};
    struct child c = {argv, directory, log_path, seconds, NULL};
    return child_run(&c, ret_status);
}

static void test_status(void **state)
{
    int status = -1;
    (void)state;
    assert_true(is_ok(run("exit 0", 10, &status)));
    assert_int_equal(status, 0);
    assert_true(is_ok(run("exit 112", 10, &status)));
    assert_int_equal(status, 112);
    assert_true(is_ok(run("kill -9 $$", 10, &status)));
    assert_int_equal(status, 128 + 9);
    char *argv[] = {"/no/such/program", NULL};
    struct child c = {argv, directory, log_path, 10, NULL};
    assert_true(is_ok(child_run(&c, &status)));
    assert_int_equal(status, 127);
}

static void test_time_limit(void **state)
{
    int status = -1;
    time_t start = time(NULL);
    (void)state;
    assert_int_equal(run("exec sleep 20", 1, &status).code, ERR_STALE);
    assert_true(time(NULL) - start < 10);
    assert_int_equal(status, -1);
}

static void test_folder_and_reason(void **state)
{
    static const struct {
        const char *script, *reason;
    } lines[] = {
        {"pwd", directory},
        {"echo one; echo two >&2; echo", "two"},
        {"echo refused: why; echo later", "refused: why"},
        {"echo refused: 1; echo refused: 2", "refused: 2"},
        {"echo 'enclave: integrity: block 7'; echo panic: x; echo end",
         "enclave: integrity: block 7"},
        {"echo panic: x; echo end", "panic: x"},
        {"printf 'a\\033[31mb\\n'", "a?[31mb"},
        {"true", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        char reason[CHILD_REASON_SIZE];
        int status;
        assert_true(is_ok(run(lines[i].script, 10, &status)));
        child_reason(log_path, reason);
        assert_string_equal(reason, lines[i].reason);
    }
    char reason[CHILD_REASON_SIZE] = "x";
    child_reason("/no/such/log", reason);
    assert_string_equal(reason, "");
}

// What a hostile app's process finds: its folder, and nothing else of ours.
static void test_confined(void **state)
{
    static const struct {
        const char *script;
        bool good;
    } cases[] = {
        {"echo x >mine && cat mine && mkdir d && mv mine d/m && rm -r d", true},
        {"cat \"$0\"", true},
        {"cat /etc/passwd", false},
        {"ls /tmp", false},
        {"echo x >/tmp/cloister-child-escaped", false},
        {"ln -s /etc/passwd link; cat link", false},
        {"cat /proc/1/environ", false},
    };
    char outside[] = "/tmp/cloister-image-XXXXXX";
    int fd = mkstemp(outside), status;
    const struct confine confine = {"/bin/sh", outside, directory, directory, NULL};
    (void)state;
    assert_true(fd >= 0);
    close(fd);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *argv[] = {"/bin/sh", "-c", (char *)cases[i].script, outside, NULL};
        struct child c = {argv, directory, log_path, 10, &confine};
        assert_true(is_ok(child_run(&c, &status)));
        assert_int_not_equal(status, 127);
        assert_true((status == 0) == cases[i].good);
    }
    char link_path[80];
    snprintf(link_path, sizeof link_path, "%s/link", directory);
    unlink(link_path);
    unlink(outside);
    assert_int_not_equal(access("/tmp/cloister-child-escaped", F_OK), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_status),
        cmocka_unit_test(test_time_limit),
        cmocka_unit_test(test_folder_and_reason),
        cmocka_unit_test(test_confined),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
