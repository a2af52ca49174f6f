// Reaches: attest_quote_parse, attest_chain_load, attest_cert_parse, attest_pck_parse.
// SPDX-License-Identifier: Apache-2.0
#include "attest/chain.h"
#include "attest/pck.h"
#include "attest/quote.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct attest_chain_codes codes = {.format = ATTEST_PCK_CHAIN_FORMAT};
    struct attest_quote quote;
    struct attest_chain chain;
    struct attest_pck pck;
    if (attest_quote_parse(SPAN(data, size), &quote) ||
        attest_chain_load(quote.certdata, ATTEST_CHAIN_MAX, &codes, &chain))
        return 0;
    (void)!attest_pck_parse(chain.certs[0].sgx_extension, &pck);
    attest_chain_done(&chain);
    return 0;
}
