// SPDX-License-Identifier: Apache-2.0
#include "image/bytecode.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "image/tool.h"

#define INTERPRETERS_MAX 8
#define VERSION_SIZE     16 // "python3.11" and its NUL

// Arguments: the staging's root, then directories. Names are sorted, links are followed as in the
// image, and the code is marked to be valid without a look at its source, whose time is no mark.
// One process does all in one order: what marshal writes depends on what was compiled before.
static const char script[] =
    "import os, py_compile, sys\n"
    "from importlib.util import cache_from_source\n"
    "os.umask(0o022)\n"
    "root = os.path.realpath(sys.argv[1])\n"
    "def inside(path):\n"
    "    return os.path.realpath(path).startswith(root + '/')\n"
    "def source_of(path):\n"
    "    for _ in range(8):\n"
    "        if not os.path.islink(path):\n"
    "            return path\n"
    "        to = os.readlink(path)\n"
    "        path = root + to if to[0] == '/' else os.path.join(os.path.dirname(path), to)\n"
    "    return ''\n"
    "def compile_file(path):\n"
    "    source = source_of(path)\n"
    "    if not os.path.isfile(source) or not inside(source):\n"
    "        return\n"
    "    try:\n"
    "        py_compile.compile(source, cache_from_source(path, optimization=''),\n"
    "                           path[len(root):], doraise=True, quiet=2,\n"
    "                           invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)\n"
    "    except py_compile.PyCompileError:\n"
    "        pass\n"
    "for top in sys.argv[2:]:\n"
    "    for place, folders, files in os.walk(root + top if inside(root + top) else ''):\n"
    "        folders.sort()\n"
    "        if os.path.islink(os.path.join(place, '__pycache__')):\n"
    "            continue\n"
    "        for name in sorted(files):\n"
    "            if name.endswith('.py'):\n"
    "                compile_file(os.path.join(place, name))\n";

// The host's path of a file of the staging, every link on the way followed inside.
static bool host_path(const struct staging *s, const char *path, char ret[PATH_MAX])
{
    char link[32];
    int fd;
    struct image_note ignored = {0};
    if (!is_ok(staging_open(s, &ignored, path, &fd)))
        return false;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, ret, PATH_MAX - 1);
    close(fd);
    ret[MAX(size, 0)] = 0;
    return size > 0;
}

static int compare_versions(const void *a, const void *b)
{
    return strcmp(a, b);
}

// Interpreters are /usr/bin/python3.N; python3 is a link to one of them.
static size_t find_interpreters(const struct staging *s, char ret[INTERPRETERS_MAX][VERSION_SIZE])
{
    char path[PATH_MAX];
    size_t count = 0;
    DIR *directory = host_path(s, "/usr/bin", path) ? opendir(path) : NULL;
    for (struct dirent *e; directory && count < INTERPRETERS_MAX && (e = readdir(directory));) {
        static const char prefix[] = "python3.";
        const char *minor = e->d_name + sizeof prefix - 1;
        if (strncmp(e->d_name, prefix, sizeof prefix - 1) == 0 && *minor &&
            strspn(minor, "0123456789") == strlen(minor) && strlen(e->d_name) < VERSION_SIZE)
            memcpy(ret[count++], e->d_name, strlen(e->d_name) + 1);
    }
    if (directory)
        closedir(directory);
    qsort(ret, count, VERSION_SIZE, compare_versions);
    return count;
}

// Runs the interpreter with the staging's own loader and libraries, from its own library's folder.
static struct result run(const struct staging *s, struct image_note *note, const char *version,
                         const char *code, const char *const folders[3])
{
    char loader[PATH_MAX], program[PATH_MAX], library[PATH_MAX], libraries[2 * PATH_MAX], path[64];
    snprintf(path, sizeof path, "/usr/bin/%s", version);
    bool found = host_path(s, "/lib64/ld-linux-x86-64.so.2", loader) && host_path(s, path, program);
    snprintf(path, sizeof path, "/usr/lib/%s", version);
    if (!found || !host_path(s, path, library))
        return image_fail(note, ERR_NOT_FOUND, "a part of python3 is missing", "%s", version);
    if (snprintf(libraries, sizeof libraries, "%s/usr/lib/x86_64-linux-gnu:%s/lib/x86_64-linux-gnu",
                 s->root, s->root) >= (int)sizeof libraries)
        return image_fail(note, ERR_RANGE, "path is too long", "%s", s->root);
    char *argv[] = {"env",
                    "-i",
                    "LC_ALL=C",
                    "PYTHONHASHSEED=0",
                    "PYTHONUTF8=1",
                    loader,
                    "--inhibit-cache",
                    "--library-path",
                    libraries,
                    program,
                    "-s",
                    "-S",
                    "-B",
                    "-c",
                    (char *)code,
                    (char *)s->root,
                    (char *)folders[0],
                    (char *)folders[1],
                    (char *)folders[2],
                    NULL};
    return tool_run(note, library, argv, NULL);
}

struct result bytecode_compile(const struct staging *s, struct image_note *note)
{
    char versions[INTERPRETERS_MAX][VERSION_SIZE];
    size_t count = find_interpreters(s, versions);
    for (size_t i = 0; i < count; i++) {
        char own[VERSION_SIZE + 16], local[VERSION_SIZE + 48];
        snprintf(own, sizeof own, "/usr/lib/%.*s", VERSION_SIZE - 1, versions[i]);
        snprintf(local, sizeof local, "/usr/local/lib/%.*s/dist-packages", VERSION_SIZE - 1,
                 versions[i]);
        const char *const folders[3] = {own, "/usr/lib/python3/dist-packages", local};
        struct image_note trial = {0};
        if (!is_ok(run(s, &trial, versions[i], "pass", folders))) {
            image_progress(note, "%s does not run here: no bytecode in the image (%s)", versions[i],
                           trial.text);
            continue;
        }
        image_progress(note, "compiling the library of %s", versions[i]);
        GUARD(run(s, note, versions[i], script, folders));
    }
    return RESULT_OK;
}
