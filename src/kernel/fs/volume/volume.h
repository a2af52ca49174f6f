// SPDX-License-Identifier: Apache-2.0
// Encrypted regions: a file system in one host file (docs/formats/volume.md).
//
// - A volume whose key comes from the SMS is locked (EACCES) until volume_open(); a sealed one opens at boot.
// - Everything is in the enclave's memory between commits; volume_commit() writes what changed.
#ifndef KERNEL_VOLUME_H
#define KERNEL_VOLUME_H

#include "kernel/vfs/node.h"
#include "shield/regions.h"

long volume_mount(const char *path, const char *source, enum region_key key, struct fs **ret);
long volume_open(struct fs *fs, const uint8_t key[32], unsigned flags, uint64_t *ret_generation);
long volume_commit(struct fs *fs);
long volume_close(struct fs *fs); // the last commit, marked closed
// Frees it without a commit, as a crash would; nothing in it is in use.
void volume_abandon(struct fs *fs);
bool volume_is(const struct fs *fs);

#endif
