// SPDX-License-Identifier: Apache-2.0
// A quote, taken apart. The parser checks form only: every length, no byte left over. It trusts
// nothing and verifies nothing. Spans point into the caller's bytes.
#ifndef ATTEST_QUOTE_H
#define ATTEST_QUOTE_H

#include "abi/sgx/quote.h"
#include "attest/verdict.h"
#include "base/bytes.h"

struct attest_quote {
    struct sgx_quote_header header;
    struct sgx_report_body body;
    struct span signed_bytes; // header and body, as they came
    struct sgx_quote_signature sig;
    struct span qe_report_bytes;
    struct span auth_data;
    uint16_t certdata_type;
    struct span certdata;
};

// ATTEST_OK, ATTEST_QUOTE_FORMAT or ATTEST_QUOTE_UNSUPPORTED. Version 3 for SGX so far.
__attribute__((warn_unused_result)) enum attest_code attest_quote_parse(struct span bytes,
                                                                        struct attest_quote *ret);

#endif
