// SPDX-License-Identifier: Apache-2.0
// Do host threads serve an enclave's exits as docs/ABI.md says? The enclave here is a platform
// made of C functions: each slot's `step` is one stay inside.
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "host/runtime.h"

// Last: it has a macro fail().
#include <cmocka.h>

struct stay {
    struct sgx_run *run;
    struct hostcall_area *area;
};

static struct host *host;
static bool (*step)(uint32_t slot, unsigned n, struct stay s); // false: a check failed
static unsigned step_count[2];
static atomic_bool good;

static struct result fake_enter(struct sgx_enclave *e, struct sgx_run *run)
{
    (void)e;
    uint32_t slot = (uint32_t)((run->tcs - THREADS_BASE) / THREAD_STRIDE);
    struct stay s = {run, host->threads[slot].area};
    if (!step(slot, step_count[slot]++, s))
        atomic_store(&good, false);
    return RESULT_OK;
}

static struct result fake_setup(struct sgx_enclave *e)
{
    (void)e;
    return RESULT_OK;
}

static void fake_kick(struct sgx_enclave *e, pthread_t thread)
{
    (void)e;
    (void)thread;
}

static const struct sgx_platform fake = {
    .name = "fake", .enter = fake_enter, .thread_setup = fake_setup, .kick = fake_kick};

static bool call(struct stay s, uint64_t number, uint64_t arg0)
{
    s.run->function = ENCLU_EEXIT;
    s.run->rdi = EXIT_HOSTCALL;
    s.area->number = number;
    s.area->arg[0] = arg0;
    return true;
}

// Runs slot 0 until the end; the host is not freed: its threads stay.
static struct host_outcome play(bool (*script)(uint32_t, unsigned, struct stay))
{
    host = calloc(1, sizeof(*host));
    step = script;
    step_count[0] = step_count[1] = 0;
    atomic_store(&good, true);
    host->platform = &fake;
    pthread_mutex_init(&host->lock, NULL);
    host->done_fd = eventfd(0, EFD_CLOEXEC);
    host->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    assert_int_equal(host_threads_init(host, 2).code, ERR_NONE);
    assert_int_equal(host_thread_start(host, 0), 0);
    struct pollfd done = {host->done_fd, POLLIN, 0};
    assert_int_equal(poll(&done, 1, 10000), 1);
    assert_true(atomic_load(&good));
    return host->outcome;
}

static bool exits_at_once(uint32_t slot, unsigned n, struct stay s)
{
    bool first = slot == 0 && n == 0 && s.run->function == ENCLU_EENTER;
    return call(s, HOSTCALL_EXIT_PROCESS, 0x107) && first &&
           s.run->rsi == sizeof(struct hostcall_area);
}

static void exit_status_is_a_byte(void **context)
{
    (void)context;
    struct host_outcome o = play(exits_at_once);
    assert_int_equal(o.end, HOST_EXITED);
    assert_int_equal(o.value, 7);
    assert_int_equal(host->threads[0].calls[HOSTCALL_EXIT_PROCESS], 1);
}

static bool panics(uint32_t slot, unsigned n, struct stay s)
{
    s.run->function = ENCLU_EEXIT;
    s.run->rdi = EXIT_PANIC;
    s.run->rsi = 42;
    return slot == 0 && n == 0;
}

static bool leaves_for_no_reason(uint32_t slot, unsigned n, struct stay s)
{
    s.run->function = ENCLU_EEXIT;
    s.run->rdi = 99;
    s.run->rsi = 1;
    return slot == 0 && n == 0;
}

static bool entry_faults(uint32_t slot, unsigned n, struct stay s)
{
    s.run->function = ENCLU_EENTER;
    s.run->exception_vector = 14;
    return slot == 0 && n == 0;
}

static void ends_other_than_exit(void **context)
{
    (void)context;
    struct host_outcome o = play(panics);
    assert_int_equal(o.end, HOST_PANICKED);
    assert_int_equal(o.value, 42);
    assert_int_equal(play(leaves_for_no_reason).end, HOST_PANICKED);
    o = play(entry_faults);
    assert_int_equal(o.end, HOST_CRASHED);
    assert_int_equal(o.value, 14);
}

