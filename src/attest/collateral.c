// SPDX-License-Identifier: Apache-2.0
#include "attest/collateral.h"

#include "base/cursor.h"

#define MAGIC_SIZE (sizeof ATTEST_BUNDLE_MAGIC - 1)

const char *attest_part_file(enum attest_part part)
{
    static const char *const files[] = {
        [ATTEST_PART_PCK_CHAIN] = "pck_chain.pem",
        [ATTEST_PART_PCK_CRL] = "pck_crl.der",
        [ATTEST_PART_ROOT_CA_CRL] = "root_ca_crl.der",
        [ATTEST_PART_TCB_INFO] = "tcb_info.json",
        [ATTEST_PART_TCB_CHAIN] = "tcb_chain.pem",
        [ATTEST_PART_QE_IDENTITY] = "qe_identity.json",
        [ATTEST_PART_QE_CHAIN] = "qe_chain.pem",
    };
    return files[part];
}

size_t attest_collateral_size(const struct attest_collateral *collateral)
{
    size_t size = MAGIC_SIZE;
    for (int i = 0; i < ATTEST_PART_COUNT; i++)
        size += sizeof(uint32_t) + collateral->parts[i].size;
    return size;
}

struct result attest_collateral_write(const struct attest_collateral *collateral, void *buffer,
                                      size_t capacity, size_t *ret_size)
{
    REQUIRE(attest_collateral_size(collateral) <= ATTEST_BUNDLE_SIZE_MAX, ERR_RANGE,
            "the collateral is too long");
    struct writer w = writer_on(buffer, capacity);
    put_bytes(&w, ATTEST_BUNDLE_MAGIC, MAGIC_SIZE);
    for (int i = 0; i < ATTEST_PART_COUNT; i++) {
        put_le32(&w, (uint32_t)collateral->parts[i].size);
        put_span(&w, collateral->parts[i]);
    }
    REQUIRE(!w.failed, ERR_MEMORY, "the buffer is too small for the collateral");
    *ret_size = w.size;
    return RESULT_OK;
}

struct result attest_collateral_read(struct span bundle, struct attest_collateral *ret)
{
    struct attest_collateral collateral;
    REQUIRE(bundle.size <= ATTEST_BUNDLE_SIZE_MAX, ERR_RANGE, "the collateral is too long");
    struct reader r = reader_on(bundle);
    struct span magic = take_span(&r, MAGIC_SIZE);
    REQUIRE(!r.failed && ct_equal(magic.data, ATTEST_BUNDLE_MAGIC, MAGIC_SIZE), ERR_INVALID,
            "not a collateral bundle of version 1");
    for (int i = 0; i < ATTEST_PART_COUNT; i++) {
        collateral.parts[i] = take_span(&r, take_le32(&r));
        if (collateral.parts[i].size == 0)
            collateral.parts[i].data = NULL;
    }
    REQUIRE(reader_done(&r), ERR_INVALID, "the collateral bundle is cut off or too long");
    *ret = collateral;
    return RESULT_OK;
}
