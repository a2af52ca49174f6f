// SPDX-License-Identifier: Apache-2.0
#include "proto/trust.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "attest/policy_file.h"
#include "base/hex.h"
#include "crypto/sha256.h"
#include "proto/binding.h"

static struct result load(struct span text, json_t **ret)
{
    REQUIRE(text.size > 0 && text.size <= PROTO_POLICY_SIZE_MAX, ERR_RANGE,
            "the policy is empty or too long");
    json_t *json = json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, NULL);
    REQUIRE(json, ERR_INVALID, "the policy is not strict JSON");
    *ret = json;
    return RESULT_OK;
}

static struct result hash_of(const char *text, uint8_t ret[32])
{
    REQUIRE(text && strlen(text) == 64, ERR_INVALID, "a hash is 64 hex digits");
    return hex_decode(SPAN(text, 64), ret, 32);
}

static struct result read_root(json_t *json, struct proto_trust *trust)
{
    const char *name, *key = NULL;
    REQUIRE(json_unpack_ex(json, NULL, JSON_STRICT, "{s:s, s?s}", "name", &name, "spki_sha256",
                           &key) == 0,
            ERR_INVALID, "a root is a name and perhaps spki_sha256");
    if (strcmp(name, ATTEST_ROOT_INTEL_NAME) == 0) {
        REQUIRE(!key && !trust->intel, ERR_INVALID,
                "Intel's root stands once, without a key of the policy's");
        trust->intel = true;
        return RESULT_OK;
    }
    struct attest_root *root = &trust->roots[trust->root_count];
    size_t size = strlen(name);
    REQUIRE(trust->root_count < PROTO_ROOTS_MAX, ERR_RANGE, "too many roots");
    REQUIRE(size > 0 && size < sizeof root->name, ERR_INVALID, "a root's name is empty or long");
    for (size_t i = 0; i < trust->root_count; i++)
        REQUIRE(strcmp(trust->roots[i].name, name) != 0, ERR_INVALID, "a root stands twice");
    GUARD(hash_of(key, root->key_hash));
    memset(root->name, 0, sizeof root->name);
    memcpy(root->name, name, size);
    trust->root_count++;
    return RESULT_OK;
}

// The policy of `trust`, with its roots in place of the policy's where it names some.
static struct result load_policy(const struct proto_trust *trust, struct attest_policy_file *ret)
{
    struct span text = attest_policy_named(trust->policy);
    if (!text.data)
        text = SPAN(trust->policy, strlen(trust->policy));
    GUARD(attest_policy_load(text, NULL, ret));
    if (!trust->own_roots)
        return RESULT_OK;
    size_t count = 0;
    if (trust->intel)
        ret->root_names[count++] = ATTEST_ROOT_INTEL_NAME;
    for (size_t i = 0; i < trust->root_count; i++) {
        ret->root_items[i] = trust->roots[i];
        ret->root_names[count++] = ret->root_items[i].name;
    }
    ret->policy.root_count = count;
    ret->policy.allow_emulated = trust->root_count > 0;
    ret->roots.count = trust->root_count;
    return RESULT_OK;
}

// What can be known before there is evidence.
static struct result check_policy(struct proto_trust *trust)
{
    struct attest_policy_file *f = malloc(sizeof *f);
    REQUIRE(f, ERR_MEMORY, "out of memory");
    struct result r = load_policy(trust, f);
    if (is_ok(r) && (!f->policy.any_identity || f->policy.reportdata || f->policy.refuse_sgx))
        r = fail(ERR_INVALID, "a policy of the SMS's accepts SGX and names no enclaves, TDs or "
                              "report data");
    trust->allow_debug = f->policy.allow_debug;
    trust->allow_emulated = f->policy.allow_emulated;
    free(f);
    return r;
}

static struct result read_trust(json_t *roots, const char *policy, struct proto_trust *ret)
{
    struct proto_trust trust = {.own_roots = roots != NULL};
    REQUIRE(strlen(policy) < sizeof trust.policy, ERR_RANGE, "the policy's text is too long");
    memcpy(trust.policy, policy, strlen(policy) + 1);
    if (roots) {
        REQUIRE(json_is_array(roots) && json_array_size(roots) > 0, ERR_INVALID, "no roots");
        REQUIRE(json_array_size(roots) <= PROTO_ROOTS_MAX + 1, ERR_RANGE, "too many roots");
        for (size_t i = 0; i < json_array_size(roots); i++)
            GUARD(read_root(json_array_get(roots, i), &trust));
    }
    GUARD(check_policy(&trust));
    *ret = trust;
    return RESULT_OK;
}

