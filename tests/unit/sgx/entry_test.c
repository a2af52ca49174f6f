// SPDX-License-Identifier: Apache-2.0
// EENTER, EEXIT, AEX and ERESUME of the emulator: registers, SSA frames, refusals, kicks, threads.
#include "sgx/probe_main.h"

#include <pthread.h>
#include <unistd.h>
#include <xmmintrin.h>

#define FRAME_END(i) (PROBE_SSA(0) + ((i) + 1) * 4096ull)
#define FRAME_RIP(i) (FRAME_END(i) - sizeof(struct sgx_gprsgx) + offsetof(struct sgx_gprsgx, rip))
#define LEFT(run)    assert_int_equal((run).function, ENCLU_EEXIT)

static void assert_aex(const struct sgx_run *run, unsigned vector)
{
    assert_int_equal(run->function, ENCLU_ERESUME);
    assert_int_equal(run->exception_vector, vector);
}

static void assert_refused(const struct sgx_run *run, uint32_t function, unsigned vector)
{
    assert_int_equal(run->function, function);
    assert_int_equal(run->exception_vector, vector);
}

static struct sgx_run resume(struct probe *p)
{
    return probe_enter(p, 0, ENCLU_ERESUME, 0, 0, 0, 0, 0);
}

static void entry_state(void **state)
{
    (void)state;
    struct probe p = begin_probe();
    struct sgx_run run = probe_call(&p, PROBE_STATE, 0, 0, 0, 0);
    LEFT(run);
    assert_int_equal(run.rdi, 0);
    assert_int_equal(run.rsi, PROBE_TCS(0));
    assert_int_equal(run.r9, PROBE_GS(0) + 0x1000);
    run = probe_enter(&p, 2, ENCLU_EENTER, PROBE_STATE, 0, 0, 0, 0);
    assert_int_equal(run.rsi, PROBE_TCS(2));
    probe_end_enclave(&p);
}

// Where an enclave may leave to: it stores RCX and goes on at RDX.
uint64_t exit_rcx;
__asm__(".text\n.type leave_here, @function\nleave_here:\n"
        "mov %rcx, exit_rcx(%rip)\njmp *%rdx\n.size leave_here, . - leave_here\n");
extern const char leave_here[] __attribute__((visibility("hidden")));

static void exit_gives_aep(void **state)
{
    (void)state;
    struct probe p = begin_probe();
    struct sgx_run run = probe_call(&p, PROBE_STATE, 0, 0, 0, 0);
    uint64_t after_enclu = run.rdx;
    run = probe_call(&p, PROBE_EXIT_TO, (uint64_t)leave_here, 0, 0, 0);
    LEFT(run);
    assert_int_equal(exit_rcx + 3, after_enclu); // AEP is the ENCLU itself, as in the vDSO
    probe_end_enclave(&p);
}

static void exit_checks(void **state)
{
    (void)state;
    struct probe p = begin_probe();
    struct sgx_run run = {.tcs = PROBE_TCS(0), .function = ENCLU_EENTER, .rdi = PROBE_EXIT_BAD_RSP};
    assert_int_equal(p.platform->enter(p.enclave, &run).code, ERR_INVALID);
    run = probe_call(&p, PROBE_EXIT_TO, 1ull << 63, 0, 0, 0);
    assert_aex(&run, SGX_VECTOR_GP);
    probe_end_enclave(&p);
}

