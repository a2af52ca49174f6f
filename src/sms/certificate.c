// SPDX-License-Identifier: Apache-2.0
// The TLS certificate carries evidence (docs/formats/ra-tls.md). Our protocol does not need it: a peer that
// speaks it compares the quote after the handshake. It lets others see whom they talk to.
#include <openssl/ssl.h>

#include "os/tls.h"
#include "ratls/ratls.h"
#include "sms/sms.h"

#define DAY (24 * 60 * 60)

struct result sms_certify(struct sms *s, struct tls_server *tls)
{
    const struct ratls_quoter quoter = {s->quoter.context, s->quoter.quote};
    int64_t now = (int64_t)sms_now(s, 0);
    X509 *x = NULL;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    REQUIRE(key, ERR_CRYPTO, "the TLS key cannot be made");
    struct result r =
        ratls_certificate_make(key, RATLS_FORM_TAGGED, &quoter, now - DAY, now + 365 * DAY, &x);
    if (is_ok(r))
        r = tls_server_use(tls, key, x);
    X509_free(x);
    EVP_PKEY_free(key);
    return r;
}
