// SPDX-License-Identifier: Apache-2.0
// TLS 1.3 streams over TCP (OpenSSL), with deadlines. No certificate is verified here: the peer is known by
// a quote that binds this connection's exporter, or it is not known at all.
#ifndef OS_TLS_H
#define OS_TLS_H

#include "wire/http.h"

#define TLS_EXPORTER_SIZE 32u

struct tls;

// "https://HOST[:PORT]", HOST an IPv4 address, [IPv6 address] or name. `timeout_ms` is for the connect and
// the handshake, and again for each read or write that follows.
struct result tls_connect(const char *url, unsigned timeout_ms, struct tls **ret);
void tls_free(struct tls *t); // says goodbye and closes; takes NULL

struct http_transport tls_transport(struct tls *t);
struct result tls_exporter(struct tls *t, const char *label, uint8_t ret[TLS_EXPORTER_SIZE]);
// HOST[:PORT] of the URL, for the Host field.
const char *tls_host(const struct tls *t);
// All reads and writes from now on must end within this time. 0: each has timeout_ms again.
void tls_deadline(struct tls *t, unsigned ms);

// The certificate that the peer showed, in DER, from malloc.
struct result tls_peer_certificate(const struct tls *t, uint8_t **ret_der, size_t *ret_size);

// A server's context: a fresh P-256 key and a self-signed certificate that says nothing.
struct tls_server;
struct evp_pkey_st; // OpenSSL's EVP_PKEY
struct x509_st;     // and X509
struct result tls_server_new(struct tls_server **ret);
void tls_server_free(struct tls_server *s);
// Another key and certificate in their place; before the first connection.
struct result tls_server_use(struct tls_server *s, struct evp_pkey_st *key,
                             struct x509_st *certificate);
// Takes over `fd`, also on failure. Several threads may accept at once.
struct result tls_accept(struct tls_server *s, int fd, unsigned timeout_ms, struct tls **ret);

#endif
