// SPDX-License-Identifier: Apache-2.0
#include "cli/quote_make.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "abi/sgx/quote.h"
#include "base/hex.h"
#include "cli/quote_fetch.h"
#include "cli/quote_judge.h"
#include "crypto/random.h"
#include "os/file.h"
#include "quoting/pki.h"

#define WORD      "quote make"
#define PATH_SIZE 4096
#define DAY       (24 * 60 * 60)
#define QE_ISVSVN 8

static const char help[] =
    "usage: cloister quote make --emulated -o DIR [options]\n"
    "\n"
    "Writes quote.bin (version 3, SGX), its collateral and root_ca.pem into DIR, and at: the time "
    "as of which\n"
    "to judge. Prints the root's hash. The platform exists for this once; nothing protects it.\n"
    "  --mrenclave HEX, --mrsigner HEX, --report-data HEX, --debug   of the quoted enclave\n"
    "  --at UNIXTIME          the time (default: now)\n"
    "and what a verifier must see:\n"
    "  --tcb-status STATUS    of the platform, in Intel's spelling; any word may be tried\n"
    "  --qe-status STATUS     of the quoting enclave\n"
    "  --pck-revoked, --ca-revoked, --signer-revoked   on the revocation lists\n"
    "  --collateral-expired   all of it a month before the time\n"
    "\n"
    "  cloister quote verify DIR/quote.bin --collateral DIR --at $(cat DIR/at) --root made=HASH\n";

struct order {
    const char *dir, *mrenclave, *mrsigner, *report_data, *at;
    bool emulated, debug, expired;
    struct quoting_pki_params params;
    struct sgx_report_body body;
};

// The status goes into a JSON text as it is.
static bool is_word(const char *text)
{
    size_t size = text ? strlen(text) : 1;
    for (size_t i = 0; text && i < size; i++)
        if (!isalnum((unsigned char)text[i]))
            return false;
    return size > 0 && size < 64;
}

static struct result read_hex(const char *text, void *ret, size_t size)
{
    return text ? hex_decode(SPAN(text, strlen(text)), ret, size) : RESULT_OK;
}

static struct result fill(struct order *o, int64_t now)
{
    struct quoting_pki_params *p = &o->params;
    const uint64_t flags = SGX_FLAGS_INIT | SGX_FLAGS_MODE64BIT;
    REQUIRE(is_word(p->tcb_status) && is_word(p->qe_status), ERR_INVALID,
            "a status is letters and digits");
    o->body.attributes.flags = flags | (o->debug ? SGX_FLAGS_DEBUG : 0);
    o->body.attributes.xfrm = p->qe.attributes.xfrm = 3; // x87 and SSE
    GUARD(read_hex(o->mrenclave, o->body.mrenclave, sizeof o->body.mrenclave));
    GUARD(read_hex(o->mrsigner, o->body.mrsigner, sizeof o->body.mrsigner));
    GUARD(read_hex(o->report_data, o->body.reportdata, sizeof o->body.reportdata));
    GUARD(random_bytes(p->seeds, sizeof p->seeds));
    GUARD(random_bytes(p->ppid, sizeof p->ppid));
    memset(p->cpusvn, 1, sizeof p->cpusvn);
    memcpy(o->body.cpusvn, p->cpusvn, sizeof p->cpusvn);
    memcpy(p->qe.cpusvn, p->cpusvn, sizeof p->cpusvn);
    p->qe.attributes.flags = flags;
    memset(p->qe.mrsigner, 0x51, sizeof p->qe.mrsigner);
    p->qe.isvprodid = 1;
    p->qe.isvsvn = QE_ISVSVN;
    p->issued_at = now - (o->expired ? 60 * DAY : DAY);
    p->next_update = p->issued_at + 30 * DAY;
    return RESULT_OK;
}

static struct result write_part(const char *dir, const char *name, struct span data)
{
    char path[PATH_SIZE];
    int size = snprintf(path, sizeof path, "%s/%s", dir, name);
    REQUIRE(size > 0 && (size_t)size < sizeof path, ERR_RANGE, "the path is too long");
    return file_write(path, data, 0644, FILE_REPLACE);
}

static struct result make(const struct order *o, int64_t now)
{
    uint8_t buffer[SGX_QUOTE_SIZE_MAX];
    char hex[HEX_SIZE(32)], at[32];
    struct writer w = writer_on(buffer, sizeof buffer);
    struct quoting_pki pki;
    GUARD(quoting_pki_make(&o->params, &pki));
    struct result r = quoting_pki_quote(&pki, &o->body, &w);
    if (is_ok(r))
        r = quote_collateral_write(&pki.collateral, o->dir);
    if (is_ok(r))
        r = write_part(o->dir, "root_ca.pem", pki.root_ca_pem);
    if (is_ok(r))
        r = write_part(o->dir, "quote.bin", writer_span(&w));
    int size = snprintf(at, sizeof at, "%lld\n", (long long)now);
    if (is_ok(r))
        r = write_part(o->dir, "at", SPAN(at, (size_t)size));
    hex_encode(pki.root_hash, sizeof pki.root_hash, hex);
    quoting_pki_done(&pki);
    if (is_ok(r))
        puts(hex);
    return r;
}

int quote_make(int argc, char **argv)
{
    struct order o = {0};
    struct quoting_pki_params *p = &o.params;
    bool done;
    int64_t now;
    const struct option_slot slots[] = {{"emulated", NULL, &o.emulated, 0},
                                        {"out", &o.dir, NULL, 'o'},
                                        {"mrenclave", &o.mrenclave, NULL, 0},
                                        {"mrsigner", &o.mrsigner, NULL, 0},
                                        {"report-data", &o.report_data, NULL, 0},
                                        {"debug", NULL, &o.debug, 0},
                                        {"at", &o.at, NULL, 0},
                                        {"tcb-status", &p->tcb_status, NULL, 0},
                                        {"qe-status", &p->qe_status, NULL, 0},
                                        {"pck-revoked", NULL, &p->revoke_pck, 0},
                                        {"ca-revoked", NULL, &p->revoke_ca, 0},
                                        {"signer-revoked", NULL, &p->revoke_signer, 0},
                                        {"collateral-expired", NULL, &o.expired, 0},
                                        {0}};
    int at = options_read(argc, argv, slots, help, &done);
    if (done)
        return QUOTE_ACCEPTED;
    if (at != argc || !o.dir || !o.emulated)
        return quote_complain(WORD, "--emulated and -o DIR are needed, and no file", "",
                              "see cloister quote make --help");
    if (quote_read_time(WORD, o.at, &now))
        return QUOTE_INVALID;
    struct result r = fill(&o, now);
    if (is_ok(r))
        r = make(&o, now);
    wipe(&o.params, sizeof o.params);
    return is_ok(r) ? QUOTE_ACCEPTED : quote_complain(WORD, r.why, o.dir, "see --help");
}
