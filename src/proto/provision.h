// SPDX-License-Identifier: Apache-2.0
// POST /v1/provision: an enclave shows who it is and receives what its task needs. Bodies are binary
// (docs/formats/sms-protocol.md), so that no JSON library keeps copies of secrets; spans point into the bytes
// that were read, which the caller wipes.
#ifndef PROTO_PROVISION_H
#define PROTO_PROVISION_H

#include "base/bytes.h"
#include "base/result.h"
#include "crypto/secp256k1.h"
#include "proto/binding.h"
#include "proto/certificate.h"

#define PROTO_PATH_PROVISION  "/v1/provision"

#define PROTO_SECRET_SIZE_MAX 4096u
#define PROTO_STRINGS_MAX     128u
#define PROTO_STRINGS_SIZE    (64u * 1024)
#define PROTO_GRANT_SIZE_MAX  (1024u * 1024)

enum proto_role {
    PROTO_APP = 1,
    PROTO_POST_COMPUTE = 2,
};

// The role's name in the binding.
const char *proto_role_name(enum proto_role role);

struct proto_provision {
    enum proto_role role;
    struct hash32 task;
    uint8_t fspf_key[32]; // app: what it was built with; post-compute: zero
    uint8_t fspf_tag[32];
    struct address worker;          // the wallet that will send the result
    struct signature authorization; // by the workerpool's owner, over (worker, task, challenge)
    struct span quote;
    struct span collateral;
};

struct result proto_provision_read(struct span bytes, struct proto_provision *ret);
struct result proto_provision_write(const struct proto_provision *m, void *buffer, size_t capacity,
                                    size_t *ret_size);

#define PROTO_CONTENT_KEYS_MAX 64u
#define PROTO_REGION_PATH_MAX  240u

// The key of an encrypted region of the image.
struct proto_content_key {
    struct span path;
    uint8_t key[32];
};

// Lists of texts without NUL.
struct proto_strings {
    struct span items[PROTO_STRINGS_MAX];
    size_t count;
};

struct proto_app_grant {
    bool has_dataset;
    struct address dataset;
    uint8_t dataset_checksum[32]; // SHA-256 of the encrypted file; never zero
    uint8_t dataset_key[32];
    uint8_t transfer_key[32];         // of the volume at /iexec_out
    uint64_t generation;              // of the transfer key; counts the app sessions of the task
    struct proto_strings environment; // NAME=value; every NAME begins with IEXEC_
    struct proto_strings arguments;   // appended to those of the image
    struct proto_strings command;     // the program and its arguments; empty: the image's
    struct proto_content_key content_keys[PROTO_CONTENT_KEYS_MAX];
    size_t content_key_count;
};

struct result proto_app_grant_read(struct span bytes, struct proto_app_grant *ret);
struct result proto_app_grant_write(const struct proto_app_grant *m, void *buffer, size_t capacity,
                                    size_t *ret_size);

struct proto_post_grant {
    uint8_t transfer_key[32];
    uint64_t generation;
    struct eth_key challenge_key; // signs the result; its address stands in the certificate
    struct address worker;        // as authorised
    struct address callback;      // of the deal; zero: none
    struct span beneficiary_key;  // RSA public key, SPKI PEM
    struct proto_proof proof;     // goes with the result, in the clear
};

struct result proto_post_grant_read(struct span bytes, struct proto_post_grant *ret);
struct result proto_post_grant_write(const struct proto_post_grant *m, void *buffer,
                                     size_t capacity, size_t *ret_size);

#endif
