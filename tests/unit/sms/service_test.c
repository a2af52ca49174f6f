// SPDX-License-Identifier: Apache-2.0
// The whole secret path but for the enclave itself: owners push secrets, a pool asks for a challenge, an app
// and a post-compute enclave are provisioned over attested TLS, a requester verifies the proof. And every
// way around it that a host can try from outside is refused for the right reason.
#include "shield/configid.h"
#include "sms/world.h"

static struct world *w;
static const uint8_t dataset_key[32] = {0xd1, 0xd2, 0xd3};

struct link {
    struct tls *tls;
    struct proto_client *client;
};

static struct link link_open(void)
{
    struct link l;
    uint8_t exporter[32];
    OK(tls_connect(w->url, 5000, &l.tls));
    OK(tls_exporter(l.tls, PROTO_EXPORTER_LABEL, exporter));
    OK(proto_client_open(tls_transport(l.tls), tls_host(l.tls), exporter, &l.client));
    return l;
}

static void link_close(struct link *l)
{
    proto_client_free(l->client);
    tls_free(l->tls);
}

static unsigned secret_fields(const char *method, const char *target, const char *value,
                              const char *fields)
{
    unsigned status = 0;
    struct link l = link_open();
    OK(proto_client_attest(l.client, &w->identity, time(NULL), NULL));
    OK(proto_client_secret(l.client, method, target, fields, SPAN(value, strlen(value)), &status));
    link_close(&l);
    return status;
}

static unsigned secret(const char *method, const char *target, const char *value, int who,
                       struct hash32 hash, const char *more)
{
    struct signature s;
    char hex[HEX_SIZE(65)], fields[512];
    OK(eth_sign_message(&w->keys[who], &hash, &s));
    hex_encode(s.bytes, 65, hex);
    snprintf(fields, sizeof fields, "Authorization: 0x%s\r\n%s", hex, more);
    return secret_fields(method, target, value, fields);
}

static void dataset_target(int which, char ret[128])
{
    char address[ADDRESS_TEXT_SIZE];
    address_format(&w->datasets[which], address);
    snprintf(ret, 128, "/secrets/web3?secretAddress=%s", address);
}

static void test_push_keys(void **state)
{
    char target[128], key[BASE64_SIZE(32)];
    const char *leave = PROTO_EMULATED_FIELD ": " PROTO_EMULATED_VALUE "\r\n";
    (void)state;
    base64_encode(dataset_key, 32, key);
    struct span value = SPAN(key, strlen(key));
    struct hash32 plain = proto_web3_hash(&w->datasets[LEAVE], value, false);
    struct hash32 with = proto_web3_hash(&w->datasets[LEAVE], value, true);
    dataset_target(LEAVE, target);
    assert_int_equal(secret("HEAD", target, "", OWNER, plain, ""), 404);
    assert_int_equal(secret_fields("POST", target, key, ""), 400);
    assert_int_equal(secret_fields("POST", target, key, "Authorization: 0x00\r\n"), 401);
    assert_int_equal(secret("POST", target, key, REQUESTER, plain, ""), 401);
    assert_int_equal(secret("POST", target, key, OWNER, plain, leave), 401); // leave not signed
    assert_int_equal(secret("POST", target, key, OWNER, with, ""), 401);     // leave taken away
    assert_int_equal(secret("POST", target, "", OWNER, with, leave), 400);
    assert_int_equal(secret("POST", target, key, OWNER, with, leave), 204);
    assert_int_equal(secret("POST", target, key, OWNER, with, leave), 409);
    assert_int_equal(secret("HEAD", target, "", OWNER, plain, ""), 204);
    assert_int_equal(secret("PUT", target, key, OWNER, plain, ""), 405);
    dataset_target(HARDWARE, target);
    plain = proto_web3_hash(&w->datasets[HARDWARE], value, false);
    assert_int_equal(secret("POST", target, key, OWNER, plain, ""), 204);
    assert_int_equal(secret("POST", "/secrets/web3?secretAddress=0x12", key, OWNER, plain, ""),
                     400);
}

