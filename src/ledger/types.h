// SPDX-License-Identifier: Apache-2.0
// The objects of PoCo, as plain data that can be copied, and their schemas. Amounts, volumes and
// times that PoCo holds in 256 bits are 64 bits here; what does not fit is refused where it enters.
#ifndef LEDGER_TYPES_H
#define LEDGER_TYPES_H

#include "ledger/schema.h"

#define LEDGER_NAME_SIZE      129 // text sizes with their NUL
#define LEDGER_URI_SIZE       1025
#define LEDGER_MRENCLAVE_SIZE 1025
#define LEDGER_PARAMS_SIZE    4097
#define LEDGER_RESULTS_SIZE   2049
#define LEDGER_CALLBACK_SIZE  1024
#define LEDGER_CATEGORY_COUNT 5

// Orders. Their schemas keep the names that PoCo signs: appprice, apprestrict, …

enum order_kind { ORDER_APP, ORDER_DATASET, ORDER_WORKERPOOL, ORDER_REQUEST, ORDER_KIND_COUNT };

struct app_order {
    struct address app;
    uint64_t price;
    uint64_t volume;
    struct hash32 tag;
    struct address dataset_restrict;
    struct address workerpool_restrict;
    struct address requester_restrict;
    struct hash32 salt;
    struct signature sign;
};

struct dataset_order {
    struct address dataset;
    uint64_t price;
    uint64_t volume;
    struct hash32 tag;
    struct address app_restrict;
    struct address workerpool_restrict;
    struct address requester_restrict;
    struct hash32 salt;
    struct signature sign;
};

struct workerpool_order {
    struct address workerpool;
    uint64_t price;
    uint64_t volume;
    struct hash32 tag;
    uint64_t category;
    uint64_t trust;
    struct address app_restrict;
    struct address dataset_restrict;
    struct address requester_restrict;
    struct hash32 salt;
    struct signature sign;
};

struct request_order {
    struct address app;
    uint64_t app_max_price;
    struct address dataset; // zero: none
    uint64_t dataset_max_price;
    struct address workerpool; // zero: any
    uint64_t workerpool_max_price;
    struct address requester;
    uint64_t volume;
    struct hash32 tag;
    uint64_t category;
    uint64_t trust;
    struct address beneficiary;
    struct address callback;
    char params[LEDGER_PARAMS_SIZE];
    struct hash32 salt;
    struct signature sign;
};

union any_order {
    struct app_order app;
    struct dataset_order dataset;
    struct workerpool_order workerpool;
    struct request_order request;
};

extern const struct schema order_schemas[ORDER_KIND_COUNT];

struct result order_hash(enum order_kind kind, const void *order, const struct eip712_domain *d,
                         struct hash32 *ret);
struct signature *order_signature(enum order_kind kind, void *order);
struct result order_sign(enum order_kind kind, void *order, const struct eip712_domain *d,
                         const struct eth_key *key);

// Tags: bits of the last byte, and bit 8.
#define TAG_TEE     0x01
#define TAG_SCONE   0x02
#define TAG_GRAMINE 0x04
#define TAG_TDX     0x08

// What the ledger holds.

struct ledger_app {
    struct address address;
    struct address owner;
    char name[LEDGER_NAME_SIZE];
    char type[LEDGER_NAME_SIZE];
    char multiaddr[LEDGER_URI_SIZE];       // image URI
    struct hash32 checksum;                // SHA-256 of the image, or zero
    char mrenclave[LEDGER_MRENCLAVE_SIZE]; // fingerprint text (base/fingerprint.h), or empty
};

struct ledger_dataset {
    struct address address;
    struct address owner;
    char name[LEDGER_NAME_SIZE];
    char multiaddr[LEDGER_URI_SIZE];
    struct hash32 checksum; // SHA-256 of the encrypted file
};

struct ledger_workerpool {
    struct address address;
    struct address owner;
    char description[LEDGER_NAME_SIZE];
    uint64_t worker_stake_ratio;     // percent of the price
    uint64_t scheduler_reward_ratio; // percent of the price
};

struct ledger_category {
    char name[LEDGER_NAME_SIZE];
    uint64_t time_ref_s;
};

struct ledger_resource {
    struct address pointer;
    struct address owner; // when the deal was made
    uint64_t price;
};

struct ledger_deal {
    struct hash32 id;
    struct ledger_resource app;
    struct ledger_resource dataset; // zero: none
    struct ledger_resource workerpool;
    uint64_t trust;
    uint64_t category;
    struct hash32 tag;
    struct address requester;
    struct address beneficiary;
    struct address callback;
    char params[LEDGER_PARAMS_SIZE];
    uint64_t start_time;
    uint64_t bot_first;
    uint64_t bot_size;
    uint64_t worker_stake; // that the pool's owner locked, per task
    uint64_t scheduler_reward_ratio;
    struct address sponsor;
    struct hash32 order_hashes[ORDER_KIND_COUNT];
};

// PoCo's numbers; 2 (REVEALING) does not occur here.
enum task_status { TASK_UNSET = 0, TASK_ACTIVE = 1, TASK_COMPLETED = 3, TASK_FAILED = 4 };

struct ledger_callback_data {
    uint32_t size;
    uint8_t data[LEDGER_CALLBACK_SIZE];
};

