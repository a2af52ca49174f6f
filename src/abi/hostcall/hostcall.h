// SPDX-License-Identifier: Apache-2.0
// The edge between enclave and host (docs/ABI.md): what the registers say at EENTER and EEXIT, the area in
// untrusted memory that each thread owns, and what the host says at the start. Types only. Everything here
// that the host writes is hostile; records have no padding.
#ifndef ABI_HOSTCALL_H
#define ABI_HOSTCALL_H

#include <stddef.h>
#include <stdint.h>

// RDI at EEXIT: why the enclave left.
enum exit_reason {
    EXIT_HOSTCALL = 1, // the thread's area holds a call; enter again with the answer in it
    EXIT_RESUME = 2,   // an exception was taken note of: ERESUME, please
    EXIT_PANIC = 3, // the kernel gave up; RSI = a code (kernel/entry/panic.h). Never enter again.
};

// At the first EENTER of a TCS, RDI = address of this thread's area and RSI = its size; the kernel checks
// once that it lies outside ELRANGE, is page-aligned and has the size below, and keeps it. At later
// entries with RAX=CSSA=0 the registers say nothing. At entries with CSSA>0 (an exception), RDI says
// whether the host wants anything (enum entry_event); a hint, never believed.
enum entry_event {
    ENTRY_EXCEPTION = 0, // look at SSA.EXITINFO
    ENTRY_INTERRUPT = 1, // kicked: look for pending signals
};

#define HOSTCALL_ARGS_MAX 6
#define HOSTCALL_DATA_SIZE \
    (272u * 1024) // bulk bytes of a call, in and out, each part 8-byte aligned

// One thread's area, in untrusted memory, page-aligned. The generated records say what arg[] and data[]
// hold for each call: numbers in order in arg[]; each `in` or `out` buffer as one arg[] word
// (offset << 32 | size), offset into data[]. ret < 0 is a negative errno.
struct hostcall_area {
    uint64_t number;
    uint64_t arg[HOSTCALL_ARGS_MAX];
    int64_t ret;
    struct boot_info_ref {
        uint64_t address; // of struct boot_info, in untrusted memory; slot 0 only
        uint64_t size;
    } boot;
    uint8_t reserved[4096 - 80];
    uint8_t data[HOSTCALL_DATA_SIZE];
};
_Static_assert(offsetof(struct hostcall_area, data) == 4096, "hostcall area");
_Static_assert(sizeof(struct hostcall_area) % 4096 == 0, "whole pages");

#define BOOT_MAGIC     0x31544f4f42434c43ull // "CLCBOOT1"
#define BOOT_ARGS_SIZE 65536u

// What the host says once, at the start. Copied, then checked; the strings are used only where the
// manifest says that the host may choose them (arguments), or as hints for init (SMS address, task id).
struct boot_info {
    uint64_t magic;
    uint64_t image_address; // of the image file's mapping in untrusted memory, page-aligned
    uint64_t image_size;
    uint64_t init_address; // the init program, checked against the measured hash; 0: none
    uint64_t init_size;
    uint64_t cpu_features;   // BOOT_CPU_…: hints for speed; a lie can only crash
    uint64_t flags;          // BOOT_…
    uint32_t argument_count; // host arguments, NUL-terminated one after another in strings[]
    uint32_t hint_count;     // then hints "NAME=value" for init
    uint32_t string_size;
    uint32_t reserved;
    // With PARAMS_TAG_PROVIDED, else zero. CONFIGID binds the first three; the file system itself, whose hash
    // is fspf_tag, says data_blocks; a wrong hash_offset names no block that matches.
    uint8_t fspf_key[32];
    uint8_t fspf_tag[32];
    uint8_t task[32]; // zero: none
    uint64_t data_blocks;
    uint64_t hash_offset;
    uint8_t strings[BOOT_ARGS_SIZE];
};
_Static_assert(sizeof(struct boot_info) == 184 + BOOT_ARGS_SIZE, "boot_info");

#define BOOT_CPU_SHANI (1u << 0)
#define BOOT_CPU_AES   (1u << 3) // AES-NI, PCLMULQDQ, SSE4.1

#define BOOT_QUIET     (1u << 0) // no messages about unknown system calls
// Leave `syscall` sites as they are: every system call is trapped (tests).
#define BOOT_NO_PATCH (1u << 1)
#define BOOT_STATS    (1u << 2) // log the kernel's counters at exit

// poll: records in `fds` and `ready`, in the same order.
struct host_pollfd {
    uint32_t fd;
    uint16_t events; // Linux's POLL… bits
    uint16_t revents;
};
_Static_assert(sizeof(struct host_pollfd) == 8, "host_pollfd");

// dir_read: entries follow each other; name_size bytes of name follow, padded to 8.
struct host_dirent {
    uint64_t inode;
    uint32_t type; // Linux's DT_…
    uint32_t name_size;
};
_Static_assert(sizeof(struct host_dirent) == 16, "host_dirent");

#endif
