// SPDX-License-Identifier: Apache-2.0
// ZIP archives (PKWARE APPNOTE 6.3) in one fixed form: every entry stored, no date, no extra field, no
// comment,
// nothing between the parts. The same files give the same bytes; any unzip program reads them.
//
// - zip_read takes that form and no other: what it accepts, zip_write would have written.
// - Names are relative: no empty, "." or ".." component, no NUL, no backslash; none stands twice.
// - Spans point into the caller's memory. Archives and their parts stay below 2 GiB.
#ifndef RESULT_ZIP_H
#define RESULT_ZIP_H

#include "base/bytes.h"
#include "base/result.h"

#define ZIP_NAME_SIZE_MAX   1024u
#define ZIP_ENTRY_COUNT_MAX 4096u

struct zip_entry {
    struct span name;
    struct span data;
};

// 0 when it would be too large.
size_t zip_size(const struct zip_entry *entries, size_t count);
struct result zip_write(const struct zip_entry *entries, size_t count, void *buffer,
                        size_t capacity, size_t *ret_size);
struct result zip_read(struct span archive, struct zip_entry *ret, size_t capacity,
                       size_t *ret_count);

const struct zip_entry *zip_find(const struct zip_entry *entries, size_t count, const char *name);

#endif
