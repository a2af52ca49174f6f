// SPDX-License-Identifier: Apache-2.0
// cloister push: an OCI layout to a registry.
#include "cli/commands_image.h"

#include "cli/options.h"
#include "cli/say.h"
#include "oci/source.h"
#include "oci/registry.h"

#include <stdio.h>
#include <string.h>

static const char help[] =
    "Usage: cloister push DIR docker://HOST/NAME[:TAG] [OPTION]...\n"
    "Copies the OCI image that 'cloister build' made to a registry, unchanged, and prints the\n"
    "reference docker://HOST/NAME@sha256:DIGEST. The digest is the checksum for the ledger.\n"
    "\n"
    "  --cert-dir DIR        the registry's CA (*.crt) and client certificates\n"
    "  --tls-verify=BOOL     false: do not check the registry's certificate\n"
    "  --json                a JSON object instead\n"
    "Passwords are taken from where skopeo keeps them ('skopeo login').\n";

static int print_reference(const char *uri, const char *digest, bool json)
{
    char name[PATH_MAX];
    snprintf(name, sizeof name, "%s", uri);
    char *at = strchr(name, '@'), *slash = strrchr(name, '/');
    if (at)
        *at = 0;
    char *colon = slash ? strchr(slash, ':') : NULL;
    if (colon)
        *colon = 0;
    if (json)
        return say_json(json_pack("{s:s, s:s}", "name", name, "digest", digest));
    printf("%s@%s\n", name, digest);
    return EXIT_DONE;
}

int cmd_push(int argc, char **argv)
{
    struct oci_tls tls = {0};
    bool json = false, done;
    const struct option_slot slots[] = {{"cert-dir", &tls.cert_dir, NULL, 0},
                                        {"tls-verify", &tls.tls_verify, NULL, 0},
                                        {"json", NULL, &json, 0},
                                        {0}};
    int at = options_read(argc, argv, slots, help, &done);
    if (at < 0 || done)
        return at < 0 ? EXIT_USAGE : EXIT_DONE;
    if (at + 2 != argc)
        return say_usage("push", "an OCI layout and a docker:// URI are needed");
    const char *directory = strncmp(argv[at], "oci:", 4) == 0 ? argv[at] + 4 : argv[at];
    struct image_note note = {0};
    struct oci_source source;
    struct result r = oci_source_open(directory, OCI_TAG, &note, &source);
    if (!is_ok(r))
        return say_failure(note.text[0] ? note.text : directory, r);
    for (size_t i = 0; is_ok(r) && i < source.manifest.layer_count; i++)
        r = oci_blob_verify(directory, &source.manifest.layers[i], &note);
    if (is_ok(r))
        r = oci_push(directory, OCI_TAG, argv[at + 1], &tls, &note);
    int status = is_ok(r) ? print_reference(argv[at + 1], source.manifest.self.digest, json)
                          : say_failure(note.text[0] ? note.text : argv[at + 1], r);
    oci_source_done(&source);
    return status;
}
