// SPDX-License-Identifier: Apache-2.0
// /dev/cloister (abi/device.h) and the keys that the kernel itself derives.
#ifndef KERNEL_DEVICE_H
#define KERNEL_DEVICE_H

#include "kernel/hostcall/hostcall.h"
#include "kernel/lib/lib.h"

// What the host hinted at the start; kept as text, never believed.
void device_boot(char *hints, size_t size, uint32_t count);
long device_ioctl(unsigned request, uint64_t argument);
// A key that only this enclave (MRENCLAVE, CONFIGID) on this platform can derive.
void device_seal_key(const uint8_t label[32], uint8_t ret[32]);

#endif