static void exceptions(void **state)
{
    (void)state;
    static const struct {
        uint64_t command, operand;
        unsigned vector;
        uint32_t exitinfo;
        uint8_t opcode;
    } cases[] = {
        {PROBE_UD2, 0, SGX_VECTOR_UD, 0x80000306, 0x0f},
        {PROBE_DIVIDE, 0, SGX_VECTOR_DE, 0x80000300, 0xf7},
        {PROBE_INT3, 0, SGX_VECTOR_BP, 0x80000603, 0xcc},
        {PROBE_GP, 0, SGX_VECTOR_GP, 0x8000030d, 0x48},
        {PROBE_LOAD, 0x1238, SGX_VECTOR_PF, 0x8000030e, 0x48},
        {PROBE_SYSCALL, 0, SGX_VECTOR_UD, 0x80000306, 0x0f},
        {PROBE_INT80, 0, SGX_VECTOR_UD, 0x80000306, 0xcd},
        {PROBE_LEAF, 2, SGX_VECTOR_GP, 0x8000030d, 0x0f}, // EENTER inside
        {PROBE_LEAF, 77, SGX_VECTOR_GP, 0x8000030d, 0x0f},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct probe p = begin_probe();
        struct sgx_gprsgx g;
        struct sgx_exinfo x;
        uint8_t opcode;
        struct sgx_run run = probe_call(&p, cases[i].command, cases[i].operand, 0, 0, 0);
        assert_aex(&run, cases[i].vector);
        probe_frame(&p, 0, 0, &g, &x);
        assert_int_equal(g.exitinfo, cases[i].exitinfo);
        assert_int_equal(g.fsbase, PROBE_GS(0) + 0x1000);
        assert_int_equal(g.gsbase, PROBE_GS(0));
        assert_true(is_zero(g.reserved, sizeof g.reserved));
        probe_read(&p, g.rip, &opcode, 1);
        assert_int_equal(opcode, cases[i].opcode);
        if (cases[i].command == PROBE_UD2) {
            assert_int_equal(g.rax, 0x1111);
            assert_int_equal(g.r12, 0x2222);
        }
        if (cases[i].command == PROBE_SYSCALL)
            assert_int_equal(g.rax, 39);
        if (cases[i].command == PROBE_LOAD) {
            assert_int_equal(x.maddr, 0x1238);
            assert_int_equal(x.errcd, SGX_PFEC_U);
            assert_int_equal(run.exception_addr, 0x1000);
        }
        probe_end_enclave(&p);
    }
}

static void no_exinfo(void **state)
{
    (void)state;
    struct probe_options o;
    struct probe p;
    struct sgx_gprsgx g;
    probe_defaults(trap_mode, &o);
    o.secs.miscselect = o.sig.miscselect = 0;
    assert_true(is_ok(probe_build(&o, &p)));
    struct sgx_run run = probe_call(&p, PROBE_LOAD, 0x1238, 0, 0, 0);
    assert_aex(&run, SGX_VECTOR_PF);
    probe_frame(&p, 0, 0, &g, NULL);
    assert_int_equal(g.exitinfo, 0);
    probe_end_enclave(&p);
}

static void handled_and_resumed(void **state)
{
    (void)state;
    struct probe p = begin_probe();
    struct sgx_run run = probe_call(&p, PROBE_UD2, 0, 0, 0, 0);
    assert_aex(&run, SGX_VECTOR_UD);
    run = probe_call(&p, PROBE_STATE, 0, 0, 0, 0); // the handler's entry
    assert_int_equal(run.rdi, 1);
    run = resume(&p);
    assert_aex(&run, SGX_VECTOR_UD); // nothing has changed
    LEFT(probe_call(&p, PROBE_ADD, FRAME_RIP(0), 2, 0, 0));
    run = resume(&p);
    LEFT(run);
    run = probe_call(&p, PROBE_STATE, 0, 0, 0, 0);
    assert_int_equal(run.rdi, 0);
    probe_end_enclave(&p);
}

static void fs_base_survives(void **state)
{
    (void)state;
    struct probe p = begin_probe();
    struct sgx_run run = probe_call(&p, PROBE_FSBASE, 0x123456780, 0, 0, 0);
    assert_aex(&run, SGX_VECTOR_UD);
    LEFT(probe_call(&p, PROBE_ADD, FRAME_RIP(0), 2, 0, 0));
    run = resume(&p);
    LEFT(run);
    assert_int_equal(run.rdi, 0x123456780);
    probe_end_enclave(&p);
}

