// SPDX-License-Identifier: Apache-2.0
// cloister ratls show: whose evidence a TLS server's certificate carries, and whether a policy accepts it.
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/quote_judge.h"
#include "os/file.h"
#include "os/tls.h"
#include "ratls/ratls.h"

#define WORD       "ratls"
#define TIMEOUT_MS 10000u

static const char usage[] =
    "usage: cloister ratls show HOST:PORT|FILE [options]\n"
    "\n"
    "Judges the evidence in a TLS server's certificate (RA-TLS), or in a certificate in a file "
    "(PEM "
    "or DER):\n"
    "does its quote bind the certificate's key, is it genuine, does the policy accept it?\n";

static const char usage_rest[] =
    "\n"
    "A certificate says that an enclave once held this key. Before a secret goes out, let the peer "
    "bind the\n"
    "connection too.\n"
    "exit code: 0 accepted, 1 genuine but refused, 2 not genuine or not to be judged\n";

static int64_t clock_of(void *context)
{
    return ((const struct quote_judge *)context)->at;
}

// In DER, from malloc.
static struct result from_file(const char *path, struct span *ret)
{
    uint8_t *data, *der = NULL;
    size_t size;
    GUARD(file_read(path, RATLS_SIZE_MAX, &data, &size));
    if (size == 0 || data[0] != '-') {
        *ret = SPAN(data, size);
        return RESULT_OK;
    }
    BIO *bio = BIO_new_mem_buf(data, (int)size);
    X509 *x = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    int der_size = x ? i2d_X509(x, &der) : 0;
    X509_free(x);
    BIO_free(bio);
    free(data);
    REQUIRE(der_size > 0, ERR_INVALID, "the file is no certificate");
    uint8_t *copy = malloc((size_t)der_size);
    if (copy)
        memcpy(copy, der, (size_t)der_size);
    OPENSSL_free(der);
    REQUIRE(copy, ERR_MEMORY, "out of memory");
    *ret = SPAN(copy, (size_t)der_size);
    return RESULT_OK;
}

static struct result from_server(const char *where, struct span *ret)
{
    char url[512];
    struct tls *t;
    uint8_t *der;
    size_t size;
    int n = snprintf(url, sizeof url, "%s%s", strstr(where, "://") ? "" : "https://", where);
    REQUIRE(n > 0 && (size_t)n < sizeof url, ERR_RANGE, "the address is too long");
    GUARD(tls_connect(url, TIMEOUT_MS, &t));
    struct result r = tls_peer_certificate(t, &der, &size);
    tls_free(t);
    GUARD(r);
    *ret = SPAN(der, size);
    return RESULT_OK;
}

static int judge(const struct quote_judge *j, struct span certificate, struct span quote)
{
    struct ratls_verdict *v = malloc(sizeof *v);
    const struct ratls_verifier verifier = {.collateral = j->collateral,
                                            .roots = j->policy.roots,
                                            .policy = &j->policy.policy,
                                            .clock = clock_of,
                                            .context = (void *)(uintptr_t)j};
    if (!v)
        return quote_complain(WORD, "out of memory", "", "free some");
    struct result r = ratls_verify(certificate, &verifier, v);
    bool refused = !is_ok(r) && v->quote.code == ATTEST_OK;
    if (refused && v->reasons.count == 0) // its quote is genuine, and somebody else's
        v->reasons = (struct attest_reasons){.codes = {ATTEST_POLICY_REPORTDATA}, .count = 1};
    int code;
    if (v->quote.code == ATTEST_INTERNAL) {
        code = quote_complain(WORD, r.why, "", "its evidence says nothing about its key");
    } else {
        code = quote_judge_print(j, quote, &v->quote, &v->reasons);
        if (!j->json)
            printf("certificate %s\n", is_ok(r) ? "pass: the quote binds its key" : r.why);
    }
    free(v);
    return code;
}

static int show(int argc, char **argv)
{
    struct quote_options o = {0};
    struct ratls_evidence evidence;
    struct span certificate = {NULL, 0};
    bool done;
    const struct option_slot slots[] = {QUOTE_OPTION_SLOTS(&o), {0}};
    int at = options_read(argc, argv, slots, "", &done);
    if (done) {
        printf("%s%s%s", usage, quote_options_help, usage_rest);
        return QUOTE_ACCEPTED;
    }
    if (at < 0 || at + 1 != argc)
        return quote_complain(WORD, "one HOST:PORT or file is needed", "", "see --help");
    struct result r =
        (access(argv[at], R_OK) == 0 ? from_file : from_server)(argv[at], &certificate);
    if (is_ok(r))
        r = ratls_evidence_read(certificate, &evidence);
    int code = QUOTE_INVALID;
    if (is_ok(r)) {
        struct quote_judge *j = quote_judge_new(WORD, &o, evidence.quote);
        if (j)
            code = judge(j, certificate, evidence.quote);
        quote_judge_free(j);
    } else {
        quote_complain(WORD, r.why, argv[at], "give a server or certificate with evidence");
    }
    free((void *)(uintptr_t)certificate.data);
    return code;
}

int cmd_ratls(int argc, char **argv)
{
    static const struct subcommand list[] = {{"show", show}, {0}};
    return subcommand_run(argc, argv, list, usage);
}
