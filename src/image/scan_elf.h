// SPDX-License-Identifier: Apache-2.0
// What the scanner needs of an ELF file: executable segments, where functions are (symbols,
// .eh_frame), and which places in the code something points to. The file may be anything: all
// offsets are checked.
#ifndef IMAGE_SCAN_ELF_H
#define IMAGE_SCAN_ELF_H

#include "base/bytes.h"
#include "base/result.h"

#define SCAN_SEGMENTS_MAX 64u

struct scan_segment {
    uint64_t address, offset, size; // of the part in the file
    bool executable;
    uint8_t *target; // a bit for each byte of an executable segment: something leads here
};

struct scan_function {
    uint64_t start, end;
    bool landing_pads; // exceptions may enter it anywhere
};

struct scan_elf {
    struct span file;
    struct scan_segment segment[SCAN_SEGMENTS_MAX];
    uint32_t segment_count;
    struct scan_function *function; // sorted, none inside another
    size_t function_count, function_capacity;
};

// ERR_UNSUPPORTED when it is not an ELF64 x86-64 file with code. Ended by scan_elf_done().
struct result scan_elf_open(struct span file, struct scan_elf *ret);
void scan_elf_done(struct scan_elf *e);

// The executable segment that holds [address, address + size); NULL: none.
struct scan_segment *scan_code(struct scan_elf *e, uint64_t address, uint64_t size);
// Bytes of any segment; an empty span when they are not in the file.
struct span scan_bytes(const struct scan_elf *e, uint64_t address, uint64_t size);

void scan_mark_target(struct scan_elf *e, uint64_t address); // ignores what is not code
bool scan_is_target(struct scan_elf *e, uint64_t address);

#endif