static void test_secret_sizes(void **state)
{
    char *big = calloc(1, 9000), target[160], address[ADDRESS_TEXT_SIZE];
    (void)state;
    memset(big, 'x', 4097);
    address_format(&w->who[REQUESTER], address);
    snprintf(target, sizeof target, "/secrets/web2?ownerAddress=%s&secretName=Big", address);
    struct hash32 h = proto_web2_hash(&w->who[REQUESTER], SPAN_STR("Big"), SPAN(big, 4097), false);
    assert_int_equal(secret("POST", target, big, REQUESTER, h, ""), 413);
    big[4096] = 0;
    h = proto_web2_hash(&w->who[REQUESTER], SPAN_STR("Big"), SPAN(big, 4096), false);
    assert_int_equal(secret("PUT", target, big, REQUESTER, h, ""), 404);
    assert_int_equal(secret("POST", target, big, REQUESTER, h, ""), 204);
    snprintf(target, sizeof target, "/secrets/web2?ownerAddress=%s&secretName=bIG", address);
    assert_int_equal(secret("HEAD", target, "", REQUESTER, h, ""), 204); // names ignore case
    snprintf(target, sizeof target, "/requesters/%s/secrets/k-1", address);
    h = proto_web2_hash(&w->who[REQUESTER], SPAN_STR("k-1"), SPAN_STR("v"), false);
    assert_int_equal(secret("POST", target, "v", REQUESTER, h, ""), 204);
    assert_int_equal(secret("HEAD", target, "", REQUESTER, h, ""), 204);
    snprintf(target, sizeof target, "/requesters/%s/secrets/b%%20d", address);
    assert_int_equal(secret("POST", target, "v", REQUESTER, h, ""), 400);
    assert_int_equal(secret("POST", "/nowhere", "v", REQUESTER, h, ""), 404);
    free(big);
}

static unsigned post_challenge(const struct hash32 *task, int who, char ret[256])
{
    char id[HEX_SIZE(32)], target[128], fields[256], hex[HEX_SIZE(65)];
    struct hash32 h = proto_challenge_hash(task);
    struct signature s;
    struct tls *t;
    struct http_conn *c = malloc(sizeof *c);
    struct http_head head;
    struct http_body in;
    size_t size;
    OK(eth_sign_message(&w->keys[who], &h, &s));
    hex_encode(task->bytes, 32, id);
    hex_encode(s.bytes, 65, hex);
    snprintf(target, sizeof target, "/tee/challenges/0x%s", id);
    snprintf(fields, sizeof fields, "Authorization: 0x%s\r\n", hex);
    OK(tls_connect(w->url, 5000, &t));
    struct http_transport transport = tls_transport(t);
    struct http_out out = {.fields = fields};
    http_conn_init(c, transport);
    OK(http_write_request(&transport, "POST", "sms", target, &out));
    OK(http_read_response(c, &head));
    unsigned status = head.status;
    http_body_init(&in, c, &head, true, false);
    OK(http_body_read_all(&in, ret, 255, &size));
    ret[status == 200 ? size : 0] = 0;
    tls_free(t);
    free(c);
    return status;
}

static struct address challenge_of(int which)
{
    char text[256];
    struct address a;
    assert_int_equal(post_challenge(&w->tasks[which], POOL, text), 200);
    OK(address_parse(SPAN(text, strlen(text)), &a));
    return a;
}

static void test_challenge(void **state)
{
    char text[256];
    struct hash32 unknown = {.bytes = {9}};
    (void)state;
    struct address a = challenge_of(LEAVE), again = challenge_of(LEAVE);
    assert_true(address_equal(&a, &again));
    assert_int_equal(post_challenge(&w->tasks[LEAVE], REQUESTER, text), 401);
    assert_int_equal(post_challenge(&unknown, POOL, text), 401);
}

