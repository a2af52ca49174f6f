// SPDX-License-Identifier: Apache-2.0
// A stand-in for libsgx_dcap_ql.so.1 with Intel's prototypes: it holds callers to the interface.
#include "fake_dcap.h"

#include <string.h>

extern struct fake_dcap fake_dcap;
struct fake_dcap fake_dcap;

uint32_t sgx_qe_get_target_info(void *target);
uint32_t sgx_qe_get_quote_size(uint32_t *size);
uint32_t sgx_qe_get_quote(const void *report, uint32_t size, uint8_t *quote);

static uint32_t refuse(const char *why)
{
    fake_dcap.wrong = why;
    return 0xe002; // SGX_QL_ERROR_INVALID_PARAMETER
}

uint32_t sgx_qe_get_target_info(void *target)
{
    fake_dcap.targets++;
    if (!target)
        return refuse("no room for the target");
    if (!fake_dcap.target_error)
        memcpy(target, fake_dcap.target, sizeof fake_dcap.target);
    return fake_dcap.target_error;
}

uint32_t sgx_qe_get_quote_size(uint32_t *size)
{
    fake_dcap.sizes++;
    if (!size)
        return refuse("no room for the size");
    if (!fake_dcap.targets)
        return refuse("the size before the target");
    if (fake_dcap.keyless-- > 0)
        return 0xe00f; // SGX_QL_ATT_KEY_NOT_INITIALIZED
    if (!fake_dcap.size_error)
        *size = fake_dcap.size;
    return fake_dcap.size_error;
}

uint32_t sgx_qe_get_quote(const void *report, uint32_t size, uint8_t *quote)
{
    fake_dcap.quotes++;
    if (!report || !quote)
        return refuse("a NULL");
    if (!fake_dcap.sizes || size != fake_dcap.size)
        return refuse("another size than the one announced");
    if (memcmp(report, fake_dcap.report, sizeof fake_dcap.report) != 0)
        return refuse("another report");
    if (!fake_dcap.quote_error)
        memcpy(quote, fake_dcap.quote, size);
    return fake_dcap.quote_error;
}
