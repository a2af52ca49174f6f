// SPDX-License-Identifier: Apache-2.0
// The files of a result, in memory, and the digest that iExec defines over them: what /iexec_out holds
// when the
// application has ended.
//
// - Names are relative to /iexec_out and sorted by their bytes; a file name has at most 31 characters
//   (iExec's rule
//   for post-compute); directories count only through the files in them.
// - The content is secret: result_files_done() wipes.
#ifndef RESULT_FILES_H
#define RESULT_FILES_H

#include "crypto/keccak.h"
#include "result/zip.h"

#define RESULT_SIZE_MAX       (256u << 20) // all files together
#define RESULT_FILE_COUNT_MAX 1024u
#define RESULT_FILE_NAME_MAX  31u
#define RESULT_CALLBACK_MAX   1024u

struct result_files {
    struct zip_entry entries[RESULT_FILE_COUNT_MAX];
    size_t count;
    size_t size;    // of all data
    uint8_t *owned; // what the entries point into, or NULL: each has memory of its own
    size_t owned_size;
};

// Reads a directory and all below it. Anything but files and directories is refused.
struct result result_files_read(const char *directory, struct result_files *ret);
// The files of an inner archive; takes over `archive` (from malloc), also on failure.
struct result result_files_take(uint8_t *archive, size_t size, struct result_files *ret);
void result_files_done(struct result_files *f); // takes an all-zero one

struct result_callback {
    size_t size;
    uint8_t data[RESULT_CALLBACK_MAX];
};

// What computed.json states: a digest over the deterministic output, or over the callback's data when
// the deal has a
// callback (then *ret_callback is filled in).
struct result result_files_digest(const struct result_files *f, bool has_callback,
                                  struct hash32 *ret_digest, struct result_callback *ret_callback);

#endif