// An honest request of this enclave for this task.
static struct proto_provision request_for(enum proto_role role, int which)
{
    struct proto_provision q = {.role = role, .task = w->tasks[which], .worker = w->who[WORKER]};
    struct address challenge = challenge_of(which);
    struct hash32 h = proto_authorization_hash(&q.worker, &q.task, &challenge);
    memset(q.fspf_key, 0x61, 32);
    memset(q.fspf_tag, 0x61, 32);
    OK(eth_sign_message(&w->keys[POOL], &h, &q.authorization));
    return q;
}

static struct enclave app_enclave(void)
{
    return world_enclave(w, w->fingerprint.mrenclave);
}

static struct enclave post_enclave(void)
{
    uint8_t mrenclave[32] = {[31] = 0x77};
    return world_enclave(w, mrenclave);
}

// One attested connection and one request; *ret_body is NULL when refused. Returns the refusal's name.
static const char *provision(struct enclave *e, const struct proto_provision *q, uint8_t **ret_body,
                             size_t *ret_size)
{
    static char name[PROTO_REFUSAL_NAME_SIZE];
    struct proto_quoter quoter = {e, world_quote, world_collateral};
    struct link l = link_open();
    uint8_t *body = NULL;
    OK(proto_client_attest(l.client, &w->identity, time(NULL), NULL));
    struct result r = proto_client_provision(l.client, &quoter, q, &body, ret_size);
    strcpy(name, is_ok(r) ? "none" : proto_client_refusal(l.client)->name);
    link_close(&l);
    if (ret_body)
        *ret_body = body;
    else
        proto_client_body_free(body, body ? *ret_size : 0);
    return name;
}

static void expect(struct enclave e, const struct proto_provision *q, const char *name)
{
    size_t size;
    assert_string_equal(provision(&e, q, NULL, &size), name);
}

static void test_app(void **state)
{
    uint8_t *body;
    size_t size;
    struct proto_app_grant g, g2;
    struct enclave e = app_enclave();
    struct proto_provision q = request_for(PROTO_APP, LEAVE);
    (void)state;
    assert_string_equal(provision(&e, &q, &body, &size), "none");
    OK(proto_app_grant_read(SPAN(body, size), &g));
    assert_true(g.has_dataset && address_equal(&g.dataset, &w->datasets[LEAVE]));
    assert_memory_equal(g.dataset_key, dataset_key, 32);
    assert_int_equal(g.dataset_checksum[0], 7);
    assert_int_equal(g.arguments.count, 2);
    assert_memory_equal(g.arguments.items[1].data, "two", 3);
    assert_memory_equal(g.environment.items[0].data, "IEXEC_TASK_ID=0x", 16);
    uint8_t *body2;
    assert_string_equal(provision(&e, &q, &body2, &size), "none");
    OK(proto_app_grant_read(SPAN(body2, size), &g2));
    assert_int_equal(g2.generation, g.generation + 1);
    assert_memory_not_equal(g.transfer_key, g2.transfer_key, 32);
    free(body);
    free(body2);
}

// An enclave whose file system MRENCLAVE does not name: it gets the ledger's command too.
static void test_app_provided(void **state)
{
    uint8_t *body;
    size_t size;
    static struct proto_app_grant g;
    struct enclave e = app_enclave();
    struct proto_provision q = request_for(PROTO_APP, LEAVE);
    (void)state;
    configid_make(q.fspf_key, q.fspf_tag, q.task.bytes, e.body.configid);
    assert_string_equal(provision(&e, &q, &body, &size), "none");
    OK(proto_app_grant_read(SPAN(body, size), &g));
    assert_int_equal(g.command.count, 2);
    assert_memory_equal(g.command.items[0].data, "python3", 7);
    assert_memory_equal(g.command.items[1].data, "/app.py", 7);
    assert_int_equal(g.arguments.count, 2);
    free(body);
    configid_make(q.fspf_key, q.fspf_tag, w->tasks[HARDWARE].bytes, e.body.configid);
    expect(e, &q, "configid"); // of another task
    q.fspf_tag[0] ^= 1;        // another file system under the same MRENCLAVE
    configid_make(q.fspf_key, q.fspf_tag, q.task.bytes, e.body.configid);
    expect(e, &q, "app-fspf");
    q.fspf_tag[0] ^= 1;
    expect(e, &q, "configid");
}

