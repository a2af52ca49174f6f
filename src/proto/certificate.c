// SPDX-License-Identifier: Apache-2.0
#include "proto/certificate.h"

#include <string.h>

#include "abi/sgx/quote.h"
#include "proto/binding.h"
#include "proto/frame.h"

#define CERTIFICATE_MAGIC "CLCERT1\0"
#define PROOF_MAGIC       "CLPROOF1"

void proto_certificate_write(const struct proto_certificate *c, uint8_t ret[PROTO_CERTIFICATE_SIZE])
{
    struct writer w = writer_on(ret, PROTO_CERTIFICATE_SIZE);
    frame_put_magic(&w, CERTIFICATE_MAGIC);
    put_le64(&w, c->chain_id);
    put_bytes(&w, &c->genesis, sizeof c->genesis);
    put_bytes(&w, &c->task, sizeof c->task);
    put_bytes(&w, &c->deal, sizeof c->deal);
    put_bytes(&w, &c->app, sizeof c->app);
    put_bytes(&w, &c->dataset, sizeof c->dataset);
    put_bytes(&w, &c->worker, sizeof c->worker);
    put_bytes(&w, &c->challenge, sizeof c->challenge);
    put_bytes(&w, c->app_mrenclave, sizeof c->app_mrenclave);
    put_bytes(&w, c->post_mrenclave, sizeof c->post_mrenclave);
    put_le64(&w, c->generation);
    put_le64(&w, c->time);
    put_u8(&w, c->app_emulated);
    put_u8(&w, c->post_emulated);
}

struct result proto_certificate_read(struct span bytes, struct proto_certificate *ret)
{
    struct reader r = reader_on(bytes);
    struct proto_certificate c;
    frame_take_magic(&r, CERTIFICATE_MAGIC);
    c.chain_id = take_le64(&r);
    take_bytes(&r, &c.genesis, sizeof c.genesis);
    take_bytes(&r, &c.task, sizeof c.task);
    take_bytes(&r, &c.deal, sizeof c.deal);
    take_bytes(&r, &c.app, sizeof c.app);
    take_bytes(&r, &c.dataset, sizeof c.dataset);
    take_bytes(&r, &c.worker, sizeof c.worker);
    take_bytes(&r, &c.challenge, sizeof c.challenge);
    take_bytes(&r, c.app_mrenclave, sizeof c.app_mrenclave);
    take_bytes(&r, c.post_mrenclave, sizeof c.post_mrenclave);
    c.generation = take_le64(&r);
    c.time = take_le64(&r);
    c.app_emulated = frame_take_bool(&r);
    c.post_emulated = frame_take_bool(&r);
    REQUIRE(reader_done(&r), ERR_INVALID, "not an SMS certificate");
    *ret = c;
    return RESULT_OK;
}

struct hash32 proto_certificate_hash(const uint8_t bytes[PROTO_CERTIFICATE_SIZE])
{
    struct keccak k;
    keccak_init(&k);
    keccak_update(&k, SPAN_STR("cloister sms certificate v1"));
    keccak_update(&k, SPAN(bytes, PROTO_CERTIFICATE_SIZE));
    return keccak_final(&k);
}

size_t proto_proof_size(const struct proto_proof *proof)
{
    return FRAME_MAGIC_SIZE + PROTO_CERTIFICATE_SIZE + sizeof proof->signature + 4 +
           proof->quote.size + 4 + proof->collateral.size;
}

struct result proto_proof_write(const struct proto_proof *proof, void *buffer, size_t capacity,
                                size_t *ret_size)
{
    struct writer w = writer_on(buffer, capacity);
    frame_put_magic(&w, PROOF_MAGIC);
    put_bytes(&w, proof->certificate, sizeof proof->certificate);
    put_bytes(&w, &proof->signature, sizeof proof->signature);
    frame_put_sized(&w, proof->quote);
    frame_put_sized(&w, proof->collateral);
    return frame_end(&w, ret_size);
}

struct result proto_proof_read(struct span bytes, struct proto_proof *ret)
{
    struct reader r = reader_on(bytes);
    struct proto_proof p;
    frame_take_magic(&r, PROOF_MAGIC);
    take_bytes(&r, p.certificate, sizeof p.certificate);
    take_bytes(&r, &p.signature, sizeof p.signature);
    p.quote = frame_take_sized(&r, SGX_QUOTE_SIZE_MAX);
    p.collateral = frame_take_sized(&r, FRAME_COLLATERAL_SIZE_MAX);
    REQUIRE(reader_done(&r), ERR_INVALID, "not a result proof");
    *ret = p;
    return RESULT_OK;
}

struct result proto_proof_verify(const struct proto_proof *proof,
                                 const struct proto_identity *identity, int64_t now,
                                 struct proto_proof_verdict *ret)
{
    struct proto_proof_verdict v;
    uint8_t reportdata[PROTO_REPORTDATA_SIZE];
    struct hash32 hash = proto_certificate_hash(proof->certificate);
    GUARD(proto_certificate_read(SPAN_OF(proof->certificate), &v.certificate));
    GUARD(eth_recover(&hash, &proof->signature, &v.signer));
    // The signer is whoever the quote vouches for: a wrong signature recovers to another address.
    struct proto_binding binding = {.role = PROTO_ROLE_SIGNER, .payload = SPAN_OF(v.signer)};
    proto_reportdata(&binding, reportdata);
    struct proto_evidence evidence = {proof->quote, proof->collateral, now, reportdata};
    GUARD(proto_identity_check(identity, &evidence, &v.sms));
    *ret = v;
    return RESULT_OK;
}
