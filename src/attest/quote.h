// SPDX-License-Identifier: Apache-2.0
// A quote, taken apart. The parser checks form only: every length, nothing but zeros behind the
// declared end. It trusts nothing and verifies nothing. Spans point into the caller's bytes.
#ifndef ATTEST_QUOTE_H
#define ATTEST_QUOTE_H

#include "abi/sgx/quote.h"
#include "abi/tdx/report.h"
#include "attest/verdict.h"
#include "base/bytes.h"

struct attest_quote {
    struct sgx_quote_header header;
    size_t size; // up to the declared end; zeros behind it are padding and mean nothing
    bool tdx;
    struct sgx_report_body body; // SGX
    struct tdx_report_body td;   // TDX; the fields of TDX 1.5 are zero in a report of 1.0
    bool td15;
    struct span signed_bytes; // header and body, as they came
    struct sgx_quote_signature sig;
    struct span qe_report_bytes;
    struct span auth_data;
    uint16_t certdata_type; // of the innermost certification data
    struct span certdata;
};

// ATTEST_OK, ATTEST_QUOTE_FORMAT or ATTEST_QUOTE_UNSUPPORTED. Version 3 for SGX, 4 and 5 for TDX.
__attribute__((warn_unused_result)) enum attest_code attest_quote_parse(struct span bytes,
                                                                        struct attest_quote *ret);

#endif
