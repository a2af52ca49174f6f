// SPDX-License-Identifier: Apache-2.0
// The kernel's host-call stubs as part of a test program, which is then what lies outside the
// enclave. No hosted library holds these sources; they are compiled here as they are. Included
// once a program.
#ifndef STUBS_KERNEL_H
#define STUBS_KERNEL_H

#include <stdlib.h>

#include "kernel/hostcall/call.c"
#include "kernel/hostcall/copy.c"
#include "kernel/hostcall/stubs.c"
#include "tests/hostcall_exercise.c"

static struct hostcall_area *stubs_area;    // what the stubs believe to be their thread's area
static void (*stubs_host)(uint64_t number); // called for each exit; answers in the area
static uint64_t stubs_exits;

struct hostcall_area *hostcall_area_current(void)
{
    return stubs_area;
}

long hostcall_leave(void)
{
    stubs_exits++;
    stubs_host(stubs_area->number);
    return (long)host_load((struct host_ptr){(uint64_t)&stubs_area->ret});
}

_Noreturn void hostcall_exit_for_ever(void)
{
    abort(); // no test makes a call that does not return
}

#endif