static unsigned push_content_key(const char *query, const char *path, const char *key, int who,
                                 bool leave)
{
    char target[256], name[256], address[ADDRESS_TEXT_SIZE];
    address_format(&w->app, address);
    snprintf(target, sizeof target, "/apps/%s/regions%s%s", address, query, path);
    snprintf(name, sizeof name, "%s%s", PROTO_REGION_PREFIX, path);
    struct hash32 h =
        proto_web2_hash(&w->app, SPAN(name, strlen(name)), SPAN(key, strlen(key)), leave);
    return secret("POST", target, key, who, h,
                  leave ? PROTO_EMULATED_FIELD ": " PROTO_EMULATED_VALUE "\r\n" : "");
}

static void test_content_keys(void **state)
{
    uint8_t *body;
    size_t size;
    static struct proto_app_grant g;
    struct enclave e = app_enclave(), other = e;
    struct proto_provision q = request_for(PROTO_APP, LEAVE);
    char key[HEX_SIZE(32)], address[ADDRESS_TEXT_SIZE], target[128];
    (void)state;
    hex_encode(dataset_key, 32, key);
    assert_int_equal(push_content_key("?path=", "/model", key, REQUESTER, true), 401);
    assert_int_equal(push_content_key("?path=", "/model/", key, OWNER, true), 400);
    assert_int_equal(push_content_key("?path=", "model", key, OWNER, true), 400);
    assert_int_equal(push_content_key("?p=", "/model", key, OWNER, true), 400);
    assert_int_equal(push_content_key("/x?path=", "/model", key, OWNER, true), 404);
    assert_int_equal(push_content_key("?path=", "/model", "00", OWNER, true), 400);
    assert_int_equal(push_content_key("?path=", "/model", key, OWNER, true), 204);
    assert_int_equal(push_content_key("?path=", "/model", key, OWNER, true), 409);
    // A signature for the app's own secret is none for a region.
    address_format(&w->app, address);
    snprintf(target, sizeof target, "/apps/%s/regions?path=/other", address);
    struct hash32 h =
        proto_web2_hash(&w->app, SPAN_STR(PROTO_APP_SECRET_NAME), SPAN(key, 64), false);
    assert_int_equal(secret("POST", target, key, OWNER, h, ""), 401);
    assert_string_equal(provision(&e, &q, &body, &size), "none");
    OK(proto_app_grant_read(SPAN(body, size), &g));
    assert_int_equal(g.content_key_count, 1);
    assert_int_equal(g.content_keys[0].path.size, 6);
    assert_memory_equal(g.content_keys[0].path.data, "/model", 6);
    assert_memory_equal(g.content_keys[0].key, dataset_key, 32);
    free(body);
    other.body.mrenclave[0] ^= 1;
    expect(other, &q, "app-mrenclave");
    assert_int_equal(push_content_key("?path=", "/weights", key, OWNER, false), 204);
    expect(e, &q, "secret-hardware-only");
}

