// SPDX-License-Identifier: Apache-2.0
#include "ledger/record.h"

#include <string.h>

static struct hash32 digest_of(struct span body)
{
    struct keccak k;
    keccak_init(&k);
    // The label keeps these signatures apart from EIP-191's and EIP-712's, which begin with 0x19.
    keccak_update(&k, SPAN_STR("cloister ledger record 1"));
    keccak_update(&k, body);
    return keccak_final(&k);
}

struct result record_parse(struct span bytes, struct record *ret)
{
    struct record rec = {0};
    REQUIRE(bytes.size <= RECORD_SIZE_MAX, ERR_RANGE, "a record is too large");
    struct reader r = reader_on(bytes);
    uint8_t version = take_u8(&r);
    rec.chain_id = take_be64(&r);
    rec.seq = take_be64(&r);
    take_bytes(&r, &rec.prev, sizeof rec.prev);
    rec.time = take_be64(&r);
    take_bytes(&r, &rec.sender, sizeof rec.sender);
    uint8_t method = take_u8(&r);
    rec.args = take_span(&r, take_be32(&r));
    size_t body_size = r.at;
    take_bytes(&r, &rec.signature, sizeof rec.signature);
    REQUIRE(reader_done(&r), ERR_INVALID, "a record has another size than it says");
    REQUIRE(version == RECORD_VERSION, ERR_UNSUPPORTED, "a record has an unknown version");
    REQUIRE(method < METHOD_COUNT, ERR_UNSUPPORTED, "a record has an unknown method");
    REQUIRE(rec.args.size <= RECORD_ARGS_MAX, ERR_RANGE, "a record is too large");
    rec.method = (enum ledger_method)method;
    rec.digest = digest_of(SPAN(bytes.data, body_size));
    GUARD(eth_check(&rec.digest, &rec.signature, &rec.sender));
    struct keccak k;
    keccak_init(&k);
    keccak_update(&k, SPAN_OF(rec.digest));
    keccak_update(&k, SPAN_OF(rec.signature));
    rec.hash = keccak_final(&k);
    *ret = rec;
    return RESULT_OK;
}

struct result record_make(const struct record *rec, const void *args, const struct eth_key *key,
                          uint8_t ret[RECORD_SIZE_MAX], size_t *ret_size)
{
    struct address sender;
    struct signature signature;
    GUARD(eth_key_address(key, &sender));
    struct writer w = writer_on(ret, RECORD_SIZE_MAX);
    put_u8(&w, RECORD_VERSION);
    put_be64(&w, rec->chain_id);
    put_be64(&w, rec->seq);
    put_bytes(&w, &rec->prev, sizeof rec->prev);
    put_be64(&w, rec->time);
    put_bytes(&w, &sender, sizeof sender);
    put_u8(&w, (uint8_t)rec->method);
    put_be32(&w, 0);
    schema_encode(&w, &method_schemas[rec->method], args);
    REQUIRE(!w.failed && w.size - RECORD_HEAD_SIZE <= RECORD_ARGS_MAX, ERR_RANGE,
            "a record is too large");
    store_be32(ret + RECORD_HEAD_SIZE - 4, (uint32_t)(w.size - RECORD_HEAD_SIZE));
    struct hash32 digest = digest_of(writer_span(&w));
    GUARD(eth_sign(key, &digest, &signature));
    put_bytes(&w, &signature, sizeof signature);
    REQUIRE(!w.failed, ERR_RANGE, "a record is too large");
    *ret_size = w.size;
    return RESULT_OK;
}
