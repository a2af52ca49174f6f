// SPDX-License-Identifier: Apache-2.0
#include "os/tls.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "os/net.h"

#define READ_MAX (1 << 30)

struct tls {
    SSL *ssl;
    int fd;
    unsigned timeout_ms;
    int64_t deadline; // 0: timeout_ms for each operation
    char host[NET_HOST_SIZE + NET_PORT_SIZE + 3];
};

struct tls_server {
    SSL_CTX *ctx;
};

static int64_t deadline_of(const struct tls *t)
{
    return t->deadline ? t->deadline : net_now() + t->timeout_ms;
}

// TLS 1.3 alone, no resumption and no early data: each connection has its own handshake to bind.
static struct result context_new(const SSL_METHOD *method, SSL_CTX **ret)
{
    SSL_CTX *ctx = SSL_CTX_new(method);
    REQUIRE(ctx, ERR_CRYPTO, "no TLS context");
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if (SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) != 1 ||
        SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) != 1 ||
        SSL_CTX_set_num_tickets(ctx, 0) != 1) {
        SSL_CTX_free(ctx);
        return fail(ERR_CRYPTO, "TLS 1.3 is not to be had");
    }
    *ret = ctx;
    return RESULT_OK;
}

// After an operation of OpenSSL that did not succeed: waits if it asked for that.
static struct result wait_for(struct tls *t, int outcome, int64_t deadline)
{
    switch (SSL_get_error(t->ssl, outcome)) {
    case SSL_ERROR_WANT_READ:
        return net_wait(t->fd, POLLIN, deadline);
    case SSL_ERROR_WANT_WRITE:
        return net_wait(t->fd, POLLOUT, deadline);
    default:
        ERR_clear_error();
        return fail(ERR_IO, "the TLS connection broke");
    }
}

static struct result handshake(struct tls *t)
{
    int64_t deadline = deadline_of(t);
    for (;;) {
        ERR_clear_error();
        int n = SSL_do_handshake(t->ssl);
        if (n == 1)
            break;
        GUARD(wait_for(t, n, deadline));
    }
    REQUIRE(SSL_version(t->ssl) == TLS1_3_VERSION, ERR_DENIED, "the peer does not speak TLS 1.3");
    return RESULT_OK;
}

// Takes over `fd`.
static struct result tls_new(SSL_CTX *ctx, int fd, unsigned timeout_ms, struct tls **ret)
{
    struct tls *t = calloc(1, sizeof *t);
    SSL *ssl = t ? SSL_new(ctx) : NULL;
    if (!ssl || SSL_set_fd(ssl, fd) != 1) {
        SSL_free(ssl);
        free(t);
        close(fd);
        return fail(ERR_MEMORY, "out of memory");
    }
    t->ssl = ssl;
    t->fd = fd;
    t->timeout_ms = timeout_ms;
    *ret = t;
    return RESULT_OK;
}

struct result tls_connect(const char *url, unsigned timeout_ms, struct tls **ret)
{
    struct net_url u;
    SSL_CTX *ctx;
    struct tls *t;
    int fd;
    GUARD(net_url_parse(url, &u));
    REQUIRE(u.tls, ERR_INVALID, "the SMS's URL begins with https://");
    GUARD(net_connect(&u, net_now() + timeout_ms, &fd));
    struct result r = context_new(TLS_client_method(), &ctx);
    if (!is_ok(r)) {
        close(fd);
        return r;
    }
    r = tls_new(ctx, fd, timeout_ms, &t);
    SSL_CTX_free(ctx); // the connection keeps its own reference
    GUARD(r);
    memcpy(t->host, u.authority, sizeof u.authority);
    SSL_set_connect_state(t->ssl);
    r = handshake(t);
    if (!is_ok(r)) {
        tls_free(t);
        return r;
    }
    *ret = t;
    return RESULT_OK;
}

void tls_free(struct tls *t)
{
    if (!t)
        return;
    if (SSL_is_init_finished(t->ssl))
        SSL_shutdown(t->ssl);
    ERR_clear_error();
    SSL_free(t->ssl);
    close(t->fd);
    free(t);
}

static struct result read_some(void *context, void *buffer, size_t capacity, size_t *ret_size)
{
    struct tls *t = context;
    int64_t deadline = deadline_of(t);
    for (;;) {
        ERR_clear_error();
        int n = SSL_read(t->ssl, buffer, (int)MIN(capacity, (size_t)READ_MAX));
        if (n > 0 || SSL_get_error(t->ssl, n) == SSL_ERROR_ZERO_RETURN) {
            *ret_size = n > 0 ? (size_t)n : 0;
            return RESULT_OK;
        }
        GUARD(wait_for(t, n, deadline));
    }
}

