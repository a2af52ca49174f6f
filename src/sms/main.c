// SPDX-License-Identifier: Apache-2.0
// The SMS as a program. It runs inside an enclave: there its quotes come from, and there its policy is
// measured (CONFIGID). Outside of one it refuses to start.
//
// Hints of the host, untrusted: POLICY (the policy's text), LISTEN (ADDRESS:PORT), THREADS.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "abi/sgx/arch.h"
#include "os/enclave.h"
#include "os/net.h"
#include "sms/sms.h"

#define DATABASE        "/var/lib/sms/sms.db"
#define LISTEN_DEFAULT  "127.0.0.1:13300"
#define THREADS_DEFAULT 8
#define EXIT_REFUSED    112

static struct result text_hint(struct enclave *e, const char *name, const char *fallback,
                               char *text, size_t size)
{
    struct result r = enclave_hint(e, name, text, size);
    if (r.code != ERR_NOT_FOUND)
        return r;
    REQUIRE(strlen(fallback) < size, ERR_RANGE, "the hint is too long");
    memcpy(text, fallback, strlen(fallback) + 1);
    return RESULT_OK;
}

static struct result open_sms(struct enclave *e, char *policy, struct sms **ret)
{
    struct sgx_report_body self;
    struct proto_quoter quoter = {e, enclave_quote, enclave_collateral};
    struct result hint = enclave_hint(e, "POLICY", policy, PROTO_POLICY_SIZE_MAX);
    REQUIRE(is_ok(hint), ERR_DENIED, "the host gave no policy");
    GUARD(enclave_self(e, &self));
    return sms_open(SPAN(policy, strlen(policy)), self.configid, DATABASE, &quoter, ret);
}

static struct result serve(struct enclave *e, char *policy)
{
    struct sms *s = NULL;
    char where[128], threads[8];
    unsigned port = 0;
    int fd;
    GUARD(text_hint(e, "LISTEN", LISTEN_DEFAULT, where, sizeof where));
    GUARD(text_hint(e, "THREADS", "0", threads, sizeof threads));
    GUARD(open_sms(e, policy, &s));
    s->log = stderr;
    // A ledger that cannot be read now is asked again before anything leaves.
    struct result anchored = sms_anchor(s);
    struct result r = anchored.code == ERR_STALE ? anchored : net_listen(where, &fd, &port);
    if (is_ok(r)) {
        unsigned long count = strtoul(threads, NULL, 10);
        struct sms_server server = {.sms = s,
                                    .fd = fd,
                                    .thread_count =
                                        count ? (unsigned)MIN(count, (unsigned long)UINT32_MAX)
                                              : THREADS_DEFAULT};
        printf("sms: serving on port %u\n", port);
        fflush(stdout);
        r = sms_server_run(&server);
        close(fd);
    }
    sms_close(s);
    return r;
}

int main(void)
{
    struct enclave *e = NULL;
    signal(SIGPIPE, SIG_IGN);
    char *policy = malloc(PROTO_POLICY_SIZE_MAX);
    struct result r = policy ? enclave_open(&e) : fail(ERR_MEMORY, "out of memory");
    if (is_ok(r))
        r = serve(e, policy);
    enclave_close(e);
    free(policy);
    if (is_ok(r))
        return 0;
    fprintf(stderr, "refused: %s\n", r.why);
    return EXIT_REFUSED;
}
