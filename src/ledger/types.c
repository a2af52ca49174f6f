// SPDX-License-Identifier: Apache-2.0
#include "ledger/types.h"

#include <string.h>

#define F(object, member, label, kind)                                             \
    {                                                                              \
        label, kind, offsetof(object, member), sizeof(((object *)0)->member), NULL \
    }
#define F_DATA(object, member, label, room)                      \
    {                                                            \
        label, FIELD_BYTES, offsetof(object, member), room, NULL \
    }
#define F_STRUCT(object, member, label, of)                  \
    {                                                        \
        label, FIELD_STRUCT, offsetof(object, member), 0, of \
    }
#define SCHEMA(label, fields, object)                      \
    {                                                      \
        label, fields, ARRAY_COUNT(fields), sizeof(object) \
    }

static const struct field app_order_fields[] = {
    F(struct app_order, app, "app", FIELD_ADDRESS),
    F(struct app_order, price, "appprice", FIELD_UINT),
    F(struct app_order, volume, "volume", FIELD_UINT),
    F(struct app_order, tag, "tag", FIELD_BYTES32),
    F(struct app_order, dataset_restrict, "datasetrestrict", FIELD_ADDRESS),
    F(struct app_order, workerpool_restrict, "workerpoolrestrict", FIELD_ADDRESS),
    F(struct app_order, requester_restrict, "requesterrestrict", FIELD_ADDRESS),
    F(struct app_order, salt, "salt", FIELD_BYTES32),
    F(struct app_order, sign, "sign", FIELD_SIGNATURE),
};

static const struct field dataset_order_fields[] = {
    F(struct dataset_order, dataset, "dataset", FIELD_ADDRESS),
    F(struct dataset_order, price, "datasetprice", FIELD_UINT),
    F(struct dataset_order, volume, "volume", FIELD_UINT),
    F(struct dataset_order, tag, "tag", FIELD_BYTES32),
    F(struct dataset_order, app_restrict, "apprestrict", FIELD_ADDRESS),
    F(struct dataset_order, workerpool_restrict, "workerpoolrestrict", FIELD_ADDRESS),
    F(struct dataset_order, requester_restrict, "requesterrestrict", FIELD_ADDRESS),
    F(struct dataset_order, salt, "salt", FIELD_BYTES32),
    F(struct dataset_order, sign, "sign", FIELD_SIGNATURE),
};

static const struct field workerpool_order_fields[] = {
    F(struct workerpool_order, workerpool, "workerpool", FIELD_ADDRESS),
    F(struct workerpool_order, price, "workerpoolprice", FIELD_UINT),
    F(struct workerpool_order, volume, "volume", FIELD_UINT),
    F(struct workerpool_order, tag, "tag", FIELD_BYTES32),
    F(struct workerpool_order, category, "category", FIELD_UINT),
    F(struct workerpool_order, trust, "trust", FIELD_UINT),
    F(struct workerpool_order, app_restrict, "apprestrict", FIELD_ADDRESS),
    F(struct workerpool_order, dataset_restrict, "datasetrestrict", FIELD_ADDRESS),
    F(struct workerpool_order, requester_restrict, "requesterrestrict", FIELD_ADDRESS),
    F(struct workerpool_order, salt, "salt", FIELD_BYTES32),
    F(struct workerpool_order, sign, "sign", FIELD_SIGNATURE),
};

