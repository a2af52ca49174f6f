// SPDX-License-Identifier: Apache-2.0
// Two attested parties speak TLS 1.3 over a socket pair, then bind nonce and exporter: the whole of rule 3.
// Whoever is not attested, or answers with another connection's quote, is refused.
#include <openssl/err.h>
#include <signal.h>

#include "crypto/sha256.h"
#include "proto/binding.h"
#include "ratls/scene.h"

enum { CLIENT, SERVER, SIDES };

static const char *const roles[SIDES] = {PROTO_ROLE_APP, PROTO_ROLE_SMS};

struct connection {
    SSL_CTX *ctx[SIDES];
    SSL *ssl[SIDES];
    bool failed[SIDES];
};

static void step(struct connection *c, int side)
{
    int n = SSL_do_handshake(c->ssl[side]);
    int error = n == 1 ? SSL_ERROR_NONE : SSL_get_error(c->ssl[side], n);
    ERR_clear_error();
    if (error == SSL_ERROR_SSL || error == SSL_ERROR_SYSCALL)
        c->failed[side] = true;
}

static void connection_open(struct connection *c, struct party sides[SIDES], bool attested_client)
{
    int fds[2];
    *c = (struct connection){0};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    for (int i = 0; i < SIDES; i++) {
        bool show = i == SERVER || attested_client;
        c->ctx[i] = SSL_CTX_new(TLS_method());
        OK(ratls_context_use(c->ctx[i], show ? sides[i].key : NULL,
                             show ? sides[i].certificate : NULL, &sides[i].scene->verifier));
        c->ssl[i] = SSL_new(c->ctx[i]);
        assert_int_equal(SSL_set_fd(c->ssl[i], fds[i]), 1);
    }
    SSL_set_connect_state(c->ssl[CLIENT]);
    SSL_set_accept_state(c->ssl[SERVER]);
    for (int i = 0; i < 20 && !c->failed[CLIENT] && !c->failed[SERVER]; i++) {
        step(c, CLIENT);
        step(c, SERVER);
    }
}

static bool connected(const struct connection *c)
{
    return !c->failed[CLIENT] && !c->failed[SERVER] && SSL_is_init_finished(c->ssl[CLIENT]) &&
           SSL_is_init_finished(c->ssl[SERVER]);
}

static void connection_close(struct connection *c)
{
    for (int i = 0; i < SIDES; i++) {
        close(SSL_get_fd(c->ssl[i]));
        SSL_free(c->ssl[i]);
        SSL_CTX_free(c->ctx[i]);
    }
}

static void sides_init(struct party sides[SIDES], struct scene *s, enum ratls_form client,
                       enum ratls_form server)
{
    party_init(&sides[CLIENT], s, 0xe1);
    party_init(&sides[SERVER], s, 0xe1);
    party_certify(&sides[CLIENT], client);
    party_certify(&sides[SERVER], server);
}

static void sides_done(struct party sides[SIDES])
{
    party_done(&sides[CLIENT]);
    party_done(&sides[SERVER]);
}

// -- the message after the handshake ------------------------------------------------------------------------

// What `side` of the connection must quote for this nonce; the payload is the hash of its certificate's key.
static void expected(struct connection *c, int side, int seen_from, const uint8_t nonce[32],
                     uint8_t ret[64])
{
    uint8_t exporter[32], hash[SHA256_SIZE], *spki = NULL;
    X509 *x = side == seen_from ? SSL_get_certificate(c->ssl[side])
                                : SSL_get0_peer_certificate(c->ssl[seen_from]);
    int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &spki);
    sha256(SPAN(spki, (size_t)size), hash);
    OPENSSL_free(spki);
    assert_int_equal(SSL_export_keying_material(c->ssl[seen_from], exporter, 32,
                                                PROTO_EXPORTER_LABEL, strlen(PROTO_EXPORTER_LABEL),
                                                (uint8_t *)"", 0, 1),
                     1);
    proto_reportdata(&(struct proto_binding){.role = roles[side],
                                             .nonce = SPAN(nonce, 32),
                                             .exporter = SPAN_OF(exporter),
                                             .payload = SPAN_OF(hash)},
                     ret);
}

static size_t receive(struct connection *c, int side, uint8_t *buffer, size_t capacity)
{
    int n = SSL_read(c->ssl[side], buffer, (int)capacity);
    assert_true(n > 0);
    return (size_t)n;
}

static void answer(struct connection *c, int side, struct party *p, const uint8_t nonce[32])
{
    uint8_t reportdata[64], quote[SGX_QUOTE_SIZE_MAX];
    size_t size;
    expected(c, side, side, nonce, reportdata);
    OK(party_quote(p, reportdata, quote, sizeof quote, &size));
    assert_int_equal(SSL_write(c->ssl[side], quote, (int)size), (int)size);
}

// `side` takes the peer's answer to its nonce.
static bool convinced(struct connection *c, int side, const struct scene *s,
                      const uint8_t nonce[32])
{
    static struct ratls_verdict certificate;
    static struct attest_verdict verdict;
    uint8_t reportdata[64], quote[SGX_QUOTE_SIZE_MAX];
    struct attest_reasons reasons;
    size_t size = receive(c, side, quote, sizeof quote);
    const struct attest_evidence evidence = {.quote = SPAN(quote, size),
                                             .collateral = s->verifier.collateral,
                                             .now = s->now,
                                             .roots = s->verifier.roots};
    expected(c, !side, side, nonce, reportdata);
    OK(ratls_peer(c->ssl[side], &s->verifier, &certificate));
    OK(attest_verify(&evidence, &verdict));
    OK(attest_policy_check(s->verifier.policy, &verdict.claims, &reasons));
    return ct_equal(verdict.claims.body.reportdata, reportdata, 64) &&
           memcmp(verdict.claims.body.mrenclave, certificate.quote.claims.body.mrenclave, 32) == 0;
}

