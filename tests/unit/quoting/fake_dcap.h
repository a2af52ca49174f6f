// SPDX-License-Identifier: Apache-2.0
// What a fake of Intel's DCAP quoting library answers, and what it was sent. The library exports
// one as `fake_dcap`.
#ifndef FAKE_DCAP_H
#define FAKE_DCAP_H

#include <stdint.h>

struct fake_dcap {
    uint8_t target[512];
    uint8_t report[432]; // the only one that it quotes
    uint8_t quote[16384];
    uint32_t size; // of the quote, as sgx_qe_get_quote_size() says
    uint32_t target_error, size_error, quote_error;
    int keyless;                // so many calls for the size say that there is no attestation key
    int targets, sizes, quotes; // calls
    const char *wrong;          // what the caller did against the interface
};

#endif
