// SPDX-License-Identifier: Apache-2.0
// Does the kernel survive any answer to any host call? The generated stubs against a hostile host.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "host/hostile.h"
#include "host/shapes.h"
#include "kernel/hostcall/hostcall.h"
#include "kernel/hostcall/stubs.h"
#include "host/stubs_kernel.h"

// Last: it has a macro fail().
#include <cmocka.h>

#define BUFFER_SIZE (131072u + 64)
#define SLACK       64u
#define ROUNDS      100000u
#define ROUNDS_LATE 20000u
#define CANARY      0xa5

static uint8_t buffers[HOSTCALL_ARGS_MAX][BUFFER_SIZE];
static struct host_hostile *hostile;
static uint64_t state = 42;

static uint64_t next(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
}

static int setup(void **context)
{
    (void)context;
    stubs_area =
        mmap(NULL, sizeof(*stubs_area), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return stubs_area == MAP_FAILED;
}

static int teardown(void **context)
{
    (void)context;
    return munmap(stubs_area, sizeof(*stubs_area));
}

static void answer_hostile(uint64_t number)
{
    host_hostile_answer(hostile, number, stubs_area);
}

static size_t some_size(uint32_t max)
{
    static const size_t edge[] = {0, 1, 7, 8, 9, 16, 144};
    uint64_t r = next();
    switch (r % 16) {
    case 0:
        return max;
    case 1:
        return max + 1;
    case 2:
        return (r >> 8) % (max + 1);
    case 3:
        return 1ull << ((r >> 8) % 64);
    default:
        return r & 16 ? edge[(r >> 8) % 7] : (r >> 8) % 200 % (max + 1);
    }
}

static bool all_canary(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] != CANARY)
            return false;
    return true;
}

static bool listed(const struct hostcall_shape *shape, long ret)
{
    for (unsigned i = 0; i < shape->error_count; i++)
        if (ret == -(long)shape->errors[i])
            return true;
    return ret == -EIO;
}

// Makes one call with random arguments; every promise of stubs.h is checked.
static void one_call(uint32_t number)
{
    const struct hostcall_shape *shape = &hostcall_shapes[number];
    struct exercise_arg args[HOSTCALL_ARGS_MAX] = {0};
    bool too_large = false;
    for (unsigned i = 0; i < shape->arg_count; i++) {
        args[i].value = next();
        args[i].data = buffers[i];
        if (shape->args[i].kind == SHAPE_NUMBER)
            continue;
        args[i].size = some_size(shape->args[i].max);
        too_large = too_large || args[i].size > shape->args[i].max;
        size_t fill = args[i].size <= BUFFER_SIZE - SLACK ? args[i].size : 0;
        memset(buffers[i], CANARY, fill + SLACK);
    }
    uint64_t exits = stubs_exits;
    long ret = hostcall_exercise(number, args);
    if (too_large) {
        assert_int_equal(ret, -EINVAL);
        assert_int_equal(stubs_exits, exits);
        return;
    }
    assert_int_equal(stubs_exits, exits + 1);
    if (ret < 0)
        assert_true(listed(shape, ret));
    uint64_t max = shape->result_max;
    if (shape->subject >= 0)
        max = args[shape->subject].size;
    if (ret >= 0)
        assert_true((uint64_t)ret <= max);
    if (ret >= 0 && shape->result == SHAPE_FULL)
        assert_true((uint64_t)ret == max);
    for (unsigned i = 0; i < shape->arg_count; i++) {
        if (shape->args[i].kind == SHAPE_NUMBER)
            continue;
        if (ret < 0 || shape->args[i].kind == SHAPE_IN)
            args[i].used = 0;
        assert_true(args[i].used <= args[i].size);
        assert_true(all_canary(buffers[i] + args[i].used, args[i].size - args[i].used + SLACK));
    }
}

static void play(uint64_t rounds, bool late)
{
    assert_int_equal(host_hostile_new(7, 1, late, &hostile).code, ERR_NONE);
    stubs_host = answer_hostile;
    for (uint64_t i = 0; i < rounds; i++) {
        uint32_t number = 1 + (uint32_t)(next() % HOSTCALL_COUNT);
        if (hostcall_shapes[number].result != SHAPE_NONE)
            one_call(number);
    }
    host_hostile_free(hostile);
}

static void hostile_answers(void **context)
{
    (void)context;
    play(ROUNDS, false);
}

static void late_changes(void **context)
{
    (void)context;
    play(ROUNDS_LATE, true);
}

// -- single answers ------------------------------------------------------------------------------

static struct {
    int64_t ret;
    uint32_t index; // of the argument word
    uint64_t size;
} script;