static bool meets_exceptions(uint32_t slot, unsigned n, struct stay s)
{
    struct sgx_run *run = s.run;
    bool ok = slot == 0;
    switch (n) {
    case 0: // #UD inside
    case 3: // an interrupt inside
        run->function = ENCLU_ERESUME;
        run->exception_vector = n == 0 ? 6 : SGX_RUN_INTERRUPT;
        return ok;
    case 1:
    case 4:
        ok = ok && run->function == ENCLU_EENTER &&
             run->rdi == (n == 1 ? ENTRY_EXCEPTION : ENTRY_INTERRUPT);
        run->function = ENCLU_EEXIT;
        run->rdi = EXIT_RESUME;
        return ok;
    case 2:
        ok = ok && run->function == ENCLU_ERESUME;
        return call(s, HOSTCALL_LOCK_WAKE, 0) && ok;
    default:
        return call(s, HOSTCALL_EXIT_PROCESS, 0) && ok;
    }
}

static bool resumes(uint32_t slot, unsigned n, struct stay s)
{
    if (n == 3)
        return s.area->ret == 0 && meets_exceptions(slot, n, s);
    return (n != 5 || s.run->function == ENCLU_ERESUME) && meets_exceptions(slot, n, s);
}

static void asynchronous_exits(void **context)
{
    (void)context;
    assert_int_equal(play(resumes).end, HOST_EXITED);
    assert_int_equal(step_count[0], 6);
}

// Slot 0 starts slot 1 twice, and waits each time in poll until slot 1 has unparked it.
static bool two_threads(uint32_t slot, unsigned n, struct stay s)
{
    if (slot == 1)
        return call(s, n % 2 == 0 ? HOSTCALL_UNPARK : HOSTCALL_THREAD_EXIT, 0) &&
               (n % 2 == 0 || s.area->ret == 0);
    bool ok = n == 0 || s.area->ret == 0;
    s.area->arg[1] = s.area->arg[2] = 0;
    switch (n) {
    case 0:
    case 2:
        return call(s, HOSTCALL_THREAD_SPAWN, 1) && ok;
    case 1:
    case 3:
        return call(s, HOSTCALL_POLL, UINT64_MAX) && ok;
    default:
        return call(s, HOSTCALL_EXIT_PROCESS, 0) && ok;
    }
}

static void slots_are_used_again(void **context)
{
    (void)context;
    assert_int_equal(play(two_threads).end, HOST_EXITED);
    assert_int_equal(host->threads[1].calls[HOSTCALL_UNPARK], 2);
}

static bool asks_for_nonsense(uint32_t slot, unsigned n, struct stay s)
{
    static const struct {
        uint64_t number, arg0, arg2;
        int64_t expected;
    } asks[] = {
        {HOSTCALL_THREAD_SPAWN, 2, 0, -EINVAL},
        {HOSTCALL_UNPARK, 1, 0, -EINVAL}, // was never started
        {HOSTCALL_KICK, THREADS_MAX, 0, -EINVAL},
        {0, 0, 0, -ENOSYS},
        {HOSTCALL_COUNT + 1, 0, 0, -ENOSYS},
        {UINT64_MAX, 0, 0, -ENOSYS},
        {HOSTCALL_LOG, 4097, 0, -EINVAL},                                   // size beyond the limit
        {HOSTCALL_LOG, (uint64_t)HOSTCALL_DATA_SIZE << 32 | 1, 0, -EINVAL}, // outside the area
        {HOSTCALL_LOG, 0xffffffff00000001, 0, -EINVAL},
        {HOSTCALL_LOG, 4ull << 32 | 1, 0, -EINVAL}, // not aligned
        {HOSTCALL_FILE_PREAD, 0, 1ull << 20, -EINVAL},
        {HOSTCALL_FILE_OPEN, 0, 0, -ENOENT},
        {HOSTCALL_QUOTE, 0, 0, -ENOSYS},
    };
    unsigned count = sizeof(asks) / sizeof(asks[0]);
    bool ok = slot == 0 && (n == 0 || s.area->ret == asks[n - 1].expected);
    if (n == count)
        return call(s, HOSTCALL_EXIT_PROCESS, 0) && ok;
    s.area->arg[1] = 0;
    s.area->arg[2] = asks[n].arg2;
    return call(s, asks[n].number, asks[n].arg0) && ok;
}

static void a_confused_kernel_is_answered(void **context)
{
    (void)context;
    assert_int_equal(play(asks_for_nonsense).end, HOST_EXITED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exit_status_is_a_byte),
        cmocka_unit_test(ends_other_than_exit),
        cmocka_unit_test(asynchronous_exits),
        cmocka_unit_test(slots_are_used_again),
        cmocka_unit_test(a_confused_kernel_is_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
