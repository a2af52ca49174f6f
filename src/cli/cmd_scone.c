// SPDX-License-Identifier: Apache-2.0
#include "cli/cmd_scone.h"

#include <stdio.h>
#include <string.h>

#include "base/version.h"
#include "cli/commands_image.h"
#include "cli/say.h"

int cmd_scone(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "fspf") == 0)
        return cmd_fspf(argc - 1, argv + 1);
    if (argc > 1 && (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "version") == 0)) {
        puts("cloister " CLOISTER_VERSION);
        return EXIT_DONE;
    }
    if (argc > 1 && strcmp(argv[1], "--help") == 0) {
        puts("usage: scone fspf create|addr|addf|rem|encrypt|show|verify …   (docs/SCONE.md)");
        return EXIT_DONE;
    }
    fprintf(stderr,
            "scone: of SCONE's command line only `scone fspf` is here%s%s; sessions, keys and "
            "attestation are the SMS's: see cloister --help\n",
            argc > 1 ? ", not " : "", argc > 1 ? argv[1] : "");
    return EXIT_USAGE;
}
