// SPDX-License-Identifier: Apache-2.0
// The draft of a file-system protection file (docs/formats/fspf.md): what `fspf create | addr | addf | rem` write down
// and `fspf encrypt` carries out. A text of one line each, with one spelling for each draft:
//
//   cloister fspf draft 1
//   region KIND PATH [KERNEL]
//   add PATH SOURCE
//   remove PATH
#ifndef IMAGE_FSPF_DRAFT_H
#define IMAGE_FSPF_DRAFT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"
#include "image/note.h"
#include "shield/regions.h"

#define DRAFT_MAGIC       "cloister fspf draft 1\n"
#define DRAFT_ENTRIES_MAX 4096u
#define DRAFT_SIZE_MAX    (DRAFT_ENTRIES_MAX * (6u * REGION_PATH_MAX + 64u))

enum draft_verb {
    DRAFT_REGION,
    DRAFT_ADD,
    DRAFT_REMOVE,
};

struct draft_entry {
    enum draft_verb verb;
    enum region_kind kind; // DRAFT_REGION
    char *path;            // in the image: absolute and normal
    char *source;          // host path: of a region's --kernel (NULL: none), of added files
};

struct draft {
    struct draft_entry *entry;
    size_t count;
};

void draft_done(struct draft *d);
// `text` without the magic is ERR_INVALID. `ret` is ended by draft_done().
struct result draft_parse(struct span text, struct draft *ret);
// From malloc.
struct result draft_format(const struct draft *d, char **ret, size_t *ret_size);
// Appends; the texts are copied. Checked as when read: a path's form, one region for each path, files only for a region
// that holds some. `source` may be NULL where there is none.
struct result draft_append(struct draft *d, enum draft_verb verb, enum region_kind kind,
                           const char *path, const char *source);
// The region with that path and what was added to it; ERR_NOT_FOUND when there is none.
struct result draft_drop_region(struct draft *d, const char *path);
// The region of an absolute normal path: the longest prefix; NULL: none.
const struct draft_entry *draft_region_of(const struct draft *d, const char *path);
// NULL: no region has that path.
const struct draft_entry *draft_region(const struct draft *d, const char *path);

// "not-protected" and so on; 0: no such kind.
enum region_kind draft_kind(struct span word);
const char *draft_kind_name(enum region_kind kind);

#endif