static void extended_state(void **state)
{
    (void)state;
    struct probe p = begin_probe();
    uint8_t in[512], out[640], frame[1024];
    for (size_t i = 0; i < sizeof in; i++)
        in[i] = (uint8_t)(i * 7 + 3);
    unsigned mxcsr = _mm_getcsr();
    _mm_setcsr(mxcsr | 0x6000); // the host's rounding mode is not the enclave's business
    struct sgx_run run = probe_call(&p, PROBE_REGISTERS, (uint64_t)in, (uint64_t)out, 0, 0);
    assert_int_equal(_mm_getcsr() & 0x6000, 0x6000);
    _mm_setcsr(mxcsr);
    assert_aex(&run, SGX_VECTOR_UD);
    probe_read(&p, PROBE_SSA(0), frame, sizeof frame);
    uint64_t bv = load_le64(frame + 512);
    assert_int_equal(bv & 6, 6);
    assert_int_equal(bv & ~7ull, 0);
    assert_true(is_zero(frame + 464, 48));
    assert_true(is_zero(frame + 520, 56));
    for (int i = 0; i < 16; i++) {
        assert_memory_equal(frame + 160 + 16 * i, in + 32 * i, 16);
        assert_memory_equal(frame + 576 + 16 * i, in + 32 * i + 16, 16);
    }
    LEFT(probe_call(&p, PROBE_ADD, FRAME_RIP(0), 2, 0, 0));
    __asm__ volatile("vpxor %%ymm0, %%ymm0, %%ymm0\n vpxor %%ymm9, %%ymm9, %%ymm9" : : : "memory");
    run = resume(&p);
    LEFT(run);
    assert_memory_equal(out, in, sizeof in);
    static const uint64_t numbers[] = {0x1001, 0x1002, 0x1003, 0x1004, 0x1005,
                                       0x1006, 0x1007, 0x1008, 0x1009, 0x100a,
                                       0x100b, 0x100c, 0x100d, 0x100e, 0x100f};
    for (size_t i = 0; i < ARRAY_COUNT(numbers); i++)
        assert_int_equal(load_le64(out + 512 + 8 * i), numbers[i]);
    assert_int_equal(load_le64(out + 512 + 120), 1); // carry
    probe_end_enclave(&p);
}

static void bad_image_refused(void **state)
{
    (void)state;
    struct probe p = begin_probe();
    uint64_t bv = 1ull << 9; // PKRU, not in XFRM
    struct sgx_run run = probe_call(&p, PROBE_UD2, 0, 0, 0, 0);
    probe_write(&p, PROBE_SSA(0) + 512, &bv, sizeof bv);
    run = resume(&p);
    assert_refused(&run, ENCLU_ERESUME, SGX_VECTOR_GP);
    probe_end_enclave(&p);
}

static void entry_refusals(void **state)
{
    (void)state;
    struct probe p = begin_probe();
    struct sgx_run run = resume(&p);
    assert_refused(&run, ENCLU_ERESUME, SGX_VECTOR_GP); // CSSA is 0
    run = (struct sgx_run){.tcs = PROBE_TCS(0) + 8, .function = ENCLU_EENTER};
    assert_true(is_ok(p.platform->enter(p.enclave, &run)));
    assert_refused(&run, ENCLU_EENTER, SGX_VECTOR_GP);
    run = (struct sgx_run){.tcs = PROBE_DATA, .function = ENCLU_EENTER};
    assert_true(is_ok(p.platform->enter(p.enclave, &run)));
    assert_refused(&run, ENCLU_EENTER, SGX_VECTOR_PF);
    assert_int_equal(run.exception_addr, PROBE_DATA);
    for (unsigned i = 0; i < PROBE_NSSA; i++) {
        run = probe_call(&p, PROBE_UD2, 0, 0, 0, 0);
        assert_aex(&run, SGX_VECTOR_UD);
    }
    run = probe_call(&p, PROBE_UD2, 0, 0, 0, 0); // CSSA = NSSA
    assert_refused(&run, ENCLU_EENTER, SGX_VECTOR_GP);
    probe_end_enclave(&p);
}