static const struct field request_order_fields[] = {
    F(struct request_order, app, "app", FIELD_ADDRESS),
    F(struct request_order, app_max_price, "appmaxprice", FIELD_UINT),
    F(struct request_order, dataset, "dataset", FIELD_ADDRESS),
    F(struct request_order, dataset_max_price, "datasetmaxprice", FIELD_UINT),
    F(struct request_order, workerpool, "workerpool", FIELD_ADDRESS),
    F(struct request_order, workerpool_max_price, "workerpoolmaxprice", FIELD_UINT),
    F(struct request_order, requester, "requester", FIELD_ADDRESS),
    F(struct request_order, volume, "volume", FIELD_UINT),
    F(struct request_order, tag, "tag", FIELD_BYTES32),
    F(struct request_order, category, "category", FIELD_UINT),
    F(struct request_order, trust, "trust", FIELD_UINT),
    F(struct request_order, beneficiary, "beneficiary", FIELD_ADDRESS),
    F(struct request_order, callback, "callback", FIELD_ADDRESS),
    F(struct request_order, params, "params", FIELD_TEXT),
    F(struct request_order, salt, "salt", FIELD_BYTES32),
    F(struct request_order, sign, "sign", FIELD_SIGNATURE),
};

#define APP_ORDER_SCHEMA     SCHEMA("AppOrder", app_order_fields, struct app_order)
#define DATASET_ORDER_SCHEMA SCHEMA("DatasetOrder", dataset_order_fields, struct dataset_order)
#define WORKERPOOL_ORDER_SCHEMA \
    SCHEMA("WorkerpoolOrder", workerpool_order_fields, struct workerpool_order)
#define REQUEST_ORDER_SCHEMA SCHEMA("RequestOrder", request_order_fields, struct request_order)

const struct schema order_schemas[ORDER_KIND_COUNT] = {
    [ORDER_APP] = APP_ORDER_SCHEMA,
    [ORDER_DATASET] = DATASET_ORDER_SCHEMA,
    [ORDER_WORKERPOOL] = WORKERPOOL_ORDER_SCHEMA,
    [ORDER_REQUEST] = REQUEST_ORDER_SCHEMA,
};

static const struct field category_fields[] = {
    F(struct ledger_category, name, "name", FIELD_TEXT),
    F(struct ledger_category, time_ref_s, "workClockTimeRef", FIELD_UINT),
};
static const struct schema category_schema =
    SCHEMA("Category", category_fields, struct ledger_category);

static const struct field genesis_fields[] = {
    F(struct genesis_args, salt, "salt", FIELD_BYTES32),
    F_STRUCT(struct genesis_args, categories[0], "category0", &category_schema),
    F_STRUCT(struct genesis_args, categories[1], "category1", &category_schema),
    F_STRUCT(struct genesis_args, categories[2], "category2", &category_schema),
    F_STRUCT(struct genesis_args, categories[3], "category3", &category_schema),
    F_STRUCT(struct genesis_args, categories[4], "category4", &category_schema),
};

static const struct field create_app_fields[] = {
    F(struct create_app_args, name, "name", FIELD_TEXT),
    F(struct create_app_args, type, "type", FIELD_TEXT),
    F(struct create_app_args, multiaddr, "multiaddr", FIELD_TEXT),
    F(struct create_app_args, checksum, "checksum", FIELD_BYTES32),
    F(struct create_app_args, mrenclave, "mrenclave", FIELD_TEXT),
};

static const struct field create_dataset_fields[] = {
    F(struct create_dataset_args, name, "name", FIELD_TEXT),
    F(struct create_dataset_args, multiaddr, "multiaddr", FIELD_TEXT),
    F(struct create_dataset_args, checksum, "checksum", FIELD_BYTES32),
};

static const struct field create_workerpool_fields[] = {
    F(struct create_workerpool_args, description, "description", FIELD_TEXT),
};

static const struct field transfer_fields[] = {
    F(struct transfer_args, entry, "entry", FIELD_ADDRESS),
    F(struct transfer_args, to, "to", FIELD_ADDRESS),
};

static const struct field deposit_fields[] = {
    F(struct deposit_args, account, "account", FIELD_ADDRESS),
    F(struct deposit_args, amount, "amount", FIELD_UINT),
};

static const struct field withdraw_fields[] = {
    F(struct withdraw_args, amount, "amount", FIELD_UINT),
};

static const struct field manage_app_fields[] = {
    F_STRUCT(struct manage_app_order_args, order, "order", &order_schemas[ORDER_APP]),
    F(struct manage_app_order_args, operation, "operation", FIELD_UINT),
};