static void test_app_refused(void **state)
{
    struct proto_provision q = request_for(PROTO_APP, LEAVE), bad;
    struct enclave e = app_enclave(), other;
    struct quoting_pki stranger;
    (void)state;
    bad = request_for(PROTO_APP, HARDWARE);
    expect(e, &bad, "dataset-hardware-only");
    other = e;
    other.body.mrenclave[0] ^= 1;
    expect(other, &q, "app-mrenclave");
    other = e;
    other.body.attributes.flags |= SGX_FLAGS_DEBUG;
    expect(other, &q, "debug-enclave");
    other = e;
    other.body.attributes.flags |= SGX_FLAGS_PROVISIONKEY;
    expect(other, &q, "attributes");
    other = e;
    other.body.configid[0] = 1;
    expect(other, &q, "configid");
    world_platform(&stranger, 0x60); // another installation's root
    other = e;
    other.pki = &stranger;
    expect(other, &q, "policy");
    quoting_pki_done(&stranger);
    bad = q;
    bad.fspf_tag[0] ^= 1;
    expect(e, &bad, "app-fspf");
    bad = q;
    bad.worker.bytes[0] ^= 1;
    expect(e, &bad, "worker-not-authorised");
    bad = q;
    bad.task.bytes[0] ^= 1;
    expect(e, &bad, "task-unknown");
    bad = q;
    bad.role = PROTO_POST_COMPUTE;
    expect(e, &bad, "post-mrenclave");
}

// A quote that was made for another connection, by a host that forwards it.
struct replay {
    uint8_t quote[SGX_QUOTE_SIZE_MAX];
    size_t size;
    struct enclave *enclave;
};

static struct result record_quote(void *context, const uint8_t reportdata[64], uint8_t *buffer,
                                  size_t capacity, size_t *ret_size)
{
    struct replay *r = context;
    if (r->size == 0)
        GUARD(world_quote(r->enclave, reportdata, r->quote, sizeof r->quote, &r->size));
    (void)capacity;
    memcpy(buffer, r->quote, r->size);
    *ret_size = r->size;
    return RESULT_OK;
}

static struct result replay_collateral(void *context, uint8_t *buffer, size_t capacity,
                                       size_t *ret_size)
{
    return world_collateral(((struct replay *)context)->enclave, buffer, capacity, ret_size);
}

static void test_replay(void **state)
{
    struct enclave e = app_enclave();
    struct replay r = {.enclave = &e};
    struct proto_quoter quoter = {&r, record_quote, replay_collateral};
    struct proto_provision q = request_for(PROTO_APP, LEAVE);
    uint8_t *body = NULL;
    size_t size;
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct link l = link_open();
        OK(proto_client_attest(l.client, &w->identity, time(NULL), NULL));
        struct result got = proto_client_provision(l.client, &quoter, &q, &body, &size);
        assert_int_equal(got.code, i == 0 ? ERR_NONE : ERR_DENIED);
        if (i == 0)
            proto_client_body_free(body, size);
        else
            assert_string_equal(proto_client_refusal(l.client)->name, "quote-not-bound");
        // The same connection again: our own client refuses already.
        assert_int_equal(proto_client_provision(l.client, &quoter, &q, &body, &size).code,
                         ERR_DENIED);
        link_close(&l);
    }
}

// Requests by hand: the server's own rules, without our client's.
static unsigned raw(struct http_conn *c, struct tls *t, const char *path, struct span body,
                    uint8_t *answer, size_t capacity, size_t *ret_size)
{
    struct http_transport transport = tls_transport(t);
    struct http_head head;
    struct http_body in;
    struct http_out out = {.body = body};
    OK(http_write_request(&transport, "POST", "sms", path, &out));
    OK(http_read_response(c, &head));
    unsigned status = head.status;
    http_body_init(&in, c, &head, true, false);
    OK(http_body_read_all(&in, answer, capacity, ret_size));
    return status;
}

