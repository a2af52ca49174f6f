// SPDX-License-Identifier: Apache-2.0
// The process file (docs/formats/image.md, `/.cloister/process`): what to start, and as whom.
// Freestanding; no allocation; no state.
#ifndef SHIELD_PROCESS_H
#define SHIELD_PROCESS_H

#include "base/bytes.h"
#include "base/cursor.h"
#include "base/result.h"

#define PROCESS_MAGIC       "CLPROC1" // and its NUL: 8 bytes
#define PROCESS_STRINGS_MAX 4096u     // arguments and environment, each
#define PROCESS_STRING_MAX  131072u   // Linux's MAX_ARG_STRLEN
#define PROCESS_SIZE_MAX    (2u << 20)

struct process {
    uint32_t uid, gid, umask;
    uint32_t argument_count;    // at least 1: argv[0]
    uint32_t environment_count; // NAME=value
    struct span executable;     // absolute path
    struct span directory;      // absolute path
    struct span arguments;      // encoded strings: read them with process_next()
    struct span environment;
};

// Everything is checked here: after it process_next() on `arguments` and `environment` cannot fail.
struct result process_decode(struct span file, struct process *ret);

// The next string of a list of encoded strings (u32 size and bytes).
struct span process_next(struct reader *r);

// What is before the strings; then process_put() each: executable, directory, arguments,
// environment.
void process_put_head(struct writer *w, const struct process *p);
void process_put(struct writer *w, struct span string);

#endif
