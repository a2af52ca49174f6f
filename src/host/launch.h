// SPDX-License-Identifier: Apache-2.0
// Runs one protected image: builds its enclave on a platform, enters it, serves its host calls
// until the program ends. Nothing here is trusted: what it gets wrong can stop the enclave, and no
// more.
//
// - host_launch() runs once in a process: the enclave occupies the addresses from 0 on.
// - It returns while threads of the enclave may still wait in it; the caller ends the process soon.
// - It takes SIGINT, SIGTERM, SIGHUP and SIGQUIT, unless they are ignored, and ends the run on them.
#ifndef HOST_LAUNCH_H
#define HOST_LAUNCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/result.h"
#include "image/note.h"
#include "sgx/platform.h"

// What stands behind the host calls quote_target, quote and collateral; without it they answer
// ENOSYS.
struct host_quoting {
    void *context;
    struct result (*target)(void *context, uint8_t ret_targetinfo[512]);
    struct result (*quote)(void *context, const uint8_t *report, size_t report_size,
                           uint8_t *buffer, size_t capacity, size_t *ret_size);
    struct result (*collateral)(void *context, uint8_t *buffer, size_t capacity, size_t *ret_size);
};

struct host_options {
    const char *image_path;
    const char *root; // the directory with a split image's files; NULL: none
    const struct sgx_platform *platform;
    const struct host_quoting *quoting; // NULL: none
    char *const *arguments; // for the program, where the image lets the host choose them
    size_t argument_count;
    char *const *hints; // "NAME=value", for init
    size_t hint_count;
    // SECS.CONFIGID, 64 bytes; NULL: zero, or with PARAMS_TAG_PROVIDED what names the next three.
    const uint8_t *configid;
    // With PARAMS_TAG_PROVIDED, each 32 bytes. NULL: the image's own key and tag; no task.
    const uint8_t *fspf_key, *fspf_tag, *task;
    uint64_t boot_flags;     // BOOT_…
    uint64_t hostile_seed;   // tests: not 0: answer host calls with lies drawn from this seed
    uint32_t hostile_rate;   // one answer in so many
    struct image_note *note; // the circumstances of a failure
};

enum host_end {
    HOST_EXITED,    // value: the program's exit status
    HOST_SIGNALLED, // value: the signal that ended the run
    HOST_PANICKED,  // value: the kernel's panic code
    HOST_CRASHED,   // value: the vector of the exception that the entry itself met; or 0
};

struct host_outcome {
    enum host_end end;
    uint64_t value;
};

struct host; // a finished run, for its counters

struct result host_launch(const struct host_options *options, struct host **ret_host,
                          struct host_outcome *ret_outcome);

// stats.c
void host_stats_print(const struct host *host, FILE *out);
void host_stats_print_json(const struct host *host, FILE *out);

#endif
