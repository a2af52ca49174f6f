// SPDX-License-Identifier: Apache-2.0
// cloister init: the files of a new application, from a template.
#include "cli/commands_image.h"

#include "cli/options.h"
#include "cli/say.h"
#include "cli/templates.h"
#include "os/file.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_SIZE_MAX 64
#define BASE_SIZE_MAX 512
#define BASE_DEFAULT  "localhost/cloister/"

static const char help[] =
    "Usage: cloister init --template python|node|c|r|java [DIR] [--name NAME] [--base IMAGE]\n"
    "Writes Dockerfile, cloister.yaml, a program and a README.md into DIR (default: here), which "
    "is\n"
    "made when missing. Nothing is overwritten.\n"
    "\n"
    "  --template T   the language\n"
    "  --name NAME    of the application and its image (default: DIR's last part)\n"
    "  --base IMAGE   what the Dockerfile is FROM (default: localhost/cloister/T, the curated "
    "image\n"
    "                 of that name; for c it is localhost/cloister/base), or oci:DIR\n";

struct init {
    const char *template, *directory, *name, *base;
};

static bool of_template(const struct init *n, const struct template_file *f)
{
    return strcmp(f->template, n->template) == 0;
}

static bool is_name(const char *text)
{
    size_t size = strlen(text);
    static const char set[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    return size > 0 && size <= NAME_SIZE_MAX && strspn(text, set) == size && text[0] != '.' &&
           text[0] != '-';
}

// Of an image, in one word: nothing that could begin another line or flag of the Dockerfile.
static bool is_reference(const char *text)
{
    for (const char *at = text; *at; at++)
        if (!isgraph((unsigned char)*at))
            return false;
    return *text && *text != '-' && strlen(text) <= BASE_SIZE_MAX;
}

// The last part of the directory's real path, when it is a name.
static struct result name_of_directory(const char *directory, char ret[PATH_MAX])
{
    char real[PATH_MAX];
    REQUIRE(realpath(directory, real), ERR_IO, "cannot find the directory");
    const char *last = strrchr(real, '/') + 1;
    memmove(ret, is_name(last) ? last : "app", strlen(is_name(last) ? last : "app") + 1);
    return RESULT_OK;
}

static struct result file_path(const struct init *n, const struct template_file *f,
                               char ret[PATH_MAX])
{
    REQUIRE(snprintf(ret, PATH_MAX, "%s/%s", n->directory, f->name) < PATH_MAX, ERR_RANGE,
            "path is too long");
    return RESULT_OK;
}

// The text with its two placeholders filled in; freed by the caller.
static struct result expand(const struct init *n, const struct template_file *f, char **ret,
                            size_t *ret_size)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, ret_size);
    REQUIRE(out, ERR_MEMORY, "out of memory");
    for (const char *at = (const char *)f->data, *end = (const char *)f->end; at < end;) {
        bool name = end - at >= 6 && memcmp(at, "@NAME@", 6) == 0;
        bool base = end - at >= 6 && memcmp(at, "@BASE@", 6) == 0;
        if (name || base)
            fputs(name ? n->name : n->base, out);
        else
            fputc(*at, out);
        at += name || base ? 6 : 1;
    }
    if (fclose(out) != 0) {
        free(text);
        return fail(ERR_MEMORY, "out of memory");
    }
    *ret = text;
    return RESULT_OK;
}

static int write_one(const struct init *n, const struct template_file *f)
{
    char path[PATH_MAX], *text;
    size_t size;
    struct result r = file_path(n, f, path);
    if (is_ok(r))
        r = expand(n, f, &text, &size);
    if (!is_ok(r))
        return say_failure(f->name, r);
    r = file_write(path, SPAN(text, size), 0644, FILE_MUST_BE_NEW);
    free(text);
    if (!is_ok(r))
        return say_failure(path, r);
    puts(path);
    return EXIT_DONE;
}

// Looks at all before it writes any.
static int write_all(const struct init *n)
{
    for (const struct template_file *f = cli_templates; f < cli_templates_end; f++) {
        char path[PATH_MAX];
        struct stat st;
        struct result r = file_path(n, f, path);
        if (is_ok(r) && of_template(n, f) && lstat(path, &st) == 0)
            r = fail(ERR_EXISTS, "is there already; nothing was written");
        if (!is_ok(r))
            return say_failure(path, r);
    }
    int code = EXIT_DONE;
    for (const struct template_file *f = cli_templates; code == EXIT_DONE && f < cli_templates_end;
         f++)
        code = of_template(n, f) ? write_one(n, f) : EXIT_DONE;
    return code;
}

static bool is_template(const struct init *n)
{
    for (const struct template_file *f = cli_templates; f < cli_templates_end; f++)
        if (of_template(n, f))
            return true;
    return false;
}

int cmd_init(int argc, char **argv)
{
    struct init n = {0};
    bool done;
    char name[PATH_MAX], base[128];
    const struct option_slot slots[] = {{"template", &n.template, NULL, 't'},
                                        {"name", &n.name, NULL, 0},
                                        {"base", &n.base, NULL, 0},
                                        {0}};
    int at = options_read(argc, argv, slots, help, &done);
    if (at < 0)
        return EXIT_USAGE;
    if (done)
        return EXIT_DONE;
    if (!n.template || !is_template(&n) || argc - at > 1)
        return say_usage("init", "--template python|node|c|r|java and at most one directory");
    if (n.name && !is_name(n.name))
        return say_usage("init", "a name is letters, digits, '.', '_' and '-'");
    if (n.base && !is_reference(n.base))
        return say_usage("init", "--base is a reference of an image");
    n.directory = at < argc ? argv[at] : ".";
    if (mkdir(n.directory, 0755) != 0 && errno != EEXIST)
        return say_failure(n.directory, fail(ERR_IO, "cannot make the directory"));
    if (!n.name) {
        struct result r = name_of_directory(n.directory, name);
        if (!is_ok(r))
            return say_failure(n.directory, r);
        n.name = name;
    }
    if (!n.base) {
        snprintf(base, sizeof base, BASE_DEFAULT "%s",
                 strcmp(n.template, "c") == 0 ? "base" : n.template);
        n.base = base;
    }
    return write_all(&n);
}