static void test_server_rules(void **state)
{
    struct tls *t;
    struct http_conn *c = malloc(sizeof *c);
    uint8_t *answer = malloc(1 << 20), message[2048];
    struct proto_attest_request nonce = {.nonce = {1}};
    struct proto_provision q = request_for(PROTO_APP, LEAVE);
    struct proto_refusal_message m;
    size_t size, n;
    (void)state;
    OK(tls_connect(w->url, 5000, &t));
    http_conn_init(c, tls_transport(t));
    OK(proto_provision_write(&q, message, sizeof message, &n));
    assert_int_equal(raw(c, t, PROTO_PATH_PROVISION, SPAN(message, n), answer, 1 << 20, &size),
                     403);
    OK(proto_refusal_read(SPAN(answer, size), &m));
    assert_string_equal(m.name, "not-attested");
    OK(proto_attest_request_write(&nonce, message, sizeof message, &n));
    assert_int_equal(raw(c, t, PROTO_PATH_ATTEST, SPAN(message, n), answer, 1 << 20, &size), 200);
    assert_int_equal(raw(c, t, PROTO_PATH_ATTEST, SPAN(message, n), answer, 1 << 20, &size), 403);
    for (int i = 0; i < 2; i++) { // a nonce serves once, whatever the request was
        assert_int_equal(raw(c, t, PROTO_PATH_PROVISION, SPAN_STR("junk"), answer, 1 << 20, &size),
                         i == 0 ? 400 : 403);
        OK(proto_refusal_read(SPAN(answer, size), &m));
        assert_string_equal(m.name, i == 0 ? "malformed" : "quote-used");
    }
    tls_free(t);
    free(c);
    free(answer);
}

static void push_beneficiary_key(void)
{
    char value[BASE64_SIZE(RSA_PEM_SIZE_MAX)], target[160], address[ADDRESS_TEXT_SIZE];
    struct span name = SPAN_STR(PROTO_RESULT_KEY_NAME);
    base64_encode(w->public_pem, strlen(w->public_pem), value);
    address_format(&w->who[REQUESTER], address);
    snprintf(target, sizeof target, "/secrets/web2?ownerAddress=%s&secretName=%s", address,
             PROTO_RESULT_KEY_NAME);
    struct hash32 h = proto_web2_hash(&w->who[REQUESTER], name, SPAN(value, strlen(value)), false);
    assert_int_equal(secret("POST", target, value, REQUESTER, h, ""), 204);
    assert_int_equal(secret("PUT", target, value, REQUESTER, h, ""), 204);
}

static void check_proof(const struct proto_post_grant *g)
{
    struct proto_proof_verdict v;
    struct proto_proof bad = g->proof;
    struct proto_identity other = w->identity;
    struct address challenge;
    OK(proto_proof_verify(&g->proof, &w->identity, time(NULL), &v));
    OK(eth_key_address(&g->challenge_key, &challenge));
    assert_true(address_equal(&v.certificate.challenge, &challenge));
    assert_memory_equal(&v.certificate.task, &w->tasks[LEAVE], 32);
    assert_memory_equal(v.certificate.app_mrenclave, w->fingerprint.mrenclave, 32);
    assert_true(v.certificate.app_emulated && v.certificate.post_emulated && v.sms.emulated);
    for (size_t i = 8; i < PROTO_CERTIFICATE_SIZE - 2; i += 13) { // any changed bit
        bad.certificate[i] ^= 1;
        assert_false(is_ok(proto_proof_verify(&bad, &w->identity, time(NULL), &v)));
        bad.certificate[i] ^= 1;
    }
    bad.signature.bytes[0] ^= 1;
    assert_false(is_ok(proto_proof_verify(&bad, &w->identity, time(NULL), &v)));
    other.configid[0] ^= 1;
    assert_int_equal(proto_proof_verify(&g->proof, &other, time(NULL), &v).code, ERR_DENIED);
}

