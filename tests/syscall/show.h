// SPDX-License-Identifier: Apache-2.0
// How the conformance programs say what a call gave: a value, or the error's text. What they print must
// be the
// same natively and in the enclave: no addresses, times or process numbers.
#ifndef SYSCALL_SHOW_H
#define SYSCALL_SHOW_H

#include <errno.h>
#include <stdio.h>
#include <string.h>

// No program has anything there; volatile, so that no compiler knows.
__attribute__((unused)) static void *volatile wrong_pointer = (void *)16;

static inline long show(const char *what, long r)
{
    if (r < 0)
        printf("%-36s %s\n", what, strerror(errno));
    else
        printf("%-36s %ld\n", what, r);
    return r;
}

// For values that differ between runs: only whether it worked.
static inline long ok(const char *what, long r)
{
    show(what, r < 0 ? r : 0);
    return r;
}

#endif
