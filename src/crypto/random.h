// SPDX-License-Identifier: Apache-2.0
// Random bytes for programs, from getrandom(2).
#ifndef CRYPTO_RANDOM_H
#define CRYPTO_RANDOM_H

#include "base/bytes.h"
#include "base/result.h"

struct result random_bytes(void *ret, size_t size);

#endif
