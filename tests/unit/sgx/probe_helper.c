// SPDX-License-Identifier: Apache-2.0
#include "sgx/probe_helper.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

__asm__(".include \"tests/enclave/probe.S\"");

static const char *signing_key(size_t *ret_size)
{
    static char *pem;
    static size_t size;
    if (!pem && !is_ok(sgx_signing_key_generate(&pem, &size)))
        abort();
    *ret_size = size;
    return pem;
}

static char state_dir[64];

static void remove_state_dir(void)
{
    char file[80];
    snprintf(file, sizeof file, "%s/platform.bin", state_dir);
    unlink(file);
    rmdir(state_dir);
}

const char *probe_state_dir(void)
{
    if (!state_dir[0]) {
        strcpy(state_dir, "/tmp/sgx-test-XXXXXX");
        if (!mkdtemp(state_dir))
            abort();
        atexit(remove_state_dir);
    }
    return state_dir;
}

void probe_defaults(bool trap_mode, struct probe_options *ret)
{
    memset(ret, 0, sizeof *ret);
    ret->trap_mode = trap_mode;
    ret->secs = (struct sgx_secs){
        .size = PROBE_SIZE,
        .ssa_frame_size = 1,
        .miscselect = SGX_MISC_EXINFO,
        .attributes = {SGX_FLAGS_MODE64BIT | SGX_FLAGS_KSS, 7},
    };
    sgx_sigstruct_init(0x20240101, &ret->sig);
    ret->sig.attributes = ret->secs.attributes;
    ret->sig.attributemask = (struct sgx_attributes){~0ull, ~0ull};
    ret->sig.miscselect = SGX_MISC_EXINFO;
    ret->sig.miscmask = ~0u;
    ret->sig.isvprodid = 7;
    ret->sig.isvsvn = 3;
}

struct pages {
    struct probe *p;
    struct sgx_measure measure;
};

static struct result add(struct pages *s, uint64_t at, const void *content, size_t size,
                         uint64_t flags)
{
    sgx_measure_pages(&s->measure, at, content, size, flags, true);
    return s->p->platform->add(s->p->enclave, at, content, size, flags, true);
}

static struct result add_thread(struct pages *s, unsigned i)
{
    static const uint8_t zero[PROBE_NSSA * 4096];
    const uint64_t rw = SGX_SECINFO_REG | SGX_SECINFO_R | SGX_SECINFO_W;
    static struct sgx_tcs tcs;
    tcs = (struct sgx_tcs){
        .ossa = PROBE_SSA(i),
        .nssa = PROBE_NSSA,
        .oentry = PROBE_CODE,
        .ofsbase = PROBE_GS(i) + 0x1000,
        .ogsbase = PROBE_GS(i),
        .fslimit = 0xfff,
        .gslimit = 0xfff,
    };
    GUARD(add(s, PROBE_TCS(i), &tcs, sizeof tcs, SGX_SECINFO_TCS));
    GUARD(add(s, PROBE_SSA(i), zero, sizeof zero, rw));
    return add(s, PROBE_GS(i), zero, 4096, rw);
}

static struct result add_all(struct pages *s)
{
    static uint8_t code[4096], data[8 * 4096];
    const uint64_t r = SGX_SECINFO_REG | SGX_SECINFO_R;
    size_t sites = (size_t)(probe_sites_end - probe_sites);
    uint64_t offsets[64];
    memcpy(code, probe_begin, (size_t)(probe_end - probe_begin));
    GUARD(add(s, PROBE_CODE, code, sizeof code, r | SGX_SECINFO_X));
    GUARD(add(s, PROBE_DATA, data, sizeof data, r | SGX_SECINFO_W));
    GUARD(add(s, PROBE_RODATA, code, sizeof code, r));
    for (unsigned i = 0; i < PROBE_THREADS; i++)
        GUARD(add_thread(s, i));
    for (size_t i = 0; i < sites; i++)
        offsets[i] = PROBE_CODE + probe_sites[i];
    return s->p->platform->enclu_sites(s->p->enclave, offsets, sites);
}

static struct result build(const struct probe_options *o, struct probe *p)
{
    struct pages s = {.p = p};
    size_t key_size;
    const char *key = signing_key(&key_size);
    p->secs = o->secs;
    p->sig = o->sig;
    GUARD(p->platform->create(&o->secs, &p->enclave));
    sgx_measure_ecreate(&s.measure, o->secs.ssa_frame_size, o->secs.size);
    GUARD(add_all(&s));
    sgx_measure_value(&s.measure, p->sig.enclavehash);
    if (o->wrong_hash)
        p->sig.enclavehash[0] ^= 1;
    GUARD(sgx_sigstruct_sign(&p->sig, SPAN(key, key_size)));
    if (o->bad_signature)
        p->sig.isvsvn++;
    GUARD(p->platform->init(p->enclave, &p->sig));
    return p->platform->thread_setup(p->enclave);
}

struct result probe_build(const struct probe_options *o, struct probe *ret)
{
    const struct sgx_emu_options options = {
        .state_dir = o->state_dir ? o->state_dir : probe_state_dir(), .trap_mode = o->trap_mode};
    struct probe p = {.platform = sgx_platform_emulated(&options)};
    struct result r = build(o, &p);
    if (is_ok(r))
        *ret = p;
    else
        p.platform->destroy(p.enclave);
    return r;
}

void probe_end_enclave(struct probe *p)
{
    p->platform->destroy(p->enclave);
    p->enclave = NULL;
}

struct sgx_run probe_enter(struct probe *p, unsigned thread, uint32_t function, uint64_t command,
                           uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    struct sgx_run run = {
        .tcs = PROBE_TCS(thread),
        .function = function,
        .rdi = command,
        .rsi = a,
        .rdx = b,
        .r8 = c,
        .r9 = d,
    };
    struct result r = p->platform->enter(p->enclave, &run);
    if (!is_ok(r)) {
        fprintf(stderr, "enter: %s\n", r.why);
        abort();
    }
    return run;
}

struct sgx_run probe_call(struct probe *p, uint64_t command, uint64_t a, uint64_t b, uint64_t c,
                          uint64_t d)
{
    return probe_enter(p, 0, ENCLU_EENTER, command, a, b, c, d);
}

static void copy(struct probe *p, uint64_t to, uint64_t from, size_t size)
{
    struct sgx_run run = probe_call(p, PROBE_COPY, to, from, size, 0);
    if (run.function != ENCLU_EEXIT) {
        fprintf(stderr, "copy: function %u, vector %u, address %#lx\n", run.function,
                run.exception_vector, run.exception_addr);
        abort();
    }
}

void probe_read(struct probe *p, uint64_t from, void *to, size_t size)
{
    copy(p, (uint64_t)to, from, size);
}

void probe_write(struct probe *p, uint64_t to, const void *from, size_t size)
{
    copy(p, to, (uint64_t)from, size);
}

void probe_frame(struct probe *p, unsigned thread, unsigned index, struct sgx_gprsgx *ret,
                 struct sgx_exinfo *ret_exinfo)
{
    uint64_t end = PROBE_SSA(thread) + (index + 1) * 4096ull;
    probe_read(p, end - sizeof *ret, ret, sizeof *ret);
    if (ret_exinfo)
        probe_read(p, end - sizeof *ret - sizeof *ret_exinfo, ret_exinfo, sizeof *ret_exinfo);
}
