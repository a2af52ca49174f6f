// SPDX-License-Identifier: Apache-2.0
// What a container's environment says of the enclave: SCONE_HEAP, CLOISTER_HEAP and so on (docs/SCONE.md), and the
// parameters that follow from it. Shared by the launchers and by the worker, so that both come to one MRENCLAVE.
//
// - Each name exists as CLOISTER_… and as SCONE_…; the first goes before the second.
// - runtime_read() refuses what has no meaning here, with a sentence; it reads nothing but what `get` gives.
#ifndef IMAGE_RUNTIME_PARAMS_H
#define IMAGE_RUNTIME_PARAMS_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/enclave.h"
#include "base/bytes.h"
#include "image/note.h"

#define RUNTIME_SMS_FILE "/.cloister/sms.json" // the identity of the SMS, below the image's root

enum runtime_mode {
    RUNTIME_AUTO, // hardware where there is one
    RUNTIME_HW,
    RUNTIME_SIM,
};

struct runtime {
    // These change MRENCLAVE.
    uint64_t heap, stack;
    uint64_t threads;
    // These do not.
    enum runtime_mode mode;
    bool quiet;   // LOG below 3
    bool hash;    // print MRENCLAVE and exit
    bool version; // print versions, then run
};

// `get` gives NULL for what is not set; an empty value counts as not set.
struct result runtime_read(const char *(*get)(void *context, const char *name), void *context,
                           struct image_note *note, struct runtime *ret);

// `sms`: the text of RUNTIME_SMS_FILE, empty when the image has none; `init`: the init program, used with an SMS alone.
// MRENCLAVE is one for all file systems (PARAMS_TAG_PROVIDED). Without an SMS the host's arguments are the command:
// such an enclave holds no secret (PARAMS_HOST_ARGUMENTS).
struct result runtime_params(const struct runtime *r, struct span sms, struct span init,
                             struct image_note *note, struct enclave_params *ret);

#endif
