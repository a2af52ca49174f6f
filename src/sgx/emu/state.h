// SPDX-License-Identifier: Apache-2.0
// The contents of an emulated platform, private to keys.c and state.c.
#ifndef SGX_EMU_STATE_H
#define SGX_EMU_STATE_H

#include "abi/sgx/arch.h"

#define SGX_EMU_OWNER_EPOCH_SIZE 16u
#define SGX_EMU_SEAL_FUSES_SIZE  16u

struct sgx_emu_platform {
    uint8_t root[SGX_KEY_SIZE]; // every SGX key is a CMAC with it
    uint8_t seed[32];           // everything else that the platform derives
    uint8_t owner_epoch[SGX_EMU_OWNER_EPOCH_SIZE];
    uint8_t seal_fuses[SGX_EMU_SEAL_FUSES_SIZE];
    uint8_t cpusvn[SGX_CPUSVN_SIZE];
};

#endif