static const struct field manage_dataset_fields[] = {
    F_STRUCT(struct manage_dataset_order_args, order, "order", &order_schemas[ORDER_DATASET]),
    F(struct manage_dataset_order_args, operation, "operation", FIELD_UINT),
};

static const struct field manage_workerpool_fields[] = {
    F_STRUCT(struct manage_workerpool_order_args, order, "order", &order_schemas[ORDER_WORKERPOOL]),
    F(struct manage_workerpool_order_args, operation, "operation", FIELD_UINT),
};

static const struct field manage_request_fields[] = {
    F_STRUCT(struct manage_request_order_args, order, "order", &order_schemas[ORDER_REQUEST]),
    F(struct manage_request_order_args, operation, "operation", FIELD_UINT),
};

static const struct field match_orders_fields[] = {
    F_STRUCT(struct match_orders_args, app, "app", &order_schemas[ORDER_APP]),
    F_STRUCT(struct match_orders_args, dataset, "dataset", &order_schemas[ORDER_DATASET]),
    F_STRUCT(struct match_orders_args, workerpool, "workerpool", &order_schemas[ORDER_WORKERPOOL]),
    F_STRUCT(struct match_orders_args, request, "request", &order_schemas[ORDER_REQUEST]),
};

static const struct field initialize_fields[] = {
    F(struct initialize_args, deal_id, "dealid", FIELD_BYTES32),
    F(struct initialize_args, index, "idx", FIELD_UINT),
};

static const struct field finalize_fields[] = {
    F(struct contribute_and_finalize_args, task_id, "taskid", FIELD_BYTES32),
    F(struct contribute_and_finalize_args, digest, "resultDigest", FIELD_BYTES32),
    F(struct contribute_and_finalize_args, results, "results", FIELD_TEXT),
    F_DATA(struct contribute_and_finalize_args, results_callback, "resultsCallback",
           LEDGER_CALLBACK_SIZE),
    F(struct contribute_and_finalize_args, enclave_challenge, "enclaveChallenge", FIELD_ADDRESS),
    F(struct contribute_and_finalize_args, enclave_sign, "enclaveSign", FIELD_SIGNATURE),
    F(struct contribute_and_finalize_args, authorization_sign, "authorizationSign",
      FIELD_SIGNATURE),
};

static const struct field claim_fields[] = {
    F(struct claim_args, task_id, "taskid", FIELD_BYTES32),
};

static const struct field anchor_fields[] = {
    F(struct anchor_args, generation, "generation", FIELD_UINT),
    F(struct anchor_args, state, "state", FIELD_BYTES32),
};

