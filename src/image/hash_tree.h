// SPDX-License-Identifier: Apache-2.0
// The dm-verity tree of a mapped file system, built on all CPUs of the host.
#ifndef IMAGE_HASH_TREE_H
#define IMAGE_HASH_TREE_H

#include "shield/verity.h"

// `tree` holds tree_blocks blocks.
void hash_tree_build(const struct verity_geometry *g, const uint8_t *data, uint8_t *tree,
                     uint8_t ret_root[VERITY_HASH_SIZE]);

#endif
