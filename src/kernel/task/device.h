// SPDX-License-Identifier: Apache-2.0
// /dev/cloister (abi/device.h) and the keys that the kernel itself derives.
#ifndef KERNEL_DEVICE_H
#define KERNEL_DEVICE_H

#include "abi/device.h"
#include "abi/sgx/arch.h"
#include "kernel/hostcall/hostcall.h"
#include "kernel/lib/lib.h"

// What the host hinted at the start; kept as text, never believed.
void device_boot(char *hints, size_t size, uint32_t count);
// What the file system that was mounted is known by.
void device_set_fspf(const struct device_fspf *fspf);
// Our own REPORT's body; ATTRIBUTES, CONFIGID and so on are the CPU's word.
void device_self(struct sgx_report_body *ret);
long device_ioctl(unsigned request, uint64_t argument);
// A key that only this enclave (MRENCLAVE, CONFIGID) on this platform can derive.
void device_seal_key(const uint8_t label[32], uint8_t ret[32]);

#endif
