// SPDX-License-Identifier: Apache-2.0
// A small world for the SMS's tests: a ledger behind HTTP, an emulated platform's quotes, and the SMS itself
// behind TLS, all real code. Only the enclaves are missing: their report bodies are made up here and signed
// by the emulated PKI, which exists in tests and in emulated installations alone.
#ifndef TESTS_UNIT_SMS_WORLD_H
#define TESTS_UNIT_SMS_WORLD_H

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fingerprint.h"
#include "base/hex.h"
#include "crypto/rsa_wrap.h"
#include "ledger/ledger.h"
#include "os/http_server.h"
#include "os/net.h"
#include "os/tls.h"
#include "proto/secret.h"
#include "quoting/pki.h"
#include "sms/sms.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

enum { ISSUER, OWNER, POOL, WORKER, REQUESTER, WHO_COUNT };
enum { LEAVE, HARDWARE, TASK_COUNT }; // two datasets: emulated enclaves allowed, and not

struct enclave {
    struct quoting_pki *pki;
    struct sgx_report_body body;
};

struct world {
    char folder[64], ledger_path[96], database[96], url[64];
    struct eth_key keys[WHO_COUNT];
    struct address who[WHO_COUNT];
    struct ledger *ledger, *served;
    struct address app, pool, datasets[TASK_COUNT];
    struct hash32 tasks[TASK_COUNT];
    struct fingerprint fingerprint;
    struct quoting_pki pki;
    struct enclave sms_enclave;
    char policy[1024];
    struct proto_identity identity;
    struct sms *sms;
    volatile sig_atomic_t stop;
    atomic_bool ledger_down;
    atomic_bool sms_stop;
    pthread_t ledger_thread, sms_thread;
    struct http_server ledger_server;
    struct sms_server sms_server;
    char private_pem[RSA_PEM_SIZE_MAX], public_pem[RSA_PEM_SIZE_MAX];
};

