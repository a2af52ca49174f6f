// SPDX-License-Identifier: Apache-2.0
// AESM, the service of Intel's SGX platform software, through its Unix socket: quotes from the
// quoting enclave of this machine. Each request is a connection; a message is a little-endian u32
// size and protobuf (messages.proto of Intel's linux-sgx, `Request` and `Response`).
//
// - Threads may share one object once it is open: nothing changes in it.
// - What it returns is the service's word; quoting.c checks that it is a quote over the report.
#ifndef QUOTING_AESM_H
#define QUOTING_AESM_H

#include <stdint.h>

#include "abi/sgx/quote.h"
#include "base/bytes.h"
#include "base/result.h"

#define QUOTING_AESM_SOCKET       "/var/run/aesmd/aesm.socket"
#define QUOTING_AESM_TIMEOUT_MS   30000 // the service may have to fetch certificates
#define QUOTING_AESM_KEY_ID_SIZE  256u  // sgx_att_key_id_ext_t
#define QUOTING_AESM_KEY_IDS_MAX  16u
#define QUOTING_AESM_RESPONSE_MAX (SGX_QUOTE_SIZE_MAX + 2048u)

// The field number of request and response inside `Request` and `Response`.
enum quoting_aesm_kind {
    QUOTING_AESM_INIT_QUOTE_EX = 15,
    QUOTING_AESM_GET_QUOTE_SIZE_EX = 16,
    QUOTING_AESM_GET_QUOTE_EX = 17,
    QUOTING_AESM_KEY_ID_NUM = 21,
    QUOTING_AESM_KEY_IDS = 22,
};

// Every response is an error code, and may have bytes and a number.
struct quoting_aesm_response {
    bool has_bytes, has_number;
    struct span bytes; // in the message
    uint64_t number;
};

// A response without its size. A failure that the service reports is a failure here.
struct result quoting_aesm_parse(struct span message, enum quoting_aesm_kind kind,
                                 struct quoting_aesm_response *ret);

struct quoting_aesm {
    const char *path; // the caller's
    unsigned timeout_ms;
    uint8_t key_id[QUOTING_AESM_KEY_ID_SIZE]; // the service's ECDSA P-256 key
    struct sgx_targetinfo target;
};

// ERR_UNSUPPORTED when there is no such socket or no ECDSA key. The time limit is for one request;
// 0: QUOTING_AESM_TIMEOUT_MS.
struct result quoting_aesm_open(const char *path, unsigned timeout_ms, struct quoting_aesm *ret);

struct result quoting_aesm_quote(const struct quoting_aesm *aesm, const struct sgx_report *report,
                                 uint8_t *buffer, size_t capacity, size_t *ret_size);

#endif
