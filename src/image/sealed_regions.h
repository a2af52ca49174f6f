// SPDX-License-Identifier: Apache-2.0
// The file `/.cloister/regions`: the region table sealed under FSPF_KEY (docs/formats/image.md).
#ifndef IMAGE_SEALED_REGIONS_H
#define IMAGE_SEALED_REGIONS_H

#include "base/bytes.h"
#include "base/result.h"
#include "shield/regions.h"

// `ret` holds REGIONS_SEALED_SIZE(plaintext.size) bytes. Deterministic: the nonce follows from key
// and plaintext.
struct result sealed_regions_seal(const uint8_t key[32], struct span plaintext, uint8_t *ret);
// `ret` holds file.size bytes.
struct result sealed_regions_open(const uint8_t key[32], struct span file, uint8_t *ret,
                                  size_t *ret_size);

#endif
