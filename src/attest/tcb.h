// SPDX-License-Identifier: Apache-2.0
// TCB levels: Intel's statement how good one state of a platform (or of its quoting enclave) is.
#ifndef ATTEST_TCB_H
#define ATTEST_TCB_H

#include "abi/tdx/report.h"
#include "attest/pck.h"

struct attest_json;

#define ATTEST_LEVELS_MAX        128u
#define ATTEST_MODULES_MAX       16u
#define ATTEST_MODULE_LEVELS_MAX 32u
#define ATTEST_ADVISORIES_MAX    128u
#define ATTEST_ADVISORY_SIZE     24u // "INTEL-SA-00289" and NUL fit

// From the best to the worst; the names are Intel's. UNKNOWN stands for text that is none of them.
// No policy accepts what begins with REVOKED.
enum attest_tcb_status {
    ATTEST_TCB_UP_TO_DATE,
    ATTEST_TCB_SW_HARDENING_NEEDED,
    ATTEST_TCB_CONFIGURATION_NEEDED,
    ATTEST_TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED,
    ATTEST_TCB_TD_RELAUNCH_ADVISED, // concluded, never in a document
    ATTEST_TCB_TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED,
    ATTEST_TCB_OUT_OF_DATE,
    ATTEST_TCB_OUT_OF_DATE_CONFIGURATION_NEEDED,
    ATTEST_TCB_REVOKED,
    ATTEST_TCB_NOT_SUPPORTED, // below every known level; concluded, never in a document
    ATTEST_TCB_STATUS_UNKNOWN_TEXT,
};

const char *attest_tcb_status_name(enum attest_tcb_status status);
enum attest_tcb_status attest_tcb_status_of(struct span name);

// Intel's convergence: what the platform's status becomes by that of its quoting enclave or of its
// TDX module, which is UpToDate, OutOfDate, Revoked or not supported; all else is unknown.
enum attest_tcb_status attest_tcb_converge(enum attest_tcb_status platform,
                                           enum attest_tcb_status part);

struct attest_tcb_level {
    uint8_t components[ATTEST_TCB_COMPONENTS];     // of a platform
    uint8_t tdx_components[ATTEST_TCB_COMPONENTS]; // of a platform with TDX
    uint16_t svn; // PCESVN of a platform, ISVSVN of an enclave or a TDX module
    enum attest_tcb_status status;
    int64_t date;
    const struct attest_json *advisories; // checked texts or NULL
};

struct attest_advisories {
    char ids[ATTEST_ADVISORIES_MAX][ATTEST_ADVISORY_SIZE];
    size_t count;
};

// The fields that all levels share: tcbDate, tcbStatus, advisoryIDs.
bool attest_tcb_level_parse(const struct attest_json *json, struct attest_tcb_level *ret);

// A list of levels that an ISVSVN decides, and the first that one reaches, or NULL.
bool attest_svn_levels_parse(const struct attest_json *list, size_t max,
                             struct attest_tcb_level *ret, size_t *ret_count);
const struct attest_tcb_level *attest_svn_level(const struct attest_tcb_level *levels, size_t count,
                                                uint16_t isvsvn);

// Adds the level's advisories that are not in the list yet; false when the list is full.
bool attest_advisories_add(struct attest_advisories *list, const struct attest_tcb_level *level);

// What a TDX module must be, and for a named version how good each ISVSVN of it is.
struct attest_tdx_module {
    uint8_t version; // 1 for "TDX_01"
    uint8_t mrsigner[TDX_HASH_SIZE];
    uint8_t attributes[8], attributes_mask[8];
    struct attest_tcb_level levels[ATTEST_MODULE_LEVELS_MAX];
    size_t level_count;
};

// TCB info, versions 2 and 3.
struct attest_tcb_info {
    struct attest_json *json;
    bool tdx;
    uint32_t version;
    int64_t issue_date, next_update;
    uint8_t fmspc[ATTEST_FMSPC_SIZE];
    uint8_t pceid[ATTEST_PCEID_SIZE];
    uint32_t evaluation;
    struct attest_tcb_level levels[ATTEST_LEVELS_MAX];
    size_t level_count;
    struct attest_tdx_module module;                      // TDX: of modules without a version
    struct attest_tdx_module modules[ATTEST_MODULES_MAX]; // TDX: tdxModuleIdentities
    size_t module_count;
};

// `body` is the value of "tcbInfo". Ended by attest_tcb_info_done(), also when it is all zero.
__attribute__((warn_unused_result)) enum attest_code
attest_tcb_info_parse(struct span body, struct attest_tcb_info *ret);
void attest_tcb_info_done(struct attest_tcb_info *info);

// The first level that the platform reaches in every component; NULL when it reaches none.
const struct attest_tcb_level *attest_tcb_info_level(const struct attest_tcb_info *info,
                                                     const struct attest_pck *pck);

// The same for a TD: also every TDX component of `tee_tcb_svn`; but for components 0 and 1 when
// component 1 names a module version, which has an identity of its own.
const struct attest_tcb_level *attest_tcb_info_level_tdx(const struct attest_tcb_info *info,
                                                         const struct attest_pck *pck,
                                                         const uint8_t tee_tcb_svn[TDX_SVN_SIZE]);

// The identity of the module version that component 1 names; `module` for version 0; or NULL.
const struct attest_tdx_module *attest_tcb_info_module(const struct attest_tcb_info *info,
                                                       uint8_t version);

// Identity of the quoting enclave, version 2.
struct attest_qe_identity {
    struct attest_json *json;
    bool is_qe, is_td_qe; // id "QE", "TD_QE"
    int64_t issue_date, next_update;
    uint32_t evaluation;
    uint8_t miscselect[4], miscselect_mask[4];
    uint8_t attributes[16], attributes_mask[16];
    uint8_t mrsigner[32];
    uint16_t isvprodid;
    struct attest_tcb_level levels[ATTEST_LEVELS_MAX];
    size_t level_count;
};

// `body` is the value of "enclaveIdentity". Ended by attest_qe_identity_done().
__attribute__((warn_unused_result)) enum attest_code
attest_qe_identity_parse(struct span body, struct attest_qe_identity *ret);
void attest_qe_identity_done(struct attest_qe_identity *identity);

const struct attest_tcb_level *attest_qe_identity_level(const struct attest_qe_identity *identity,
                                                        uint16_t isvsvn);

#endif
