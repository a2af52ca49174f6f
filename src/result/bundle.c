// SPDX-License-Identifier: Apache-2.0
#include "result/bundle.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/hex.h"
#include "crypto/cbc.h"
#include "crypto/random.h"
#include "crypto/rsa_wrap.h"
#include "crypto/sha256.h"
#include "ledger/types.h"

#define PROOF_SIZE_MAX (1024u * 1024)

// keccak256("cloister result bundle v1" ‖ task ‖ SHA-256(aes-key.rsa) ‖ SHA-256(iexec_out.zip.aes)):
// AES-CBC has no
// integrity, and the digest covers the deterministic output alone.
static struct hash32 bundle_hash(const struct hash32 *task, struct span key, struct span data)
{
    struct keccak k;
    uint8_t hash[SHA256_SIZE];
    keccak_init(&k);
    keccak_update(&k, SPAN_STR("cloister result bundle v1"));
    keccak_update(&k, SPAN_OF(*task));
    sha256(key, hash);
    keccak_update(&k, SPAN_OF(hash));
    sha256(data, hash);
    keccak_update(&k, SPAN_OF(hash));
    return keccak_final(&k);
}

// -- making
// ---------------------------------------------------------------------------------------------------

static void add_hex(json_t *j, const char *name, const void *bytes, size_t size)
{
    char text[2 + HEX_SIZE(sizeof(struct signature))] = "0x";
    hex_encode(bytes, size, text + 2);
    json_object_set_new(j, name, json_string(text));
}

static struct result proof_text(const struct result_statement *s, const struct proto_proof *proof,
                                char **ret)
{
    size_t size = proto_proof_size(proof);
    uint8_t *bytes = malloc(size);
    char *base64 = malloc(BASE64_SIZE(size));
    struct result r = bytes && base64 ? proto_proof_write(proof, bytes, size, &size)
                                      : fail(ERR_MEMORY, "out of memory");
    json_t *j = is_ok(r) ? json_object() : NULL;
    if (j) {
        base64_encode(bytes, size, base64);
        json_object_set_new(j, "version", json_integer(1));
        add_hex(j, "task", &s->task, sizeof s->task);
        add_hex(j, "worker", &s->worker, sizeof s->worker);
        add_hex(j, "challenge", &s->challenge, sizeof s->challenge);
        add_hex(j, "digest", &s->digest, sizeof s->digest);
        add_hex(j, "enclaveSignature", &s->enclave_sign, sizeof s->enclave_sign);
        add_hex(j, "bundleSignature", &s->bundle_sign, sizeof s->bundle_sign);
        json_object_set_new(j, "sms", json_string(base64));
    }
    char *text = j ? json_dumps(j, JSON_INDENT(1)) : NULL;
    json_decref(j);
    free(bytes);
    free(base64);
    GUARD(r);
    REQUIRE(text, ERR_MEMORY, "out of memory");
    *ret = text;
    return RESULT_OK;
}

// iexec_out.zip.aes and aes-key.rsa; the AES key lives here only.
static struct result encrypt(const struct result_files *files, struct span public_pem,
                             uint8_t wrapped[RSA_WRAP_SIZE_MAX], size_t *ret_wrapped_size,
                             uint8_t **ret_data, size_t *ret_size)
{
    uint8_t key[CBC_KEY_SIZE];
    size_t size = zip_size(files->entries, files->count);
    REQUIRE(size, ERR_RANGE, "the result is too large");
    GUARD(random_bytes(key, sizeof key));
    uint8_t *plain = malloc(size), *sealed = malloc(cbc_sealed_size(size));
    struct result r = plain && sealed ? zip_write(files->entries, files->count, plain, size, &size)
                                      : fail(ERR_MEMORY, "out of memory");
    if (is_ok(r))
        r = cbc_seal(key, SPAN(plain, size), sealed);
    if (is_ok(r))
        r = rsa_wrap(public_pem, SPAN_OF(key), wrapped, ret_wrapped_size);
    wipe(key, sizeof key);
    if (plain)
        wipe(plain, size);
    free(plain);
    if (!is_ok(r)) {
        free(sealed);
        return r;
    }
    *ret_data = sealed;
    *ret_size = cbc_sealed_size(size);
    return RESULT_OK;
}

static struct result sign(const struct result_maker *m, const struct hash32 *digest,
                          struct span wrapped, struct span data, struct result_statement *ret)
{
    struct result_statement s = {.task = m->task, .worker = m->worker, .digest = *digest};
    GUARD(eth_key_address(m->challenge_key, &s.challenge));
    struct hash32 h = result_message_hash(&s.worker, &s.task, &s.digest);
    GUARD(eth_sign_message(m->challenge_key, &h, &s.enclave_sign));
    h = bundle_hash(&s.task, wrapped, data);
    GUARD(eth_sign_message(m->challenge_key, &h, &s.bundle_sign));
    *ret = s;
    return RESULT_OK;
}