static void mutual_attestation(void **state)
{
    struct scene *s = *state;
    for (enum ratls_form form = RATLS_FORM_TAGGED; form <= RATLS_FORM_INTEL; form++) {
        struct party sides[SIDES];
        struct connection c, other;
        uint8_t nonces[SIDES][32] = {{1}, {2}}, got[32];
        sides_init(sides, s, form, RATLS_FORM_TAGGED);
        connection_open(&c, sides, true);
        assert_true(connected(&c));
        assert_int_equal(SSL_version(c.ssl[CLIENT]), TLS1_3_VERSION);
        for (int i = 0; i < SIDES; i++) { // each side's nonce, and the other's answer
            assert_int_equal(SSL_write(c.ssl[i], nonces[i], 32), 32);
            assert_int_equal(receive(&c, !i, got, 32), 32);
            answer(&c, !i, &sides[!i], got);
            assert_true(convinced(&c, i, s, nonces[i]));
        }
        answer(&c, SERVER, &sides[SERVER], nonces[SERVER]); // to another nonce
        assert_false(convinced(&c, CLIENT, s, nonces[CLIENT]));
        // The quote that the server gave on another connection, with the same certificates and nonce.
        connection_open(&other, sides, true);
        assert_true(connected(&other));
        uint8_t reportdata[64], quote[SGX_QUOTE_SIZE_MAX];
        size_t size;
        expected(&other, SERVER, SERVER, nonces[CLIENT], reportdata);
        OK(party_quote(&sides[SERVER], reportdata, quote, sizeof quote, &size));
        assert_int_equal(SSL_write(c.ssl[SERVER], quote, (int)size), (int)size);
        assert_false(convinced(&c, CLIENT, s, nonces[CLIENT]));
        connection_close(&other);
        connection_close(&c);
        sides_done(sides);
    }
}

// -- refusals -------------------------------------------------------------------------------------------------

static void expect_refused(struct party sides[SIDES], bool attested_client, int by)
{
    struct connection c;
    connection_open(&c, sides, attested_client);
    assert_false(connected(&c));
    assert_true(c.failed[by]);
    connection_close(&c);
}

static void refusals(void **state)
{
    struct scene *s = *state;
    for (int bad = CLIENT; bad < SIDES; bad++) {
        struct party sides[SIDES], thief;
        sides_init(sides, s, RATLS_FORM_TAGGED, RATLS_FORM_TAGGED);
        memset(sides[bad].mrenclave, 0xe2, 32); // another program
        party_certify(&sides[bad], RATLS_FORM_TAGGED);
        expect_refused(sides, true, !bad);
        memset(sides[bad].mrenclave, 0xe1, 32);
        party_certify(&sides[bad], RATLS_FORM_TAGGED);

        // Evidence that somebody else was given, in a certificate of the thief's own key.
        party_init(&thief, s, 0xe1);
        X509_set_pubkey(sides[bad].certificate, thief.key);
        assert_true(X509_sign(sides[bad].certificate, thief.key, EVP_sha256()) > 0);
        EVP_PKEY *own = sides[bad].key;
        sides[bad].key = thief.key;
        expect_refused(sides, true, !bad);
        sides[bad].key = own;
        party_done(&thief);
        sides_done(sides);
    }
    struct party sides[SIDES];
    sides_init(sides, s, RATLS_FORM_TAGGED, RATLS_FORM_TAGGED);
    expect_refused(sides, false, SERVER); // a client that shows nothing
    s->now = NOW + DAY + 1;
    expect_refused(sides, true, CLIENT); // expired
    s->now = NOW;
    sides_done(sides);
}

// The certificate is public; the key is not, and no context takes the one without the other.
static void certificate_of_another_key(void **state)
{
    struct scene *s = *state;
    struct party sides[SIDES];
    sides_init(sides, s, RATLS_FORM_TAGGED, RATLS_FORM_TAGGED);
    SSL_CTX *ctx = SSL_CTX_new(TLS_method());
    assert_int_equal(
        ratls_context_use(ctx, sides[CLIENT].key, sides[SERVER].certificate, &s->verifier).code,
        ERR_CRYPTO);
    SSL_CTX_free(ctx);
    sides_done(sides);
}

// A certificate behind the peer's own is refused: nothing would look at it.
static void longer_chain(void **state)
{
    struct scene *s = *state;
    struct party sides[SIDES];
    struct connection c;
    int fds[2];
    sides_init(sides, s, RATLS_FORM_TAGGED, RATLS_FORM_TAGGED);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    c = (struct connection){0};
    for (int i = 0; i < SIDES; i++) {
        c.ctx[i] = SSL_CTX_new(TLS_method());
        OK(ratls_context_use(c.ctx[i], sides[i].key, sides[i].certificate, &s->verifier));
        if (i == SERVER)
            assert_int_equal(SSL_CTX_add1_chain_cert(c.ctx[i], sides[CLIENT].certificate), 1);
        c.ssl[i] = SSL_new(c.ctx[i]);
        assert_int_equal(SSL_set_fd(c.ssl[i], fds[i]), 1);
    }
    SSL_set_connect_state(c.ssl[CLIENT]);
    SSL_set_accept_state(c.ssl[SERVER]);
    for (int i = 0; i < 20 && !c.failed[CLIENT]; i++) {
        step(&c, CLIENT);
        step(&c, SERVER);
    }
    assert_true(c.failed[CLIENT]);
    connection_close(&c);
    sides_done(sides);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mutual_attestation),
        cmocka_unit_test(refusals),
        cmocka_unit_test(certificate_of_another_key),
        cmocka_unit_test(longer_chain),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, scene_setup, scene_teardown);
}
