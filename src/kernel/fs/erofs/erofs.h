// SPDX-License-Identifier: Apache-2.0
// The image's file system, read-only, over the file shield. The image is verified, yet nothing in it is
// believed: every number is checked before it leads anywhere (-EUCLEAN).
#ifndef KERNEL_EROFS_H
#define KERNEL_EROFS_H

#include "kernel/fs/shield/shield.h"
#include "kernel/vfs/file.h"
#include "kernel/vfs/node.h"

struct erofs;

long erofs_mount(const struct shield_image *image, struct fs **ret);
void erofs_unmount(struct fs *fs); // tests; no node is in use any more

// Bytes of a regular file or link into kernel memory; the number read.
long erofs_read(struct node *n, uint64_t offset, void *ret, size_t size);
bool erofs_is(const struct node *n);
uint64_t erofs_size(const struct node *n);

#endif
