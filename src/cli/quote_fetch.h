// SPDX-License-Identifier: Apache-2.0
// Collects the collateral of a quote's platform from a PCCS, or from Intel's PCS, which has the same
// URLs (PCS API, version 4). Nothing that is fetched is trusted: the verifier checks signatures.
#ifndef CLI_QUOTE_FETCH_H
#define CLI_QUOTE_FETCH_H

#include <stdint.h>

#include "base/bytes.h"
#include "base/result.h"

struct quote_fetch {
    struct span quote;
    const char *url;      // without the path, "https://pccs.example.org"
    const char *root_crl; // URL of the root CA's CRL; NULL: the PCCS has it
    const char *out;      // folder, made when missing
    const char *cache;    // SQLite file; NULL: the home's
    bool offline;         // what is not in the cache, or has expired, is an error
    int64_t now;
};

struct result quote_fetch_collateral(const struct quote_fetch *f);

#endif
