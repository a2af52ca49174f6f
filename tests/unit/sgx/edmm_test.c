// SPDX-License-Identifier: Apache-2.0
// The EPC map's state machine: EAUG, EACCEPT, EMODPE, EACCEPTCOPY, restricting, trimming, removing.
#include "sgx/probe_main.h"

#define R            SGX_SECINFO_R
#define RW           (SGX_SECINFO_R | SGX_SECINFO_W)
#define RX           (SGX_SECINFO_R | SGX_SECINFO_X)
#define REG          SGX_SECINFO_REG
#define NEW          (REG | RW | SGX_SECINFO_PENDING)
#define LEFT(run)    assert_int_equal((run).function, ENCLU_EEXIT)
#define SECINFO_AT   PROBE_DATA
#define SOURCE       (PROBE_DATA + 4096)
#define NEVER_MAPPED 0x2000ull

static void set_secinfo(struct probe *p, uint64_t flags)
{
    const struct sgx_secinfo s = {.flags = flags};
    probe_write(p, SECINFO_AT, &s, sizeof s);
}

static uint64_t leaf(struct probe *p, uint64_t command, uint64_t flags, uint64_t page)
{
    set_secinfo(p, flags);
    struct sgx_run run = probe_call(p, command, SECINFO_AT, page, SOURCE, 0);
    LEFT(run);
    if (command != PROBE_EMODPE) {
        assert_int_equal(run.rsi & 0x40, run.rdi ? 0x40 : 0); // ZF
        assert_int_equal(run.rsi & 0x95, 0);                  // SF AF PF CF
    }
    return run.rdi;
}

static uint64_t accept(struct probe *p, uint64_t flags, uint64_t page)
{
    return leaf(p, PROBE_EACCEPT, flags, page);
}

// The leaf or access must fault; what it left in SSA is dropped by ending the enclave's thread's frame.
static void faults(struct probe *p, uint64_t command, uint64_t a, uint64_t b, uint64_t c,
                   unsigned vector, uint32_t code, uint64_t address)
{
    static unsigned thread = 0; // each fault uses up a frame
    for (unsigned tries = 0; tries < 2 * PROBE_THREADS; tries++) {
        thread = (thread + 1) % PROBE_THREADS;
        if (thread == 0)
            continue;
        struct sgx_run run = probe_enter(p, thread, ENCLU_EENTER, command, a, b, c, 0);
        if (run.function == ENCLU_EENTER)
            continue; // no frame left there
        assert_int_equal(run.function, ENCLU_ERESUME);
        assert_int_equal(run.exception_vector, vector);
        assert_int_equal(run.exception_error_code, code);
        assert_int_equal(run.exception_addr, align_down(address, 4096));
        return;
    }
    fail_msg("no thread left");
}

#define FAULTS_PF(p, command, a, b, c, code, address) \
    faults(p, command, a, b, c, SGX_VECTOR_PF, code, address)
#define FAULTS_GP(p, command, a, b, c) faults(p, command, a, b, c, SGX_VECTOR_GP, 0, 0)

static void touch_then_accept(void **state)
{
    (void)state;
    struct probe p = begin_probe();
    uint64_t value = 0x1122334455667788;
    FAULTS_PF(&p, PROBE_STORE, PROBE_FREE, 1, 0, 0x8007, PROBE_FREE); // EAUG, then PENDING
    assert_int_equal(accept(&p, NEW, PROBE_FREE), 0);
    struct sgx_run run = probe_call(&p, PROBE_LOAD, PROBE_FREE, 0, 0, 0);
    LEFT(run);
    assert_int_equal(run.rdi, 0);
    LEFT(probe_call(&p, PROBE_STORE, PROBE_FREE, value, 0, 0));
    run = probe_call(&p, PROBE_LOAD, PROBE_FREE, 0, 0, 0);
    assert_int_equal(run.rdi, value);
    assert_int_equal(accept(&p, NEW, PROBE_FREE), SGX_PAGE_ATTRIBUTES_MISMATCH); // not twice
    run = probe_call(&p, PROBE_LOAD, PROBE_FREE, 0, 0, 0);
    assert_int_equal(run.rdi, value);
    FAULTS_PF(&p, PROBE_JUMP, PROBE_FREE, 0, 0, 0x8015, PROBE_FREE); // not X
    probe_end_enclave(&p);
}

