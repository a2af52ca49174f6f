// SPDX-License-Identifier: Apache-2.0
// The kernel uses vector registers only between these two: in between, the program's are saved. They nest;
// neither user memory may be touched nor the host called in between.
#ifndef KERNEL_FPU_H
#define KERNEL_FPU_H

void kernel_fpu_begin(void);
void kernel_fpu_end(void);

#endif
