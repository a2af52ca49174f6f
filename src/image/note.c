// SPDX-License-Identifier: Apache-2.0
#include "image/note.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct result image_fail(struct image_note *note, enum err code, const char *why,
                         const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(note->text, sizeof note->text, format, args);
    va_end(args);
    return fail(code, why);
}

struct result image_fail_errno(struct image_note *note, const char *path, const char *why)
{
    return image_fail(note, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, why, "%s: %s", path,
                      strerror(errno));
}

void image_progress(const struct image_note *note, const char *format, ...)
{
    if (!note->progress)
        return;
    char line[IMAGE_NOTE_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    note->progress(line);
}
