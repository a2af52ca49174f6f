// SPDX-License-Identifier: Apache-2.0
// The kernel around the file systems, for tests in an ordinary process: memory that is counted, one host
// file in memory whose writes are recorded, a panic that comes back to the test.
#ifndef TESTS_FS_SHIM_H
#define TESTS_FS_SHIM_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Objects and pages that are allocated now.
extern long shim_allocated;
extern bool shim_quiet;

// panic() jumps here when `shim_panics` is set; else the process ends.
extern jmp_buf shim_panic;
extern bool shim_panics;

// The host's file: its bytes, and each write to it since shim_host_reset().
struct shim_write {
    uint64_t offset;
    size_t size;
    uint8_t *data; // NULL: a sync
};
extern struct shim_host {
    uint8_t *data;
    size_t size;
    bool exists, record;
    struct shim_write *write;
    size_t write_count;
} shim_host;
void shim_host_reset(void);
void shim_host_set(const uint8_t *data, size_t size);
// The first `count` recorded operations on an empty file; `torn` bytes of the next one, too.
void shim_host_replay(const struct shim_write *w, size_t count, size_t torn);

#endif
