// SPDX-License-Identifier: Apache-2.0
#include "cli/fspf_verify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "cli/options.h"
#include "cli/say.h"
#include "image/verify.h"

static const char help[] =
    "Usage: cloister fspf verify IMAGE [--root DIR] [--fingerprint FINGERPRINT] [--json]\n"
    "Checks every byte of the file: exit code 0 and a line when all is right, 1 and what is\n"
    "damaged otherwise. Without --fingerprint it is only shown that the file agrees with itself;\n"
    "with it, that it is the image that the fingerprint names. The files that a split image "
    "leaves\n"
    "out are read below --root; for a file system alone that is / when nothing is said.\n";

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

// The fingerprint; of a file system alone, FSPF_TAG. Empty: a damaged image may have none.
static void name_image(const struct image *i, char ret[IMAGE_FINGERPRINT_SIZE])
{
    struct fingerprint known;
    ret[0] = 0;
    if (i->params) {
        if (!is_ok(image_fingerprint(i, ret)))
            ret[0] = 0;
        return;
    }
    image_fspf(i, &known);
    hex_encode(known.fspf_tag, sizeof known.fspf_tag, ret);
}

static struct result check(const char *path, const char *root, struct image_note *note,
                           struct verify_report *report, char name[IMAGE_FINGERPRINT_SIZE])
{
    struct image image;
    GUARD(image_open_split(path, root ? root : "/", note, &image));
    struct result r = RESULT_OK;
    if (image.params && image.trailer.stored_blocks && !root)
        r = fail(ERR_UNSUPPORTED, "a split image: name the directory with its files (--root)");
    else
        r = verify_image(&image, report);
    name_image(&image, name);
    image_close(&image);
    return r;
}

int fspf_verify(int argc, char **argv)
{
    const char *expected = NULL, *root = NULL;
    bool json = false, done;
    const struct option_slot slots[] = {{"fingerprint", &expected, NULL, 0},
                                        {"root", &root, NULL, 0},
                                        {"json", NULL, &json, 0},
                                        {0}};
    int at = options_read(argc, argv, slots, help, &done);
    if (at < 0)
        return EXIT_USAGE;
    if (done)
        return EXIT_DONE;
    if (at + 1 != argc)
        return say_usage("fspf verify", "one image is needed");
    struct image_note note = {0};
    struct verify_report *report = calloc(1, sizeof *report);
    if (!report)
        return say_failure("fspf verify", fail(ERR_MEMORY, "out of memory"));
    char name[IMAGE_FINGERPRINT_SIZE];
    struct result r = check(argv[at], root, &note, report, name);
    int code = is_ok(r) ? print_report(report, name, expected, json) : say_failure(argv[at], r);
    free(report);
    return code;
}
