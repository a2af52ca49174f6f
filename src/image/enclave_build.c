// SPDX-License-Identifier: Apache-2.0
#include "image/enclave_build.h"

#include <string.h>

#include "image/kernel_elf.h"
#include "sgx/measure.h"

#define CHUNK_SIZE 0x10000u // pages are handed over in pieces of this many bytes at most

void enclave_secs(bool debug, struct sgx_secs *ret)
{
    *ret = (struct sgx_secs){
        .size = ENCLAVE_SIZE,
        .base = ENCLAVE_BASE,
        .ssa_frame_size = SSA_FRAME_PAGES,
        .miscselect = ENCLAVE_MISCSELECT,
        .attributes = {ENCLAVE_ATTRIBUTES | (debug ? SGX_FLAGS_DEBUG : 0), ENCLAVE_XFRM},
    };
}

// `size` bytes of memory that begins with `content` and goes on with zeroes.
static struct result add_range(const struct enclave_sink *sink, uint64_t address, uint64_t size,
                               struct span content, uint64_t flags, bool measure)
{
    _Alignas(64) uint8_t pages[CHUNK_SIZE];
    size_t used = CHUNK_SIZE; // bytes of it that may not be zero
    for (uint64_t done = 0; done < size;) {
        size_t part = (size_t)MIN(size - done, (uint64_t)CHUNK_SIZE);
        size_t filled = done < content.size ? (size_t)MIN(content.size - done, (uint64_t)part) : 0;
        if (filled)
            memcpy(pages, content.data + done, filled);
        if (used > filled)
            memset(pages + filled, 0, used - filled);
        used = filled;
        GUARD(sink->add(sink->context, address - ENCLAVE_BASE + done, pages, part, flags, measure));
        done += part;
    }
    return RESULT_OK;
}

static struct result add_thread(const struct enclave_sink *sink, uint64_t slot, uint64_t entry)
{
    const uint64_t rw = SGX_SECINFO_REG | SGX_SECINFO_R | SGX_SECINFO_W;
    const struct span zeroes = SPAN("", 0);
    const struct sgx_tcs tcs = {
        .ossa = slot + THREAD_SSA - ENCLAVE_BASE,
        .nssa = SSA_FRAMES,
        .oentry = entry - ENCLAVE_BASE,
        .ofsbase = slot + THREAD_LOCAL - ENCLAVE_BASE,
        .ogsbase = slot + THREAD_LOCAL - ENCLAVE_BASE,
        .fslimit = 0xfff,
        .gslimit = 0xfff,
    };
    const uint64_t ssa_size = (uint64_t)SSA_FRAMES * SSA_FRAME_PAGES * SGX_PAGE_SIZE;
    GUARD(add_range(sink, slot + THREAD_TCS, sizeof tcs, SPAN_OF(tcs), SGX_SECINFO_TCS, true));
    GUARD(add_range(sink, slot + THREAD_SSA, ssa_size, zeroes, rw, true));
    GUARD(add_range(sink, slot + THREAD_LOCAL, SGX_PAGE_SIZE, zeroes, rw, true));
    return add_range(sink, slot + THREAD_STACK, THREAD_STACK_SIZE, zeroes, rw, false);
}

struct result enclave_build(struct span kernel, const struct enclave_params *params,
                            const struct enclave_sink *sink)
{
    struct kernel_elf elf;
    GUARD(kernel_elf_parse(kernel, &elf));
    for (uint32_t i = 0; i < elf.segment_count; i++) {
        const struct kernel_segment *s = &elf.segment[i];
        GUARD(add_range(sink, s->address, s->size, s->content, SGX_SECINFO_REG | s->secinfo_flags,
                        true));
    }
    GUARD(add_range(sink, PARAMS_BASE, PARAMS_SIZE, SPAN(params, sizeof *params),
                    SGX_SECINFO_REG | SGX_SECINFO_R, true));
    for (uint32_t i = 0; i < params->threads; i++)
        GUARD(add_thread(sink, THREADS_BASE + i * THREAD_STRIDE, elf.entry));
    return RESULT_OK;
}

struct result enclave_check_params(const struct enclave_params *p)
{
    const uint32_t flags =
        PARAMS_HOST_ARGUMENTS | PARAMS_SMS | PARAMS_SMS_ENCLAVE | PARAMS_TAG_PROVIDED;
    REQUIRE(p->magic == PARAMS_MAGIC && p->version == ENCLAVE_VERSION, ERR_INVALID,
            "parameters have another version");
    REQUIRE((p->flags & ~flags) == 0 && p->reserved2 == 0, ERR_INVALID,
            "parameters have unknown flags or reserved fields");
    REQUIRE(p->cache_pages <= p->heap_max / 4096, ERR_RANGE,
            "the file cache is larger than the heap");
    REQUIRE(p->threads > 0 && p->threads <= THREADS_MAX, ERR_RANGE,
            "number of threads is outside its limits");
    REQUIRE(p->heap_max % SGX_PAGE_SIZE == 0 && p->heap_max <= USER_END - ENCLAVE_GUARD, ERR_RANGE,
            "heap is outside its limits");
    REQUIRE(p->stack_size % SGX_PAGE_SIZE == 0 && p->stack_size <= 1u << 30, ERR_RANGE,
            "stack is outside its limits");
    REQUIRE(p->sms_policy_size <= sizeof p->policy &&
                is_zero(p->policy + p->sms_policy_size, sizeof p->policy - p->sms_policy_size),
            ERR_INVALID, "bytes behind the SMS policy are not zero");
    REQUIRE(!(p->flags & PARAMS_SMS) == (p->sms_policy_size == 0), ERR_INVALID,
            "an SMS policy stands if and only if an SMS is asked");
    REQUIRE((p->init_size == 0) == is_zero(p->init_hash, sizeof p->init_hash), ERR_INVALID,
            "the init program's size and hash disagree");
    REQUIRE(!(p->flags & PARAMS_TAG_PROVIDED) || (is_zero(p->fspf_key, sizeof p->fspf_key) &&
                                                  is_zero(p->fspf_tag, sizeof p->fspf_tag) &&
                                                  p->data_blocks == 0 && p->hash_offset == 0),
            ERR_INVALID, "parameters of any file system name one");
    return RESULT_OK;
}

static struct result measure_pages(void *context, uint64_t offset, const void *pages, size_t size,
                                   uint64_t secinfo_flags, bool measure)
{
    sgx_measure_pages(context, offset, pages, size, secinfo_flags, measure);
    return RESULT_OK;
}

struct result enclave_measure(struct span kernel, const struct enclave_params *params,
                              uint8_t ret[SGX_HASH_SIZE])
{
    struct sgx_measure m;
    sgx_measure_ecreate(&m, SSA_FRAME_PAGES, ENCLAVE_SIZE);
    const struct enclave_sink sink = {measure_pages, &m};
    GUARD(enclave_build(kernel, params, &sink));
    sgx_measure_value(&m, ret);
    return RESULT_OK;
}
