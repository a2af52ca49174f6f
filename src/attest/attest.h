// SPDX-License-Identifier: Apache-2.0
// Judging evidence, in two steps: is the quote genuine, and does a policy accept what it says?
//
// - attest_verify(): bytes in, verdict out. Intel's DCAP decision for SGX quotes of version 3 and TDX
//   quotes of versions 4 and 5. No I/O, no clock, no state; evidence, collateral, roots and time are
//   inputs. A genuine quote says who speaks; it does not say that one should listen: a platform that
//   is revoked or below every known TCB level still speaks for itself, and no policy accepts it.
// - attest_policy_check(): claims of a genuine quote against the verifier's own rules. A policy
//   that is all zero accepts nothing.
// - Never use a quote's signature as the key of a cache or of a replay list: it has a twin.
#ifndef ATTEST_ATTEST_H
#define ATTEST_ATTEST_H

#include "attest/chain.h"
#include "attest/collateral.h"
#include "attest/quote.h"
#include "attest/tcb.h"
#include "attest/verdict.h"

struct attest_evidence {
    struct span quote;
    struct attest_collateral collateral;
    int64_t now;               // unix time
    struct attest_roots roots; // known beside Intel's; names must be unique
};

enum attest_tee {
    ATTEST_TEE_SGX,
    ATTEST_TEE_TDX,
};

struct attest_claims {
    enum attest_tee tee;
    uint16_t quote_version;
    struct sgx_report_body body; // SGX; all zero for TDX
    struct tdx_report_body td;   // TDX; all zero for SGX
    bool td15;                   // `td` is of TDX 1.5
    bool debug;

    char root[ATTEST_ROOT_NAME_SIZE];
    bool emulated; // the root is not Intel's: no hardware protects this enclave

    enum attest_tcb_status tcb_status; // platform and quoting enclave together
    enum attest_tcb_status platform_status, qe_status, module_status;
    int64_t tcb_date, qe_tcb_date, module_tcb_date; // 0: no level, or no TDX module of a version
    uint32_t tcb_evaluation; // tcbEvaluationDataNumber, the lower of the two documents
    struct attest_advisories advisories;
    uint16_t qe_isvsvn;
    struct attest_pck pck;

    int64_t issued_at;   // no part of the collateral in use is younger: time is not before this
    int64_t valid_until; // from then on some part has expired
};

struct attest_verdict {
    enum attest_code code;
    struct attest_claims claims; // only when code is ATTEST_OK
};

// Success means genuine. `ret` is filled in either case: its code says why.
struct result attest_verify(const struct attest_evidence *evidence, struct attest_verdict *ret);

// The same, and remembers in `cache` (attest/cache.h; NULL: not at all) what verified.
struct attest_cache;
struct result attest_verify_cached(const struct attest_evidence *evidence,
                                   struct attest_cache *cache, struct attest_verdict *ret);

enum attest_identity_kind {
    ATTEST_IDENTITY_MRENCLAVE = 1,
    ATTEST_IDENTITY_MRSIGNER, // with isvprodid and isvsvn_min
};

struct attest_identity {
    enum attest_identity_kind kind;
    uint8_t hash[SGX_HASH_SIZE];
    uint16_t isvprodid;
    uint16_t isvsvn_min;
};

// A TD: the registers that `has_…` names must be these.
struct attest_td_identity {
    bool has_mrtd, has_mrconfigid, has_mrowner, has_mrownerconfig;
    bool has_rtmr[TDX_RTMR_COUNT];
    uint8_t mrtd[TDX_HASH_SIZE], mrconfigid[TDX_HASH_SIZE];
    uint8_t mrowner[TDX_HASH_SIZE], mrownerconfig[TDX_HASH_SIZE];
    uint8_t rtmr[TDX_RTMR_COUNT][TDX_HASH_SIZE];
};

struct attest_policy {
    bool allow_tdx, refuse_sgx; // zero: SGX alone
    const char *const *roots;   // names of accepted roots
    size_t root_count;
    bool allow_emulated; // demanded of every root but Intel's, beside its name

    enum attest_tcb_status tcb_status_worst; // zero: UpToDate only; Revoked is never accepted
    uint32_t tcb_status_also;                // bits 1 << status, accepted beside those
    bool check_advisories; // when not UpToDate, every advisory must be in the list
    const char *const *advisories;
    size_t advisory_count;
    uint32_t tcb_evaluation_min;
    int64_t tcb_date_min; // of the platform's level and of the TDX module's

    bool allow_debug, allow_provisionkey, allow_einittokenkey;
    uint64_t td_attributes_allow; // beside SEPT_VE_DISABLE, which must be set, and PERFMON
    bool allow_sept_ve;           // SEPT_VE_DISABLE may be clear

    bool any_identity; // for showing, not for trusting
    const struct attest_identity *identities;
    size_t identity_count;
    const struct attest_td_identity *td_identities;
    size_t td_identity_count;

    const uint8_t *reportdata; // 64 bytes that the quote must bind, or NULL: the caller compares
};

#define ATTEST_REASONS_MAX 16u

struct attest_reasons {
    enum attest_code codes[ATTEST_REASONS_MAX];
    size_t count;
};

// Success means accepted. `ret` lists every reason against.
struct result attest_policy_check(const struct attest_policy *policy,
                                  const struct attest_claims *claims, struct attest_reasons *ret);

#endif
