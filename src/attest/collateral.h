// SPDX-License-Identifier: Apache-2.0
// Collateral: what a verifier needs beside the quote, and one byte form that carries all of it.
//
// The form ("bundle"): magic "CLCOLL\0" and version 1 (8 bytes), then the parts in the order of
// enum attest_part, each a little-endian u32 size and its bytes; size 0 is an absent part. Nothing
// follows.
#ifndef ATTEST_COLLATERAL_H
#define ATTEST_COLLATERAL_H

#include "base/bytes.h"
#include "base/result.h"

#define ATTEST_BUNDLE_MAGIC    "CLCOLL\0\1"
#define ATTEST_BUNDLE_SIZE_MAX (4u << 20)

enum attest_part {
    ATTEST_PART_PCK_CHAIN, // PEM, leaf first; unused when the quote carries its own
    ATTEST_PART_PCK_CRL,   // DER
    ATTEST_PART_ROOT_CA_CRL,
    ATTEST_PART_TCB_INFO, // JSON, as signed
    ATTEST_PART_TCB_CHAIN,
    ATTEST_PART_QE_IDENTITY,
    ATTEST_PART_QE_CHAIN,
    ATTEST_PART_COUNT,
};

struct attest_collateral {
    struct span parts[ATTEST_PART_COUNT];
};

// The name of the part's file in a collateral directory, such as "pck_crl.der".
const char *attest_part_file(enum attest_part part);

size_t attest_collateral_size(const struct attest_collateral *collateral);

struct result attest_collateral_write(const struct attest_collateral *collateral, void *buffer,
                                      size_t capacity, size_t *ret_size);

// The parts point into `bundle`. Checks the frame; the parts' contents are the verifier's matter.
struct result attest_collateral_read(struct span bundle, struct attest_collateral *ret);

#endif
