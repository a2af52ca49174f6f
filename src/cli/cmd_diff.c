// SPDX-License-Identifier: Apache-2.0
// cloister diff: why two images have two fingerprints.
#include "cli/commands_image.h"

#include "cli/options.h"
#include "cli/say.h"
#include "image/diff.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXIT_DIFFERENT 1
#define EXIT_ERROR     2

static const char help[] =
    "Usage: cloister diff A B [--json] [--root-a DIR] [--root-b DIR]\n"
    "Says why two images have two fingerprints: which parts of it, and file by file, region by\n"
    "region and parameter by parameter what differs. Nothing is verified: see cloister fspf "
    "verify.\n"
    "Exit code: 0 no difference, 1 different, 2 an image cannot be read.\n"
    "\n"
    "  --root-a, --root-b DIR   where the files of a split image are\n";

// A string as it is, anything else as JSON; freed by the caller.
static char *value_text(const json_t *value)
{
    char *text = json_is_string(value) ? strdup(json_string_value(value))
                                       : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    return text ? text : strdup("?");
}

static void print_change(const char *name, const json_t *a, const json_t *b)
{
    char *p = value_text(a), *q = value_text(b);
    printf("  ");
    say_name(name);
    printf("%s", json_is_null(a) ? ": added: " : json_is_null(b) ? ": removed: " : ": ");
    if (!json_is_null(a))
        say_name(p);
    if (!json_is_null(a) && !json_is_null(b))
        printf(" -> ");
    if (!json_is_null(b))
        say_name(q);
    putchar('\n');
    free(p);
    free(q);
}

static void print_fields(const char *title, const json_t *list)
{
    size_t i;
    json_t *change;
    if (json_array_size(list) == 0)
        return;
    printf("%s:\n", title);
    json_array_foreach(list, i, change)
        print_change(json_string_value(json_object_get(change, "field")),
                     json_object_get(change, "a"), json_object_get(change, "b"));
}

// "file 0644 0:0 12 bytes sha256 …", "link -> target"
static void print_entry(const json_t *e)
{
    const json_t *size = json_object_get(e, "size"), *target = json_object_get(e, "target");
    printf("%s %s %lld:%lld", json_string_value(json_object_get(e, "type")),
           json_string_value(json_object_get(e, "mode")),
           (long long)json_integer_value(json_object_get(e, "uid")),
           (long long)json_integer_value(json_object_get(e, "gid")));
    if (size)
        printf(", %lld bytes, sha256 %s", (long long)json_integer_value(size),
               json_string_value(json_object_get(e, "sha256")));
    if (target) {
        printf(" -> ");
        say_name(json_string_value(target));
    }
    putchar('\n');
}

static void print_file(const json_t *file)
{
    const char *change = json_string_value(json_object_get(file, "change"));
    const json_t *a = json_object_get(file, "a"), *b = json_object_get(file, "b"), *field;
    size_t i;
    printf("  %s ", change);
    say_name(json_string_value(json_object_get(file, "path")));
    if (a && b) {
        putchar('\n');
        json_array_foreach(json_object_get(file, "fields"), i, field)
        {
            const char *name = json_string_value(field);
            const json_t *p = json_object_get(a, name), *q = json_object_get(b, name);
            printf("  ");
            print_change(name, p ? p : json_null(), q ? q : json_null());
        }
        return;
    }
    printf(": ");
    print_entry(a ? a : b);
}

static void print_diff(const json_t *j)
{
    static const char made[] = "/.cloister/";
    const json_t *files = json_object_get(j, "files");
    size_t i;
    json_t *file;
    print_fields("fingerprint", json_object_get(j, "fingerprint"));
    print_fields("process (in FSPF_TAG, and in FSPF_KEY unless the manifest gives it)",
                 json_object_get(j, "process"));
    print_fields("regions (in FSPF_TAG, and in FSPF_KEY unless the manifest gives it)",
                 json_object_get(j, "regions"));
    if (json_array_size(files) > 0)
        printf("files (in FSPF_TAG; those below %s are made by the build from the rest):\n", made);
    json_array_foreach(files, i, file) print_file(file);
    print_fields("parameters (in MRENCLAVE; data_blocks and hash_offset follow from the files)",
                 json_object_get(j, "parameters"));
    print_fields("signer (not in the fingerprint)", json_object_get(j, "signer"));
    if (json_array_size(json_object_get(j, "fingerprint")) == 0)
        puts("the fingerprints are the same");
}

static int diff(const struct image *a, const struct image *b, bool json)
{
    json_t *j;
    bool same;
    struct result r = image_diff(a, b, &j, &same);
    if (!is_ok(r)) {
        (void)say_failure("diff", r);
        return EXIT_ERROR;
    }
    if (json) {
        json_object_set_new(j, "same", json_boolean(same));
        (void)say_json(j);
        return same ? EXIT_DONE : EXIT_DIFFERENT;
    }
    print_diff(j);
    json_decref(j);
    return same ? EXIT_DONE : EXIT_DIFFERENT;
}

// Every form; what a split image leaves out is needed.
static bool open_image(const char *path, const char *root, struct image *ret)
{
    struct image_note note = {0};
    struct result r = image_open_split(path, root, &note, ret);
    if (is_ok(r) && ret->trailer.stored_blocks && !root) {
        image_close(ret);
        r = fail(ERR_UNSUPPORTED, "a split image: --root-a or --root-b names its files' directory");
    }
    if (!is_ok(r))
        (void)say_failure(note.text[0] ? note.text : path, r);
    return is_ok(r);
}

int cmd_diff(int argc, char **argv)
{
    bool json = false, done;
    const char *root_a = NULL, *root_b = NULL;
    const struct option_slot slots[] = {
        {"json", NULL, &json, 0}, {"root-a", &root_a, NULL, 0}, {"root-b", &root_b, NULL, 0}, {0}};
    int at = options_read(argc, argv, slots, help, &done), code = EXIT_ERROR;
    if (at < 0)
        return EXIT_USAGE;
    if (done)
        return EXIT_DONE;
    if (at + 2 != argc)
        return say_usage("diff", "two images are needed");
    struct image a, b;
    if (!open_image(argv[at], root_a, &a))
        return EXIT_ERROR;
    if (open_image(argv[at + 1], root_b, &b)) {
        code = diff(&a, &b, json);
        image_close(&b);
    }
    image_close(&a);
    return code;
}