static struct result read_sms(json_t *sms, struct proto_identity *id)
{
    const char *enclave = NULL, *signer = NULL, *configid = NULL;
    json_int_t product = -1, version = -1;
    REQUIRE(json_unpack_ex(sms, NULL, JSON_STRICT, "{s?s, s?s, s?I, s?I, s:s}", "mrenclave",
                           &enclave, "mrsigner", &signer, "isvprodid", &product, "min_isvsvn",
                           &version, "configid", &configid) == 0,
            ERR_INVALID, "sms is mrenclave (or mrsigner, isvprodid, min_isvsvn) and configid");
    id->any_configid = strcmp(configid, "any") == 0;
    if (!id->any_configid)
        GUARD(hash_of(configid, id->configid));
    if (enclave) {
        REQUIRE(!signer && product < 0 && version < 0, ERR_INVALID,
                "an SMS is named by mrenclave or by mrsigner, not by both");
        id->enclave.kind = ATTEST_IDENTITY_MRENCLAVE;
        return hash_of(enclave, id->enclave.hash);
    }
    REQUIRE(signer && product >= 0 && product <= UINT16_MAX && version >= 0 &&
                version <= UINT16_MAX,
            ERR_INVALID, "mrsigner needs isvprodid and min_isvsvn");
    id->enclave.kind = ATTEST_IDENTITY_MRSIGNER;
    id->enclave.isvprodid = (uint16_t)product;
    id->enclave.isvsvn_min = (uint16_t)version;
    return hash_of(signer, id->enclave.hash);
}

static struct result read_identity(json_t *json, struct proto_identity *ret)
{
    struct proto_identity id;
    int version;
    const char *policy;
    json_t *sms, *roots = NULL;
    memset(&id, 0, sizeof id);
    REQUIRE(json_unpack_ex(json, NULL, JSON_STRICT, "{s:i, s:o, s?o, s:s}", "version", &version,
                           "sms", &sms, "roots", &roots, "policy", &policy) == 0,
            ERR_INVALID, "an SMS identity is version, sms, policy and perhaps roots");
    REQUIRE(version == 1, ERR_UNSUPPORTED, "unknown version of the SMS identity");
    GUARD(read_sms(sms, &id));
    GUARD(read_trust(roots, policy, &id.trust));
    *ret = id;
    return RESULT_OK;
}

struct result proto_identity_read_post(struct span text, struct proto_identity *ret)
{
    json_t *json;
    GUARD(load(text, &json));
    struct result r = read_identity(json, ret);
    json_decref(json);
    return r;
}

struct result proto_identity_read(struct span text, struct proto_identity *ret)
{
    struct proto_identity id;
    GUARD(proto_identity_read_post(text, &id));
    REQUIRE(!id.any_configid, ERR_INVALID,
            "an SMS identity without the policy's hash names no SMS");
    *ret = id;
    return RESULT_OK;
}

static json_t *roots_json(const struct proto_trust *trust)
{
    json_t *roots = json_array();
    if (trust->intel)
        json_array_append_new(roots, json_pack("{s:s}", "name", ATTEST_ROOT_INTEL_NAME));
    for (size_t i = 0; i < trust->root_count; i++) {
        char key[HEX_SIZE(32)];
        hex_encode(trust->roots[i].key_hash, 32, key);
        json_array_append_new(
            roots, json_pack("{s:s, s:s}", "name", trust->roots[i].name, "spki_sha256", key));
    }
    return roots;
}

struct result proto_identity_write(const struct proto_identity *id, char **ret)
{
    char hash[HEX_SIZE(32)], configid[HEX_SIZE(32)];
    REQUIRE(id->trust.policy[0] && !id->any_configid && is_zero(id->configid + 32, 32), ERR_INVALID,
            "this identity has no JSON form");
    hex_encode(id->enclave.hash, 32, hash);
    hex_encode(id->configid, 32, configid);
    json_t *sms = id->enclave.kind == ATTEST_IDENTITY_MRENCLAVE
                      ? json_pack("{s:s, s:s}", "mrenclave", hash, "configid", configid)
                      : json_pack("{s:s, s:i, s:i, s:s}", "mrsigner", hash, "isvprodid",
                                  (int)id->enclave.isvprodid, "min_isvsvn",
                                  (int)id->enclave.isvsvn_min, "configid", configid);
    json_t *roots = id->trust.own_roots ? roots_json(&id->trust) : NULL;
    json_t *json = json_pack("{s:i, s:o, s:s, s:o*}", "version", 1, "sms", sms, "policy",
                             id->trust.policy, "roots", roots);
    char *text = json ? json_dumps(json, JSON_INDENT(2)) : NULL;
    json_decref(json);
    REQUIRE(text, ERR_MEMORY, "out of memory");
    *ret = text;
    return RESULT_OK;
}

static struct result read_ledger(json_t *json, struct proto_sms_policy *p)
{
    json_int_t chain;
    const char *genesis, *url;
    REQUIRE(json_unpack_ex(json, NULL, JSON_STRICT, "{s:I, s:s, s:s}", "chain_id", &chain,
                           "genesis", &genesis, "url", &url) == 0,
            ERR_INVALID, "ledger is chain_id, genesis and url");
    REQUIRE(chain > 0, ERR_RANGE, "chain_id must be positive");
    REQUIRE(strlen(url) < sizeof p->ledger_url && strncmp(url, "http://", 7) == 0, ERR_INVALID,
            "the ledger's url begins with http:// and is short");
    GUARD(hash_of(genesis, p->genesis));
    REQUIRE(!is_zero(p->genesis, 32), ERR_INVALID, "the ledger's genesis hash is zero");
    p->chain_id = (uint64_t)chain;
    memcpy(p->ledger_url, url, strlen(url) + 1);
    return RESULT_OK;
}