#define OK(expr)                                \
    do {                                        \
        struct result ok_ = (expr);             \
        if (!is_ok(ok_))                        \
            fail_msg("%s: %s", #expr, ok_.why); \
    } while (0)

static inline uint64_t world_clock(void)
{
    return (uint64_t)time(NULL);
}

// -- quotes ---------------------------------------------------------------------------------------------

static inline struct result world_quote(void *context, const uint8_t reportdata[64],
                                        uint8_t *buffer, size_t capacity, size_t *ret_size)
{
    struct enclave *e = context;
    struct sgx_report_body body = e->body;
    struct writer w = writer_on(buffer, capacity);
    memcpy(body.reportdata, reportdata, 64);
    GUARD(quoting_pki_quote(e->pki, &body, &w));
    *ret_size = w.size;
    return RESULT_OK;
}

static inline struct result world_collateral(void *context, uint8_t *buffer, size_t capacity,
                                             size_t *ret_size)
{
    struct enclave *e = context;
    return attest_collateral_write(&e->pki->collateral, buffer, capacity, ret_size);
}

static inline struct enclave world_enclave(struct world *w, const uint8_t mrenclave[32])
{
    struct enclave e = {.pki = &w->pki};
    e.body.attributes.flags = SGX_FLAGS_INIT | SGX_FLAGS_MODE64BIT | SGX_FLAGS_KSS;
    e.body.attributes.xfrm = 7;
    memcpy(e.body.mrenclave, mrenclave, 32);
    return e;
}

static inline void world_platform(struct quoting_pki *pki, int seed)
{
    struct quoting_pki_params params = {.issued_at = time(NULL) - 3600,
                                        .next_update = time(NULL) + 86400};
    for (int i = 0; i < QUOTING_KEY_COUNT; i++)
        memset(params.seeds[i], seed + i, 32);
    memset(params.cpusvn, 0xe5, sizeof params.cpusvn);
    params.qe.attributes.flags = SGX_FLAGS_INIT | SGX_FLAGS_MODE64BIT;
    params.qe.attributes.xfrm = 3;
    memset(params.qe.mrsigner, 0x51, 32);
    params.qe.isvprodid = 1;
    params.qe.isvsvn = 8;
    OK(quoting_pki_make(&params, pki));
}

// -- the ledger -----------------------------------------------------------------------------------------

static inline struct result world_serve_ledger(void *context, struct http_conn *conn,
                                               const struct http_head *head, struct span body)
{
    struct world *w = context;
    char text[24];
    static uint8_t page[LEDGER_PAGE_SIZE_MAX], record[RECORD_SIZE_MAX];
    struct writer out = writer_on(page, sizeof page);
    size_t size;
    if (w->ledger_down)
        return (struct result){ERR_IO, "the ledger is down"};
    GUARD(ledger_refresh(w->served));
    if (http_method_is(head, "POST")) {
        struct result r = ledger_embedded_submit(w->served, body);
        struct http_out said = {.content_type = "text/plain", .body = SPAN_STR("said")};
        return http_write_response(&conn->transport,
                                   is_ok(r)              ? 200
                                   : r.code == ERR_STALE ? 409
                                                         : 422,
                                   &said);
    }
    GUARD(http_query_value(head->query, "from", text, sizeof text));
    for (uint64_t i = strtoull(text, NULL, 10); i < ledger_head(w->served)->count; i++) {
        GUARD(ledger_embedded_record(w->served, i, record, &size));
        put_be32(&out, (uint32_t)size);
        put_bytes(&out, record, size);
    }
    struct http_out answer = {.content_type = "application/octet-stream",
                              .body = writer_span(&out)};
    return http_write_response(&conn->transport, 200, &answer);
}

static inline void *world_run_ledger(void *context)
{
    struct world *w = context;
    OK(http_server_run(&w->ledger_server));
    return NULL;
}

static inline struct address world_create(struct world *w, int who, enum ledger_method method,
                                          const void *args)
{
    struct hash32 subject;
    struct address a;
    OK(ledger_send(w->ledger, &w->keys[who], method, args, &subject));
    memcpy(a.bytes, subject.bytes + 12, 20);
    return a;
}

static inline void world_deal(struct world *w, int which)
{
    struct hash32 tag = {.bytes[31] = TAG_TEE | TAG_SCONE}, deal;
    struct match_orders_args *o = calloc(1, sizeof *o);
    const struct eip712_domain *d = &ledger_head(w->ledger)->domain;
    o->app = (struct app_order){.app = w->app, .volume = 10, .tag = tag};
    o->dataset = (struct dataset_order){.dataset = w->datasets[which], .volume = 10, .tag = tag};
    o->workerpool =
        (struct workerpool_order){.workerpool = w->pool, .volume = 10, .tag = tag, .trust = 1};
    o->request = (struct request_order){.app = w->app,
                                        .dataset = w->datasets[which],
                                        .workerpool = w->pool,
                                        .requester = w->who[REQUESTER],
                                        .volume = 1,
                                        .tag = tag,
                                        .beneficiary = w->who[REQUESTER],
                                        .params = "{\"iexec_args\":\"one two\"}"};
    o->app.salt.bytes[0] = o->dataset.salt.bytes[0] = o->workerpool.salt.bytes[0] =
        o->request.salt.bytes[0] = (uint8_t)(which + 1);
    OK(order_sign(ORDER_APP, &o->app, d, &w->keys[OWNER]));
    OK(order_sign(ORDER_DATASET, &o->dataset, d, &w->keys[OWNER]));
    OK(order_sign(ORDER_WORKERPOOL, &o->workerpool, d, &w->keys[POOL]));
    OK(order_sign(ORDER_REQUEST, &o->request, d, &w->keys[REQUESTER]));
    OK(ledger_match(w->ledger, &w->keys[WORKER], o, &deal));
    w->tasks[which] = task_id_of(&deal, 0);
    struct ledger_task task;
    if (!is_ok(ledger_view_task(w->ledger, &w->tasks[which], &task)))
        OK(ledger_initialize_task(w->ledger, &w->keys[WORKER], &deal, 0, &w->tasks[which]));
    free(o);
}

static inline void world_fill_ledger(struct world *w)
{
    struct create_app_args *app = calloc(1, sizeof *app);
    strcpy(app->name, "app");
    strcpy(app->multiaddr, "http://host/image");
    fingerprint_format(&w->fingerprint, app->mrenclave);
    strcat(app->mrenclave, "|python3 /app.py");
    w->app = world_create(w, OWNER, METHOD_CREATE_APP, app);
    free(app);
    struct create_workerpool_args pool = {.description = "pool"};
    w->pool = world_create(w, POOL, METHOD_CREATE_WORKERPOOL, &pool);
    for (int i = 0; i < TASK_COUNT; i++) {
        struct create_dataset_args data = {.multiaddr = "http://host/d", .checksum = {{7}}};
        snprintf(data.name, sizeof data.name, "dataset %d", i);
        w->datasets[i] = world_create(w, OWNER, METHOD_CREATE_DATASET, &data);
        world_deal(w, i);
    }
}

// -- the SMS --------------------------------------------------------------------------------------------

static inline void *world_run_sms(void *context)
{
    struct world *w = context;
    OK(sms_server_run(&w->sms_server));
    return NULL;
}

static inline void world_policy(struct world *w, unsigned ledger_port)
{
    char root[HEX_SIZE(32)], genesis[HEX_SIZE(32)], identity[1024], configid[HEX_SIZE(32)];
    hex_encode(w->pki.root_hash, 32, root);
    hex_encode(ledger_head(w->ledger)->genesis.bytes, 32, genesis);
    snprintf(w->policy, sizeof w->policy,
             "{\"version\":1,\"roots\":[{\"name\":\"emulated\",\"spki_sha256\":\"%s\"}],"
             "\"policy\":\"strict\",\"ledger\":{\"chain_id\":65535,\"genesis\":\"%s\",\"url\":"
             "\"http://127.0.0.1:%u\"},\"post_compute\":[\"%064d\"]}",
             root, genesis, ledger_port, 77);
    uint8_t mrenclave[32], hash[PROTO_CONFIGID_SIZE];
    memset(mrenclave, 0x55, 32);
    w->sms_enclave = world_enclave(w, mrenclave);
    proto_sms_policy_configid(SPAN(w->policy, strlen(w->policy)), hash);
    memcpy(w->sms_enclave.body.configid, hash, 64);
    hex_encode(hash, 32, configid);
    snprintf(identity, sizeof identity,
             "{\"version\":1,\"sms\":{\"mrenclave\":\"%s\",\"configid\":\"%s\"},\"roots\":"
             "[{\"name\":\"emulated\",\"spki_sha256\":\"%s\"}],\"policy\":\"strict\"}",
             "5555555555555555555555555555555555555555555555555555555555555555", configid, root);
    OK(proto_identity_read(SPAN(identity, strlen(identity)), &w->identity));
}

static inline void world_start_sms(struct world *w)
{
    unsigned port;
    struct proto_quoter quoter = {&w->sms_enclave, world_quote, world_collateral};
    OK(sms_open(SPAN(w->policy, strlen(w->policy)), w->sms_enclave.body.configid, w->database,
                &quoter, &w->sms));
    w->sms_server = (struct sms_server){.sms = w->sms, .thread_count = 4, .stop = &w->sms_stop};
    OK(net_listen("127.0.0.1:0", &w->sms_server.fd, &port));
    snprintf(w->url, sizeof w->url, "https://127.0.0.1:%u", port);
    assert_int_equal(pthread_create(&w->sms_thread, NULL, world_run_sms, w), 0);
}

static inline struct world *world_new(void)
{
    struct world *w = calloc(1, sizeof *w);
    unsigned port;
    strcpy(w->folder, "/tmp/cloister-sms-XXXXXX");
    assert_non_null(mkdtemp(w->folder));
    snprintf(w->ledger_path, sizeof w->ledger_path, "%s/ledger.db", w->folder);
    snprintf(w->database, sizeof w->database, "%s/sms.db", w->folder);
    for (int i = 0; i < WHO_COUNT; i++) {
        memset(w->keys[i].bytes, i + 1, 32);
        OK(eth_key_address(&w->keys[i], &w->who[i]));
    }
    memset(&w->fingerprint, 0x61, sizeof w->fingerprint);
    OK(rsa_generate(2048, w->private_pem, w->public_pem));
    world_platform(&w->pki, 0x10);
    OK(ledger_embedded_init(w->ledger_path, 65535, &w->keys[ISSUER], world_clock));
    OK(ledger_embedded_open(w->ledger_path, world_clock, NULL, &w->ledger));
    OK(ledger_embedded_open(w->ledger_path, world_clock, NULL, &w->served));
    world_fill_ledger(w);
    w->ledger_server = (struct http_server){
        .body_size_max = 1024, .handle = world_serve_ledger, .context = w, .stop = &w->stop};
    OK(http_server_listen("127.0.0.1:0", &w->ledger_server.fd, &port));
    assert_int_equal(pthread_create(&w->ledger_thread, NULL, world_run_ledger, w), 0);
    world_policy(w, port);
    world_start_sms(w);
    return w;
}

static inline void world_free(struct world *w)
{
    atomic_store(&w->sms_stop, true);
    w->stop = 1;
    pthread_join(w->sms_thread, NULL);
    shutdown(w->ledger_server.fd, SHUT_RDWR);
    pthread_join(w->ledger_thread, NULL);
    close(w->sms_server.fd);
    close(w->ledger_server.fd);
    sms_close(w->sms);
    ledger_free(w->ledger);
    ledger_free(w->served);
    quoting_pki_done(&w->pki);
    unlink(w->ledger_path);
    unlink(w->database);
    rmdir(w->folder);
    free(w);
}

#endif