struct ledger_task {
    struct hash32 id;
    struct hash32 deal_id;
    uint64_t status; // enum task_status
    uint64_t index;
    uint64_t time_ref_s;
    uint64_t contribution_deadline;
    uint64_t final_deadline;
    // Once completed:
    struct address worker;
    struct address enclave_challenge;
    struct hash32 result_digest;
    char results[LEDGER_RESULTS_SIZE];
    uint64_t results_timestamp;
    struct ledger_callback_data results_callback;
    struct signature enclave_sign;       // over resultHash and resultSeal, by enclave_challenge
    struct signature authorization_sign; // by the workerpool's owner
};

struct ledger_account {
    struct address address;
    uint64_t stake;
    uint64_t locked;
};

// The last state that a sender anchored; zeroes when there is none.
struct ledger_anchor {
    struct address address; // the sender
    uint64_t generation;
    struct hash32 state;
};

// Arguments of the methods (ledger/record.h numbers them).

struct genesis_args {
    struct hash32 salt;
    struct ledger_category categories[LEDGER_CATEGORY_COUNT];
};

struct create_app_args {
    char name[LEDGER_NAME_SIZE];
    char type[LEDGER_NAME_SIZE];
    char multiaddr[LEDGER_URI_SIZE];
    struct hash32 checksum;
    char mrenclave[LEDGER_MRENCLAVE_SIZE];
};

struct create_dataset_args {
    char name[LEDGER_NAME_SIZE];
    char multiaddr[LEDGER_URI_SIZE];
    struct hash32 checksum;
};

struct create_workerpool_args {
    char description[LEDGER_NAME_SIZE];
};

struct transfer_args {
    struct address entry; // app, dataset or workerpool
    struct address to;
};

struct deposit_args {
    struct address account;
    uint64_t amount;
};

struct withdraw_args {
    uint64_t amount;
};

enum order_operation { ORDER_PRESIGN = 0, ORDER_CLOSE = 1 };

struct manage_app_order_args {
    struct app_order order;
    uint64_t operation;
};

struct manage_dataset_order_args {
    struct dataset_order order;
    uint64_t operation;
};

struct manage_workerpool_order_args {
    struct workerpool_order order;
    uint64_t operation;
};

struct manage_request_order_args {
    struct request_order order;
    uint64_t operation;
};

struct match_orders_args {
    struct app_order app;
    struct dataset_order dataset; // all zero: none
    struct workerpool_order workerpool;
    struct request_order request;
};

struct initialize_args {
    struct hash32 deal_id;
    uint64_t index;
};

struct contribute_and_finalize_args {
    struct hash32 task_id;
    struct hash32 digest;
    char results[LEDGER_RESULTS_SIZE];
    struct ledger_callback_data results_callback;
    struct address enclave_challenge;
    struct signature enclave_sign;
    struct signature authorization_sign;
};

struct claim_args {
    struct hash32 task_id;
};

struct anchor_args {
    uint64_t generation;
    struct hash32 state;
};

enum ledger_method {
    METHOD_GENESIS,
    METHOD_CREATE_APP,
    METHOD_CREATE_DATASET,
    METHOD_CREATE_WORKERPOOL,
    METHOD_TRANSFER,
    METHOD_DEPOSIT,
    METHOD_WITHDRAW,
    METHOD_PUBLISH_ORDER,                                          // + enum order_kind
    METHOD_MANAGE_ORDER = METHOD_PUBLISH_ORDER + ORDER_KIND_COUNT, // + enum order_kind
    METHOD_MATCH_ORDERS = METHOD_MANAGE_ORDER + ORDER_KIND_COUNT,
    METHOD_INITIALIZE,
    METHOD_CONTRIBUTE_AND_FINALIZE,
    METHOD_CLAIM,
    METHOD_ANCHOR,
    METHOD_COUNT,
};

union any_args {
    struct genesis_args genesis;
    struct create_app_args create_app;
    struct create_dataset_args create_dataset;
    struct create_workerpool_args create_workerpool;
    struct transfer_args transfer;
    struct deposit_args deposit;
    struct withdraw_args withdraw;
    union any_order order;
    struct manage_app_order_args manage_app;
    struct manage_dataset_order_args manage_dataset;
    struct manage_workerpool_order_args manage_workerpool;
    struct manage_request_order_args manage_request;
    struct match_orders_args match;
    struct initialize_args initialize;
    struct contribute_and_finalize_args finalize;
    struct claim_args claim;
    struct anchor_args anchor;
};

extern const struct schema method_schemas[METHOD_COUNT];

// Identifiers and the messages that PoCo's parties sign (PoCo 6: matchOrders, initialize,
// contribute).
struct hash32 deal_id_of(const struct hash32 *request_order_hash, uint64_t consumed);
struct hash32 task_id_of(const struct hash32 *deal_id, uint64_t index);
struct hash32 authorization_hash(const struct address *worker, const struct hash32 *task_id,
                                 const struct address *enclave_challenge);
struct hash32 result_message_hash(const struct address *worker, const struct hash32 *task_id,
                                  const struct hash32 *digest);
// An address as a 32-byte word, as views are keyed.
struct hash32 word_of_address(const struct address *a);

#endif