static void test_post_compute(void **state)
{
    uint8_t *body;
    size_t size;
    struct proto_app_grant app;
    struct proto_post_grant g;
    struct enclave a = app_enclave(), e = post_enclave();
    struct proto_provision q = request_for(PROTO_POST_COMPUTE, LEAVE), other;
    (void)state;
    other = request_for(PROTO_POST_COMPUTE, HARDWARE);
    expect(e, &other, "no-app-session");
    expect(e, &q, "beneficiary-key-missing");
    push_beneficiary_key();
    q.role = PROTO_APP;
    assert_string_equal(provision(&a, &q, &body, &size), "none");
    OK(proto_app_grant_read(SPAN(body, size), &app));
    free(body);
    q.role = PROTO_POST_COMPUTE;
    assert_string_equal(provision(&e, &q, &body, &size), "none");
    OK(proto_post_grant_read(SPAN(body, size), &g));
    assert_memory_equal(g.transfer_key, app.transfer_key, 32);
    assert_int_equal(g.generation, app.generation);
    assert_int_equal(g.beneficiary_key.size, strlen(w->public_pem));
    assert_memory_equal(&g.worker, &w->who[WORKER], 20);
    check_proof(&g);
    free(body);
}

static void expect_other_sms(struct proto_identity identity)
{
    struct link l = link_open();
    struct enclave e = app_enclave();
    struct proto_quoter quoter = {&e, world_quote, world_collateral};
    struct proto_provision q = request_for(PROTO_APP, LEAVE);
    uint8_t *body;
    size_t size;
    assert_false(is_ok(proto_client_attest(l.client, &identity, time(NULL), NULL)));
    assert_int_equal(proto_client_provision(l.client, &quoter, &q, &body, &size).code, ERR_DENIED);
    link_close(&l);
}

static void test_other_sms(void **state)
{
    struct proto_identity id = w->identity;
    (void)state;
    id.enclave.hash[0] ^= 1;
    expect_other_sms(id);
    id = w->identity;
    id.configid[40] = 1;
    expect_other_sms(id);
    id = w->identity;
    id.trust.roots[0].key_hash[0] ^= 1;
    expect_other_sms(id);
    id = w->identity; // Intel's root alone: the emulated SMS is refused
    id.trust.root_count = 0;
    id.trust.intel = true;
    expect_other_sms(id);
    id = w->identity;
    id.enclave = (struct attest_identity){.kind = ATTEST_IDENTITY_MRSIGNER, .isvsvn_min = 1};
    expect_other_sms(id); // right signer, too old
}

// A man in the middle with a TLS session of his own cannot pass the SMS's quote on.
static void test_middle(void **state)
{
    struct proto_client *c;
    struct tls *t;
    uint8_t exporter[32] = {1}; // of the session between client and middle
    (void)state;
    OK(tls_connect(w->url, 5000, &t));
    OK(proto_client_open(tls_transport(t), tls_host(t), exporter, &c));
    struct result r = proto_client_attest(c, &w->identity, time(NULL), NULL);
    assert_int_equal(r.code, ERR_DENIED);
    proto_client_free(c);
    tls_free(t);
}

static void test_policy_is_bound(void **state)
{
    struct sms *s;
    struct proto_quoter quoter = {&w->sms_enclave, world_quote, world_collateral}, none = {0};
    char changed[sizeof w->policy + 1];
    const uint8_t *configid = w->sms_enclave.body.configid;
    (void)state;
    snprintf(changed, sizeof changed, "%s ", w->policy);
    assert_int_equal(
        sms_open(SPAN(changed, strlen(changed)), configid, w->database, &quoter, &s).code,
        ERR_DENIED);
    assert_int_equal(
        sms_open(SPAN(w->policy, strlen(w->policy)), configid, w->database, &none, &s).code,
        ERR_DENIED);
    assert_true(sms_now(w->sms, 0) >= ledger_head(w->ledger)->time);
    uint64_t later = sms_now(w->sms, (uint64_t)time(NULL) + 500);
    assert_int_equal(sms_now(w->sms, 0), later); // time does not go back
}

static struct ledger_anchor anchor_now(void)
{
    struct ledger_anchor a;
    OK(ledger_refresh(w->ledger));
    OK(ledger_view_anchor(w->ledger, &w->sms->signer, &a));
    return a;
}

