// SPDX-License-Identifier: Apache-2.0
#include "proto/provision.h"

#include <string.h>

#include "abi/sgx/quote.h"
#include "crypto/rsa_wrap.h"
#include "proto/frame.h"

#define REQUEST_MAGIC    "CLPROV1\0"
#define APP_GRANT_MAGIC  "CLGRAP2\0"
#define POST_GRANT_MAGIC "CLGRPC1\0"
#define PROOF_SIZE_MAX   (1024u + SGX_QUOTE_SIZE_MAX + FRAME_COLLATERAL_SIZE_MAX)

const char *proto_role_name(enum proto_role role)
{
    return role == PROTO_APP ? PROTO_ROLE_APP : PROTO_ROLE_POST_COMPUTE;
}

struct result proto_provision_read(struct span bytes, struct proto_provision *ret)
{
    struct reader r = reader_on(bytes);
    struct proto_provision m;
    frame_take_magic(&r, REQUEST_MAGIC);
    uint8_t role = take_u8(&r);
    take_bytes(&r, &m.task, sizeof m.task);
    take_bytes(&r, m.fspf_key, sizeof m.fspf_key);
    take_bytes(&r, m.fspf_tag, sizeof m.fspf_tag);
    take_bytes(&r, &m.worker, sizeof m.worker);
    take_bytes(&r, &m.authorization, sizeof m.authorization);
    m.quote = frame_take_sized(&r, SGX_QUOTE_SIZE_MAX);
    m.collateral = frame_take_sized(&r, FRAME_COLLATERAL_SIZE_MAX);
    REQUIRE(reader_done(&r), ERR_INVALID, "not a provision request");
    REQUIRE(role == PROTO_APP || role == PROTO_POST_COMPUTE, ERR_INVALID, "unknown role");
    m.role = (enum proto_role)role;
    *ret = m;
    return RESULT_OK;
}

struct result proto_provision_write(const struct proto_provision *m, void *buffer, size_t capacity,
                                    size_t *ret_size)
{
    struct writer w = writer_on(buffer, capacity);
    frame_put_magic(&w, REQUEST_MAGIC);
    put_u8(&w, (uint8_t)m->role);
    put_bytes(&w, &m->task, sizeof m->task);
    put_bytes(&w, m->fspf_key, sizeof m->fspf_key);
    put_bytes(&w, m->fspf_tag, sizeof m->fspf_tag);
    put_bytes(&w, &m->worker, sizeof m->worker);
    put_bytes(&w, &m->authorization, sizeof m->authorization);
    frame_put_sized(&w, m->quote);
    frame_put_sized(&w, m->collateral);
    return frame_end(&w, ret_size);
}

static void take_strings(struct reader *r, struct proto_strings *ret)
{
    uint32_t count = take_le32(r);
    size_t total = 0;
    ret->count = 0;
    if (count > PROTO_STRINGS_MAX)
        r->failed = true;
    for (uint32_t i = 0; i < count && !r->failed; i++) {
        struct span s = frame_take_sized(r, PROTO_STRINGS_SIZE);
        total += s.size;
        if (total > PROTO_STRINGS_SIZE || (s.size && memchr(s.data, 0, s.size)))
            r->failed = true;
        ret->items[ret->count++] = s;
    }
}

static void put_strings(struct writer *w, const struct proto_strings *strings)
{
    put_le32(w, (uint32_t)strings->count);
    for (size_t i = 0; i < strings->count; i++)
        frame_put_sized(w, strings->items[i]);
}

static void take_content_keys(struct reader *r, struct proto_app_grant *ret)
{
    uint32_t count = take_le32(r);
    ret->content_key_count = 0;
    if (count > PROTO_CONTENT_KEYS_MAX)
        r->failed = true;
    for (uint32_t i = 0; i < count && !r->failed; i++) {
        struct proto_content_key *k = &ret->content_keys[ret->content_key_count++];
        k->path = frame_take_sized(r, PROTO_REGION_PATH_MAX);
        take_bytes(r, k->key, sizeof k->key);
        if (!k->path.size || memchr(k->path.data, 0, k->path.size))
            r->failed = true;
    }
}