static struct result write_all(void *context, struct span data)
{
    struct tls *t = context;
    int64_t deadline = deadline_of(t);
    while (data.size) {
        ERR_clear_error();
        int n = SSL_write(t->ssl, data.data, (int)MIN(data.size, (size_t)READ_MAX));
        if (n > 0)
            data = SPAN(data.data + n, data.size - (size_t)n);
        else
            GUARD(wait_for(t, n, deadline));
    }
    return RESULT_OK;
}

struct http_transport tls_transport(struct tls *t)
{
    return (struct http_transport){t, read_some, write_all};
}

struct result tls_exporter(struct tls *t, const char *label, uint8_t ret[TLS_EXPORTER_SIZE])
{
    uint8_t value[TLS_EXPORTER_SIZE];
    REQUIRE(SSL_export_keying_material(t->ssl, value, sizeof value, label, strlen(label),
                                       (const uint8_t *)"", 0, 1) == 1,
            ERR_CRYPTO, "the TLS connection has no exporter");
    memcpy(ret, value, sizeof value);
    return RESULT_OK;
}

const char *tls_host(const struct tls *t)
{
    return t->host;
}

void tls_deadline(struct tls *t, unsigned ms)
{
    t->deadline = ms ? net_now() + ms : 0;
}

static bool make_certificate(X509 *x, EVP_PKEY *key)
{
    X509_NAME *name = X509_get_subject_name(x);
    return X509_set_version(x, 2) == 1 && ASN1_INTEGER_set(X509_get_serialNumber(x), 1) == 1 &&
           ASN1_TIME_set_string_X509(X509_getm_notBefore(x), "20200101000000Z") == 1 &&
           ASN1_TIME_set_string_X509(X509_getm_notAfter(x), "99991231235959Z") == 1 &&
           X509_set_pubkey(x, key) == 1 &&
           X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                      (const uint8_t *)"Cloister SMS (see its quote)", -1, -1,
                                      0) == 1 &&
           X509_set_issuer_name(x, name) == 1 && X509_sign(x, key, EVP_sha256()) > 0;
}

struct result tls_server_new(struct tls_server **ret)
{
    struct tls_server *s = calloc(1, sizeof *s);
    REQUIRE(s, ERR_MEMORY, "out of memory");
    struct result r = context_new(TLS_server_method(), &s->ctx);
    EVP_PKEY *key = is_ok(r) ? EVP_EC_gen("P-256") : NULL;
    X509 *x = X509_new();
    if (is_ok(r) &&
        !(key && x && make_certificate(x, key) && SSL_CTX_use_certificate(s->ctx, x) == 1 &&
          SSL_CTX_use_PrivateKey(s->ctx, key) == 1))
        r = fail(ERR_CRYPTO, "the TLS certificate cannot be made");
    X509_free(x);
    EVP_PKEY_free(key);
    if (!is_ok(r)) {
        tls_server_free(s);
        return r;
    }
    *ret = s;
    return RESULT_OK;
}

struct result tls_server_use(struct tls_server *s, EVP_PKEY *key, X509 *certificate)
{
    if (SSL_CTX_use_certificate(s->ctx, certificate) != 1 ||
        SSL_CTX_use_PrivateKey(s->ctx, key) != 1) {
        ERR_clear_error();
        return fail(ERR_CRYPTO, "the TLS certificate cannot be used");
    }
    return RESULT_OK;
}

struct result tls_peer_certificate(const struct tls *t, uint8_t **ret_der, size_t *ret_size)
{
    X509 *x = SSL_get0_peer_certificate(t->ssl);
    int size = x ? i2d_X509(x, NULL) : 0;
    REQUIRE(size > 0, ERR_NOT_FOUND, "the peer has shown no certificate");
    uint8_t *der = malloc((size_t)size), *at = der;
    REQUIRE(der, ERR_MEMORY, "out of memory");
    *ret_size = (size_t)i2d_X509(x, &at);
    *ret_der = der;
    return RESULT_OK;
}

void tls_server_free(struct tls_server *s)
{
    if (s)
        SSL_CTX_free(s->ctx);
    free(s);
}

struct result tls_accept(struct tls_server *s, int fd, unsigned timeout_ms, struct tls **ret)
{
    struct tls *t;
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) {
        close(fd);
        return fail(ERR_IO, "the connection broke");
    }
    GUARD(tls_new(s->ctx, fd, timeout_ms, &t));
    SSL_set_accept_state(t->ssl);
    struct result r = handshake(t);
    if (!is_ok(r)) {
        tls_free(t);
        return r;
    }
    *ret = t;
    return RESULT_OK;
}
