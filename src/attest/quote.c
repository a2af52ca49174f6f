// SPDX-License-Identifier: Apache-2.0
#include "attest/quote.h"

#include "base/cursor.h"

// Intel's quote format, A.4: which quotes this library can judge.
static bool header_supported(const struct sgx_quote_header *header)
{
    static const uint8_t vendor[] = SGX_QUOTE_QE_VENDOR_INTEL;
    return header->version == SGX_QUOTE_VERSION_3 &&
           header->attestation_key_type == SGX_QUOTE_KEY_ECDSA_P256 && header->tee_type == 0 &&
           ct_equal(header->qe_vendor, vendor, sizeof vendor);
}

enum attest_code attest_quote_parse(struct span bytes, struct attest_quote *ret)
{
    struct attest_quote quote;
    if (bytes.size > SGX_QUOTE_SIZE_MAX)
        return ATTEST_QUOTE_FORMAT;

    struct reader r = reader_on(bytes);
    quote.signed_bytes = take_span(&r, sizeof(struct sgx_quote_signed));
    struct span signature = take_span(&r, take_le32(&r));
    if (!reader_done(&r))
        return ATTEST_QUOTE_FORMAT;
    struct reader head = reader_on(quote.signed_bytes);
    take_bytes(&head, &quote.header, sizeof quote.header);
    take_bytes(&head, &quote.body, sizeof quote.body);
    if (!header_supported(&quote.header))
        return ATTEST_QUOTE_UNSUPPORTED;

    struct reader s = reader_on(signature);
    take_bytes(&s, &quote.sig, sizeof quote.sig);
    quote.auth_data = take_span(&s, take_le16(&s));
    quote.certdata_type = take_le16(&s);
    quote.certdata = take_span(&s, take_le32(&s));
    if (!reader_done(&s) || quote.certdata.size == 0)
        return ATTEST_QUOTE_FORMAT;
    quote.qe_report_bytes = SPAN(signature.data + offsetof(struct sgx_quote_signature, qe_report),
                                 sizeof(struct sgx_report_body));
    *ret = quote;
    return ATTEST_OK;
}
