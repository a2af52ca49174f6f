// SPDX-License-Identifier: Apache-2.0
// Public files by URI: http(s)://…, file:///… or an absolute path. What comes is not trusted; the
// enclave checks it.
#ifndef WORKER_FETCH_H
#define WORKER_FETCH_H

#include "base/bytes.h"
#include "base/result.h"

#define FETCH_SIZE_MAX (1u << 30)

// *ret_data from malloc.
struct result fetch_bytes(const char *uri, size_t size_max, uint8_t **ret_data, size_t *ret_size);

// Into `path`, all or nothing. `checksum` (32 bytes, SHA-256) NULL or zero: not checked; otherwise a
// file that is
// there already and has it stays.
struct result fetch_file(const char *uri, const char *path, const uint8_t *checksum);

// An app's image: as fetch_file(), or from docker://… and oci:DIR, whose checksum is the digest of the
// image's manifest and which becomes a protected image in one file. `ret_why` tells the circumstances
// of a failure.
struct result fetch_app_image(const char *uri, const char *path, const uint8_t *checksum,
                              char *ret_why, size_t capacity);

#endif