static void answer_script(uint64_t number)
{
    (void)number;
    stubs_area->ret = script.ret;
    if (script.index)
        stubs_area->arg[script.index] = script.size;
    memset(stubs_area->data, 'd', 64);
}

static long pread_answered(int64_t ret, char data[16])
{
    stubs_host = answer_script;
    script.ret = ret;
    script.index = 0;
    memset(data, '.', 16);
    return host_file_pread(3, 4096, data, 10);
}

static void results_are_bounded(void **context)
{
    (void)context;
    static const struct {
        int64_t ret;
        long expected;
    } cases[] = {
        {0, 0},
        {10, 10},
        {3, 3},
        {11, -EIO},
        {1 << 30, -EIO},
        {INT64_MAX, -EIO},
        {INT64_MIN, -EIO},
        {-EBADF, -EBADF},
        {-ENOENT, -EIO},
        {-EINTR, -EINTR},
        {-4095, -EIO},
        {-(1ll << 32) - EBADF, -EIO},
        {-EBADF - 256, -EIO},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char data[17] = {0};
        assert_int_equal(pread_answered(cases[i].ret, data), cases[i].expected);
        size_t used = cases[i].expected > 0 ? (size_t)cases[i].expected : 0;
        assert_memory_equal(data, "dddddddddddddddd", used);
        assert_memory_equal(data + used, "................", 16 - used);
    }
}

static void second_output_has_its_own_size(void **context)
{
    (void)context;
    char data[16], address[16];
    size_t address_size = 77;
    stubs_host = answer_script;
    script.ret = 4;
    script.index = 3;
    script.size = 16;
    assert_int_equal(host_sock_recv(3, 0, data, 16, address, 16, &address_size), 4);
    assert_int_equal(address_size, 16);
    script.size = 17; // larger than the capacity: nothing is taken over
    address_size = 77;
    memset(data, '.', sizeof(data));
    assert_int_equal(host_sock_recv(3, 0, data, 16, address, 16, &address_size), -EIO);
    assert_int_equal(address_size, 77);
    assert_memory_equal(data, "................", 16);
    script.size = 0xffffffff00000005; // an offset in the host's answer means nothing
    assert_int_equal(host_sock_recv(3, 0, data, 16, address, 16, &address_size), 4);
    assert_int_equal(address_size, 5);
}

static void sent_bytes(uint64_t number)
{
    assert_int_equal(number, HOSTCALL_PATH_RENAME);
    assert_int_equal(stubs_area->arg[0], 4);
    assert_int_equal(stubs_area->arg[1], (8ull << 32) | 13);
    assert_memory_equal(stubs_area->data, "from\0\0\0\0target/longer\0\0\0\xff", 25);
    stubs_area->ret = 0;
}

static void inputs_travel_padded_with_zero(void **context)
{
    (void)context;
    memset(stubs_area->data, 0xff, 64);
    stubs_host = sent_bytes;
    assert_int_equal(host_path_rename("from", 4, "target/longer", 13), 0);
}

static void inputs_beyond_the_limit_are_no_call(void **context)
{
    (void)context;
    static const char text[HOSTCALL_LOG_TEXT_MAX + 1];
    uint64_t exits = stubs_exits;
    assert_int_equal(host_log(text, sizeof(text)), -EINVAL);
    assert_int_equal(stubs_exits, exits);
}

static void copies_in_any_alignment_of_the_enclave(void **context)
{
    (void)context;
    for (size_t i = 0; i < 64; i++)
        stubs_area->data[i] = (uint8_t)(i + 1);
    for (size_t shift = 0; shift < 8; shift++) {
        for (size_t n = 0; n <= 33; n++) {
            uint8_t target[64];
            memset(target, CANARY, sizeof(target));
            host_copy_in(target + shift, (struct host_ptr){(uint64_t)stubs_area->data}, n);
            assert_memory_equal(target + shift, stubs_area->data, n);
            assert_true(all_canary(target + shift + n, sizeof(target) - shift - n));
            assert_true(all_canary(target, shift));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(results_are_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(second_output_has_its_own_size, setup, teardown),
        cmocka_unit_test_setup_teardown(inputs_travel_padded_with_zero, setup, teardown),
        cmocka_unit_test_setup_teardown(inputs_beyond_the_limit_are_no_call, setup, teardown),
        cmocka_unit_test_setup_teardown(copies_in_any_alignment_of_the_enclave, setup, teardown),
        cmocka_unit_test_setup_teardown(hostile_answers, setup, teardown),
        cmocka_unit_test_setup_teardown(late_changes, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