static void accept_checks(void **state)
{
    (void)state;
    struct probe p = begin_probe();
    set_secinfo(&p, NEW);
    FAULTS_GP(&p, PROBE_EACCEPT, SECINFO_AT + 8, PROBE_FREE, 0);
    FAULTS_GP(&p, PROBE_EACCEPT, SECINFO_AT, PROBE_FREE + 64, 0);
    FAULTS_GP(&p, PROBE_EACCEPT, SECINFO_AT, PROBE_SIZE, 0);
    FAULTS_GP(&p, PROBE_EACCEPT, PROBE_SIZE, PROBE_FREE, 0);
    FAULTS_PF(&p, PROBE_EACCEPT, SECINFO_AT, NEVER_MAPPED, 0, 0x4, NEVER_MAPPED);
    FAULTS_PF(&p, PROBE_EACCEPT, PROBE_FREE + 0x5000, PROBE_FREE, 0, 0x8005, PROBE_FREE + 0x5000);
    set_secinfo(&p, REG | RW); // neither PENDING nor PR
    FAULTS_GP(&p, PROBE_EACCEPT, SECINFO_AT, PROBE_FREE, 0);
    set_secinfo(&p, SGX_SECINFO_TRIM);
    FAULTS_GP(&p, PROBE_EACCEPT, SECINFO_AT, PROBE_FREE, 0);
    set_secinfo(&p, NEW | 1ull << 40);
    FAULTS_GP(&p, PROBE_EACCEPT, SECINFO_AT, PROBE_FREE, 0);
    assert_int_equal(accept(&p, REG | R | SGX_SECINFO_PENDING, PROBE_FREE),
                     SGX_PAGE_ATTRIBUTES_MISMATCH);
    assert_int_equal(accept(&p, NEW, PROBE_FREE), 0);
    probe_end_enclave(&p);
}

static void extend_and_restrict(void **state)
{
    (void)state;
    struct probe p = begin_probe();
    const struct sgx_platform *f = p.platform;
    uint64_t page = PROBE_FREE;
    assert_int_equal(accept(&p, NEW, page), 0);
    static const uint8_t code[] = {0x65, 0x48, 0x8b, 0x1c, 0x25, 0, 0, 0, 0, // mov rbx, gs:0
                                   0xb8, 4,    0,    0,    0,                // mov eax, 4
                                   0x0f, 0x01, 0xd7};                        // enclu
    probe_write(&p, page, code, sizeof code);
    leaf(&p, PROBE_EMODPE, REG | SGX_SECINFO_X, page);
    LEFT(probe_call(&p, PROBE_JUMP, page, 0, 0, 0)); // an unlisted ENCLU, by trap
    LEFT(probe_call(&p, PROBE_STORE, page + 512, 1, 0, 0));
    assert_true(is_ok(f->restrict_permissions(p.enclave, page, 4096, RX)));
    FAULTS_PF(&p, PROBE_STORE, page, 1, 0, 0x8007, page);
    LEFT(probe_call(&p, PROBE_JUMP, page, 0, 0, 0)); // PR does not hinder
    assert_int_equal(accept(&p, REG | RW | SGX_SECINFO_PR, page), SGX_PAGE_ATTRIBUTES_MISMATCH);
    assert_int_equal(accept(&p, REG | RX | SGX_SECINFO_PR, page), 0);
    assert_true(is_ok(f->restrict_permissions(p.enclave, page, 4096, RW)));
    FAULTS_PF(&p, PROBE_JUMP, page, 0, 0, 0x8015, page);
    FAULTS_PF(&p, PROBE_STORE, page, 1, 0, 0x8007, page); // RX and RW: R
    leaf(&p, PROBE_EMODPE, REG | SGX_SECINFO_W, page);
    LEFT(probe_call(&p, PROBE_STORE, page, 1, 0, 0));
    probe_end_enclave(&p);
}

