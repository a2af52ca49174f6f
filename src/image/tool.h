// SPDX-License-Identifier: Apache-2.0
// Programs and files of the host, for the builder: failures name what they are about in the note.
#ifndef IMAGE_TOOL_H
#define IMAGE_TOOL_H

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "image/note.h"

// `name`, relative to `directory` unless absolute.
struct result tool_path(struct image_note *note, const char *directory, const char *name,
                        char ret[PATH_MAX]);
// The whole file, at most `max` bytes, with a NUL behind; `ret` is freed by the caller.
struct result tool_read(struct image_note *note, const char *path, size_t max, uint8_t **ret,
                        size_t *ret_size);
struct result tool_sha256(struct image_note *note, const char *path, uint8_t ret[32]);
// Removes a tree, not following links. Best effort.
void tool_remove_tree(const char *path);

// Runs a program found in a fixed PATH with a pinned environment (LC_ALL=C, TZ=UTC) in `directory`
// (NULL: here). Standard output goes to *ret_output (NUL-terminated, freed by the caller) unless
// that is NULL; the end of its standard error is in the note when it fails.
struct result tool_run(struct image_note *note, const char *directory, char *const argv[],
                       char **ret_output);

// Starts a program whose standard output is read from *ret_fd; tool_run_wait() ends it.
struct result tool_run_start(struct image_note *note, char *const argv[], int *ret_fd,
                             int *ret_pid);
struct result tool_run_wait(struct image_note *note, const char *name, int pid);

#endif
