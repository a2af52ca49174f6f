// SPDX-License-Identifier: Apache-2.0
// Saves and restores the program's vector state around the kernel's crypto.
#include "kernel/lib/fpu.h"

#include "kernel/entry/entry.h"

extern const uint8_t initial_xstate[];

void kernel_fpu_begin(void)
{
    struct percpu *p = percpu();
    if (p->fpu_depth++ == 0) {
        kernel_xsave(p->xstate_kernel);
        kernel_xrstor(initial_xstate); // and so MXCSR and the x87 control word are the ABI's
    }
}

void kernel_fpu_end(void)
{
    struct percpu *p = percpu();
    if (--p->fpu_depth == 0)
        kernel_xrstor(p->xstate_kernel); // wipes what the crypto left in registers, too
}