static void tcs_unreadable(void **state)
{
    (void)state;
    struct probe p = begin_probe();
    struct sgx_run run = probe_call(&p, PROBE_LOAD, PROBE_TCS(0), 0, 0, 0);
    assert_aex(&run, SGX_VECTOR_PF);
    assert_int_equal(run.exception_error_code, 0x8005);
    probe_end_enclave(&p);
}

static void other_gs(void **state)
{
    (void)state;
    struct probe p = begin_probe();
    const struct sgx_secinfo s = {.flags = SGX_SECINFO_REG | SGX_SECINFO_R | SGX_SECINFO_W |
                                           SGX_SECINFO_PENDING};
    probe_write(&p, PROBE_DATA, &s, sizeof s);
    struct sgx_run run = probe_call(&p, PROBE_EACCEPT_OTHER_GS, PROBE_DATA, PROBE_FREE, 0, 0);
    LEFT(run);
    assert_int_equal(run.rdi, 0);
    probe_end_enclave(&p);
}

struct runner {
    struct probe *p;
    unsigned thread;
    uint64_t command, a, b, c;
    atomic_uint interrupts;
    atomic_bool entered, done;
    volatile uint8_t stop;
    struct sgx_run last;
};

// Enters, and resumes after every kick.
static void *runner_main(void *context)
{
    struct runner *r = context;
    if (!is_ok(r->p->platform->thread_setup(r->p->enclave)))
        return NULL;
    atomic_store(&r->entered, true);
    struct sgx_run run =
        probe_enter(r->p, r->thread, ENCLU_EENTER, r->command, r->a, r->b, r->c, 0);
    while (run.function == ENCLU_ERESUME && run.exception_vector == SGX_RUN_INTERRUPT) {
        atomic_fetch_add(&r->interrupts, 1);
        run = probe_enter(r->p, r->thread, ENCLU_ERESUME, 0, 0, 0, 0, 0);
    }
    r->last = run;
    atomic_store(&r->done, true);
    return r;
}

static void start(struct runner *r, pthread_t *thread)
{
    assert_int_equal(pthread_create(thread, NULL, runner_main, r), 0);
    while (!atomic_load(&r->entered))
        usleep(100);
    usleep(2000);
}

static void kick_until(struct runner *r, pthread_t thread, unsigned count)
{
    for (unsigned i = 0; i < 20000 && atomic_load(&r->interrupts) < count; i++) {
        r->p->platform->kick(r->p->enclave, thread);
        usleep(50);
    }
    assert_true(atomic_load(&r->interrupts) >= count);
}

static void kick_and_busy(void **state)
{
    (void)state;
    struct probe p = begin_probe();
    struct runner r = {.p = &p, .thread = 1, .command = PROBE_SPIN};
    pthread_t thread;
    r.a = (uint64_t)&r.stop;
    start(&r, &thread);
    struct sgx_run run = probe_enter(&p, 1, ENCLU_EENTER, PROBE_NOTHING, 0, 0, 0, 0);
    assert_refused(&run, ENCLU_EENTER, SGX_VECTOR_GP); // busy
    kick_until(&r, thread, 20);
    p.platform->kick(p.enclave, pthread_self()); // outside: no effect
    LEFT(probe_call(&p, PROBE_NOTHING, 0, 0, 0, 0));
    r.stop = 1;
    pthread_join(thread, NULL);
    LEFT(r.last);
    probe_end_enclave(&p);
}