static void driver_checks(void **state)
{
    (void)state;
    struct probe p = begin_probe();
    const struct sgx_platform *f = p.platform;
    uint64_t page = PROBE_FREE;
    assert_int_equal(f->restrict_permissions(p.enclave, page, 4096, R).code, ERR_NOT_FOUND);
    assert_int_equal(f->restrict_permissions(p.enclave, PROBE_TCS(0), 4096, R).code, ERR_INVALID);
    assert_int_equal(f->restrict_permissions(p.enclave, PROBE_DATA, 4096, 2).code, ERR_INVALID);
    assert_int_equal(f->restrict_permissions(p.enclave, PROBE_DATA, 4096, 8).code, ERR_INVALID);
    assert_int_equal(f->restrict_permissions(p.enclave, PROBE_DATA, 100, R).code, ERR_RANGE);
    assert_int_equal(f->restrict_permissions(p.enclave, ~0xfffull, 8192, R).code, ERR_RANGE);
    assert_int_equal(f->restrict_permissions(p.enclave, PROBE_SIZE, 4096, R).code, ERR_RANGE);
    assert_int_equal(f->trim(p.enclave, page, 4096).code, ERR_NOT_FOUND);
    assert_int_equal(f->remove(p.enclave, PROBE_DATA, 4096).code, ERR_DENIED);
    FAULTS_PF(&p, PROBE_LOAD, page, 0, 0, 0x8005, page);
    assert_int_equal(f->trim(p.enclave, page, 4096).code, ERR_INVALID); // PENDING
    assert_int_equal(f->restrict_permissions(p.enclave, page, 4096, R).code, ERR_INVALID);
    probe_end_enclave(&p);
}

static void trim_and_remove(void **state)
{
    (void)state;
    struct probe p = begin_probe();
    const struct sgx_platform *f = p.platform;
    uint64_t page = PROBE_FREE;
    for (uint64_t i = 0; i < 3; i++)
        assert_int_equal(accept(&p, NEW, page + i * 4096), 0);
    LEFT(probe_call(&p, PROBE_STORE, page + 4096, 77, 0, 0));
    assert_true(is_ok(f->trim(p.enclave, page + 4096, 4096)));
    FAULTS_PF(&p, PROBE_LOAD, page + 4096, 0, 0, 0x8005, page + 4096);
    assert_int_equal(f->remove(p.enclave, page + 4096, 4096).code, ERR_DENIED); // not accepted
    assert_int_equal(accept(&p, SGX_SECINFO_TRIM | SGX_SECINFO_MODIFIED, page + 4096), 0);
    FAULTS_PF(&p, PROBE_LOAD, page + 4096, 0, 0, 0x8005, page + 4096);
    assert_true(is_ok(f->remove(p.enclave, page + 4096, 4096)));
    assert_int_equal(accept(&p, NEW, page + 4096), 0); // a new page
    struct sgx_run run = probe_call(&p, PROBE_LOAD, page + 4096, 0, 0, 0);
    LEFT(run);
    assert_int_equal(run.rdi, 0);
    LEFT(probe_call(&p, PROBE_STORE, page, 1, 0, 0));
    LEFT(probe_call(&p, PROBE_STORE, page + 8192, 1, 0, 0));
    // A TCS that is trimmed cannot be entered.
    assert_true(is_ok(f->trim(p.enclave, PROBE_TCS(3), 4096)));
    run = probe_enter(&p, 3, ENCLU_EENTER, PROBE_NOTHING, 0, 0, 0, 0);
    assert_int_equal(run.function, ENCLU_EENTER);
    probe_end_enclave(&p);
}

