// SPDX-License-Identifier: Apache-2.0
// cloister pull: from a registry or an OCI layout to a protected image.
#include "cli/commands_image.h"

#include "cli/options.h"
#include "cli/say.h"
#include "oci/pull.h"

#include <stdio.h>

static const char help[] =
    "Usage: cloister pull URI -o IMAGE [OPTION]...\n"
    "Fetches an OCI image that 'cloister build' made, checks every digest, puts the protected\n"
    "image together and verifies it. Prints its fingerprint.\n"
    "\n"
    "  URI                  docker://HOST/NAME[:TAG][@sha256:DIGEST] or oci:DIR\n"
    "  -o, --output IMAGE   the image's file\n"
    "  --cert-dir DIR       the registry's CA (*.crt) and client certificates\n"
    "  --tls-verify=BOOL    false: do not check the registry's certificate\n"
    "  --json               a JSON object instead of the fingerprint\n"
    "  --quiet              no progress\n";

static void print_progress(const char *line)
{
    fprintf(stderr, "cloister pull: %s\n", line);
}

int cmd_pull(int argc, char **argv)
{
    struct oci_pull_options o = {0};
    bool json = false, quiet = false, done;
    const struct option_slot slots[] = {{"output", &o.output, NULL, 'o'},
                                        {"cert-dir", &o.tls.cert_dir, NULL, 0},
                                        {"tls-verify", &o.tls.tls_verify, NULL, 0},
                                        {"json", NULL, &json, 0},
                                        {"quiet", NULL, &quiet, 0},
                                        {0}};
    int at = options_read(argc, argv, slots, help, &done);
    if (at < 0 || done)
        return at < 0 ? EXIT_USAGE : EXIT_DONE;
    if (at + 1 != argc || !o.output)
        return say_usage("pull", "a URI and --output are needed");
    o.uri = argv[at];
    struct image_note note = {.progress = quiet ? NULL : print_progress};
    struct oci_pull_report report;
    struct result r = oci_pull(&o, &note, &report);
    if (!is_ok(r))
        return say_failure(note.text[0] ? note.text : o.uri, r);
    if (json)
        return say_json(json_pack("{s:s, s:s, s:s}", "image", o.output, "digest", report.digest,
                                  "fingerprint", report.fingerprint));
    puts(report.fingerprint);
    return EXIT_DONE;
}
