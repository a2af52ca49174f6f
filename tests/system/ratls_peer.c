// SPDX-License-Identifier: Apache-2.0
// The program of tests/system/ratls.sh: RA-TLS between two enclaves, each of which demands of the other what it
// is itself: the same MRENCLAVE, under the root whose hash is its measured argument. After the handshake both
// bind the connection with fresh quotes over the other's nonce and the exporter.
//
// Hint PEER: "listen", or the other's port. Prints "port N", then "peer accepted" or "peer refused: why".
#include <fcntl.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "abi/sgx/quote.h"
#include "base/hex.h"
#include "crypto/random.h"
#include "os/enclave.h"
#include "os/net.h"
#include "proto/binding.h"
#include "proto/trust.h"
#include "ratls/ratls.h"

#define DAY (24 * 60 * 60)

struct peer {
    struct enclave *enclave;
    struct attest_root root;
    const char *names[1];
    struct attest_identity self;
    struct attest_policy policy;
    struct ratls_verifier verifier;
};

static int64_t now(void *context)
{
    (void)context;
    return (int64_t)time(NULL);
}

static struct result peer_open(struct peer *p, const char *root)
{
    static uint8_t bundle[PROTO_COLLATERAL_SIZE_MAX];
    struct sgx_report_body self;
    size_t size;
    GUARD(enclave_open(&p->enclave));
    GUARD(enclave_self(p->enclave, &self));
    GUARD(enclave_collateral(p->enclave, bundle, sizeof bundle, &size));
    GUARD(attest_collateral_read(SPAN(bundle, size), &p->verifier.collateral));
    strcpy(p->root.name, "here");
    GUARD(hex_decode(SPAN(root, strlen(root)), p->root.key_hash, 32));
    p->self.kind = ATTEST_IDENTITY_MRENCLAVE;
    memcpy(p->self.hash, self.mrenclave, 32);
    p->names[0] = p->root.name;
    p->policy = (struct attest_policy){.roots = p->names,
                                       .root_count = 1,
                                       .allow_emulated = true,
                                       .identities = &p->self,
                                       .identity_count = 1};
    p->verifier.roots = (struct attest_roots){&p->root, 1};
    p->verifier.policy = &p->policy;
    p->verifier.clock = now;
    return RESULT_OK;
}

static struct result context_open(struct peer *p, SSL_CTX **ret)
{
    const struct ratls_quoter quoter = {p->enclave, enclave_quote};
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = NULL;
    SSL_CTX *ctx = SSL_CTX_new(TLS_method());
    REQUIRE(key && ctx, ERR_CRYPTO, "no key");
    GUARD(ratls_certificate_make(key, RATLS_FORM_TAGGED, &quoter, now(NULL) - DAY, now(NULL) + DAY,
                                 &x));
    GUARD(ratls_context_use(ctx, key, x, &p->verifier));
    *ret = ctx;
    return RESULT_OK;
}

static struct result socket_open(struct peer *p, bool *ret_server, int *ret)
{
    char where[32], url[64];
    struct net_url u;
    unsigned port;
    int fd;
    GUARD(enclave_hint(p->enclave, "PEER", where, sizeof where));
    *ret_server = strcmp(where, "listen") == 0;
    snprintf(url, sizeof url, "https://127.0.0.1:%s", where);
    if (!*ret_server) {
        GUARD(net_url_parse(url, &u));
        return net_connect(&u, net_now() + 5000, ret);
    }
    GUARD(net_listen("127.0.0.1:0", &fd, &port));
    printf("port %u\n", port);
    fflush(stdout);
    GUARD(net_wait(fd, POLLIN, net_now() + 20000));
    *ret = accept(fd, NULL, NULL);
    REQUIRE(*ret >= 0, ERR_IO, "nobody came");
    return RESULT_OK;
}

static struct result put(SSL *ssl, const void *data, size_t size)
{
    REQUIRE(SSL_write(ssl, data, (int)size) == (int)size, ERR_IO, "the peer hung up");
    return RESULT_OK;
}

