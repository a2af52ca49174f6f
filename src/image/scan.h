// SPDX-License-Identifier: Apache-2.0
// Finds the `syscall` and `cpuid` instructions of ELF64 x86-64 programs, and for each the window
// that may be replaced by a jump (docs/formats/image.md, `/.cloister/sites`). Function by function,
// never blindly: where functions begin and end is known from symbols and from .eh_frame.
#ifndef IMAGE_SCAN_H
#define IMAGE_SCAN_H

#include "base/bytes.h"
#include "image/note.h"
#include "image/tree.h"
#include "shield/sites.h"

struct scan_sites {
    struct site *site; // sorted by offset, not overlapping
    size_t count;
};

// The sites of one program; ERR_UNSUPPORTED when it is none. `ret->site` is freed by the caller.
struct result scan_program(struct span file, struct scan_sites *ret);

// The encoded table of all files of the tree, freed by the caller.
struct result scan_tree(struct tree *tree, struct image_note *note, uint8_t **ret,
                        size_t *ret_size);

#endif
