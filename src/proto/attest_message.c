// SPDX-License-Identifier: Apache-2.0
#include "proto/attest_message.h"

#include <string.h>

#include "abi/sgx/quote.h"
#include "proto/frame.h"

#define REQUEST_MAGIC "CLATRQ1\0"
#define ANSWER_MAGIC  "CLATAN1\0"

struct result proto_attest_request_read(struct span bytes, struct proto_attest_request *ret)
{
    struct reader r = reader_on(bytes);
    struct proto_attest_request m;
    frame_take_magic(&r, REQUEST_MAGIC);
    take_bytes(&r, m.nonce, sizeof m.nonce);
    REQUIRE(reader_done(&r), ERR_INVALID, "not an attest request");
    *ret = m;
    return RESULT_OK;
}

struct result proto_attest_request_write(const struct proto_attest_request *m, void *buffer,
                                         size_t capacity, size_t *ret_size)
{
    struct writer w = writer_on(buffer, capacity);
    frame_put_magic(&w, REQUEST_MAGIC);
    put_bytes(&w, m->nonce, sizeof m->nonce);
    return frame_end(&w, ret_size);
}

struct result proto_attest_answer_read(struct span bytes, struct proto_attest_answer *ret)
{
    struct reader r = reader_on(bytes);
    struct proto_attest_answer m;
    frame_take_magic(&r, ANSWER_MAGIC);
    take_bytes(&r, m.session, sizeof m.session);
    take_bytes(&r, m.nonce, sizeof m.nonce);
    m.quote = frame_take_sized(&r, SGX_QUOTE_SIZE_MAX);
    m.collateral = frame_take_sized(&r, FRAME_COLLATERAL_SIZE_MAX);
    REQUIRE(reader_done(&r), ERR_INVALID, "not an attest answer");
    *ret = m;
    return RESULT_OK;
}

struct result proto_attest_answer_write(const struct proto_attest_answer *m, void *buffer,
                                        size_t capacity, size_t *ret_size)
{
    struct writer w = writer_on(buffer, capacity);
    frame_put_magic(&w, ANSWER_MAGIC);
    put_bytes(&w, m->session, sizeof m->session);
    put_bytes(&w, m->nonce, sizeof m->nonce);
    frame_put_sized(&w, m->quote);
    frame_put_sized(&w, m->collateral);
    return frame_end(&w, ret_size);
}