static struct result pack(const struct zip_entry *entries, size_t count, uint8_t **ret,
                          size_t *ret_size)
{
    size_t size = zip_size(entries, count);
    REQUIRE(size, ERR_RANGE, "the result is too large");
    uint8_t *archive = malloc(size);
    REQUIRE(archive, ERR_MEMORY, "out of memory");
    struct result r = zip_write(entries, count, archive, size, &size);
    if (!is_ok(r)) {
        free(archive);
        return r;
    }
    *ret = archive;
    *ret_size = size;
    return RESULT_OK;
}

struct result result_bundle_make(const struct result_maker *m, const struct result_files *files,
                                 const struct hash32 *digest,
                                 struct result_statement *ret_statement, uint8_t **ret,
                                 size_t *ret_size)
{
    uint8_t wrapped[RSA_WRAP_SIZE_MAX], *data = NULL;
    size_t wrapped_size = 0, size = 0;
    char *proof = NULL;
    struct result_statement s;
    struct result r = encrypt(files, m->beneficiary_key, wrapped, &wrapped_size, &data, &size);
    if (is_ok(r))
        r = sign(m, digest, SPAN(wrapped, wrapped_size), SPAN(data, size), &s);
    if (is_ok(r))
        r = proof_text(&s, m->proof, &proof);
    if (is_ok(r)) {
        const struct zip_entry entries[] = {
            {SPAN_STR(RESULT_BUNDLE_KEY), SPAN(wrapped, wrapped_size)},
            {SPAN_STR(RESULT_BUNDLE_DATA), SPAN(data, size)},
            {SPAN_STR(RESULT_BUNDLE_PROOF), SPAN(proof, strlen(proof))},
        };
        r = pack(entries, ARRAY_COUNT(entries), ret, ret_size);
    }
    if (is_ok(r))
        *ret_statement = s;
    free(data);
    free(proof);
    return r;
}

// -- reading
// --------------------------------------------------------------------------------------------------

static struct result take_hex(const json_t *j, const char *name, void *ret, size_t size)
{
    const char *text = json_string_value(json_object_get(j, name));
    REQUIRE(text && strncmp(text, "0x", 2) == 0, ERR_INVALID, "proof.json is malformed");
    return hex_decode(SPAN(text, strlen(text)), ret, size);
}

static struct result read_statement(const json_t *j, struct result_statement *s)
{
    REQUIRE(json_object_size(j) == 8 && json_integer_value(json_object_get(j, "version")) == 1,
            ERR_INVALID, "proof.json is malformed or of another version");
    GUARD(take_hex(j, "task", &s->task, sizeof s->task));
    GUARD(take_hex(j, "worker", &s->worker, sizeof s->worker));
    GUARD(take_hex(j, "challenge", &s->challenge, sizeof s->challenge));
    GUARD(take_hex(j, "digest", &s->digest, sizeof s->digest));
    GUARD(take_hex(j, "enclaveSignature", &s->enclave_sign, sizeof s->enclave_sign));
    return take_hex(j, "bundleSignature", &s->bundle_sign, sizeof s->bundle_sign);
}

static struct result read_proof(const json_t *j, struct result_bundle *b)
{
    const json_t *text = json_object_get(j, "sms");
    REQUIRE(json_is_string(text), ERR_INVALID, "proof.json is malformed");
    struct span base64 = SPAN(json_string_value(text), json_string_length(text));
    size_t size = 0;
    REQUIRE(base64.size <= BASE64_SIZE(PROOF_SIZE_MAX), ERR_RANGE, "the proof is too large");
    b->owned = malloc(base64.size + 1);
    REQUIRE(b->owned, ERR_MEMORY, "out of memory");
    GUARD(base64_decode(base64, b->owned, base64.size, &size));
    return proto_proof_read(SPAN(b->owned, size), &b->proof);
}

struct result result_bundle_read(struct span archive, struct result_bundle *ret)
{
    struct zip_entry entries[3];
    size_t count;
    struct result_bundle b = {0};
    GUARD(zip_read(archive, entries, ARRAY_COUNT(entries), &count));
    const struct zip_entry *key = zip_find(entries, count, RESULT_BUNDLE_KEY);
    const struct zip_entry *data = zip_find(entries, count, RESULT_BUNDLE_DATA);
    const struct zip_entry *proof = zip_find(entries, count, RESULT_BUNDLE_PROOF);
    REQUIRE(key && data && proof, ERR_INVALID, "not a result bundle");
    REQUIRE(proof->data.size <= 2 * PROOF_SIZE_MAX, ERR_RANGE, "the proof is too large");
    json_t *j =
        json_loadb((const char *)proof->data.data, proof->data.size, JSON_REJECT_DUPLICATES, NULL);
    struct result r = read_statement(j, &b.statement);
    if (is_ok(r))
        r = read_proof(j, &b);
    json_decref(j);
    if (!is_ok(r)) {
        free(b.owned);
        return r;
    }
    b.wrapped_key = key->data;
    b.data = data->data;
    *ret = b;
    return RESULT_OK;
}

