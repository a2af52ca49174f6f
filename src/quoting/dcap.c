// SPDX-License-Identifier: Apache-2.0
#include "quoting/dcap.h"

#include <dlfcn.h>
#include <string.h>

#include "base/bytes.h"

// quote3_error_t (sgx_ql_lib_common.h): 0 or 0xe000 + n.
#define SUCCESS             0u
#define KEY_NOT_INITIALIZED 0xe00fu

static const struct {
    uint32_t code;
    enum err err;
    const char *why;
} errors[] = {
    {0xe002, ERR_INVALID, "DCAP library: invalid parameter"},
    {0xe003, ERR_MEMORY, "DCAP library: out of memory"},
    {0xe00b, ERR_IO, "DCAP library: unsupported attestation key"},
    {0xe00d, ERR_IO, "DCAP library: the quoting enclave cannot be loaded"},
    {0xe00e, ERR_IO, "DCAP library: no provider library for platform certificates"},
    {KEY_NOT_INITIALIZED, ERR_STALE, "DCAP library: there is no certified attestation key"},
    {0xe010, ERR_INVALID, "DCAP library: the platform's certification data is invalid"},
    {0xe011, ERR_NOT_FOUND, "DCAP library: no certificate for this platform"},
    {0xe012, ERR_MEMORY, "DCAP library: out of enclave memory"},
    {0xe013, ERR_INTEGRITY, "DCAP library: the report does not verify"},
    {0xe014, ERR_STALE, "DCAP library: the quoting enclave was lost"},
    {0xe015, ERR_INTEGRITY, "DCAP library: the report does not verify"},
    {0xe016, ERR_IO, "DCAP library: the quoting enclave cannot be loaded"},
};

static struct result answer(uint32_t code)
{
    if (code == SUCCESS)
        return RESULT_OK;
    for (size_t i = 0; i < ARRAY_COUNT(errors); i++)
        if (errors[i].code == code)
            return fail(errors[i].err, errors[i].why);
    return fail(ERR_IO, "DCAP library: the call failed");
}

// POSIX lets a function's address travel through an object pointer.
static bool find(void *library, const char *name, void *ret_function)
{
    void *symbol = dlsym(library, name);
    memcpy(ret_function, &symbol, sizeof symbol);
    return symbol;
}

struct result quoting_dcap_open(const char *path, struct quoting_dcap *ret)
{
    struct quoting_dcap d = {.library = dlopen(path, RTLD_NOW | RTLD_LOCAL)};
    REQUIRE(d.library, ERR_UNSUPPORTED, "the DCAP quoting library is not installed");
    struct result r = RESULT_OK;
    if (!find(d.library, "sgx_qe_get_target_info", &d.get_target_info) ||
        !find(d.library, "sgx_qe_get_quote_size", &d.get_quote_size) ||
        !find(d.library, "sgx_qe_get_quote", &d.get_quote))
        r = fail(ERR_UNSUPPORTED, "the DCAP quoting library lacks a function");
    if (is_ok(r))
        r = answer(d.get_target_info(&d.target));
    if (is_ok(r) && is_zero(d.target.mrenclave, sizeof d.target.mrenclave))
        r = fail(ERR_INVALID, "DCAP library: the quoting enclave has no measurement");
    if (is_ok(r))
        *ret = d;
    else
        quoting_dcap_close(&d);
    return r;
}

void quoting_dcap_close(struct quoting_dcap *dcap)
{
    if (dcap->library)
        dlclose(dcap->library);
    *dcap = (struct quoting_dcap){0};
}

static struct result quote_once(const struct quoting_dcap *dcap, const struct sgx_report *report,
                                uint8_t *buffer, size_t capacity, size_t *ret_size)
{
    uint32_t size = 0;
    GUARD(answer(dcap->get_quote_size(&size)));
    REQUIRE(size > 0 && size <= capacity, ERR_RANGE,
            "DCAP library: the quote's size is outside its limits");
    memset(buffer, 0, size);
    GUARD(answer(dcap->get_quote(report, size, buffer)));
    *ret_size = size;
    return RESULT_OK;
}

// The attestation key may vanish when the platform's TCB changes: asking for the target makes it
// anew (reference, sgx_qe_get_quote_size). The report stays good for the same quoting enclave.
struct result quoting_dcap_quote(const struct quoting_dcap *dcap, const struct sgx_report *report,
                                 uint8_t *buffer, size_t capacity, size_t *ret_size)
{
    struct sgx_targetinfo target;
    struct result r = quote_once(dcap, report, buffer, capacity, ret_size);
    if (r.code != ERR_STALE)
        return r;
    GUARD(answer(dcap->get_target_info(&target)));
    REQUIRE(memcmp(&target, &dcap->target, sizeof target) == 0, ERR_STALE,
            "the quoting enclave was replaced: start again");
    return quote_once(dcap, report, buffer, capacity, ret_size);
}
