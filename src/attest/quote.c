// SPDX-License-Identifier: Apache-2.0
#include "attest/quote.h"

#include <string.h>

#include "base/cursor.h"

// Intel's quote format, A.4: which quotes this library can judge.
static bool header_supported(const struct sgx_quote_header *header)
{
    static const uint8_t vendor[] = SGX_QUOTE_QE_VENDOR_INTEL;
    bool sgx = header->version == SGX_QUOTE_VERSION_3 && header->tee_type == 0;
    bool tdx = (header->version == TDX_QUOTE_VERSION_4 || header->version == TDX_QUOTE_VERSION_5) &&
               header->tee_type == TDX_QUOTE_TEE_TYPE;
    return (sgx || tdx) && header->attestation_key_type == SGX_QUOTE_KEY_ECDSA_P256 &&
           ct_equal(header->qe_vendor, vendor, sizeof vendor);
}

// Version 5 says the type and size of its body; the others imply them.
static enum attest_code take_body(struct reader *r, struct attest_quote *quote)
{
    uint16_t type = TDX_QUOTE_BODY_TD10;
    size_t size = TDX_REPORT_SIZE_TD10;
    if (!quote->tdx) {
        take_bytes(r, &quote->body, sizeof quote->body);
        return r->failed ? ATTEST_QUOTE_FORMAT : ATTEST_OK;
    }
    if (quote->header.version == TDX_QUOTE_VERSION_5) {
        type = take_le16(r);
        size = take_le32(r);
        if (r->failed)
            return ATTEST_QUOTE_FORMAT;
        if (type != TDX_QUOTE_BODY_TD10 && type != TDX_QUOTE_BODY_TD15)
            return ATTEST_QUOTE_UNSUPPORTED;
    }
    quote->td15 = type == TDX_QUOTE_BODY_TD15;
    if (size != (quote->td15 ? TDX_REPORT_SIZE_TD15 : TDX_REPORT_SIZE_TD10))
        return ATTEST_QUOTE_FORMAT;
    take_bytes(r, &quote->td, size);
    return r->failed ? ATTEST_QUOTE_FORMAT : ATTEST_OK;
}

// The QE's report and what certifies it. Version 3 has them bare; versions 4 and 5 wrap them into
// certification data of type 6, once.
static bool parse_certification(struct reader *s, struct attest_quote *quote)
{
    struct reader wrapped, *r = s;
    if (quote->tdx) {
        if (take_le16(s) != SGX_QUOTE_CERTDATA_QE_REPORT)
            s->failed = true;
        wrapped = reader_on(take_span(s, take_le32(s)));
        if (!reader_done(s))
            return false;
        r = &wrapped;
    }
    struct span report = take_span(r, sizeof quote->sig.qe_report);
    if (r->failed)
        return false;
    memcpy(&quote->sig.qe_report, report.data, report.size);
    take_bytes(r, quote->sig.qe_report_signature, sizeof quote->sig.qe_report_signature);
    quote->qe_report_bytes = report;
    quote->auth_data = take_span(r, take_le16(r));
    quote->certdata_type = take_le16(r);
    quote->certdata = take_span(r, take_le32(r));
    return reader_done(r) && quote->certdata.size > 0;
}

enum attest_code attest_quote_parse(struct span bytes, struct attest_quote *ret)
{
    struct attest_quote quote;
    if (bytes.size > SGX_QUOTE_SIZE_MAX)
        return ATTEST_QUOTE_FORMAT;
    memset(&quote, 0, sizeof quote);

    struct reader r = reader_on(bytes);
    take_bytes(&r, &quote.header, sizeof quote.header);
    if (r.failed)
        return ATTEST_QUOTE_FORMAT;
    if (!header_supported(&quote.header))
        return ATTEST_QUOTE_UNSUPPORTED;
    quote.tdx = quote.header.tee_type == TDX_QUOTE_TEE_TYPE;
    enum attest_code code = take_body(&r, &quote);
    if (code)
        return code;
    quote.signed_bytes = SPAN(bytes.data, r.at);
    struct span signature = take_span(&r, take_le32(&r));
    quote.size = r.at;
    if (r.failed || !is_zero(bytes.data + r.at, bytes.size - r.at))
        return ATTEST_QUOTE_FORMAT;

    struct reader s = reader_on(signature);
    take_bytes(&s, quote.sig.signature, sizeof quote.sig.signature);
    take_bytes(&s, quote.sig.attestation_key, sizeof quote.sig.attestation_key);
    if (s.failed || !parse_certification(&s, &quote))
        return ATTEST_QUOTE_FORMAT;
    *ret = quote;
    return ATTEST_OK;
}
