// SPDX-License-Identifier: Apache-2.0
// What the files of host/calls/ share. Each file answers the host calls of one subject; the
// prototypes of hostcall_do_… are generated (host/dispatch.h).
//
// - A function returns the call's result, or a negative errno; the kernel accepts those of the
//   table.
// - Nothing waits but poll. Buffers lie in the thread's area and may change while they are used.
#ifndef HOST_CALLS_H
#define HOST_CALLS_H

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "host/dispatch.h"
#include "host/runtime.h"

struct calls_path {
    char text[PATH_MAX + 1];
};

// Makes a C string of the path's bytes: 0 or a negative errno.
static inline long calls_path_get(const void *bytes, size_t size, struct calls_path *ret)
{
    if (size > PATH_MAX)
        return -ENAMETOOLONG;
    memcpy(ret->text, bytes, size);
    ret->text[size] = '\0';
    return strlen(ret->text) == size && size != 0 ? 0 : -ENOENT;
}

// A C library's answer as the kernel wants it.
static inline long calls_answer(long ret)
{
    return ret < 0 ? -errno : ret;
}

#endif
