// SPDX-License-Identifier: Apache-2.0
// The secret management service: what its parts share, and the service of one connection.
//
//   server.c   threads, TLS, HTTP        service.c  routes
//   session.c  /v1/attest, /v1/provision  secrets.c  the secrets API and challenges
//   release.c  the decision               grant.c    what a granted enclave receives
#ifndef SMS_SMS_H
#define SMS_SMS_H

#include <stdatomic.h>
#include <stdio.h>

#include "proto/attest_message.h"
#include "proto/client.h"
#include "sms/ledger_link.h"
#include "sms/store.h"
#include "wire/http.h"

struct sms {
    struct proto_sms_policy policy;
    struct store *store;
    struct ledger_link *ledger;
    struct proto_quoter quoter; // the SMS's own evidence; it has no substitute
    struct eth_key signer_key;
    struct address signer;
    FILE *log; // NULL: silent
};

// The policy text must be the one that `configid` (of our own report) names. Opens store and ledger.
struct result sms_open(struct span policy, const uint8_t configid[PROTO_CONFIGID_SIZE],
                       const char *database, const struct proto_quoter *quoter, struct sms **ret);
void sms_close(struct sms *s); // takes NULL

// Nothing that depends on the database leaves before this succeeded: its head is what the ledger has
// anchored. ERR_STALE: the database was rolled back.
struct result sms_anchor(struct sms *s);
// Unix time that never goes below the store's mark, nor below `least`.
uint64_t sms_now(const struct sms *s, uint64_t least);

// Gives the TLS server a certificate with the SMS's evidence.
struct tls_server;
struct result sms_certify(struct sms *s, struct tls_server *tls);

// One connection's state.
struct sms_session {
    uint8_t exporter[PROTO_EXPORTER_SIZE];
    uint8_t id[PROTO_SESSION_SIZE];
    uint8_t nonce[PROTO_NONCE_SIZE];
    bool attested;
    bool nonce_used;
};

// The answer to one request; wiped and freed by sms_answer_done().
struct sms_answer {
    unsigned status;
    const char *content_type;
    uint8_t *body; // from malloc, or NULL
    size_t size;
    bool cross_origin; // the SDK also runs in browsers
};
void sms_answer_done(struct sms_answer *a);

// The largest body that a request for this path may have.
size_t sms_body_size_max(const struct http_head *head);
// Always answers: a refusal is an answer.
void sms_serve(struct sms *s, struct sms_session *session, const struct http_head *head,
               struct span body, struct sms_answer *ret);

// Parts of sms_serve. They return what is refused; `ret` is filled when granted.
enum proto_refusal sms_attest(struct sms *s, struct sms_session *session, struct span body,
                              struct sms_answer *ret);
enum proto_refusal sms_provision(struct sms *s, struct sms_session *session, struct span body,
                                 const char **ret_why, struct sms_answer *ret);
enum proto_refusal sms_secrets(struct sms *s, const struct http_head *head, struct span body,
                               struct sms_answer *ret);
enum proto_refusal sms_challenge(struct sms *s, const struct http_head *head,
                                 struct sms_answer *ret);

// grant.c: after release_decide() has granted.
struct grant_input {
    const struct proto_provision *request;
    const struct attest_claims *claims;
    const struct ledger_task_view *view;
    uint64_t now;
};
struct result grant_app(struct sms *s, const struct grant_input *in, struct sms_answer *ret);
struct result grant_post(struct sms *s, const struct grant_input *in, struct sms_answer *ret);
// What release_decide() needs to know of the stored secrets.
struct result grant_stored(struct sms *s, const struct ledger_task_view *view,
                           const struct hash32 *task, struct release_stored *ret);

struct sms_server {
    struct sms *sms;
    int fd; // listening, non-blocking
    unsigned thread_count;
    const atomic_bool *stop; // may be NULL
};
struct result sms_server_run(const struct sms_server *server);

// One line in the log, with the time. Never a secret, never a peer's text.
void sms_log(const struct sms *s, const char *what, const struct hash32 *task, const char *outcome,
             const char *why);

#endif