static struct result get(SSL *ssl, uint8_t *data, size_t size)
{
    for (int n; size; data += n, size -= (size_t)n) {
        n = SSL_read(ssl, data, (int)size);
        REQUIRE(n > 0, ERR_IO, "the peer hung up");
    }
    return RESULT_OK;
}

// Rule 3: fresh quotes over the other's nonce and this connection's exporter.
static struct result bind_connection(struct peer *p, SSL *ssl)
{
    static uint8_t quote[SGX_QUOTE_SIZE_MAX];
    static struct attest_verdict verdict;
    uint8_t mine[PROTO_NONCE_SIZE], theirs[PROTO_NONCE_SIZE], exporter[PROTO_EXPORTER_SIZE];
    uint8_t reportdata[64], head[4];
    struct attest_reasons reasons;
    size_t size;
    REQUIRE(SSL_export_keying_material(ssl, exporter, sizeof exporter, PROTO_EXPORTER_LABEL,
                                       strlen(PROTO_EXPORTER_LABEL), NULL, 0, 0) == 1,
            ERR_CRYPTO, "no exporter");
    GUARD(random_bytes(mine, sizeof mine));
    GUARD(put(ssl, mine, sizeof mine));
    GUARD(get(ssl, theirs, sizeof theirs));
    struct proto_binding binding = {
        .role = PROTO_ROLE_APP, .nonce = SPAN_OF(theirs), .exporter = SPAN_OF(exporter)};
    proto_reportdata(&binding, reportdata);
    GUARD(enclave_quote(p->enclave, reportdata, quote, sizeof quote, &size));
    struct writer w = writer_on(head, sizeof head);
    put_le32(&w, (uint32_t)size);
    GUARD(put(ssl, head, sizeof head));
    GUARD(put(ssl, quote, size));

    GUARD(get(ssl, head, sizeof head));
    size = head[0] | (size_t)head[1] << 8 | (size_t)head[2] << 16 | (size_t)head[3] << 24;
    REQUIRE(size <= sizeof quote, ERR_RANGE, "the peer's quote is too large");
    GUARD(get(ssl, quote, size));
    binding.nonce = SPAN_OF(mine);
    proto_reportdata(&binding, reportdata);
    struct attest_policy policy = p->policy;
    policy.reportdata = reportdata;
    const struct attest_evidence evidence = {.quote = SPAN(quote, size),
                                             .collateral = p->verifier.collateral,
                                             .now = now(NULL),
                                             .roots = p->verifier.roots};
    GUARD(attest_verify(&evidence, &verdict));
    return attest_policy_check(&policy, &verdict.claims, &reasons);
}

static struct result run(struct peer *p, const char *root)
{
    SSL_CTX *ctx;
    bool server;
    int fd;
    GUARD(peer_open(p, root));
    GUARD(context_open(p, &ctx));
    GUARD(socket_open(p, &server, &fd));
    SSL *ssl = SSL_new(ctx);
    int flags = fcntl(fd, F_GETFL);
    REQUIRE(ssl && flags >= 0 && fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) == 0 &&
                SSL_set_fd(ssl, fd) == 1,
            ERR_MEMORY, "no connection");
    REQUIRE((server ? SSL_accept : SSL_connect)(ssl) == 1, ERR_DENIED,
            "the RA-TLS handshake failed");
    GUARD(bind_connection(p, ssl));
    (void)SSL_shutdown(ssl);
    return RESULT_OK;
}

int main(int argc, char **argv)
{
    static struct peer peer;
    signal(SIGPIPE, SIG_IGN);
    struct result r = argc == 2 ? run(&peer, argv[1]) : fail(ERR_INVALID, "one argument");
    printf("peer %s%s\n", is_ok(r) ? "accepted" : "refused: ", is_ok(r) ? "" : r.why);
    return is_ok(r) ? 0 : 1;
}
