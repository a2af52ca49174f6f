// SPDX-License-Identifier: Apache-2.0
// cloister fspf, and scone fspf: file-system protection files (docs/formats/fspf.md, docs/SCONE.md)
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hex.h"
#include "cli/commands_image.h"
#include "cli/fspf_show.h"
#include "cli/fspf_verify.h"
#include "cli/options.h"
#include "cli/say.h"
#include "image/fspf_encrypt.h"
#include "os/file.h"

static const char help[] =
    "Usage: cloister fspf create FILE\n"
    "       cloister fspf addr FILE REGION "
    "--authenticated|--encrypted|--not-protected|--ephemeral\n"
    "                          [--kernel PATH]\n"
    "       cloister fspf addf FILE REGION SOURCE [DESTINATION]\n"
    "       cloister fspf rem FILE PATH\n"
    "       cloister fspf encrypt FILE [--root DIR] [--entrypoint COMMAND] [--content-key FILE]\n"
    "       cloister fspf show FILE [--files] [--key KEY] [--root DIR]\n"
    "       cloister fspf verify FILE [--root DIR] [--fingerprint FINGERPRINT] [--json]\n"
    "\n"
    "create, addr, addf and rem write a draft; encrypt reads the files and makes of it what an\n"
    "enclave mounts, and prints its tag (9th word) and key (11th word). --kernel names the host's\n"
    "path where a region's files lie. The command that the enclave runs comes from the ledger\n"
    "(KEY|TAG|MRENCLAVE|COMMAND) or from --entrypoint or $CLOISTER_ENTRYPOINT.\n"
    "verify checks every byte of an image or, against the files below --root, of a split one.\n";

// Reads options and between `min` and `max` arguments; true when the command goes on.
static bool take_arguments(int argc, char **argv, const struct option_slot *slots, int min, int max,
                           char ***ret, int *ret_count, int *ret_code)
{
    bool done;
    int at = options_read(argc, argv, slots, help, &done);
    *ret_code = at < 0 ? EXIT_USAGE : EXIT_DONE;
    if (at < 0 || done)
        return false;
    *ret = argv + at;
    *ret_count = argc - at;
    if (*ret_count >= min && *ret_count <= max)
        return true;
    *ret_code = say_usage("fspf", "wrong number of arguments");
    return false;
}

static int failed(const char *word, struct result r, const struct image_note *note)
{
    if (note->text[0])
        fprintf(stderr, "cloister: fspf %s: %s: %s\n", word, r.why, note->text);
    return note->text[0] ? EXIT_REFUSED : say_failure(word, r);
}

static const struct option_slot no_options[] = {{0}};

static int fspf_create(int argc, char **argv)
{
    char **a;
    int count, code;
    if (!take_arguments(argc, argv, no_options, 1, 1, &a, &count, &code))
        return code;
    struct image_note note = {0};
    const struct draft empty = {NULL, 0};
    struct result r = fspf_save(a[0], &empty, &note);
    return is_ok(r) ? EXIT_DONE : failed("create", r, &note);
}

// "/usr/" is "/usr".
static const char *trimmed(const char *path, char ret[PATH_MAX])
{
    size_t size = strlen(path);
    if (size >= PATH_MAX)
        return path;
    memcpy(ret, path, size + 1);
    while (size > 1 && ret[size - 1] == '/')
        ret[--size] = 0;
    return ret;
}

// Loads the draft, changes it, saves it.
static int change(const char *word, const char *file,
                  struct result (*edit)(struct draft *d, void *context, struct image_note *note),
                  void *context)
{
    struct image_note note = {0};
    struct draft d;
    struct result r = fspf_load(file, &note, &d);
    if (is_ok(r)) {
        r = edit(&d, context, &note);
        if (is_ok(r))
            r = fspf_save(file, &d, &note);
        draft_done(&d);
    }
    return is_ok(r) ? EXIT_DONE : failed(word, r, &note);
}

struct region_arguments {
    enum region_kind kind;
    const char *path, *kernel;
};

static struct result edit_region(struct draft *d, void *context, struct image_note *note)
{
    const struct region_arguments *a = context;
    const char *kernel = a->kernel;
    if (a->kind == REGION_NOT_PROTECTED && !kernel)
        kernel = a->path;
    struct result r = draft_append(d, DRAFT_REGION, a->kind, a->path, kernel);
    return is_ok(r) ? r : image_fail(note, r.code, r.why, "%s", a->path);
}

static int fspf_addr(int argc, char **argv)
{
    char **a, path[PATH_MAX], kernel_path[PATH_MAX];
    const char *kernel = NULL;
    bool kind[REGION_EPHEMERAL + 1] = {false};
    int count, code;
    const struct option_slot slots[] = {{"authenticated", NULL, &kind[REGION_AUTHENTICATED], 'a'},
                                        {"encrypted", NULL, &kind[REGION_ENCRYPTED], 'e'},
                                        {"not-protected", NULL, &kind[REGION_NOT_PROTECTED], 'n'},
                                        {"ephemeral", NULL, &kind[REGION_EPHEMERAL], 0},
                                        {"kernel", &kernel, NULL, 'k'},
                                        {0}};
    if (!take_arguments(argc, argv, slots, 2, 2, &a, &count, &code))
        return code;
    struct region_arguments r = {.path = trimmed(a[1], path)};
    if (kernel)
        r.kernel = trimmed(kernel, kernel_path);
    for (unsigned i = REGION_AUTHENTICATED; i < ARRAY_COUNT(kind); i++) {
        if (kind[i] && r.kind)
            return say_usage("fspf addr", "a region has one kind");
        if (kind[i])
            r.kind = i;
    }
    if (!r.kind)
        return say_usage("fspf addr", "say the kind of the region");
    if (r.kind == REGION_EPHEMERAL)
        r.kernel = NULL; // it lies in the enclave's memory alone
    return change("addr", a[0], edit_region, &r);
}

