// SPDX-License-Identifier: Apache-2.0
// What verification found out and may find again: about a PCK chain, about a set of collateral.
// Facts hold for content, not for a moment: whoever uses one compares `window` with the time and
// looks the root up among those that are accepted now.
//
// - Each owns a copy of the bytes that it is about, and points into it.
#ifndef ATTEST_FACTS_H
#define ATTEST_FACTS_H

#include "attest/chain.h"
#include "attest/collateral.h"
#include "attest/tcb.h"

struct attest_pck_facts {
    struct span pem; // owned
    struct attest_chain chain;
    struct attest_pck pck;
    uint8_t root_key_hash[32];
    struct attest_window window;
};

struct attest_collateral_facts {
    struct span parts[ATTEST_PART_COUNT]; // in `storage`; the PCK chain's place is empty
    uint8_t *storage;
    struct attest_crl root_crl, pck_crl;
    uint8_t root_key_hash[32]; // this root signed the root CRL and both signers
    uint8_t pck_ca_key[64];    // this key signed the PCK CRL
    struct attest_tcb_info tcb_info;
    struct attest_qe_identity qe_identity;
    struct attest_window window;
};

// The certificate with this key signed this QE report.
struct attest_qe_facts {
    uint8_t key[64];
    uint8_t report[384];
    uint8_t signature[64]; // compared too: the twin of a good signature is verified anew
    int64_t until;
};

void attest_pck_facts_free(struct attest_pck_facts *facts);               // takes NULL
void attest_collateral_facts_free(struct attest_collateral_facts *facts); // takes NULL

#endif
