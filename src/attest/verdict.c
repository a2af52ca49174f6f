// SPDX-License-Identifier: Apache-2.0
#include "attest/verdict.h"

static const struct {
    const char *name;
    enum err err;
    const char *text;
} codes[] = {
#define X(code, err, text) [ATTEST_##code] = {#code, err, text},
    ATTEST_CODES(X)
#undef X
};

const char *attest_code_name(enum attest_code code)
{
    return (unsigned)code < ATTEST_CODE_COUNT ? codes[code].name : "UNKNOWN";
}

const char *attest_code_text(enum attest_code code)
{
    return (unsigned)code < ATTEST_CODE_COUNT ? codes[code].text : "not a code";
}

struct result attest_code_result(enum attest_code code)
{
    if (code == ATTEST_OK)
        return RESULT_OK;
    return (unsigned)code < ATTEST_CODE_COUNT ? fail(codes[code].err, codes[code].text)
                                              : fail(ERR_INVALID, "not a code");
}
