// SPDX-License-Identifier: Apache-2.0
// Resource limits that the kernel itself sets.
#ifndef KERNEL_LIMITS_H
#define KERNEL_LIMITS_H

#include <stdint.h>

void rlimit_set_stack(uint64_t size);

#endif
