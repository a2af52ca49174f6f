// SPDX-License-Identifier: Apache-2.0
// Collects the collateral of a quote's platform from a PCCS, or from Intel's PCS, which has the same
// URLs (PCS API, version 4). Nothing that is fetched is trusted: the verifier checks signatures.
#ifndef CLI_QUOTE_FETCH_H
#define CLI_QUOTE_FETCH_H

#include <stdint.h>

#include "attest/collateral.h"

struct quote_fetch {
    struct span quote;
    const char *url;      // without the path, "https://pccs.example.org"
    const char *root_crl; // URL of the root CA's CRL; NULL: the PCCS has it
    const char *cache;    // SQLite file; NULL: the home's
    bool offline;         // what is not in the cache, or has expired, is an error
    int64_t now;
};

// `ret` is freed by quote_collateral_free().
struct result quote_fetch_collateral(const struct quote_fetch *f, struct attest_collateral *ret);
void quote_collateral_free(struct attest_collateral *c);

// One file a part, into a folder that is made when missing.
struct result quote_collateral_write(const struct attest_collateral *c, const char *dir);

#endif
