// SPDX-License-Identifier: Apache-2.0
// What a deal's params say to the SMS (iExec's JSON): arguments for the app and names of requester secrets.
#ifndef SMS_PARAMS_H
#define SMS_PARAMS_H

#include <stddef.h>

#include "base/result.h"

#define PARAMS_ARGUMENTS_MAX 64u
#define PARAMS_SECRETS_MAX   32u
#define PARAMS_TEXT_SIZE     4097u // of a deal's params, with NUL
#define PARAMS_NAME_SIZE     65u

struct params_secret {
    unsigned index; // IEXEC_REQUESTER_SECRET_<index>
    char name[PARAMS_NAME_SIZE];
};

struct params {
    char text[PARAMS_TEXT_SIZE]; // what `arguments` point into
    const char *arguments[PARAMS_ARGUMENTS_MAX];
    size_t argument_count;
    struct params_secret secrets[PARAMS_SECRETS_MAX];
    size_t secret_count;
};

// Text that is no JSON object is the arguments as a whole. Arguments are split at spaces; there is no
// quoting. ERR_RANGE beyond the limits.
struct result params_parse(const char *text, struct params *ret);

// 1 to 64 characters of [0-9A-Za-z_-].
bool params_secret_name_is_valid(const char *name);

#endif
