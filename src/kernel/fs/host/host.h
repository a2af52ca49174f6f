// SPDX-License-Identifier: Apache-2.0
// What passes to the host without protection: not-protected regions and standard input and output.
// Every answer is
// untrusted: its form is checked, its truth cannot be.
#ifndef KERNEL_FS_HOST_H
#define KERNEL_FS_HOST_H

#include "kernel/vfs/vfs.h"

#define HOST_PIECE (128u * 1024) // of one host call

// Makes a stat record plausible: a known type, sizes and times in range.
void host_stat_clean(struct stat *st);

#endif
