// SPDX-License-Identifier: Apache-2.0
#include "os/home.h"

#include "os/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct result home_path(const char *relative, char ret[PATH_MAX])
{
    const char *own = getenv("CLOISTER_HOME"), *xdg = getenv("XDG_DATA_HOME");
    const char *user = getenv("HOME");
    char path[PATH_MAX];
    int n;
    if (own && *own)
        n = snprintf(path, sizeof path, "%s/%s", own, relative);
    else if (xdg && xdg[0] == '/') // the XDG specification ignores relative paths
        n = snprintf(path, sizeof path, "%s/cloister/%s", xdg, relative);
    else if (user && *user)
        n = snprintf(path, sizeof path, "%s/.local/share/cloister/%s", user, relative);
    else
        return fail(ERR_NOT_FOUND, "no home directory: set CLOISTER_HOME");
    REQUIRE(n > 0 && (size_t)n < sizeof path, ERR_RANGE, "the path of CLOISTER_HOME is too long");
    GUARD(file_make_parents(path));
    if (*relative == 0)
        path[n - 1] = 0;
    memcpy(ret, path, sizeof path);
    return RESULT_OK;
}

struct result home_part(const char *name, char ret[PATH_MAX])
{
    static const char *const places[] = {"", "/..", "/../.."};
    char program[PATH_MAX], path[PATH_MAX];
    ssize_t size = readlink("/proc/self/exe", program, sizeof program - 1);
    REQUIRE(size > 0, ERR_IO, "cannot find the program's own directory");
    program[size] = 0;
    *strrchr(program, '/') = 0;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        int n = snprintf(path, sizeof path, "%s%s/lib/cloister/%s", program, places[i], name);
        if (n > 0 && (size_t)n < sizeof path && access(path, R_OK) == 0) {
            memcpy(ret, path, sizeof path);
            return RESULT_OK;
        }
    }
    return fail(ERR_NOT_FOUND, "a part of Cloister is missing");
}