const struct schema method_schemas[METHOD_COUNT] = {
    [METHOD_GENESIS] = SCHEMA("genesis", genesis_fields, struct genesis_args),
    [METHOD_CREATE_APP] = SCHEMA("createApp", create_app_fields, struct create_app_args),
    [METHOD_CREATE_DATASET] =
        SCHEMA("createDataset", create_dataset_fields, struct create_dataset_args),
    [METHOD_CREATE_WORKERPOOL] =
        SCHEMA("createWorkerpool", create_workerpool_fields, struct create_workerpool_args),
    [METHOD_TRANSFER] = SCHEMA("transfer", transfer_fields, struct transfer_args),
    [METHOD_DEPOSIT] = SCHEMA("deposit", deposit_fields, struct deposit_args),
    [METHOD_WITHDRAW] = SCHEMA("withdraw", withdraw_fields, struct withdraw_args),
    [METHOD_PUBLISH_ORDER + ORDER_APP] = APP_ORDER_SCHEMA,
    [METHOD_PUBLISH_ORDER + ORDER_DATASET] = DATASET_ORDER_SCHEMA,
    [METHOD_PUBLISH_ORDER + ORDER_WORKERPOOL] = WORKERPOOL_ORDER_SCHEMA,
    [METHOD_PUBLISH_ORDER + ORDER_REQUEST] = REQUEST_ORDER_SCHEMA,
    [METHOD_MANAGE_ORDER + ORDER_APP] =
        SCHEMA("manageAppOrder", manage_app_fields, struct manage_app_order_args),
    [METHOD_MANAGE_ORDER + ORDER_DATASET] =
        SCHEMA("manageDatasetOrder", manage_dataset_fields, struct manage_dataset_order_args),
    [METHOD_MANAGE_ORDER + ORDER_WORKERPOOL] = SCHEMA(
        "manageWorkerpoolOrder", manage_workerpool_fields, struct manage_workerpool_order_args),
    [METHOD_MANAGE_ORDER + ORDER_REQUEST] =
        SCHEMA("manageRequestOrder", manage_request_fields, struct manage_request_order_args),
    [METHOD_MATCH_ORDERS] = SCHEMA("matchOrders", match_orders_fields, struct match_orders_args),
    [METHOD_INITIALIZE] = SCHEMA("initialize", initialize_fields, struct initialize_args),
    [METHOD_CONTRIBUTE_AND_FINALIZE] =
        SCHEMA("contributeAndFinalize", finalize_fields, struct contribute_and_finalize_args),
    [METHOD_CLAIM] = SCHEMA("claim", claim_fields, struct claim_args),
    [METHOD_ANCHOR] = SCHEMA("anchor", anchor_fields, struct anchor_args),
};

struct result order_hash(enum order_kind kind, const void *order, const struct eip712_domain *d,
                         struct hash32 *ret)
{
    REQUIRE((unsigned)kind < ORDER_KIND_COUNT, ERR_INVALID, "no such kind of order");
    return schema_hash(&order_schemas[kind], order, d, ret);
}

struct signature *order_signature(enum order_kind kind, void *order)
{
    const struct schema *s = &order_schemas[kind];
    const struct field *sign = &s->fields[s->field_count - 1];
    return (struct signature *)((uint8_t *)order + sign->offset);
}

struct result order_sign(enum order_kind kind, void *order, const struct eip712_domain *d,
                         const struct eth_key *key)
{
    struct hash32 hash;
    GUARD(order_hash(kind, order, d, &hash));
    return eth_sign(key, &hash, order_signature(kind, order));
}

static struct hash32 hash_with_number(const struct hash32 *h, uint64_t n)
{
    uint8_t b[64] = {0};
    memcpy(b, h, 32);
    store_be64(b + 56, n);
    return keccak256(SPAN_OF(b));
}

struct hash32 deal_id_of(const struct hash32 *request_order_hash, uint64_t consumed)
{
    return hash_with_number(request_order_hash, consumed);
}

struct hash32 task_id_of(const struct hash32 *deal_id, uint64_t index)
{
    return hash_with_number(deal_id, index);
}

struct hash32 authorization_hash(const struct address *worker, const struct hash32 *task_id,
                                 const struct address *enclave_challenge)
{
    uint8_t b[72];
    memcpy(b, worker, 20);
    memcpy(b + 20, task_id, 32);
    memcpy(b + 52, enclave_challenge, 20);
    return keccak256(SPAN_OF(b));
}

struct hash32 result_message_hash(const struct address *worker, const struct hash32 *task_id,
                                  const struct hash32 *digest)
{
    uint8_t b[20 + 64], both[64];
    memcpy(b, worker, 20);
    memcpy(b + 20, task_id, 32);
    memcpy(b + 52, digest, 32);
    struct hash32 result_hash = keccak256(SPAN(b + 20, 64));
    struct hash32 result_seal = keccak256(SPAN_OF(b));
    memcpy(both, &result_hash, 32);
    memcpy(both + 32, &result_seal, 32);
    return keccak256(SPAN_OF(both));
}

struct hash32 word_of_address(const struct address *a)
{
    struct hash32 h = {{0}};
    memcpy(h.bytes + 12, a, 20);
    return h;
}
