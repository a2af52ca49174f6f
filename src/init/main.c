// SPDX-License-Identifier: Apache-2.0
// init: the enclave's first program. It proves to the SMS what this enclave is, verifies that the SMS is the
// one that the image measures, receives what the task needs, and becomes the application.
//
// - Hints of the host are untrusted (docs/formats/sms-protocol.md); a wrong one ends in a refusal.
// - On any failure: "refused: why" on stderr and exit status 112; the application does not start.
// - What init held is wiped before execve(); what the application must not have never came here.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "abi/device.h"
#include "base/hex.h"
#include "init/dataset.h"
#include "init/start.h"
#include "os/enclave.h"
#include "os/tls.h"
#include "proto/client.h"

#define EXIT_REFUSED 112
#define VOLUME_PATH  "/iexec_out"
#define SMS_TIMEOUT  30000u
#define HINT_SIZE    512u

struct init {
    struct enclave *enclave;
    struct proto_identity identity;
    struct tls *tls;
    struct proto_client *client;
    uint8_t *body; // the grant as it came
    size_t body_size;
    struct proto_app_grant grant; // its spans point into `body`
    struct proto_refusal_message refusal;
};

static struct result hex_hint(struct enclave *e, const char *name, void *ret, size_t size)
{
    char text[HINT_SIZE];
    GUARD(enclave_hint(e, name, text, sizeof text));
    REQUIRE(strlen(text) == 2 + 2 * size && strncmp(text, "0x", 2) == 0, ERR_INVALID,
            "a hint of the host is malformed");
    return hex_decode(SPAN(text, strlen(text)), ret, size);
}

static struct result read_identity(struct init *s)
{
    uint8_t *policy;
    size_t size;
    GUARD(enclave_policy(s->enclave, &policy, &size));
    struct result r = proto_identity_read(SPAN(policy, size), &s->identity);
    free(policy);
    return r;
}

static struct result connect_sms(struct init *s)
{
    char url[HINT_SIZE];
    uint8_t exporter[PROTO_EXPORTER_SIZE];
    REQUIRE(is_ok(enclave_hint(s->enclave, "SMS_URL", url, sizeof url)), ERR_INVALID,
            "the host does not say where the SMS is (hint SMS_URL)");
    GUARD(tls_connect(url, SMS_TIMEOUT, &s->tls));
    GUARD(tls_exporter(s->tls, PROTO_EXPORTER_LABEL, exporter));
    GUARD(proto_client_open(tls_transport(s->tls), tls_host(s->tls), exporter, &s->client));
    return proto_client_attest(s->client, &s->identity, (int64_t)time(NULL), NULL);
}

static struct result provision(struct init *s)
{
    struct proto_quoter quoter = {s->enclave, enclave_quote, enclave_collateral};
    struct proto_provision request = {.role = PROTO_APP};
    struct fingerprint self;
    GUARD(enclave_fingerprint(s->enclave, &self));
    memcpy(request.fspf_key, self.fspf_key, sizeof request.fspf_key);
    memcpy(request.fspf_tag, self.fspf_tag, sizeof request.fspf_tag);
    struct result r = hex_hint(s->enclave, "TASK_ID", &request.task, sizeof request.task);
    if (is_ok(r))
        r = hex_hint(s->enclave, "WORKER", &request.worker, sizeof request.worker);
    if (is_ok(r))
        r = hex_hint(s->enclave, "AUTHORIZATION", &request.authorization,
                     sizeof request.authorization);
    REQUIRE(is_ok(r), r.code,
            "a hint of the host is missing or malformed (TASK_ID, WORKER, "
            "AUTHORIZATION)");
    r = proto_client_provision(s->client, &quoter, &request, &s->body, &s->body_size);
    s->refusal = *proto_client_refusal(s->client);
    GUARD(r);
    return proto_app_grant_read(SPAN(s->body, s->body_size), &s->grant);
}

static void hang_up(struct init *s)
{
    proto_client_free(s->client);
    tls_free(s->tls);
    s->client = NULL;
    s->tls = NULL;
}

// A key that fits no region of this image is an error of who pushed it, or another image.
static struct result open_regions(struct init *s)
{
    for (size_t i = 0; i < s->grant.content_key_count; i++) {
        const struct proto_content_key *k = &s->grant.content_keys[i];
        char path[PROTO_REGION_PATH_MAX + 1];
        snprintf(path, sizeof path, "%.*s", (int)k->path.size, (const char *)k->path.data);
        struct result r = enclave_volume(s->enclave, path, k->key, VOLUME_READ_ONLY, NULL);
        REQUIRE(is_ok(r), r.code, "an encrypted region of the image does not open with its key");
    }
    return RESULT_OK;
}

static struct result install(struct init *s)
{
    char file[HINT_SIZE];
    if (s->grant.has_dataset) {
        REQUIRE(is_ok(enclave_hint(s->enclave, "DATASET_FILE", file, sizeof file)), ERR_INVALID,
                "the host does not say where the dataset's file is (hint DATASET_FILE)");
        GUARD(dataset_install(&s->grant, DATASET_FOLDER, file, DATASET_TARGET));
    }
    return enclave_volume(s->enclave, VOLUME_PATH, s->grant.transfer_key, VOLUME_CREATE, NULL);
}

static struct result make_start(struct init *s, struct start *ret)
{
    uint8_t *file;
    size_t size;
    struct process process;
    struct result r = enclave_process(s->enclave, &file, &size);
    if (r.code == ERR_NOT_FOUND)
        return start_make(NULL, &s->grant, ret);
    GUARD(r);
    r = process_decode(SPAN(file, size), &process);
    if (is_ok(r))
        r = start_make(&process, &s->grant, ret);
    free(file);
    return r;
}

static void forget(struct init *s)
{
    hang_up(s);
    proto_client_body_free(s->body, s->body_size);
    enclave_close(s->enclave);
    wipe(s, sizeof *s);
}

static struct result prepare(struct init *s, struct start *ret)
{
    GUARD(enclave_open(&s->enclave));
    GUARD(read_identity(s));
    GUARD(connect_sms(s));
    GUARD(provision(s));
    hang_up(s);
    GUARD(open_regions(s));
    GUARD(install(s));
    return make_start(s, ret);
}

static struct result become(const struct start *start)
{
    signal(SIGPIPE, SIG_DFL);
    umask((mode_t)start->umask);
    REQUIRE(chdir(start->directory) == 0, ERR_IO, "the working directory cannot be entered");
    execve(start->executable, start->arguments, start->environment);
    return fail(ERR_IO, "the application cannot be started");
}

int main(void)
{
    static struct init s;
    struct start start;
    memset(&start, 0, sizeof start);
    signal(SIGPIPE, SIG_IGN);
    struct result r = prepare(&s, &start);
    struct proto_refusal_message refusal = s.refusal;
    forget(&s);
    if (is_ok(r))
        r = become(&start);
    fprintf(stderr, "refused: %s%s%s\n", r.why, refusal.why[0] ? ": " : "", refusal.why);
    start_done(&start);
    return EXIT_REFUSED;
}
