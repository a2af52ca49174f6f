// SPDX-License-Identifier: Apache-2.0
// cloister fingerprint | mrenclave | inspect | fspf verify
#include "cli/commands_image.h"

#include "base/hex.h"
#include "cli/inspect.h"
#include "cli/options.h"
#include "cli/say.h"
#include "image/verify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Options --json and --help and one image; true when `ret` is open. Else *ret_code is the exit
// code.
static bool open_image(int argc, char **argv, const char *help, bool *json, struct image *ret,
                       int *ret_code)
{
    bool done;
    const struct option_slot slots[] = {{"json", NULL, json, 0}, {0}};
    int at = options_read(argc, argv, slots, help, &done);
    *ret_code = at < 0 ? EXIT_USAGE : EXIT_DONE;
    if (at < 0 || done)
        return false;
    if (at + 1 != argc) {
        *ret_code = say_usage(argv[0], "one image is needed");
        return false;
    }
    struct image_note note = {0};
    struct result r = image_open(argv[at], &note, ret);
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
    if (!open_image(argc, argv, help, &json, &image, &code))
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
        "Usage: cloister inspect IMAGE [--json]\n"
        "Prints what an image says of itself: file system (with the arguments of veritysetup),\n"
        "enclave, process, regions, SMS. Nothing is verified: see cloister fspf verify.\n";
    struct image image;
    bool json = false;
    int code;
    if (!open_image(argc, argv, help, &json, &image, &code))
        return code;
    json_t *object = NULL;
    struct result r = inspect_image(&image, argv[argc - 1], &object);
    image_close(&image);
    if (!is_ok(r))
        return say_failure("inspect", r);
    if (json)
        return say_json(object);
    inspect_print(object);
    json_decref(object);
    return EXIT_DONE;
}

static const char fspf_help[] =
    "Usage: cloister fspf verify IMAGE [--fingerprint FINGERPRINT] [--json]\n"
    "Checks every byte of the file: exit code 0 and a line when all is right, 1 and what is\n"
    "damaged otherwise. Without --fingerprint it is only shown that the file agrees with itself;\n"
    "with it, that it is the image that the fingerprint names.\n";

static json_t *damage_json(const struct verify_damage *d)
{
    json_t *j =
        json_pack("{s:s, s:s, s:I}", "part", d->part, "why", d->why, "block", (json_int_t)d->block);
    if (d->path[0])
        json_object_set_new(j, "path", json_string(d->path));
    return j;
}

static int print_report(const struct verify_report *report, const char *fingerprint,
                        const char *expected, bool json)
{
    bool other = report->count == 0 && expected && strcmp(fingerprint, expected) != 0;
    uint32_t kept = MIN(report->count, VERIFY_DAMAGES_MAX);
    int code = report->count || other ? EXIT_REFUSED : EXIT_DONE;
    if (json) {
        json_t *list = json_array();
        for (uint32_t i = 0; i < kept; i++)
            json_array_append_new(list, damage_json(&report->damage[i]));
        say_json(json_pack("{s:b, s:s, s:I, s:o, s:b}", "ok", code == EXIT_DONE, "fingerprint",
                           fingerprint, "damages", (json_int_t)report->count, "damage", list,
                           "other_fingerprint", other));
        return code;
    }
    for (uint32_t i = 0; i < kept; i++) {
        const struct verify_damage *d = &report->damage[i];
        fprintf(stderr, "damaged: %s, block %llu: %s%s%s\n", d->part, (unsigned long long)d->block,
                d->why, d->path[0] ? ": " : "", d->path);
    }
    if (report->count > kept)
        fprintf(stderr, "damaged: %u more\n", report->count - kept);
    if (other)
        fprintf(stderr, "refused: the image has another fingerprint: %s\n", fingerprint);
    if (code == EXIT_DONE)
        printf("intact: %s\n", fingerprint);
    return code;
}

static int fspf_verify(int argc, char **argv)
{
    const char *expected = NULL;
    bool json = false, done;
    const struct option_slot slots[] = {
        {"fingerprint", &expected, NULL, 0}, {"json", NULL, &json, 0}, {0}};
    int at = options_read(argc, argv, slots, fspf_help, &done);
    if (at < 0)
        return EXIT_USAGE;
    if (done)
        return EXIT_DONE;
    if (at + 1 != argc)
        return say_usage("fspf verify", "one image is needed");
    struct image image;
    struct image_note note = {0};
    struct verify_report *report = calloc(1, sizeof *report);
    if (!report)
        return say_failure("fspf verify", fail(ERR_MEMORY, "out of memory"));
    char fingerprint[IMAGE_FINGERPRINT_SIZE] = "";
    struct result r = image_open(argv[at], &note, &image);
    if (is_ok(r)) {
        r = verify_image(&image, report);
        // A damaged image may have no fingerprint; then its damage is what counts.
        if (is_ok(r) && !is_ok(image_fingerprint(&image, fingerprint)))
            fingerprint[0] = 0;
        image_close(&image);
    }
    int code =
        is_ok(r) ? print_report(report, fingerprint, expected, json) : say_failure(argv[at], r);
    free(report);
    return code;
}

int cmd_fspf(int argc, char **argv)
{
    static const struct subcommand list[] = {{"verify", fspf_verify}, {0}};
    return subcommand_run(argc, argv, list, fspf_help);
}
