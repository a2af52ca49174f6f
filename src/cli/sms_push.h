// SPDX-License-Identifier: Apache-2.0
// Giving a secret to an SMS: connect, verify the SMS's quote, and only then send the signed write.
#ifndef CLI_SMS_PUSH_H
#define CLI_SMS_PUSH_H

#include "crypto/secp256k1.h"
#include "proto/trust.h"

struct sms_push {
    const char *url;           // https://HOST:PORT
    const char *identity_path; // sms.json
    const char *method;        // "POST" or "PUT"
    const char *target;        // path and query
    struct span value;
    struct hash32 hash; // what is signed, as EIP-191 message
    const struct eth_key *key;
    bool allow_emulated; // the hash says so too
};

// Prints to stderr what the SMS's quote says. ERR_EXISTS: 409; ERR_DENIED: any other refusal, which is
// printed as "refused: …".
struct result sms_push(const struct sms_push *p);

#endif
