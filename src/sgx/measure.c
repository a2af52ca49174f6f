// SPDX-License-Identifier: Apache-2.0
// See measure.h.
#include "sgx/measure.h"

#define BLOCK_SIZE 64u

void sgx_measure_ecreate(struct sgx_measure *m, uint32_t ssa_frame_size, uint64_t size)
{
    uint8_t block[BLOCK_SIZE] = "ECREATE";
    store_le32(block + 8, ssa_frame_size);
    store_le64(block + 12, size);
    sha256_init(&m->hash);
    sha256_update(&m->hash, block, sizeof block);
}

void sgx_measure_eadd(struct sgx_measure *m, uint64_t offset, uint64_t secinfo_flags)
{
    uint8_t block[BLOCK_SIZE] = "EADD";
    if ((secinfo_flags & SGX_SECINFO_TYPE_MASK) == SGX_SECINFO_TCS)
        secinfo_flags &= ~SGX_SECINFO_RWX;
    store_le64(block + 8, offset);
    store_le64(block + 16, secinfo_flags);
    sha256_update(&m->hash, block, sizeof block);
}

void sgx_measure_eextend(struct sgx_measure *m, uint64_t offset, const void *chunk)
{
    uint8_t block[BLOCK_SIZE] = "EEXTEND";
    store_le64(block + 8, offset);
    sha256_update(&m->hash, block, sizeof block);
    sha256_update(&m->hash, chunk, SGX_EEXTEND_SIZE);
}

#define EXTENDS (SGX_PAGE_SIZE / SGX_EEXTEND_SIZE)

// The EEXTENDs of a page as one message: the hash is faster in long pieces.
static void measure_page(struct sgx_measure *m, uint64_t offset, const uint8_t *page)
{
    struct {
        uint8_t block[BLOCK_SIZE];
        uint8_t chunk[SGX_EEXTEND_SIZE];
    } message[EXTENDS];
    for (unsigned i = 0; i < EXTENDS; i++) {
        static const uint8_t block[BLOCK_SIZE] = "EEXTEND";
        __builtin_memcpy(message[i].block, block, sizeof block);
        store_le64(message[i].block + 8, offset + i * SGX_EEXTEND_SIZE);
        __builtin_memcpy(message[i].chunk, page + i * SGX_EEXTEND_SIZE, SGX_EEXTEND_SIZE);
    }
    sha256_update(&m->hash, message, sizeof message);
}

void sgx_measure_pages(struct sgx_measure *m, uint64_t offset, const void *pages, size_t size,
                       uint64_t secinfo_flags, bool measure)
{
    bool is_tcs = (secinfo_flags & SGX_SECINFO_TYPE_MASK) == SGX_SECINFO_TCS;
    for (size_t at = 0; at < size; at += SGX_PAGE_SIZE) {
        const uint8_t *page = (const uint8_t *)pages + at;
        sgx_measure_eadd(m, offset + at, secinfo_flags);
        if (!measure)
            continue;
        if (is_tcs) {
            struct sgx_tcs tcs;
            __builtin_memcpy(&tcs, page, sizeof tcs);
            tcs.state = 0;
            tcs.cssa = 0;
            tcs.aep = 0;
            tcs.flags &= ~SGX_TCS_DBGOPTIN;
            measure_page(m, offset + at, (const uint8_t *)&tcs);
        } else {
            measure_page(m, offset + at, page);
        }
    }
}

void sgx_measure_value(const struct sgx_measure *m, uint8_t ret[SGX_HASH_SIZE])
{
    struct sha256_ctx copy = m->hash;
    sha256_final(&copy, ret);
}
