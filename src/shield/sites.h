// SPDX-License-Identifier: Apache-2.0
// The table of system-call and CPUID sites (docs/formats/image.md, `/.cloister/sites`).
// Freestanding; no allocation; no state.
#ifndef SHIELD_SITES_H
#define SHIELD_SITES_H

#include "base/bytes.h"
#include "base/cursor.h"
#include "base/result.h"

#define SITES_MAGIC           "CLSITE1" // and its NUL: 8 bytes
#define SITE_SIZE             12u       // of one encoded site
#define SITE_WINDOW_TRAP      2u        // the instruction alone: not to be replaced
#define SITE_WINDOW_MIN       5u        // a jump's size
#define SITE_WINDOW_MAX       16u
#define SITE_PAGE_SIZE        4096u // a window that is to be replaced lies within one page
#define SITES_SIZE_MAX        (64u << 20)
#define SITES_PATH_MAX        4095u
#define SITE_INSTRUCTION_SIZE 2u

enum site_kind {
    SITE_SYSCALL = 1, // 0f 05
    SITE_CPUID = 2,   // 0f a2
};

struct site {
    uint64_t offset; // in the file, of the window
    uint8_t kind;
    uint8_t window_size;
    uint8_t instruction; // offset of the instruction in the window
};

struct site_file {
    struct span path; // absolute
    uint32_t count;
    struct span sites; // count * SITE_SIZE bytes: read them with site_at()
};

// Checks the whole table, once: order, limits, overlaps. The calls below are for checked tables
// alone.
struct result sites_check(struct span table);
uint32_t sites_file_count(struct span table);
// Iterates: start with sites_first(); false at the end.
struct reader sites_first(struct span table);
bool sites_next(struct reader *r, struct site_file *ret);
// The sites of one file; false when it has none.
bool sites_find(struct span table, struct span path, struct site_file *ret);
struct site site_at(const struct site_file *f, uint32_t index);

void site_put(struct writer *w, const struct site *s);

#endif
