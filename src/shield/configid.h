// SPDX-License-Identifier: Apache-2.0
// CONFIGID of an enclave whose file system is not measured (PARAMS_TAG_PROVIDED, docs/formats/image.md). The
// host computes it to build the enclave, the kernel to check what the host says, the SMS to judge a quote. Pure;
// freestanding.
//
//   CONFIGID = SHA-256("cloister configid v1" ‖ FSPF_KEY ‖ FSPF_TAG ‖ task) ‖ 32 zero bytes
#ifndef SHIELD_CONFIGID_H
#define SHIELD_CONFIGID_H

#include <stdint.h>

#define CONFIGID_SIZE 64u

// task: 32 zero bytes when there is none.
void configid_make(const uint8_t fspf_key[32], const uint8_t fspf_tag[32], const uint8_t task[32],
                   uint8_t ret[CONFIGID_SIZE]);

#endif