static unsigned put_word(const char *method, const char *value)
{
    char target[160], address[ADDRESS_TEXT_SIZE];
    address_format(&w->who[OWNER], address);
    snprintf(target, sizeof target, "/secrets/web2?ownerAddress=%s&secretName=word", address);
    struct hash32 h =
        proto_web2_hash(&w->who[OWNER], SPAN_STR("word"), SPAN(value, strlen(value)), false);
    return secret(method, target, value, OWNER, h, "");
}

// Every answer stands on the ledger first; without the ledger writes are kept and nothing is released.
static void test_anchors(void **state)
{
    struct enclave app = app_enclave();
    struct proto_provision q = request_for(PROTO_APP, LEAVE);
    struct store_head head;
    size_t size;
    (void)state;
    assert_int_equal(put_word("POST", "old"), 204);
    OK(store_head(w->sms->store, &head));
    struct ledger_anchor a = anchor_now();
    assert_true(a.generation == head.generation && hash32_equal(&a.state, &head.state));
    assert_string_equal(provision(&app, &q, NULL, &size), "none");
    assert_int_equal(anchor_now().generation, a.generation + 1);
    OK(sms_anchor(w->sms)); // nothing is new
    assert_int_equal(anchor_now().generation, a.generation + 1);
    atomic_store(&w->ledger_down, true);
    assert_int_equal(put_word("PUT", "new"), 503);
    assert_int_equal(put_word("PUT", "newer"), 503);
    assert_false(is_ok(sms_anchor(w->sms)));
    atomic_store(&w->ledger_down, false);
    assert_int_equal(anchor_now().generation, a.generation + 1);
    assert_string_equal(provision(&app, &q, NULL, &size), "none");
    assert_int_equal(anchor_now().generation, a.generation + 4); // one record for three
}

static void copy_file(const char *from, const char *to)
{
    char buffer[4096];
    size_t size;
    FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
    assert_true(in && out);
    while ((size = fread(buffer, 1, sizeof buffer, in)) > 0)
        assert_int_equal(fwrite(buffer, 1, size, out), size);
    fclose(in);
    fclose(out);
}

// An old copy is refused, also when it has made its own way past the anchor's number.
static void test_rollback(void **state)
{
    char copy[128];
    struct sms *s;
    struct proto_quoter quoter = {&w->sms_enclave, world_quote, world_collateral};
    (void)state;
    snprintf(copy, sizeof copy, "%s/copy.db", w->folder);
    OK(sms_anchor(w->sms));
    copy_file(w->database, copy);
    OK(sms_open(SPAN(w->policy, strlen(w->policy)), w->sms_enclave.body.configid, copy, &quoter,
                &s));
    OK(sms_anchor(s)); // it is as new as the anchor
    assert_int_equal(put_word("PUT", "newest"), 204);
    struct result r = sms_anchor(s);
    assert_int_equal(r.code, ERR_STALE);
    assert_string_equal(r.why, "this database is older than its anchor on the ledger");
    for (int i = 0; i < 3; i++) {
        OK(store_replace(s->store, STORE_WEB2, &w->who[OWNER], "word", SPAN_STR("branch")));
        assert_int_equal(sms_anchor(s).code, ERR_STALE);
    }
    sms_close(s);
    OK(sms_anchor(w->sms));
    unlink(copy);
}

static int set_up(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    w = world_new();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world_free(w);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_push_keys),    cmocka_unit_test(test_secret_sizes),
        cmocka_unit_test(test_challenge),    cmocka_unit_test(test_app),
        cmocka_unit_test(test_app_provided), cmocka_unit_test(test_app_refused),
        cmocka_unit_test(test_replay),       cmocka_unit_test(test_server_rules),
        cmocka_unit_test(test_post_compute), cmocka_unit_test(test_other_sms),
        cmocka_unit_test(test_middle),       cmocka_unit_test(test_policy_is_bound),
        cmocka_unit_test(test_anchors),      cmocka_unit_test(test_content_keys),
        cmocka_unit_test(test_rollback)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