static void put_content_keys(struct writer *w, const struct proto_app_grant *m)
{
    put_le32(w, (uint32_t)m->content_key_count);
    for (size_t i = 0; i < m->content_key_count; i++) {
        frame_put_sized(w, m->content_keys[i].path);
        put_bytes(w, m->content_keys[i].key, sizeof m->content_keys[i].key);
    }
}

struct result proto_app_grant_read(struct span bytes, struct proto_app_grant *ret)
{
    struct reader r = reader_on(bytes);
    frame_take_magic(&r, APP_GRANT_MAGIC);
    ret->has_dataset = frame_take_bool(&r);
    take_bytes(&r, &ret->dataset, sizeof ret->dataset);
    take_bytes(&r, ret->dataset_checksum, sizeof ret->dataset_checksum);
    take_bytes(&r, ret->dataset_key, sizeof ret->dataset_key);
    take_bytes(&r, ret->transfer_key, sizeof ret->transfer_key);
    ret->generation = take_le64(&r);
    take_strings(&r, &ret->environment);
    take_strings(&r, &ret->arguments);
    take_strings(&r, &ret->command);
    take_content_keys(&r, ret);
    // A zero checksum would let the host choose the data.
    bool good = reader_done(&r) && (!ret->has_dataset || !is_zero(ret->dataset_checksum, 32)) &&
                !is_zero(ret->transfer_key, sizeof ret->transfer_key);
    if (!good)
        wipe(ret, sizeof *ret);
    return good ? RESULT_OK : fail(ERR_INVALID, "not an app grant");
}

struct result proto_app_grant_write(const struct proto_app_grant *m, void *buffer, size_t capacity,
                                    size_t *ret_size)
{
    struct writer w = writer_on(buffer, capacity);
    frame_put_magic(&w, APP_GRANT_MAGIC);
    put_u8(&w, m->has_dataset);
    put_bytes(&w, &m->dataset, sizeof m->dataset);
    put_bytes(&w, m->dataset_checksum, sizeof m->dataset_checksum);
    put_bytes(&w, m->dataset_key, sizeof m->dataset_key);
    put_bytes(&w, m->transfer_key, sizeof m->transfer_key);
    put_le64(&w, m->generation);
    put_strings(&w, &m->environment);
    put_strings(&w, &m->arguments);
    put_strings(&w, &m->command);
    put_content_keys(&w, m);
    return frame_end(&w, ret_size);
}

struct result proto_post_grant_read(struct span bytes, struct proto_post_grant *ret)
{
    struct reader r = reader_on(bytes);
    frame_take_magic(&r, POST_GRANT_MAGIC);
    take_bytes(&r, ret->transfer_key, sizeof ret->transfer_key);
    ret->generation = take_le64(&r);
    take_bytes(&r, &ret->challenge_key, sizeof ret->challenge_key);
    take_bytes(&r, &ret->worker, sizeof ret->worker);
    take_bytes(&r, &ret->callback, sizeof ret->callback);
    ret->beneficiary_key = frame_take_sized(&r, RSA_PEM_SIZE_MAX);
    struct span proof = frame_take_sized(&r, PROOF_SIZE_MAX);
    bool good = reader_done(&r) && !is_zero(ret->transfer_key, sizeof ret->transfer_key) &&
                is_ok(proto_proof_read(proof, &ret->proof));
    if (!good)
        wipe(ret, sizeof *ret);
    return good ? RESULT_OK : fail(ERR_INVALID, "not a post-compute grant");
}

struct result proto_post_grant_write(const struct proto_post_grant *m, void *buffer,
                                     size_t capacity, size_t *ret_size)
{
    struct writer w = writer_on(buffer, capacity);
    size_t size = 0;
    frame_put_magic(&w, POST_GRANT_MAGIC);
    put_bytes(&w, m->transfer_key, sizeof m->transfer_key);
    put_le64(&w, m->generation);
    put_bytes(&w, &m->challenge_key, sizeof m->challenge_key);
    put_bytes(&w, &m->worker, sizeof m->worker);
    put_bytes(&w, &m->callback, sizeof m->callback);
    frame_put_sized(&w, m->beneficiary_key);
    put_le32(&w, (uint32_t)proto_proof_size(&m->proof));
    REQUIRE(!w.failed, ERR_RANGE, "the message does not fit its buffer");
    GUARD(proto_proof_write(&m->proof, w.data + w.size, w.capacity - w.size, &size));
    *ret_size = w.size + size;
    return RESULT_OK;
}
