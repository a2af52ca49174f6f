// SPDX-License-Identifier: Apache-2.0
// cloister certs show: what stands in certificates and revocation lists of Intel's PCK profile.
// Nothing is verified.
//
// Exit codes: 0, or 2 when the file is none of the known kinds.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "attest/chain.h"
#include "attest/pck.h"
#include "attest/quote.h"
#include "attest/time.h"
#include "base/hex.h"
#include "cli/cli.h"
#include "os/file.h"

static const char usage[] =
    "usage: cloister certs show FILE [--json]\n"
    "\n"
    "Prints the certificates of a PEM file (up to three), of a quote, or of one DER file, and the\n"
    "entries of a revocation list in DER. Nothing is verified: see cloister quote verify.\n";

static int complain(const char *what, const char *detail, const char *advice)
{
    fprintf(stderr, "cloister certs: %s%s%s; %s\n", what, detail[0] ? ": " : "", detail, advice);
    return 2;
}

static void set_hex(json_t *object, const char *key, struct span s)
{
    char text[HEX_SIZE(256)];
    hex_encode(s.data, MIN(s.size, (size_t)256), text);
    json_object_set_new(object, key, json_string(text));
}

static void set_time(json_t *object, const char *key, int64_t time)
{
    char text[ATTEST_TIME_TEXT_SIZE];
    attest_time_format(time, text);
    json_object_set_new(object, key, json_string(text));
}

// Only printable ASCII goes to the terminal.
static void set_name(json_t *object, const char *key, struct span name)
{
    char text[256];
    struct span common;
    size_t size = 0;
    if (!attest_name_common(name, &common))
        common = SPAN(NULL, 0);
    for (; size < common.size && size + 1 < sizeof text; size++)
        text[size] =
            common.data[size] >= 0x20 && common.data[size] < 0x7f ? (char)common.data[size] : '?';
    text[size] = 0;
    json_object_set_new(object, key, json_string(text));
}

static void set_pck(json_t *o, struct span extension)
{
    struct attest_pck pck;
    if (attest_pck_parse(extension, &pck)) {
        json_object_set_new(o, "sgx_extension", json_string("malformed"));
        return;
    }
    set_hex(o, "ppid", SPAN_OF(pck.ppid));
    set_hex(o, "fmspc", SPAN_OF(pck.fmspc));
    set_hex(o, "pceid", SPAN_OF(pck.pceid));
    set_hex(o, "cpusvn", SPAN_OF(pck.cpusvn));
    set_hex(o, "tcb_components", SPAN_OF(pck.components));
    json_object_set_new(o, "pcesvn", json_integer(pck.pcesvn));
    json_object_set_new(o, "sgx_type", json_integer(pck.sgx_type));
}

static json_t *json_of_cert(const struct attest_cert *cert)
{
    json_t *o = json_object();
    uint8_t hash[32];
    set_name(o, "subject", cert->subject);
    set_name(o, "issuer", cert->issuer);
    set_hex(o, "serial", cert->serial);
    set_time(o, "not_before", cert->from);
    set_time(o, "not_after", cert->until);
    json_object_set_new(o, "ca", json_boolean(cert->ca));
    if (is_ok(attest_cert_key_hash(cert, hash)))
        set_hex(o, "key_sha256", SPAN_OF(hash));
    set_hex(o, "subject_key_id", cert->subject_key_id);
    set_hex(o, "authority_key_id", cert->authority_key_id);
    if (cert->sgx_extension.size)
        set_pck(o, cert->sgx_extension);
    return o;
}

static json_t *json_of_crl(const struct attest_crl *crl)
{
    json_t *o = json_object(), *list = json_array();
    size_t at = 0;
    set_name(o, "issuer", crl->issuer);
    set_time(o, "this_update", crl->from);
    set_time(o, "next_update", crl->until);
    set_hex(o, "authority_key_id", crl->authority_key_id);
    for (struct span serial; (serial = attest_crl_next(crl, &at)).size;) {
        char text[HEX_SIZE(64)];
        hex_encode(serial.data, MIN(serial.size, (size_t)64), text);
        json_array_append_new(list, json_string(text));
    }
    json_object_set_new(o, "revoked", list);
    return o;
}

// What the file holds, as a list; NULL when it is nothing known.
static json_t *json_of_file(struct span bytes)
{
    static const struct attest_chain_codes codes = {.format = ATTEST_PCK_CHAIN_FORMAT};
    struct attest_quote quote;
    struct attest_chain chain = {.count = 0};
    struct attest_cert cert;
    struct attest_crl crl;
    json_t *list = json_array();
    if (attest_quote_parse(bytes, &quote) == ATTEST_OK)
        bytes = quote.certdata;
    for (size_t count = 1; count <= ATTEST_CHAIN_MAX && !chain.count; count++)
        if (attest_chain_load(bytes, count, &codes, &chain) != ATTEST_OK)
            chain.count = 0;
    for (size_t i = 0; i < chain.count; i++)
        json_array_append_new(list, json_of_cert(&chain.certs[i]));
    if (!chain.count && attest_cert_parse(bytes, &cert))
        json_array_append_new(list, json_of_cert(&cert));
    else if (!chain.count && attest_crl_parse(bytes, &crl))
        json_array_append_new(list, json_of_crl(&crl));
    attest_chain_done(&chain);
    if (json_array_size(list) > 0)
        return list;
    json_decref(list);
    return NULL;
}

static void print_object(const json_t *object, size_t number)
{
    const char *key;
    json_t *value;
    printf("%s %zu\n", json_object_get(object, "revoked") ? "revocation list" : "certificate",
           number);
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        if (json_is_string(value))
            printf("  %-17s %s\n", key, json_string_value(value));
        else if (json_is_integer(value))
            printf("  %-17s %d\n", key, (int)json_integer_value(value));
        else if (json_is_boolean(value))
            printf("  %-17s %s\n", key, json_is_true(value) ? "yes" : "no");
        for (size_t i = 0; i < json_array_size(value); i++)
            printf("  %-17s %s\n", i ? "" : key, json_string_value(json_array_get(value, i)));
    }
}

static int show(const char *path, bool as_json)
{
    uint8_t *data;
    size_t size;
    struct result r = file_read(path, ATTEST_CRL_SIZE_MAX, &data, &size);
    if (!is_ok(r))
        return complain(r.why, path, "give a file with certificates");
    json_t *list = json_of_file(SPAN(data, size));
    if (!list) {
        free(data);
        return complain("no certificate and no revocation list of Intel's profile", path,
                        "give PEM, DER or a quote");
    }
    char *text = as_json ? json_dumps(list, JSON_INDENT(2) | JSON_SORT_KEYS) : NULL;
    if (text)
        puts(text);
    for (size_t i = 0; !as_json && i < json_array_size(list); i++)
        print_object(json_array_get(list, i), i + 1);
    free(text);
    json_decref(list);
    free(data);
    return 0;
}

int cmd_certs(int argc, char **argv)
{
    const char *path = NULL;
    bool as_json = false;
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        fputs(usage, stdout);
        return 0;
    }
    if (argc < 2 || strcmp(argv[1], "show") != 0)
        return complain("show is needed", argc > 1 ? argv[1] : "", "see cloister certs --help");
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0)
            as_json = true;
        else if (argv[i][0] == '-' || path)
            return complain("unknown option, or more than one file", argv[i],
                            "see cloister certs --help");
        else
            path = argv[i];
    }
    return path ? show(path, as_json)
                : complain("one file is needed", "", "see cloister certs --help");
}
