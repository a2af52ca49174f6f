// SPDX-License-Identifier: Apache-2.0
// Files for programs: read whole with a limit, replace atomically, lock.
#ifndef OS_FILE_H
#define OS_FILE_H

#include "base/bytes.h"
#include "base/result.h"

#include <sys/types.h>

// Reads the whole file. *ret_data is from malloc, followed by one NUL; ERR_RANGE beyond `size_max`,
// ERR_NOT_FOUND when there is no such file.
struct result file_read(const char *path, size_t size_max, uint8_t **ret_data, size_t *ret_size);

enum file_replace { FILE_REPLACE, FILE_MUST_BE_NEW };

// All or nothing, also across a crash: a temporary file, fsync, rename (or link), fsync of the
// folder. FILE_MUST_BE_NEW: ERR_EXISTS when the path exists.
struct result file_write(const char *path, struct span data, mode_t mode,
                         enum file_replace replace);

// Makes every folder of the path before its last '/', mode 0700.
struct result file_make_parents(const char *path);

// Takes an exclusive lock on `path`, which it makes when missing, and waits for it. The lock ends
// with file_unlock() or with the process.
struct result file_lock(const char *path, int *ret_fd);
void file_unlock(int fd);

// write(2) and read(2) until all is done; file_read_some gives 0 at the end of the file.
struct result file_write_all(int fd, struct span data);
struct result file_read_some(int fd, void *buffer, size_t capacity, size_t *ret_size);

#endif