static void copies(void **state)
{
    (void)state;
    struct probe p = begin_probe();
    uint64_t page = PROBE_FREE;
    uint8_t in[4096], out[4096];
    for (size_t i = 0; i < sizeof in; i++)
        in[i] = (uint8_t)(i * 5);
    probe_write(&p, SOURCE, in, sizeof in);
    assert_int_equal(leaf(&p, PROBE_EACCEPTCOPY, REG | R, page), 0);
    probe_read(&p, page, out, sizeof out);
    assert_memory_equal(in, out, sizeof in);
    FAULTS_PF(&p, PROBE_STORE, page, 1, 0, 0x8007, page); // as SECINFO says
    assert_int_equal(leaf(&p, PROBE_EACCEPTCOPY, REG | R, page), SGX_PAGE_ATTRIBUTES_MISMATCH);
    set_secinfo(&p, REG | RW);
    FAULTS_PF(&p, PROBE_EACCEPTCOPY, SECINFO_AT, page + 4096, PROBE_FREE + 0x100000, 0x8005,
              PROBE_FREE + 0x100000); // the source is not there
    set_secinfo(&p, REG | SGX_SECINFO_W);
    FAULTS_GP(&p, PROBE_EACCEPTCOPY, SECINFO_AT, page + 4096, SOURCE);
    set_secinfo(&p, SGX_SECINFO_TRIM | R);
    FAULTS_GP(&p, PROBE_EACCEPTCOPY, SECINFO_AT, page + 4096, SOURCE);
    assert_int_equal(leaf(&p, PROBE_EACCEPTCOPY, REG | RW, page + 4096), 0);
    LEFT(probe_call(&p, PROBE_STORE, page + 4096, 1, 0, 0));
    // Over pages with a copy between them, and afterwards as a run.
    set_secinfo(&p, REG | RW);
    struct sgx_run run =
        probe_call(&p, PROBE_EACCEPTCOPY_RANGE, SECINFO_AT, page + 0x100000, 64, SOURCE);
    LEFT(run);
    assert_int_equal(run.rdi, 0);
    LEFT(probe_call(&p, PROBE_TOUCH_RANGE, page + 0x100000, 64, 0, 0));
    probe_read(&p, page + 0x100000 + 63 * 4096, out, sizeof out);
    in[0] = 1;
    assert_memory_equal(in, out, sizeof in);
    probe_end_enclave(&p);
}

static void measured_permissions(void **state)
{
    (void)state;
    struct probe p = begin_probe();
    FAULTS_PF(&p, PROBE_STORE, PROBE_CODE, 1, 0, 0x7, PROBE_CODE);
    FAULTS_PF(&p, PROBE_STORE, PROBE_RODATA, 1, 0, 0x7, PROBE_RODATA);
    FAULTS_PF(&p, PROBE_JUMP, PROBE_RODATA, 0, 0, 0x15, PROBE_RODATA);
    FAULTS_PF(&p, PROBE_JUMP, PROBE_DATA, 0, 0, 0x15, PROBE_DATA);
    // EMODPE extends EPCM, not the driver's mapping.
    leaf(&p, PROBE_EMODPE, REG | SGX_SECINFO_W, PROBE_RODATA);
    FAULTS_PF(&p, PROBE_STORE, PROBE_RODATA, 1, 0, 0x7, PROBE_RODATA);
    set_secinfo(&p, REG | RW);
    FAULTS_PF(&p, PROBE_EMODPE, SECINFO_AT, PROBE_FREE, 0, 0x8005, PROBE_FREE); // PENDING
    FAULTS_PF(&p, PROBE_EMODPE, SECINFO_AT, PROBE_TCS(0), 0, 0x8005, PROBE_TCS(0));
    probe_end_enclave(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(touch_then_accept),    cmocka_unit_test(accept_checks),
        cmocka_unit_test(extend_and_restrict),  cmocka_unit_test(driver_checks),
        cmocka_unit_test(trim_and_remove),      cmocka_unit_test(copies),
        cmocka_unit_test(measured_permissions),
    };
    return run_both_modes(tests, ARRAY_COUNT(tests));
}