static struct result read_sms_policy(json_t *json, struct proto_sms_policy *ret)
{
    struct proto_sms_policy p;
    int version;
    const char *policy;
    json_t *ledger, *roots = NULL, *post;
    memset(&p, 0, sizeof p);
    REQUIRE(json_unpack_ex(json, NULL, JSON_STRICT, "{s:i, s:s, s?o, s:o, s:o}", "version",
                           &version, "policy", &policy, "roots", &roots, "ledger", &ledger,
                           "post_compute", &post) == 0,
            ERR_INVALID,
            "an SMS policy is version, policy, ledger, post_compute and perhaps roots");
    REQUIRE(version == 1, ERR_UNSUPPORTED, "unknown version of the SMS policy");
    GUARD(read_trust(roots, policy, &p.trust));
    GUARD(read_ledger(ledger, &p));
    p.post_compute_count = json_array_size(post);
    REQUIRE(p.post_compute_count > 0 && p.post_compute_count <= PROTO_POST_COMPUTE_MAX, ERR_RANGE,
            "post_compute is a list of 1 to 16 MRENCLAVEs");
    for (size_t i = 0; i < p.post_compute_count; i++)
        GUARD(hash_of(json_string_value(json_array_get(post, i)), p.post_compute[i]));
    *ret = p;
    return RESULT_OK;
}

struct result proto_sms_policy_read(struct span text, struct proto_sms_policy *ret)
{
    json_t *json;
    GUARD(load(text, &json));
    struct result r = read_sms_policy(json, ret);
    json_decref(json);
    return r;
}

void proto_sms_policy_configid(struct span text, uint8_t ret[PROTO_CONFIGID_SIZE])
{
    memset(ret, 0, PROTO_CONFIGID_SIZE);
    sha256(text, ret);
}

static struct result judge(const struct attest_policy_file *policy,
                           const struct proto_evidence *evidence, enum attest_code *ret_code,
                           struct attest_claims *ret)
{
    struct attest_verdict verdict;
    struct attest_reasons reasons;
    struct attest_evidence e = {
        .quote = evidence->quote, .now = evidence->now, .roots = policy->roots};
    GUARD(attest_collateral_read(evidence->collateral, &e.collateral));
    struct result r = attest_verify(&e, &verdict);
    *ret_code = verdict.code;
    GUARD(r);
    r = attest_policy_check(&policy->policy, &verdict.claims, &reasons);
    if (reasons.count)
        *ret_code = reasons.codes[0];
    GUARD(r);
    REQUIRE(verdict.claims.tee == ATTEST_TEE_SGX, ERR_DENIED, "the quote is not an SGX enclave's");
    *ret = verdict.claims;
    return RESULT_OK;
}

struct result proto_trust_check(const struct proto_trust *trust,
                                const struct proto_evidence *evidence, enum attest_code *ret_code,
                                struct attest_claims *ret)
{
    enum attest_code code = ATTEST_COLLATERAL_MISSING;
    struct attest_policy_file *f = NULL;
    struct result r = RESULT_OK;
    if (!evidence->reportdata)
        r = fail(ERR_DENIED, "a quote that binds nothing proves nothing");
    else if (evidence->collateral.size > PROTO_COLLATERAL_SIZE_MAX)
        r = fail(ERR_RANGE, "the collateral is too large");
    else if (!(f = malloc(sizeof *f)))
        r = fail(ERR_MEMORY, "out of memory");
    if (is_ok(r))
        r = load_policy(trust, f);
    if (is_ok(r)) {
        f->policy.reportdata = evidence->reportdata;
        r = judge(f, evidence, &code, ret);
    }
    free(f);
    if (ret_code)
        *ret_code = code;
    return r;
}

struct result proto_identity_check(const struct proto_identity *identity,
                                   const struct proto_evidence *evidence, struct attest_claims *ret)
{
    struct attest_claims claims;
    const struct attest_identity *want = &identity->enclave;
    GUARD(proto_trust_check(&identity->trust, evidence, NULL, &claims));
    const struct sgx_report_body *body = &claims.body;
    REQUIRE(!claims.debug, ERR_DENIED, "this is not the SMS that is accepted: a debug enclave");
    const uint8_t *hash =
        want->kind == ATTEST_IDENTITY_MRENCLAVE ? body->mrenclave : body->mrsigner;
    REQUIRE(ct_equal(hash, want->hash, sizeof want->hash), ERR_DENIED,
            "this is not the SMS that is accepted: another enclave identity");
    REQUIRE(want->kind == ATTEST_IDENTITY_MRENCLAVE ||
                (want->isvprodid == body->isvprodid && body->isvsvn >= want->isvsvn_min),
            ERR_DENIED, "this is not the SMS that is accepted: another product or too old");
    REQUIRE(identity->any_configid ||
                ct_equal(body->configid, identity->configid, sizeof identity->configid),
            ERR_DENIED, "this is not the SMS that is accepted: it runs under another policy");
    *ret = claims;
    return RESULT_OK;
}
