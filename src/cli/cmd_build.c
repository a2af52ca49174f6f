// SPDX-License-Identifier: Apache-2.0
// cloister build: a manifest and its packages become a protected image.
#include "cli/commands_image.h"

#include "cli/options.h"
#include "cli/say.h"
#include "image/build.h"

#include <stdio.h>

static const char help[] =
    "Usage: cloister build DIR [-o IMAGE] [OPTION]...\n"
    "Builds a protected image from DIR/cloister.yaml. Packages come from .debs under\n"
    "DIR/cloister.lock, which the first build writes; their maintainer scripts are not run. The\n"
    "fingerprint FSPF_KEY|FSPF_TAG|MRENCLAVE is printed last.\n"
    "\n"
    "  -o, --output IMAGE   the image (default: DIR/NAME.cloister)\n"
    "  --sms FILE           JSON file with the identity of the SMS that the enclave accepts\n"
    "  --key FILE           RSA-3072 key that signs the enclave (default: "
    "$CLOISTER_HOME/signer.pem,\n"
    "                       made when missing); the fingerprint does not depend on it\n"
    "  --update-lock        resolve the packages anew and rewrite the lock file\n"
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
    bool json = false, quiet = false, done;
    const struct option_slot slots[] = {
        {"output", &build.output, NULL, 'o'},
        {"sms", &build.sms, NULL, 0},
        {"key", &build.key, NULL, 0},
        {"update-lock", NULL, &build.update_lock, 0},
        {"kernel", &build.kernel, NULL, 0},
        {"init", &build.init, NULL, 0},
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
    struct build_report report;
    struct result r = image_build(&build, &note, &report);
    if (!is_ok(r))
        return say_failure(note.text[0] ? note.text : build.directory, r);
    if (json)
        return say_json(json_pack("{s:s, s:s, s:I}", "image", report.output, "fingerprint",
                                  report.fingerprint, "size", (json_int_t)report.size));
    puts(report.fingerprint);
    return EXIT_DONE;
}
