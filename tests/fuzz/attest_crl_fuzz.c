// Reaches: attest_crl_load, attest_crl_parse, attest_crl_lists, attest_crl_verify.
// SPDX-License-Identifier: Apache-2.0
#include "attest/chain.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct attest_crl_codes codes = {ATTEST_PCK_CRL_FORMAT, ATTEST_PCK_CRL_ISSUER,
                                                  ATTEST_PCK_CRL_SIGNATURE, ATTEST_PCK_CRL_EXPIRED,
                                                  ATTEST_PCK_CRL_NOT_YET_VALID};
    static const uint8_t key[64]; // on no curve: verification ends in a refusal
    struct attest_window window = {0, INT64_MAX};
    struct attest_crl crl;
    if (attest_crl_load(SPAN(data, size), &codes, &crl))
        return 0;
    const struct attest_cert issuer = {
        .key = key, .subject = crl.issuer, .subject_key_id = crl.authority_key_id};
    (void)attest_crl_lists(&crl, SPAN_STR("serial"));
    if (attest_crl_verify(&crl, &issuer, 1748697900, &codes, &window) == ATTEST_OK)
        __builtin_trap();
    return 0;
}
