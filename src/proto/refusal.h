// SPDX-License-Identifier: Apache-2.0
// Why an SMS refuses: one stable name per reason, with a sentence and an HTTP status. On the wire:
// {"error": name, "why": sentence}; the sentence may be longer there (the verifier's reason).
#ifndef PROTO_REFUSAL_H
#define PROTO_REFUSAL_H

#include "base/bytes.h"
#include "base/result.h"

// X(code, status, name, sentence), in the order in which the checks are made
#define PROTO_REFUSALS(X)                                                                          \
    X(NONE, 200, "none", "granted")                                                                \
    X(MALFORMED, 400, "malformed", "the request does not have the form it must have")              \
    X(NOT_ATTESTED, 403, "not-attested", "the connection was not attested first")                  \
    X(QUOTE_USED, 403, "quote-used", "the connection's nonce was already used")                    \
    X(QUOTE_INVALID, 403, "quote-invalid", "the enclave's quote does not verify")                  \
    X(QUOTE_NOT_BOUND, 403, "quote-not-bound",                                                     \
      "the quote is not bound to this connection, role and task")                                  \
    X(DEBUG_ENCLAVE, 403, "debug-enclave", "the enclave is a debug enclave")                       \
    X(ATTRIBUTES, 403, "attributes", "the enclave has attributes that the policy refuses")         \
    X(POLICY, 403, "policy", "the SMS's policy does not accept this platform")                     \
    X(LEDGER, 503, "ledger", "the ledger cannot be read or does not verify")                       \
    X(NOT_ANCHORED, 503, "not-anchored", "the write is kept but not anchored yet")                 \
    X(TASK_UNKNOWN, 403, "task-unknown", "the ledger has no such task")                            \
    X(TASK_NOT_ACTIVE, 403, "task-not-active", "the task is not active")                           \
    X(TASK_EXPIRED, 403, "task-expired", "the task's time is over")                                \
    X(DEAL_UNKNOWN, 403, "deal-unknown", "the ledger has no deal for this task")                   \
    X(NOT_TEE, 403, "not-tee", "the deal does not ask for an enclave")                             \
    X(CHALLENGE_MISSING, 403, "challenge-missing", "no challenge was asked for this task")         \
    X(WORKER_NOT_AUTHORISED, 403, "worker-not-authorised",                                         \
      "the workerpool's owner did not authorise this worker for the task")                         \
    X(APP_UNKNOWN, 403, "app-unknown", "the ledger does not have the app of the deal")             \
    X(APP_FINGERPRINT, 403, "app-fingerprint", "the app's fingerprint on the ledger is malformed") \
    X(APP_MRENCLAVE, 403, "app-mrenclave",                                                         \
      "the enclave's MRENCLAVE is not that of the app of the deal")                                \
    X(APP_FSPF, 403, "app-fspf", "the enclave's FSPF_KEY or FSPF_TAG is not that of the app")      \
    X(CONFIGID, 403, "configid", "the enclave runs under a CONFIGID that means nothing here")      \
    X(POST_MRENCLAVE, 403, "post-mrenclave",                                                       \
      "the enclave is not a post-compute enclave that the SMS's policy names")                     \
    X(DATASET_UNKNOWN, 403, "dataset-unknown", "the ledger does not have the deal's dataset")      \
    X(DATASET_CHECKSUM, 403, "dataset-checksum", "the dataset has no checksum on the ledger")      \
    X(DATASET_KEY_MISSING, 403, "dataset-key-missing", "the dataset's key was never given")        \
    X(DATASET_KEY_MALFORMED, 403, "dataset-key-malformed",                                         \
      "the dataset's key is not 32 bytes in base64")                                               \
    X(DATASET_HARDWARE_ONLY, 403, "dataset-hardware-only",                                         \
      "the dataset's owner did not allow emulated enclaves for this key")                          \
    X(SECRET_HARDWARE_ONLY, 403, "secret-hardware-only",                                           \
      "a secret of the app or the requester is not allowed for emulated enclaves")                 \
    X(NO_APP_SESSION, 403, "no-app-session", "the app of this task was never provisioned")         \
    X(POST_HARDWARE_ONLY, 403, "post-hardware-only",                                               \
      "the app ran on hardware, so its result does not go to an emulated enclave")                 \
    X(BENEFICIARY_KEY_MISSING, 403, "beneficiary-key-missing",                                     \
      "the beneficiary's result encryption key was never given")                                   \
    X(BENEFICIARY_KEY_MALFORMED, 403, "beneficiary-key-malformed",                                 \
      "the beneficiary's result encryption key is no RSA public key")                              \
    X(UNAUTHORIZED, 401, "unauthorized", "the signature is not by the owner")                      \
    X(NOT_FOUND, 404, "not-found", "there is nothing here")                                        \
    X(EXISTS, 409, "exists", "the secret is already set")                                          \
    X(TOO_LARGE, 413, "too-large", "the secret has more than 4096 bytes")                          \
    X(METHOD, 405, "method", "this method is not served here")                                     \
    X(INTERNAL, 500, "internal", "the SMS failed")

enum proto_refusal {
#define X(code, status, name, text) PROTO_REFUSED_##code,
    PROTO_REFUSALS(X)
#undef X
        PROTO_REFUSAL_COUNT
};
#define PROTO_GRANTED PROTO_REFUSED_NONE

unsigned proto_refusal_status(enum proto_refusal code);
const char *proto_refusal_name(enum proto_refusal code);
const char *proto_refusal_text(enum proto_refusal code);

// `why` may be NULL (then the code's sentence). It holds no secret and no text of the peer.
#define PROTO_REFUSAL_JSON_SIZE 512u
void proto_refusal_write(enum proto_refusal code, const char *why,
                         char ret[PROTO_REFUSAL_JSON_SIZE]);

#define PROTO_REFUSAL_NAME_SIZE 40u
#define PROTO_REFUSAL_WHY_SIZE  256u

// What a peer answered; printable ASCII alone is kept.
struct proto_refusal_message {
    char name[PROTO_REFUSAL_NAME_SIZE];
    char why[PROTO_REFUSAL_WHY_SIZE];
};
struct result proto_refusal_read(struct span json, struct proto_refusal_message *ret);

#endif
