// SPDX-License-Identifier: Apache-2.0
// cloister build: a manifest and its packages become a protected image.
#include "cli/commands_image.h"

#include "cli/options.h"
#include "cli/say.h"
#include "oci/oci_build.h"

#include <stdio.h>

static const char help[] =
    "Usage: cloister build DIR [-o IMAGE] [OPTION]...\n"
    "Builds a protected image from DIR/cloister.yaml. Packages come from .debs under\n"
    "DIR/cloister.lock, which the first build writes; their maintainer scripts are not run. The\n"
    "fingerprint FSPF_KEY|FSPF_TAG|MRENCLAVE is printed last. With `image` or `dockerfile` in the\n"
    "manifest, or a Dockerfile and no manifest, an OCI image is written too, whose entry point "
    "runs\n"
    "the enclave.\n"
    "\n"
    "  -o, --output IMAGE   the image (default: DIR/NAME.cloister)\n"
    "  --oci DIR            the OCI image's layout (default: DIR/NAME.oci where one is written);\n"
    "                       packages and root directories get one with this option\n"
    "  --cert-dir DIR       registries' CA (*.crt) and client certificates\n"
    "  --tls-verify=BOOL    false: do not check registries' certificates\n"
    "  --sms FILE           JSON file with the identity of the SMS that the enclave accepts\n"
    "  --key FILE           RSA-3072 key that signs the enclave (default: "
    "$CLOISTER_HOME/signer.pem,\n"
    "                       made when missing); the fingerprint does not depend on it\n"
    "  --update-lock        resolve the packages anew and rewrite the lock file\n"
    "  --split              leave out the data of files that a root directory has at run time\n"
    "  --sbom               write NAME.spdx.json and NAME.provenance.json beside the image\n"
    "  --kernel FILE        kernel.elf of another place\n"
    "  --init FILE          init program of another place\n"
    "  --json               a JSON object instead of the fingerprint\n"
    "  --quiet              no progress\n";

static void print_progress(const char *line)
{
    fprintf(stderr, "cloister build: %s\n", line);
}

int cmd_build(int argc, char **argv)
{
    struct build_options build = {0};
    struct oci_build_options oci = {0};
    bool json = false, quiet = false, done;
    const struct option_slot slots[] = {
        {"output", &build.output, NULL, 'o'},
        {"oci", &oci.output, NULL, 0},
        {"cert-dir", &oci.tls.cert_dir, NULL, 0},
        {"tls-verify", &oci.tls.tls_verify, NULL, 0},
        {"sms", &build.sms, NULL, 0},
        {"key", &build.key, NULL, 0},
        {"update-lock", NULL, &build.update_lock, 0},
        {"kernel", &build.kernel, NULL, 0},
        {"init", &build.init, NULL, 0},
        {"split", NULL, &build.split, 0},
        {"sbom", NULL, &build.sbom, 0},
        {"json", NULL, &json, 0},
        {"quiet", NULL, &quiet, 0},
        {0},
    };
    int at = options_read(argc, argv, slots, help, &done);
    if (at < 0)
        return EXIT_USAGE;
    if (done)
        return EXIT_DONE;
    if (at + 1 != argc)
        return say_usage("build", "one directory is needed");
    build.directory = argv[at];
    struct image_note note = {.progress = quiet ? NULL : print_progress};
    struct oci_build_report report;
    struct result r = oci_build(&build, &oci, &note, &report);
    if (!is_ok(r))
        return say_failure(note.text[0] ? note.text : build.directory, r);
    if (json)
        return say_json(json_pack("{s:s, s:s, s:I, s:s, s:s}", "image", report.image.output,
                                  "fingerprint", report.image.fingerprint, "size",
                                  (json_int_t)report.image.size, "oci", report.output, "digest",
                                  report.digest));
    puts(report.image.fingerprint);
    return EXIT_DONE;
}
