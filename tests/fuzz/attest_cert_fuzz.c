// Reaches: attest_cert_parse, attest_chain_load, attest_name_common, attest_pck_parse.
// SPDX-License-Identifier: Apache-2.0
#include "attest/chain.h"
#include "attest/pck.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// The input is DER, and is tried as PEM too.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct attest_chain_codes codes = {.format = ATTEST_PCK_CHAIN_FORMAT};
    struct attest_cert cert;
    struct attest_chain chain;
    struct attest_pck pck;
    struct span name;
    if (attest_cert_parse(SPAN(data, size), &cert)) {
        (void)attest_name_common(cert.issuer, &name);
        (void)!attest_pck_parse(cert.sgx_extension, &pck);
    }
    if (attest_chain_load(SPAN(data, size), 2, &codes, &chain) == ATTEST_OK)
        attest_chain_done(&chain);
    return 0;
}
