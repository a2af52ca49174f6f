// SPDX-License-Identifier: Apache-2.0
// The release decision: who shows what, what the ledger says, what is stored -> granted, or the first
// reason against. A pure function: no I/O, no clock, no store. It never sees a secret's value.
#ifndef SMS_RELEASE_H
#define SMS_RELEASE_H

#include "attest/attest.h"
#include "ledger/types.h"
#include "proto/provision.h"
#include "proto/refusal.h"
#include "proto/trust.h"

// What the ledger holds about the task; NULL: not there.
struct release_ledger {
    const struct ledger_task *task;
    const struct ledger_deal *deal;
    const struct ledger_app *app;
    const struct ledger_dataset *dataset;
};

// What is known of one secret.
struct release_secret {
    bool present;
    bool well_formed;
    bool allow_emulated;
};

struct release_stored {
    bool has_challenge;
    struct address challenge;
    bool has_app_session;
    bool app_emulated; // of the last app session
    struct release_secret dataset_key;
    struct release_secret beneficiary_key;
    bool other_hardware_only; // an app or requester secret or a content key is for hardware alone
};

struct release_input {
    const struct proto_sms_policy *policy;
    const struct proto_provision *request;
    const struct attest_claims *claims; // of a genuine quote that is bound to the request
    uint64_t now;
    struct release_ledger ledger;
    struct release_stored stored;
};

enum proto_refusal release_decide(const struct release_input *in);

// Steps shared with the challenge: task and deal exist, are live and ask for an enclave.
enum proto_refusal release_check_task(const struct release_ledger *ledger, uint64_t now);

// Whether CONFIGID, not MRENCLAVE, names the app's file system; release_decide() says whether rightly.
bool release_file_system_provided(const struct attest_claims *claims);

// The refusal that tells a peer why its evidence was not accepted.
enum proto_refusal release_refusal_of(enum attest_code code);

#endif
