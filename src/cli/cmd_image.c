// SPDX-License-Identifier: Apache-2.0
// cloister fingerprint | mrenclave | inspect
#include "cli/commands_image.h"

#include "base/hex.h"
#include "cli/inspect.h"
#include "cli/options.h"
#include "cli/say.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Options --json and --help, with `files` also --files and --root, and one image; true when `ret` is open. Else
// *ret_code is the exit code.
static bool open_image(int argc, char **argv, const char *help, bool *json, bool *files,
                       struct image *ret, int *ret_code)
{
    bool done;
    const char *root = NULL;
    const struct option_slot slots[] = {{"json", NULL, json, 0},
                                        {files ? "files" : NULL, NULL, files, 0},
                                        {"root", &root, NULL, 0},
                                        {0}};
    int at = options_read(argc, argv, slots, help, &done);
    *ret_code = at < 0 ? EXIT_USAGE : EXIT_DONE;
    if (at < 0 || done)
        return false;
    if (at + 1 != argc) {
        *ret_code = say_usage(argv[0], "one image is needed");
        return false;
    }
    struct image_note note = {0};
    // What is said of the enclave does not depend on the files that a split image leaves out.
    struct result r = image_open_split(argv[at], root, &note, ret), bad = RESULT_OK;
    if (is_ok(r) && !ret->params)
        bad = fail(ERR_UNSUPPORTED, "a file system alone: no enclave is in it");
    else if (is_ok(r) && files && *files && !root && ret->trailer.stored_blocks)
        bad = fail(ERR_UNSUPPORTED, "a split image: --root names the directory with its files");
    if (!is_ok(bad)) {
        image_close(ret);
        r = bad;
    }
    if (!is_ok(r))
        *ret_code = say_failure(argv[at], r);
    return is_ok(r);
}

static int print_fingerprint(int argc, char **argv, const char *help, const char *name,
                             size_t offset, size_t size)
{
    struct image image;
    bool json = false;
    int code;
    if (!open_image(argc, argv, help, &json, NULL, &image, &code))
        return code;
    char fingerprint[IMAGE_FINGERPRINT_SIZE];
    struct result r = image_fingerprint(&image, fingerprint);
    image_close(&image);
    if (!is_ok(r))
        return say_failure(name, r);
    fingerprint[offset + size] = 0;
    if (json)
        return say_json(json_pack("{s:s}", name, fingerprint + offset));
    puts(fingerprint + offset);
    return EXIT_DONE;
}

int cmd_fingerprint(int argc, char **argv)
{
    static const char help[] =
        "Usage: cloister fingerprint IMAGE [--json]\n"
        "Prints FSPF_KEY|FSPF_TAG|MRENCLAVE: what an app is deployed with. It is computed from "
        "the\n"
        "parameters and the kernel in the file; cloister fspf verify checks all the rest.\n";
    return print_fingerprint(argc, argv, help, "fingerprint", 0, IMAGE_FINGERPRINT_SIZE - 1);
}

int cmd_mrenclave(int argc, char **argv)
{
    static const char help[] = "Usage: cloister mrenclave IMAGE [--json]\n"
                               "Prints the MRENCLAVE of the enclave that the image builds.\n";
    return print_fingerprint(argc, argv, help, "mrenclave", 130, 64);
}

int cmd_inspect(int argc, char **argv)
{
    static const char help[] =
        "Usage: cloister inspect IMAGE [--json] [--files [--root DIR]]\n"
        "Prints what an image says of itself: file system (with the arguments of veritysetup),\n"
        "enclave, signer, process, regions, SMS; which files are protected how; and what the host\n"
        "sees. Nothing is verified: see cloister fspf verify.\n"
        "\n"
        "  --files     also every file, with its mode, owner, size, digest and region\n"
        "  --root DIR  where the files of a split image are\n";
    struct image image;
    bool json = false, files = false;
    int code;
    if (!open_image(argc, argv, help, &json, &files, &image, &code))
        return code;
    json_t *object = NULL;
    struct result r = inspect_image(&image, argv[argc - 1], files, &object);
    image_close(&image);
    if (!is_ok(r))
        return say_failure("inspect", r);
    if (json)
        return say_json(object);
    inspect_print(object);
    json_decref(object);
    return EXIT_DONE;
}
