// SPDX-License-Identifier: Apache-2.0
// The outcome of judging evidence: one code per reason, each with a name for programs and a
// sentence for people. Codes stand in the order in which the checks are made; names never change
// their meaning.
#ifndef ATTEST_VERDICT_H
#define ATTEST_VERDICT_H

#include "base/result.h"

// X(code, error class, sentence)
#define ATTEST_CODES(X)                                                                         \
    X(OK, ERR_NONE, "the quote is genuine")                                                     \
    X(INTERNAL, ERR_CRYPTO, "out of memory, or the crypto library failed")                      \
    X(COLLATERAL_MISSING, ERR_NOT_FOUND, "a part of the collateral is missing")                 \
    /* The quote as a form */                                                                   \
    X(QUOTE_FORMAT, ERR_INVALID, "the quote does not have the form of a DCAP quote")            \
    X(QUOTE_UNSUPPORTED, ERR_UNSUPPORTED, "the quote's version, key type or vendor is unknown") \
    X(CERTIFICATION_UNSUPPORTED, ERR_UNSUPPORTED, "the quote carries no PCK certificate chain") \
    /* The chain of the platform's key */                                                       \
    X(PCK_CHAIN_FORMAT, ERR_INVALID, "the PCK chain is not leaf, intermediate and root in PEM") \
    X(PCK_CHAIN_UNTRUSTED, ERR_DENIED, "the PCK chain ends in a root that is not accepted")     \
    X(PCK_CHAIN_INVALID, ERR_INTEGRITY, "a certificate of the PCK chain is not valid")          \
    X(PCK_CHAIN_EXPIRED, ERR_STALE, "a certificate of the PCK chain has expired")               \
    X(PCK_CHAIN_NOT_YET_VALID, ERR_STALE, "a certificate of the PCK chain is not valid yet")    \
    X(PCK_EXTENSION_FORMAT, ERR_INVALID, "the PCK certificate's SGX extension is malformed")    \
    X(ROOT_CRL_FORMAT, ERR_INVALID, "the root CA's revocation list is malformed")               \
    X(ROOT_CRL_ISSUER, ERR_DENIED, "the root CA's revocation list has another issuer")          \
    X(ROOT_CRL_SIGNATURE, ERR_INTEGRITY, "the root CA's revocation list is not signed by it")   \
    X(ROOT_CRL_EXPIRED, ERR_STALE, "the root CA's revocation list has expired")                 \
    X(ROOT_CRL_NOT_YET_VALID, ERR_STALE, "the root CA's revocation list is not valid yet")      \
    X(PCK_CRL_FORMAT, ERR_INVALID, "the PCK revocation list is malformed")                      \
    X(PCK_CRL_ISSUER, ERR_DENIED, "the PCK revocation list has another issuer than the PCK")    \
    X(PCK_CRL_SIGNATURE, ERR_INTEGRITY, "the PCK revocation list is not signed by its issuer")  \
    X(PCK_CRL_EXPIRED, ERR_STALE, "the PCK revocation list has expired")                        \
    X(PCK_CRL_NOT_YET_VALID, ERR_STALE, "the PCK revocation list is not valid yet")             \
    X(PCK_CA_REVOKED, ERR_DENIED, "the intermediate CA is revoked")                             \
    X(PCK_REVOKED, ERR_DENIED, "the platform's PCK certificate is revoked")                     \
    /* TCB info */                                                                              \
    X(TCB_CHAIN_FORMAT, ERR_INVALID, "the TCB info's chain is not signer and root in PEM")      \
    X(TCB_CHAIN_UNTRUSTED, ERR_DENIED, "the TCB info's chain ends in another root")             \
    X(TCB_CHAIN_INVALID, ERR_INTEGRITY, "a certificate of the TCB info's chain is not valid")   \
    X(TCB_CHAIN_EXPIRED, ERR_STALE, "a certificate of the TCB info's chain has expired")        \
    X(TCB_CHAIN_NOT_YET_VALID, ERR_STALE, "a certificate of the TCB info's chain is too new")   \
    X(TCB_SIGNER_REVOKED, ERR_DENIED, "the signer of the TCB info is revoked")                  \
    X(TCB_INFO_FORMAT, ERR_INVALID, "the TCB info is malformed")                                \
    X(TCB_INFO_SIGNATURE, ERR_INTEGRITY, "the TCB info's signature does not match its bytes")   \
    X(TCB_INFO_EXPIRED, ERR_STALE, "the TCB info has expired")                                  \
    X(TCB_INFO_NOT_YET_VALID, ERR_STALE, "the TCB info is not valid yet")                       \
    X(TCB_INFO_MISMATCH, ERR_DENIED, "the TCB info is about another kind of platform")          \
    /* QE identity */                                                                           \
    X(QE_CHAIN_FORMAT, ERR_INVALID, "the QE identity's chain is not signer and root in PEM")    \
    X(QE_CHAIN_UNTRUSTED, ERR_DENIED, "the QE identity's chain ends in another root")           \
    X(QE_CHAIN_INVALID, ERR_INTEGRITY, "a certificate of the QE identity's chain is not valid") \
    X(QE_CHAIN_EXPIRED, ERR_STALE, "a certificate of the QE identity's chain has expired")      \
    X(QE_CHAIN_NOT_YET_VALID, ERR_STALE, "a certificate of the QE identity's chain is too new") \
    X(QE_SIGNER_REVOKED, ERR_DENIED, "the signer of the QE identity is revoked")                \
    X(QE_IDENTITY_FORMAT, ERR_INVALID, "the QE identity is malformed")                          \
    X(QE_IDENTITY_SIGNATURE, ERR_INTEGRITY, "the QE identity's signature does not match")       \
    X(QE_IDENTITY_EXPIRED, ERR_STALE, "the QE identity has expired")                            \
    X(QE_IDENTITY_NOT_YET_VALID, ERR_STALE, "the QE identity is not valid yet")                 \
    X(QE_IDENTITY_MISMATCH, ERR_DENIED, "the QE identity is about another enclave")             \
    /* The quote's signatures, from the PCK down to the body */                                 \
    X(QE_REPORT_SIGNATURE, ERR_INTEGRITY, "the QE report is not signed by the platform's PCK")  \
    X(QE_REPORT_DATA, ERR_INTEGRITY, "the QE report does not vouch for the attestation key")    \
    X(QUOTE_SIGNATURE, ERR_INTEGRITY, "the quote is not signed by the attestation key")         \
    X(QE_DEBUG, ERR_DENIED, "the quoting enclave is a debug enclave")                           \
    X(QE_MISCSELECT, ERR_DENIED, "the quoting enclave's MISCSELECT is not the expected one")    \
    X(QE_ATTRIBUTES, ERR_DENIED, "the quoting enclave's ATTRIBUTES are not the expected ones")  \
    X(QE_MRSIGNER, ERR_DENIED, "the quoting enclave has another signer")                        \
    X(QE_ISVPRODID, ERR_DENIED, "the quoting enclave is another product")                       \
    X(QE_ISVSVN_UNSUPPORTED, ERR_DENIED, "the quoting enclave is older than every known level") \
    X(TDX_MODULE_MISMATCH, ERR_DENIED, "the TDX module is not one that the TCB info names")     \
    X(TCB_UNSUPPORTED, ERR_DENIED, "the platform's TCB is below every known level")             \
    X(TCB_STATUS_UNKNOWN, ERR_DENIED, "the status of the platform's TCB level is not known")    \
    /* Policy: the quote is genuine, and refused */                                             \
    X(POLICY_TEE, ERR_DENIED, "the policy does not accept this kind of enclave")                \
    X(POLICY_ROOT, ERR_DENIED, "the policy does not accept this root")                          \
    X(POLICY_EMULATED, ERR_DENIED, "the policy does not accept emulated enclaves")              \
    X(POLICY_TCB_STATUS, ERR_DENIED, "the policy does not accept this TCB status")              \
    X(POLICY_ADVISORY, ERR_DENIED, "an advisory applies that the policy does not name")         \
    X(POLICY_TCB_DATE, ERR_STALE, "the TCB level is older than the policy's date")              \
    X(POLICY_TCB_EVALUATION, ERR_STALE, "the policy wants a later TCB evaluation")              \
    X(POLICY_DEBUG, ERR_DENIED, "the enclave is a debug enclave")                               \
    X(POLICY_PROVISIONKEY, ERR_DENIED, "the enclave may use the provisioning key")              \
    X(POLICY_EINITTOKENKEY, ERR_DENIED, "the enclave may use the EINIT token key")              \
    X(POLICY_ATTRIBUTES, ERR_DENIED, "the enclave has attributes that are not known")           \
    X(POLICY_IDENTITY, ERR_DENIED, "the enclave is not one that the policy names")              \
    X(POLICY_ISVSVN, ERR_DENIED, "the enclave's security version is below the policy's")        \
    X(POLICY_REPORTDATA, ERR_DENIED, "the quote's report data is not the expected one")

enum attest_code {
#define X(code, err, text) ATTEST_##code,
    ATTEST_CODES(X)
#undef X
        ATTEST_CODE_COUNT
};

// "QUOTE_FORMAT"; "UNKNOWN" for a number that is no code.
const char *attest_code_name(enum attest_code code);

// One sentence, lower case, no full stop.
const char *attest_code_text(enum attest_code code);

// The code as the tree's error idiom.
struct result attest_code_result(enum attest_code code);

#endif