void result_bundle_done(struct result_bundle *b)
{
    free(b->owned);
    memset(b, 0, sizeof *b);
}

// -- judging
// --------------------------------------------------------------------------------------------------

#define SAME(a, b) (memcmp(&(a), &(b), sizeof(a)) == 0)

static struct result check_statement(const struct result_bundle *b, const struct result_facts *f)
{
    const struct result_statement *s = &b->statement;
    REQUIRE(SAME(s->task, f->task), ERR_INTEGRITY, "the bundle is of another task");
    REQUIRE(SAME(s->worker, f->worker), ERR_INTEGRITY, "the bundle is of another worker");
    REQUIRE(SAME(s->digest, f->digest), ERR_INTEGRITY,
            "the bundle has another digest than the "
            "ledger");
    REQUIRE(SAME(s->challenge, f->challenge), ERR_INTEGRITY,
            "the bundle is signed by another enclave key than the ledger has");
    struct hash32 h = result_message_hash(&f->worker, &f->task, &f->digest);
    if (!is_ok(eth_check_message(&h, &s->enclave_sign, &f->challenge)) ||
        !is_ok(eth_check_message(&h, &f->enclave_sign, &f->challenge)))
        return fail(ERR_INTEGRITY, "the digest is not signed by the task's enclave key");
    h = bundle_hash(&f->task, b->wrapped_key, b->data);
    if (!is_ok(eth_check_message(&h, &s->bundle_sign, &f->challenge)))
        return fail(ERR_INTEGRITY, "the encrypted result is not signed by the task's enclave key");
    return RESULT_OK;
}

static struct result check_certificate(const struct proto_certificate *c,
                                       const struct result_facts *f)
{
    REQUIRE(c->chain_id == f->chain_id && SAME(c->genesis, f->genesis), ERR_INTEGRITY,
            "the SMS's certificate is about another ledger");
    REQUIRE(SAME(c->task, f->task) && SAME(c->deal, f->deal), ERR_INTEGRITY,
            "the SMS's certificate is about another task");
    REQUIRE(SAME(c->challenge, f->challenge), ERR_INTEGRITY,
            "the SMS certified another enclave key than the one that signed");
    REQUIRE(SAME(c->worker, f->worker), ERR_INTEGRITY,
            "the SMS certified the enclave key for another worker");
    REQUIRE(SAME(c->app, f->app) && SAME(c->dataset, f->dataset), ERR_INTEGRITY,
            "the SMS's certificate is about another app or dataset");
    REQUIRE(SAME(c->app_mrenclave, f->app_mrenclave), ERR_INTEGRITY,
            "the SMS attested another MRENCLAVE than the app's on the ledger");
    return RESULT_OK;
}

struct result result_bundle_verify(const struct result_bundle *b, const struct result_facts *facts,
                                   const struct proto_identity *identity, int64_t now,
                                   struct proto_proof_verdict *ret)
{
    struct proto_proof_verdict v;
    REQUIRE(!identity->any_configid, ERR_INVALID,
            "an SMS identity without the policy's hash names no SMS");
    GUARD(check_statement(b, facts));
    GUARD(proto_proof_verify(&b->proof, identity, now, &v));
    GUARD(check_certificate(&v.certificate, facts));
    if (ret)
        *ret = v;
    return RESULT_OK;
}

struct result result_bundle_open(const struct result_bundle *b, bool has_callback,
                                 struct span private_pem, struct result_files *ret)
{
    uint8_t key[CBC_KEY_SIZE];
    size_t size = 0;
    struct result_files files;
    struct result_callback callback;
    struct hash32 digest;
    REQUIRE(b->data.size <= RESULT_BUNDLE_SIZE_MAX, ERR_RANGE, "the result is too large");
    GUARD(rsa_unwrap(private_pem, b->wrapped_key, key, sizeof key));
    uint8_t *plain = malloc(b->data.size + 1);
    struct result r =
        plain ? cbc_open(key, b->data, plain, &size) : fail(ERR_MEMORY, "out of memory");
    wipe(key, sizeof key);
    if (!is_ok(r)) {
        free(plain);
        return r;
    }
    GUARD(result_files_take(plain, size, &files));
    r = result_files_digest(&files, has_callback, &digest, &callback);
    if (is_ok(r) && !hash32_equal(&digest, &b->statement.digest))
        r = fail(ERR_INTEGRITY, "the decrypted files do not have the digest that was signed");
    if (!is_ok(r)) {
        result_files_done(&files);
        return r;
    }
    *ret = files;
    return RESULT_OK;
}