struct file_arguments {
    const char *path, *source, *destination;
};

static struct result edit_files(struct draft *d, void *context, struct image_note *note)
{
    const struct file_arguments *a = context;
    char real[PATH_MAX], *absolute = realpath(a->source, real);
    struct stat st;
    if (!absolute || stat(real, &st) != 0)
        return image_fail_errno(note, a->source, "cannot open");
    if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
        return image_fail(note, ERR_INVALID, "neither a directory nor a file", "%s", a->source);
    struct result r = draft_append(d, DRAFT_ADD, 0, a->path, real);
    const struct draft_entry *region = draft_region(d, a->path);
    if (is_ok(r) && a->destination && region->kind == REGION_ENCRYPTED)
        fprintf(stderr,
                "cloister: fspf addf: the encrypted files go into the protection file; %s stays as "
                "it is\n",
                a->destination);
    return is_ok(r) ? r : image_fail(note, r.code, r.why, "%s", a->path);
}

static int fspf_addf(int argc, char **argv)
{
    char **a, path[PATH_MAX];
    int count, code;
    if (!take_arguments(argc, argv, no_options, 3, 4, &a, &count, &code))
        return code;
    struct file_arguments f = {trimmed(a[1], path), a[2], count == 4 ? a[3] : NULL};
    return change("addf", a[0], edit_files, &f);
}

static struct result edit_remove(struct draft *d, void *context, struct image_note *note)
{
    const char *path = context;
    struct result r;
    if (draft_region(d, path))
        r = draft_drop_region(d, path);
    else if (!draft_region_of(d, path))
        r = fail(ERR_NOT_FOUND, "neither a region nor a file of one");
    else
        r = draft_append(d, DRAFT_REMOVE, 0, path, NULL);
    return is_ok(r) ? r : image_fail(note, r.code, r.why, "%s", path);
}

static int fspf_rem(int argc, char **argv)
{
    char **a, path[PATH_MAX];
    int count, code;
    if (!take_arguments(argc, argv, no_options, 2, 2, &a, &count, &code))
        return code;
    return change("rem", a[0], edit_remove, (void *)trimmed(a[1], path));
}

static void say_progress(const char *line)
{
    fprintf(stderr, "cloister: %s\n", line);
}

static const char *from_environment(const char *given, const char *name)
{
    const char *text = given ? given : getenv(name);
    return text && *text ? text : NULL;
}

static int fspf_encrypt_command(int argc, char **argv)
{
    char **a, root_path[PATH_MAX];
    const char *root = NULL, *entrypoint = NULL, *key = NULL;
    int count, code;
    const struct option_slot slots[] = {{"root", &root, NULL, 0},
                                        {"entrypoint", &entrypoint, NULL, 0},
                                        {"content-key", &key, NULL, 0},
                                        {0}};
    if (!take_arguments(argc, argv, slots, 1, 1, &a, &count, &code))
        return code;
    struct image_note note = {.progress = say_progress};
    const struct fspf_options options = {
        .file = a[0],
        .root = root ? trimmed(root, root_path) : NULL,
        .entrypoint = from_environment(entrypoint, "CLOISTER_ENTRYPOINT"),
        .content_key = from_environment(key, "CLOISTER_CONTENT_KEY_FILE"),
        .output_fd = STDOUT_FILENO,
    };
    struct fspf_result out;
    struct result r = fspf_encrypt(&options, &note, &out);
    if (!is_ok(r))
        return failed("encrypt", r, &note);
    char tag_hex[HEX_SIZE(32)], key_hex[HEX_SIZE(32)];
    hex_encode(out.tag, sizeof out.tag, tag_hex);
    hex_encode(out.key, sizeof out.key, key_hex);
    // Scripts take the 9th and the 11th word; a name with spaces would move them.
    printf("Encrypted file system protection file ");
    for (const char *c = a[0]; *c; c++)
        putchar(*c == ' ' || *c == '\t' || *c == '\n' ? '_' : *c);
    printf(" AES-GCM tag: %s key: %s\n", tag_hex, key_hex);
    return fflush(stdout) == 0 ? EXIT_DONE : EXIT_REFUSED;
}

int cmd_fspf(int argc, char **argv)
{
    static const struct subcommand list[] = {
        {"create", fspf_create},
        {"addr", fspf_addr},
        {"addf", fspf_addf},
        {"rem", fspf_rem},
        {"encrypt", fspf_encrypt_command},
        {"show", fspf_show},
        {"verify", fspf_verify},
        {0},
    };
    return subcommand_run(argc, argv, list, help);
}