// A kick that comes while a leaf is performed neither gets lost nor disturbs its result.
static void kick_in_leaf(void **state)
{
    (void)state;
    struct probe p = begin_probe();
    const struct sgx_secinfo s = {.flags = SGX_SECINFO_REG | SGX_SECINFO_R | SGX_SECINFO_PENDING};
    probe_write(&p, PROBE_DATA, &s, sizeof s);
    struct runner r = {.p = &p, .thread = 1, .command = PROBE_ACCEPT_SPIN};
    pthread_t thread;
    r.a = PROBE_DATA;
    r.b = PROBE_DATA + 4096;
    r.c = (uint64_t)&r.stop;
    start(&r, &thread);
    kick_until(&r, thread, 300);
    r.stop = 1;
    pthread_join(thread, NULL);
    LEFT(r.last);
    assert_int_equal(r.last.rdi, SGX_PAGE_ATTRIBUTES_MISMATCH);
    probe_end_enclave(&p);
}

static void *allocator(void *context)
{
    struct runner *r = context;
    uint64_t base = PROBE_FREE + r->thread * 0x1000000ull;
    if (!is_ok(r->p->platform->thread_setup(r->p->enclave)))
        return NULL;
    for (uint64_t i = 0; i < 40; i++) {
        struct sgx_run run = probe_enter(r->p, r->thread, ENCLU_EENTER, PROBE_EACCEPT_RANGE,
                                         PROBE_DATA, base + i * 0x10000, 16, 0);
        if (run.function != ENCLU_EEXIT || run.rdi)
            return NULL;
        run = probe_enter(r->p, r->thread, ENCLU_EENTER, PROBE_TOUCH_RANGE, base + i * 0x10000, 16,
                          0, 0);
        if (run.function != ENCLU_EEXIT)
            return NULL;
    }
    return r;
}

static void threads_allocate(void **state)
{
    (void)state;
    struct probe p = begin_probe();
    const struct sgx_secinfo s = {.flags = SGX_SECINFO_REG | SGX_SECINFO_R | SGX_SECINFO_W |
                                           SGX_SECINFO_PENDING};
    struct runner r[3];
    pthread_t thread[3];
    probe_write(&p, PROBE_DATA, &s, sizeof s);
    for (unsigned i = 0; i < 3; i++) {
        r[i] = (struct runner){.p = &p, .thread = i + 1};
        assert_int_equal(pthread_create(&thread[i], NULL, allocator, &r[i]), 0);
    }
    for (unsigned i = 0; i < 3; i++) {
        void *ok;
        pthread_join(thread[i], &ok);
        assert_ptr_equal(ok, &r[i]);
    }
    struct sgx_stats stats;
    p.platform->stats(p.enclave, &stats);
    assert_int_equal(stats.eaccept, 3 * 40 * 16);
    assert_int_equal(stats.aex, 0); // lazily applied protection is not the enclave's to see
    probe_end_enclave(&p);
}

static void not_set_up(void **state)
{
    (void)state;
    struct sgx_enclave *none = NULL;
    const struct sgx_platform *failing = sgx_platform_failing();
    struct sgx_secs secs = {0};
    assert_int_equal(failing->create(&secs, &none).code, ERR_UNSUPPORTED);
    failing->destroy(none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entry_state),       cmocka_unit_test(exit_gives_aep),
        cmocka_unit_test(exit_checks),       cmocka_unit_test(exceptions),
        cmocka_unit_test(no_exinfo),         cmocka_unit_test(handled_and_resumed),
        cmocka_unit_test(fs_base_survives),  cmocka_unit_test(extended_state),
        cmocka_unit_test(bad_image_refused), cmocka_unit_test(entry_refusals),
        cmocka_unit_test(tcs_unreadable),    cmocka_unit_test(other_gs),
        cmocka_unit_test(kick_and_busy),     cmocka_unit_test(kick_in_leaf),
        cmocka_unit_test(threads_allocate),  cmocka_unit_test(not_set_up),
    };
    return run_both_modes(tests, ARRAY_COUNT(tests));
}
