// SPDX-License-Identifier: Apache-2.0
// The circumstances of a failure (which file, which key of the manifest), kept beside the static
// `why` of struct result for the program that reports it. Library code stays silent.
#ifndef IMAGE_NOTE_H
#define IMAGE_NOTE_H

#include "base/result.h"

#define IMAGE_NOTE_SIZE 1024

struct image_note {
    char text[IMAGE_NOTE_SIZE];         // empty: nothing to add
    void (*progress)(const char *line); // NULL: silent
};

// Records the text and returns the failure.
__attribute__((format(printf, 4, 5))) struct result
image_fail(struct image_note *note, enum err code, const char *why, const char *format, ...);

// The same with errno's text.
struct result image_fail_errno(struct image_note *note, const char *path, const char *why);

// One line for the user about what goes on.
__attribute__((format(printf, 2, 3))) void image_progress(const struct image_note *note,
                                                          const char *format, ...);

#endif
