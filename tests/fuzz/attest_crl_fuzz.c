// Reaches: attest_crl_load, attest_crl_verify.
// SPDX-License-Identifier: Apache-2.0
#include <openssl/x509.h>

#include "attest/chain.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct attest_crl_codes codes = {ATTEST_PCK_CRL_FORMAT, ATTEST_PCK_CRL_ISSUER,
                                                  ATTEST_PCK_CRL_SIGNATURE, ATTEST_PCK_CRL_EXPIRED,
                                                  ATTEST_PCK_CRL_NOT_YET_VALID};
    struct attest_window window = {0, INT64_MAX};
    X509_CRL *crl;
    if (attest_crl_load(SPAN(data, size), &codes, &crl))
        return 0;
    X509 *issuer = X509_new(); // no name, no key: verification ends in a refusal
    if (issuer && attest_crl_verify(crl, issuer, 1748697900, &codes, &window) == ATTEST_OK)
        __builtin_trap();
    X509_free(issuer);
    X509_CRL_free(crl);
    return 0;
}
