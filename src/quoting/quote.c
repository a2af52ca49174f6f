// SPDX-License-Identifier: Apache-2.0
// The bytes of a quote (abi/sgx/quote.h), signed with the keys of an emulated platform.
#include <string.h>

#include "abi/sgx/quote.h"
#include "crypto/p256.h"
#include "crypto/sha256.h"
#include "quoting/pki.h"

#define AUTH_DATA_SIZE 32u

// The QE report vouches for the attestation key: SHA-256(key | authentication data), then zeros.
static struct result sign_qe_report(const struct quoting_pki *pki, struct span auth,
                                    struct sgx_quote_signature *sig)
{
    uint8_t digest[SHA256_SIZE];
    struct sha256_ctx hash;
    sig->qe_report = pki->qe;
    memset(sig->qe_report.reportdata, 0, sizeof sig->qe_report.reportdata);
    sha256_init(&hash);
    sha256_update(&hash, sig->attestation_key, sizeof sig->attestation_key);
    sha256_update(&hash, auth.data, auth.size);
    sha256_final(&hash, sig->qe_report.reportdata);
    sha256(SPAN_OF(sig->qe_report), digest);
    return p256_sign(pki->private_keys[QUOTING_KEY_PCK], digest, sig->qe_report_signature);
}

struct result quoting_pki_quote(const struct quoting_pki *pki, const struct sgx_report_body *body,
                                struct writer *w)
{
    static const uint8_t vendor[] = SGX_QUOTE_QE_VENDOR_INTEL;
    struct span chain = pki->collateral.parts[ATTEST_PART_PCK_CHAIN];
    struct sgx_quote_signature sig;
    struct sgx_quote_signed head = {.header = {.version = SGX_QUOTE_VERSION_3,
                                               .attestation_key_type = SGX_QUOTE_KEY_ECDSA_P256,
                                               .qe_svn = pki->qe.isvsvn},
                                    .body = *body};
    uint8_t auth[AUTH_DATA_SIZE], digest[SHA256_SIZE];
    for (size_t i = 0; i < sizeof auth; i++)
        auth[i] = (uint8_t)i; // the bytes that Intel's quoting enclave writes
    memcpy(sig.attestation_key, pki->public_keys[QUOTING_KEY_ATTESTATION], 64);
    GUARD(sign_qe_report(pki, SPAN_OF(auth), &sig));
    memcpy(head.header.qe_vendor, vendor, sizeof vendor);
    sha256(SPAN_OF(head), digest);
    GUARD(p256_sign(pki->private_keys[QUOTING_KEY_ATTESTATION], digest, sig.signature));

    put_span(w, SPAN_OF(head));
    put_le32(w, (uint32_t)(sizeof sig + 2 + sizeof auth + 6 + chain.size));
    put_span(w, SPAN_OF(sig));
    put_le16(w, sizeof auth);
    put_span(w, SPAN_OF(auth));
    put_le16(w, SGX_QUOTE_CERTDATA_PCK_CHAIN);
    put_le32(w, (uint32_t)chain.size);
    put_span(w, chain);
    REQUIRE(!w->failed, ERR_MEMORY, "the buffer is too small for the quote");
    return RESULT_OK;
}
