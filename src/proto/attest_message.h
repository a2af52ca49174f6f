// SPDX-License-Identifier: Apache-2.0
// POST /v1/attest: the first request of an attested connection. Bodies are binary
// (docs/formats/sms-protocol.md); spans point into the bytes that were read.
#ifndef PROTO_ATTEST_MESSAGE_H
#define PROTO_ATTEST_MESSAGE_H

#include "base/bytes.h"
#include "base/result.h"
#include "proto/binding.h"

#define PROTO_PATH_ATTEST "/v1/attest"

struct proto_attest_request {
    uint8_t nonce[PROTO_NONCE_SIZE]; // the client's
};

struct proto_attest_answer {
    uint8_t session[PROTO_SESSION_SIZE];
    uint8_t nonce[PROTO_NONCE_SIZE]; // the server's: good for one quote on this connection
    struct span quote;               // the SMS's
    struct span collateral;
};

#define PROTO_ATTEST_REQUEST_SIZE (8u + PROTO_NONCE_SIZE)

struct result proto_attest_request_read(struct span bytes, struct proto_attest_request *ret);
struct result proto_attest_request_write(const struct proto_attest_request *m, void *buffer,
                                         size_t capacity, size_t *ret_size);
struct result proto_attest_answer_read(struct span bytes, struct proto_attest_answer *ret);
struct result proto_attest_answer_write(const struct proto_attest_answer *m, void *buffer,
                                        size_t capacity, size_t *ret_size);

#endif
