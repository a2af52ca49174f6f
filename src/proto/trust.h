// SPDX-License-Identifier: Apache-2.0
// Which evidence somebody accepts, as JSON states it, and the one function that judges evidence by it.
// docs/formats/sms-policy.md
//
// - struct proto_identity: the SMS that an application, a data owner or a requester accepts ("sms.json").
// - struct proto_sms_policy: the SMS's own rules. SHA-256 of its text is the first half of the SMS
//   enclave's CONFIGID, so it is part of the SMS's identity and of its database key.
// - Both hold a policy of the attest library (docs/formats/attestation.md), which judges the quote. It names
//   no enclaves: these files and the ledger do.
// - An emulated root is accepted only where it is named with the hash of its key.
#ifndef PROTO_TRUST_H
#define PROTO_TRUST_H

#include "attest/attest.h"
#include "base/bytes.h"
#include "base/result.h"

#define PROTO_POLICY_SIZE_MAX     (16u * 1024)
#define PROTO_TRUST_POLICY_SIZE   2560u // with NUL; sms.json must fit into an image's parameters
#define PROTO_ROOTS_MAX           4u
#define PROTO_POST_COMPUTE_MAX    16u
#define PROTO_URL_SIZE            256u // with NUL
#define PROTO_CONFIGID_SIZE       64u
#define PROTO_COLLATERAL_SIZE_MAX (512u * 1024)

// Read once, and a policy of the attest library again at each check.
struct proto_trust {
    char policy[PROTO_TRUST_POLICY_SIZE]; // the name of one that is built in, or YAML
    bool own_roots;                       // in place of the policy's: `intel` and `roots`
    bool intel;
    struct attest_root roots[PROTO_ROOTS_MAX]; // emulated ones
    size_t root_count;
    bool allow_debug, allow_emulated; // as the policy says
};

struct proto_identity {
    struct proto_trust trust;
    struct attest_identity enclave;
    uint8_t configid[PROTO_CONFIGID_SIZE];
    bool any_configid; // for post-compute enclaves alone, see docs/formats/sms-policy.md
};

struct proto_sms_policy {
    struct proto_trust trust; // of the enclaves that ask
    uint64_t chain_id;
    uint8_t genesis[32]; // hash of the ledger's first record
    char ledger_url[PROTO_URL_SIZE];
    uint8_t post_compute[PROTO_POST_COMPUTE_MAX][32]; // MRENCLAVEs
    size_t post_compute_count;
};

struct result proto_identity_read(struct span json, struct proto_identity *ret);
// For post-compute enclaves alone: takes "configid": "any" too.
struct result proto_identity_read_post(struct span json, struct proto_identity *ret);
// NUL-terminated text from malloc.
struct result proto_identity_write(const struct proto_identity *identity, char **ret);

struct result proto_sms_policy_read(struct span json, struct proto_sms_policy *ret);
// The CONFIGID of an SMS under this policy text: SHA-256(text) ‖ 32 zero bytes.
void proto_sms_policy_configid(struct span json, uint8_t ret[PROTO_CONFIGID_SIZE]);

struct proto_evidence {
    struct span quote;
    struct span collateral; // a bundle (attest/collateral.h)
    int64_t now;
    const uint8_t *reportdata; // 64 bytes that the quote must bind
};

// Genuine, accepted by `trust`, bound to `reportdata`. The MRENCLAVE and CONFIGID are the caller's
// matter. `ret_code` (may be NULL) is filled in either case.
struct result proto_trust_check(const struct proto_trust *trust,
                                const struct proto_evidence *evidence, enum attest_code *ret_code,
                                struct attest_claims *ret);

// The same, and the enclave is the one that the identity names, with its CONFIGID.
struct result proto_identity_check(const struct proto_identity *identity,
                                   const struct proto_evidence *evidence,
                                   struct attest_claims *ret);

#endif
